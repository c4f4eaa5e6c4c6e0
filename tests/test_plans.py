"""On PostgreSQL, what is asked about a few people and repositories is looked up, however much their account has."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from onebucket.store import access_inputs, privilege_rows, repository_rows, schema
from onebucket.store.connect import connect
from onebucket.store.engine.statement import Statement
from pg import Postgres

MANY = 20_000
ACCOUNT = "11111111-2222-4333-8444-555555555555"


def id(kind: int, number: int) -> str:
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


@pytest.fixture(scope="module")
def large(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    """A database with an account of as many people, each in one group of ten, repositories and privileges."""
    url = postgres.url(postgres.create())
    opened = connect(url)
    schema.bring_up_to_date(opened)
    opened.close()
    rows = {
        "memberships": ((ACCOUNT, id(2, n // 10), id(1, n), 0, None) for n in range(MANY)),
        "repositories": ((ACCOUNT, id(3, n), f"repository-{n}", "Repository", True, "", 0, 0) for n in range(MANY)),
        "group_privileges": ((ACCOUNT, id(3, n), id(2, n // 10), 2, 0, None) for n in range(MANY)),
        "privileges": ((ACCOUNT, id(3, n), id(1, n), 2, 0, None) for n in range(MANY)),
    }
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, each in rows.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in each:
                    copy.write_row(row)
        connection.execute("ANALYZE")
        yield connection


def read(connection: psycopg.Connection[Any], statement: Statement, **values: Any) -> int:
    """The most rows that were read of a table in one go."""
    text = statement.text(values, "postgresql")
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", values).fetchone()
    assert row is not None
    return max(_rows(row[0][0]["Plan"]))


def _rows(node: dict[str, Any]) -> Iterator[int]:
    if "Relation Name" in node:
        yield int(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
    for inner in node.get("Plans", ()):
        yield from _rows(inner)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (access_inputs._MEMBERSHIPS, {"people": [id(1, 7), id(1, 70)]}),
        (access_inputs._SET, {"repositories": [id(3, 7), id(3, 70)]}),
        (access_inputs._SET_FOR_THEM, {"groups": [id(2, 0), id(2, 1)], "repositories": [id(3, 7), id(3, 70)]}),
        (access_inputs._SET_THERE, {"groups": {id(3, 7): [id(2, 0), id(2, 1)], id(3, 70): [id(2, 7)]}}),
        (access_inputs._DIRECT, {"people": [id(1, 7), id(1, 70)]}),
        (access_inputs._DIRECT_THERE, {"people": {id(3, 7): [id(1, 7)], id(3, 70): [id(1, 70)]}}),
        (repository_rows._AMONG, {"slugs": ["repository-7", "repository-70"]}),
    ],
    ids=["memberships", "set", "set for them", "set there", "direct", "direct there", "repositories"],
)
def test_a_question_about_a_few_reads_a_few(
    large: psycopg.Connection[Any], statement: Statement, values: dict[str, Any]
) -> None:

    assert read(large, statement, account_id=ACCOUNT, **values) <= 20


def test_reading_a_whole_account_is_noticed(large: psycopg.Connection[Any]) -> None:
    assert read(large, privilege_rows._LEVELS, account_id=ACCOUNT) == MANY
