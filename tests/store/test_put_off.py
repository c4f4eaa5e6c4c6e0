"""What is sent to PostgreSQL with the next statement fails, and is undone, as if it had been sent alone."""

import psycopg
import pytest
from sqlalchemy import insert

import pg
from onebucket.store import site_values
from onebucket.store.engine.database import Database
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import site

ADD = Statement(insert(site))


@pytest.fixture
def db(resettable_postgres: pg.ResettableDatabase) -> Database:
    resettable_postgres.reset()
    return resettable_postgres.database


def test_what_was_put_off_fails_in_its_own_savepoint(db: Database) -> None:
    with db.writing() as tx:
        with tx.savepoint():
            tx.send(ADD, name="first", value="kept")
        with pytest.raises(psycopg.errors.UniqueViolation), tx.savepoint():
            tx.send(ADD, name="second", value="undone")
            tx.send(ADD, name="first", value="refused")
        assert tx.is_usable()
        with tx.savepoint():
            tx.send(ADD, name="third", value="kept")

    with db.reading() as tx:
        values = [site_values.get_value(tx, name) for name in ("first", "second", "third")]
    assert values == ["kept", None, "kept"]


def test_a_savepoint_in_which_nothing_was_sent_undoes_nothing(db: Database) -> None:
    with db.writing() as tx:
        for value in ("first", "second"):
            with pytest.raises(ValueError, match="no"), tx.savepoint():
                tx.send(ADD, name=value, value="undone")
                raise ValueError("no")
            site_values.set_value(tx, value, "kept")

    with db.reading() as tx:
        assert [site_values.get_value(tx, name) for name in ("first", "second")] == ["kept", "kept"]


def test_what_was_put_off_to_the_commit_is_committed_or_fails_with_it(db: Database) -> None:
    with db.writing() as tx:
        tx.send(ADD, name="first", value="kept")
    with pytest.raises(psycopg.errors.UniqueViolation), db.writing() as tx:
        tx.send(ADD, name="second", value="undone")
        tx.send(ADD, name="first", value="refused")

    with db.reading() as tx:
        assert [site_values.get_value(tx, name) for name in ("first", "second")] == ["kept", None]
