"""What a transaction remembers: what it has found, and what it has left for its end."""

import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from bench import statements
from sqlalchemy import bindparam, update

import cast
from onebucket.actions import accounts, groups, journal, repositories
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.refusals import Refusal
from onebucket.store import account_rows, app_password_rows, group_rows, repository_rows
from onebucket.store.engine.database import Database
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import ROW_CACHE_SIZE, Transaction
from onebucket.store.sqlite.database import SqliteTransaction
from onebucket.store.tables import accounts as account_table

EVERY = dict(statements.every())


@pytest.fixture
def db(cast_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A database with the cast on stage."""
    opened = cast.copy(cast_template, tmp_path)
    yield opened
    opened.close()


def asked(tx: Transaction, ask: Callable[[], object]) -> int:
    """How many statements that takes."""
    told: list[str] = []
    tx.connection.set_trace_callback(told.append)
    ask()
    tx.connection.set_trace_callback(None)
    return len(told)


def id_of(tx: Transaction, name: str) -> str:
    account = account_rows.by_username(tx, name)
    assert account is not None
    return account.id


# -- what was found --------------------------------------------------------------------------------


def test_what_was_found_is_not_looked_for_again_until_it_may_be_another(db: Database) -> None:
    with db.writing() as tx:
        first = asked(tx, lambda: account_rows.named(tx, "acme"))
        again = asked(tx, lambda: account_rows.named(tx, "ACME"))
        groups.create(cast.operator(tx), "acme", name="Crew")
        after_another_change = asked(tx, lambda: account_rows.named(tx, "acme"))
        accounts.change_user(cast.operator(tx), "bob", display_name="Robert")
        after = asked(tx, lambda: account_rows.named(tx, "acme"))

        assert (first, again, after_another_change, after) == (1, 0, 0, 1)


def test_a_transaction_remembers_no_more_than_so_much(db: Database) -> None:
    with db.reading() as tx:
        for number in range(ROW_CACHE_SIZE):
            account_rows.by_username(tx, f"nobody-{number}")
        remembered = asked(tx, lambda: account_rows.by_username(tx, "nobody-7"))
        account_rows.by_username(tx, "one more")

        assert remembered == 0
        assert asked(tx, lambda: account_rows.by_username(tx, "one more")) == 0
        assert asked(tx, lambda: account_rows.by_username(tx, "nobody-7")) == 1


def found() -> set[str]:
    """The statements whose findings are kept."""
    return {name for name, statement in EVERY.items() if statement.is_cached}


def touched(connection: sqlite3.Connection, statement: Statement) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The columns that SQLite says a statement reads, and those it changes; `*` where rows come or go."""
    reads: set[tuple[str, str]] = set()
    changes: set[tuple[str, str]] = set()

    def tell(action: int, table: str | None, column: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ:
            reads.add((table or "", column or ""))
        elif action == sqlite3.SQLITE_UPDATE:
            changes.add((table or "", column or ""))
        elif action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE):
            changes.add((table or "", "*"))
        return sqlite3.SQLITE_OK

    values: dict[str, object] = {}
    text = statement.text(values, "sqlite")
    unbound = dict.fromkeys(re.findall(r"(?<!:):(\w+)", text))
    connection.set_authorizer(tell)
    connection.execute(f"EXPLAIN {text}", unbound | values).fetchall()
    connection.set_authorizer(None)
    return reads, changes


def overlooked(connection: sqlite3.Connection, changes: dict[str, Statement]) -> set[tuple[str, str]]:
    """Which change would leave a finding as it was, although SQLite says that it changes what was looked at."""
    wrong = set()
    for finder in found():
        reads, _ = touched(connection, EVERY[finder])
        read_tables = {table for table, _ in reads}
        for name, change in changes.items():
            _, changed = touched(connection, change)
            hurts = changed & reads or any(table in read_tables for table, column in changed if column == "*")
            if hurts and not change.invalidates(EVERY[finder]):
                wrong.add((name, finder))
    return wrong


def test_every_change_of_what_was_looked_at_lets_it_be_looked_at_again(db: Database) -> None:
    renaming = Statement(update(account_table).values(username=bindparam("username")), keeps_cache=True)
    with db.reading() as tx:
        wrong = overlooked(tx.connection, EVERY)
        noticed = overlooked(tx.connection, {"renaming": renaming})

    assert len(found()) >= 10
    assert wrong == set()
    assert ("renaming", "account_rows._BY[username]") in noticed


NAMES = ("alice", "bob", "dora", "acme", "robert", "a@example.com", "bob@example.com")
SLUGS = ("designers", "crew", "administrators", "rocket")


def looked_up(tx: Transaction, token: tuple[str, str]) -> list[object]:
    """Everything that is kept when it was found, of a few names."""
    found = [account_rows.named(tx, name) for name in NAMES]
    acme = id_of(tx, "acme")
    here = [group_rows.find(tx, acme, slug) for slug in SLUGS]
    standings = [
        group_rows.membership_standing(tx, acme, person.id, group.id)
        for person in found
        if person
        for group in here
        if group
    ]
    return [
        *found,
        *here,
        *standings,
        *(repository_rows.find(tx, acme, slug) for slug in SLUGS),
        app_password_rows.holder(tx, *token),
        *(account_rows.find_with_password(tx, person.id) for person in found if person),
    ]


DEEDS: list[Callable[[random.Random, Transaction], object]] = [
    lambda chance, tx: groups.create(cast.operator(tx), "acme", name=chance.choice(SLUGS)),
    lambda chance, tx: groups.delete(cast.operator(tx), "acme", chance.choice(SLUGS[:2])),
    lambda chance, tx: groups.change(cast.operator(tx), "acme", chance.choice(SLUGS), name=chance.choice(SLUGS)),
    lambda chance, tx: groups.add_member(cast.operator(tx), "acme", chance.choice(SLUGS), chance.choice(NAMES)),
    lambda chance, tx: groups.remove_member(cast.operator(tx), "acme", chance.choice(SLUGS), chance.choice(NAMES)),
    lambda chance, tx: groups.set_account_privilege(
        cast.operator(tx), "acme", chance.choice(SLUGS), chance.choice([None, AccountPrivilege.ADMIN])
    ),
    lambda chance, tx: accounts.add_user(cast.operator(tx), "robert", email="a@example.com"),
    lambda chance, tx: accounts.change_user(cast.operator(tx), chance.choice(NAMES), display_name=str(chance.random())),
    lambda chance, tx: accounts.set_password(cast.operator(tx), chance.choice(NAMES), str(chance.random())),
    lambda chance, tx: repositories.add(cast.operator(tx), "acme", chance.choice(SLUGS)),
]


def differences(db: Database, seed: int) -> int:
    """How often, after each of many changes, something was found that isn't so any more."""
    chance, wrong = random.Random(seed), 0
    with db.writing() as tx:
        (token, *_) = app_password_rows.of_person(tx, id_of(tx, "alice"))
        which = (token.account_id, token.id)
        for _ in range(60):
            try:
                with suppress(Refusal, ZeroDivisionError), tx.savepoint():
                    chance.choice(DEEDS)(chance, tx)
                    wrong += looked_up(tx, which) != looked_up(SqliteTransaction(tx.connection), which)
                    if chance.random() < 0.3:
                        raise ZeroDivisionError
            except sqlite3.IntegrityError:
                wrong += 1
            wrong += looked_up(tx, which) != looked_up(SqliteTransaction(tx.connection), which)
    return wrong


@pytest.mark.parametrize("seed", range(6))
def test_what_was_found_is_what_would_be_found_now(db: Database, seed: int) -> None:
    assert differences(db, seed) == 0


def test_it_is_noticed_when_changes_overturn_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteTransaction, "_invalidate", lambda self, change: None)

    assert differences(db, 0) > 0


# -- what is left for the end ----------------------------------------------------------------------


def revision(db: Database) -> int:
    with db.reading() as tx:
        return int(tx.connection.execute("SELECT revision FROM accounts WHERE username = 'acme'").fetchone()[0])


def test_what_is_left_for_the_end_is_stored_with_the_rest_and_undone_with_it(db: Database) -> None:
    before = revision(db)
    with db.writing() as tx:
        groups.create(cast.operator(tx), "acme", name="One")
        with suppress(ZeroDivisionError), tx.savepoint():
            groups.create(cast.operator(tx), "acme", name="Two")
            groups.create(cast.operator(tx), "acme", name="Three")
            raise ZeroDivisionError
        groups.create(cast.operator(tx), "acme", name="Four")
        meanwhile = account_rows.revision(tx, id_of(tx, "acme"))
        (own,) = journal.verify(cast.operator(tx), "acme")

    assert meanwhile == revision(db) > before
    with db.reading() as tx:
        (chained,) = journal.verify(cast.operator(tx), "acme")
        told = [entry.subject for entry in journal.entries(cast.operator(tx), "acme")][-2:]
    assert (own.faults, chained.faults, told) == ([], [], ["one", "four"])


def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    before = revision(db)
    with suppress(ZeroDivisionError), db.writing() as tx:
        groups.create(cast.operator(tx), "acme", name="One")
        raise ZeroDivisionError

    assert revision(db) == before


def test_an_account_s_many_changes_move_its_revision_and_its_last_entry_in_one_statement_each(db: Database) -> None:
    with db.writing() as tx:
        told: list[str] = []
        tx.connection.set_trace_callback(told.append)
        for number in range(10):
            groups.create(cast.operator(tx), "acme", name=f"Crew {number}")
        tx.run_deferred()
        tx.connection.set_trace_callback(None)

    assert sum("journal_heads" in each for each in told if each.startswith("INSERT")) == 1
    assert sum(each.startswith("UPDATE accounts SET revision") for each in told) == 1
