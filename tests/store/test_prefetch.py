"""What is prefetched is what the small queries find, whatever is named and however."""

from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

import cast
import pg
import sizes
from onebucket.actions import groups
from onebucket.domain.accounts import Account
from onebucket.store import account_rows, app_password_rows, combined_access_rows, prefetch, revisions
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction
from onebucket.store.prefetch import Names
from statement_counter import counting


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def db(request: pytest.FixtureRequest, cast_template: Path, tmp_path: Path) -> Iterator[Database]:
    if request.param == "PostgreSQL":
        resettable: pg.ResettableDatabase = request.getfixturevalue("resettable_postgres")
        resettable.reset()
        yield resettable.database
        return
    opened = cast.copy(cast_template, tmp_path)
    yield opened
    opened.close()


def found(tx: Transaction, name: str) -> Account:
    account = account_rows.named(tx, name)
    assert account is not None
    return account


def test_what_is_prefetched_is_what_each_query_finds(db: Database) -> None:
    with db.reading() as tx:
        alice, bob = found(tx, "alice"), found(tx, "bob")
        token = app_password_rows.of_person(tx, bob.id)[0].id
        ways = ("ACME", f"{{{found(tx, 'acme').id}}}", "dora@example.com", "nobody", "a b", "no\0name", None)
        people = ("alice", alice.aaid, "Alice@Example.com", "nobody@example.com", None)
    credentials = cycle((None, "password", f"token:{token}", "token:7", "oauth2:7"))
    combined = [
        Names(account, group, repository, person)
        for account, group, repository, person in product(
            ways, ("designers", "crew", None), ("rocket", "7", None), people
        )
        if account is not None or (group is None and repository is None)
    ]

    with db.reading_for_stream() as fresh:
        for names in combined[:: sizes.either(quick=7, long=1)]:
            with db.reading() as tx:
                prefetch.load(tx, bob.id, names, next(credentials))
                for statement, rows in tx._row_cache.items():
                    for key in [*rows]:
                        assert rows.get(key) == fresh._first(statement, dict(key)), (names, statement._clause)
                assert bob.id in tx.states
                assert revisions._current(tx, [*tx.states]) == revisions._current(fresh, [*tx.states]), names
                for id, state in tx.states.items():
                    assert state.revision == account_rows.revision(fresh, id)


def test_an_action_finds_what_was_prefetched_without_a_query(db: Database) -> None:
    with db.reading() as tx:
        bob = found(tx, "bob")
    with counting(db) as counter, db.reading() as tx:
        prefetch.load(tx, bob.id, Names("acme", "developers", "rocket", "dora"))

        def ask() -> None:
            acme = found(tx, "acme")
            found(tx, "dora")
            found(tx, bob.id)
            account_rows.revision(tx, acme.id)
            prefetch.load(tx, bob.id, Names("acme", "developers", "rocket", "dora"))

        assert counter.count(ask).statements == 0


def test_a_change_is_seen_after_a_prefetch(db: Database) -> None:
    with db.writing() as tx:
        work = cast.operator(tx)
        bob, acme = found(tx, "bob"), found(tx, "acme")
        names = Names("acme", "crew")
        prefetch.load(tx, bob.id, names, None)
        groups.create(work, "acme", name="Crew")
        groups.add_member(work, "acme", "crew", "bob")

        assert groups.read(work, "acme", "crew", members=True).members == (bob,)
        assert tx.states == {}
        assert account_rows.revision(tx, acme.id) > 0


def test_what_is_taken_from_the_cache_counts_as_read(db: Database) -> None:
    with db.reading() as tx:
        bob = found(tx, "bob")
        prefetch.load(tx, bob.id, Names("acme", "developers"))
        tx.track_reads()
        groups.read(cast.operator(tx), "acme", "developers", members=False)

        assert tx.read_set is not None
        assert (tx.read_set.accounts, tx.read_set.is_unbounded) == ({found(tx, "acme").id}, False)


def test_what_most_requests_ask_is_short_enough_for_psycopg_to_parse_it_once() -> None:
    texts = [each.text({}, "postgresql") for each in (*prefetch._BY_ID.values(), *prefetch._BY_SESSION.values())]
    few: dict[str, Any] = {name: [] for name in ("people", "repositories", "projects")}

    assert max(map(len, (*texts, combined_access_rows._FEW.text(few, "postgresql")))) <= MAX_CACHED_STATEMENT_LENGTH
