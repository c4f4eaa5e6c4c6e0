"""Rows that a transaction looks for together are those that it finds one by one, on both databases."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import statements

import cast
import pg
from onebucket.store import account_rows, app_password_rows, group_rows, journal_rows, repository_rows
from onebucket.store.engine.combined_query import Query
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def db(request: pytest.FixtureRequest, cast_template: Path, tmp_path: Path) -> Iterator[Database]:
    if request.param == "SQLite":
        opened = cast.copy(cast_template, tmp_path)
        yield opened
        opened.close()
    else:
        resettable: pg.ResettableDatabase = request.getfixturevalue("resettable_postgres")
        resettable.reset()
        yield resettable.database


def queries(tx: Transaction) -> list[Query]:
    """Queries of rows that are there, and of some that are not."""
    acme, bob = (account_rows.by_username(tx, name) for name in ("acme", "bob"))
    assert acme is not None and bob is not None
    people = [(account_rows._BY["username"], {"key": name}) for name in ("alice", "bob", "nobody", "n\0body")]
    ids = [(account_rows._BY["id"], {"key": id}) for id in (acme.id, NOBODY, "no id")]
    slugs = [
        (rows._BY_SLUG, {"account_id": acme.id, "slug": slug})
        for rows in (group_rows, repository_rows)
        for slug in ("designers", "rocket", "x'y:z_0 %(key_0)s")
    ]
    standing = (group_rows._STANDING, {"account_id": acme.id, "person_id": bob.id, "group_id": None})
    password = (app_password_rows._HOLDER, {"account_id": bob.id, "token_id": NOBODY})
    head = journal_rows.head_query(tx, acme.id)
    assert head is not None
    return [*people, *ids, *slugs, standing, password, head]


def test_rows_found_together_are_those_found_one_by_one(db: Database) -> None:
    rng = random.Random(7)
    with db.reading() as tx:
        every = queries(tx)
        alone = [tx._first(statement, dict(values)) for statement, values in every]
    assert None in alone and len([row for row in alone if row is not None]) > 5

    for _ in range(30):
        chosen = rng.sample(range(len(every)), rng.randint(0, len(every)))
        with db.reading() as tx:
            tx.preload(*(every[number] for number in chosen), None)

            assert [tx.row(every[number][0], **every[number][1]) for number in chosen] == [alone[n] for n in chosen]


def test_rows_found_together_are_not_looked_for_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.reading() as tx:
        every = queries(tx)
        tx.preload(*every)
        monkeypatch.setattr(type(tx), "_sql", lambda *_: pytest.fail("it asks again"))

        tx.preload(*every)
        for statement, values in every:
            tx.row(statement, **values)


def test_what_is_read_together_counts_as_read(db: Database) -> None:
    with db.reading() as tx:
        acme = account_rows.by_username(tx, "acme")
        assert acme is not None
        tx.track_reads()

        tx.preload((account_rows._BY["username"], {"key": "bob"}),
                   (group_rows._BY_SLUG, {"account_id": acme.id, "slug": "designers"}))  # fmt: skip

        assert tx.read_set is not None
        assert (tx.read_set.accounts, tx.read_set.is_unbounded) == ({acme.id}, False)


def test_every_cached_statement_can_be_combined() -> None:
    """It has a mapper, whose columns are counted, and no limit of its own, because it gets one."""
    cached = {name: statement for name, statement in statements.every() if statement.is_cached}

    assert cached
    for name, statement in cached.items():
        assert statement.mapper is not None, name
        # One inside parentheses is a subquery's.
        assert "LIMIT" not in statement.text({}, "sqlite").rpartition(")")[2], name
