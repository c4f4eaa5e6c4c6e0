"""On PostgreSQL, what is asked about a few people and repositories is looked up, however much their account has."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from onebucket.store import (
    access_rows,
    combined_access_rows,
    invitation_rows,
    journal_search,
    privilege_rows,
    project_privilege_rows,
    project_rows,
    repository_rows,
    schema,
)
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
        "memberships": ((ACCOUNT, id(2, n // 10), id(1, n), 0, None, None) for n in range(MANY)),
        "projects": ((ACCOUNT, id(5, n), f"P{n}", "Project", "", True, 0, 0) for n in range(MANY)),
        "project_group_privileges": ((ACCOUNT, id(5, n), id(2, n // 10), 2, 0, None, None) for n in range(MANY)),
        "project_privileges": ((ACCOUNT, id(5, n), id(1, n), 2, 0, None, None) for n in range(MANY)),
        "repositories": (
            (
                ACCOUNT,
                id(3, n),
                f"r{n}",
                "R",
                True,
                "",
                0,
                0,
                id(5, n),
                "allow_forks",
                "",
                False,
                False,
                "main",
                True,
                True,
            )
            for n in range(MANY)
        ),
        "group_privileges": ((ACCOUNT, id(3, n), id(2, n // 10), 2, 0, None, None) for n in range(MANY)),
        "privileges": ((ACCOUNT, id(3, n), id(1, n), 2, 0, None, None) for n in range(MANY)),
        "accounts (id, username, username_key, display_name, is_team, is_active, site_admin, created_at, revision)": [
            (ACCOUNT, "acme", "acme", "Acme", True, True, False, 0, 1)
        ],
        "invitations (account_id, id, email, email_key, repository_id, permission, invited_by, sent_at, expires_at)": (
            (ACCOUNT, id(4, n), f"{n}@example.com", f"{n}@example.com", id(3, n), 2, ACCOUNT, 0, 0) for n in range(MANY)
        ),
    }
    entry = (None, "alice", "operator", None, "member.added", "designers", None, None, "request", "hash")
    rows["journal"] = ((ACCOUNT, n, "acme", n, *entry) for n in range(MANY))
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


PLACES = {"repositories": [id(3, 7), id(3, 70)], "projects": [id(5, 7), id(5, 70)]}


def _pairs(holders: dict[int, list[str]]) -> dict[str, dict[str, list[str]]]:
    return {
        "on_repositories": {id(3, n): ids for n, ids in holders.items()},
        "on_projects": {id(5, n): ids for n, ids in holders.items()},
    }


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (access_rows._MEMBERSHIPS, {"people": [id(1, 7), id(1, 70)]}),
        (combined_access_rows._FEW, {"people": [id(1, 7), id(1, 70)], **PLACES}),
        (combined_access_rows._WHOLE, {"people": [id(1, 7), id(1, 70)], **PLACES}),
        (access_rows._SET_FOR_THEM, {"groups": [id(2, 0), id(2, 1)], **PLACES}),
        (access_rows._SET_THERE, _pairs({7: [id(2, 0), id(2, 1)], 70: [id(2, 7)]})),
        (access_rows._DIRECT_THERE, _pairs({7: [id(1, 7)], 70: [id(1, 70)]})),
        (project_privilege_rows._STRONGEST, {"person_id": id(1, 7)}),
        (project_privilege_rows._STRONGEST_THERE, {"person_id": id(1, 7), "project_id": id(5, 7)}),
        (project_rows._SIZE_OF_ONE, {"project_id": id(5, 7)}),
        (repository_rows._AMONG, {"slugs": ["r7", "r70"]}),
        (invitation_rows._TO_REPOSITORY, {"repository_id": id(3, 7)}),
        (invitation_rows._TO_GROUPS, {}),
    ],
    ids=[
        "memberships",
        "few people",
        "people and places",
        "set for them",
        "set there",
        "direct there",
        "on all projects",
        "on one project",
        "repositories of one project",
        "repositories",
        "invited there",
        "invited",
    ],
)
def test_a_question_about_a_few_reads_a_few(
    large: psycopg.Connection[Any], statement: Statement, values: dict[str, Any]
) -> None:

    assert read(large, statement, account_id=ACCOUNT, **values) <= 20


@pytest.mark.parametrize(
    ("statement", "bounds"),
    [
        (journal_search._FIND_IN_ACCOUNT, {"number": 9_000, "last_number": 8_000, "since": 0}),
        (journal_search._FIND, {"at": 9_000, "number": 0, "since": 8_000, "last_at": 8_000,
                                "last_account_id": ACCOUNT, "last_number": 0}),
    ],
    ids=["an account", "the site"],
)  # fmt: skip
def test_a_search_of_the_journal_reads_no_more_than_its_window(
    large: psycopg.Connection[Any], statement: Statement, bounds: dict[str, Any]
) -> None:
    wanted = {"events": ["team.deleted"], "actor": "", "most": 100}

    assert read(large, statement, account_id=ACCOUNT, **bounds, **wanted) <= 1_001


def test_reading_a_whole_account_is_noticed(large: psycopg.Connection[Any]) -> None:
    assert read(large, privilege_rows._LEVELS, account_id=ACCOUNT) == MANY
    assert read(large, invitation_rows._ALL, account_id=ACCOUNT) == MANY
