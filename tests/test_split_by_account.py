"""Split by account in 16, PostgreSQL answers as SQLite does, and looks for what is one account's in one part."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bench import statements
from sqlalchemy import Boolean, Insert, Integer, Uuid, bindparam, select

import partitions
import test_access
import test_both_databases
import test_joining
import test_v1_group_changes
import test_v1_groups
import test_v1_members
import test_v1_privileges
from onebucket.store.engine import statement as compiling
from onebucket.store.engine.statement import Statement
from onebucket.store.postgres.database import PostgresDatabase
from onebucket.store.tables import groups, memberships
from pg import Postgres
from test_both_databases import Behind, Stage
from twins import Twins

EVERY = dict(statements.every())
STAYING = [
    name
    for name, statement in EVERY.items()
    if not isinstance(statements.clause(statement), Insert) and statements.reach(statements.clause(statement)).stays
]
ACCOUNT = "11111111-2222-4333-8444-555555555555"

# The contract once more: groups, members, privileges, who has access, joining by invitation.
for _module in (
    test_access,
    test_joining,
    test_v1_groups,
    test_v1_group_changes,
    test_v1_members,
    test_v1_privileges,
):
    globals().update(test_both_databases._again(_module))


@pytest.fixture(scope="module")
def stage(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    def then(behind: Behind) -> None:
        if isinstance(behind.db, PostgresDatabase):
            partitions.split(behind.db.url)

    with test_both_databases._put_on_stage(postgres, tmp_path_factory.mktemp("split"), then) as stage:
        yield stage


@pytest.fixture
def api(stage: Stage, tmp_path: Path) -> Iterator[Twins]:
    """The server that the tests ask: on SQLite, and on PostgreSQL split in 16; both must keep the same."""
    twins = stage.twins(tmp_path)
    yield twins
    twins.everything()
    twins.close()


def parts(url: str, statement: Statement) -> set[str]:
    """The parts, by their numbers, in which PostgreSQL would look for what a statement asks of one account."""
    values = _values(statement)
    text = statement.text(values, "postgresql")
    with psycopg.connect(url) as connection:
        row = connection.execute(f"EXPLAIN (FORMAT JSON) {text}", values).fetchone()
    assert row is not None
    return set(re.findall(r'"Relation Name": "\w+_(\d+)"', json.dumps(row[0])))


def _values(statement: Statement) -> dict[str, Any]:
    """Something for each value that a statement is handed: the account's id wherever an id may stand."""
    constants: dict[str, Any] = {}
    text = statement.text(constants, "postgresql")
    kinds = statements.clause(statement).compile(dialect=compiling._dialect("postgresql")).binds  # type: ignore[attr-defined]
    values: dict[str, Any] = {}
    for name, bound in kinds.items():
        if isinstance(bound.type, Uuid):
            values[name] = ACCOUNT
        elif isinstance(bound.type, Boolean):
            values[name] = True
        elif isinstance(bound.type, Integer):
            values[name] = 1
        elif f"pairs_of_{name}" in text:
            values[name] = {ACCOUNT: [ACCOUNT]}
        else:
            values[name] = [ACCOUNT]
    return values


@pytest.mark.parametrize("name", STAYING)
def test_what_is_one_accounts_is_looked_for_in_one_part(stage: Stage, name: str) -> None:
    reach = statements.reach(statements.clause(EVERY[name]))
    is_of_a_split_table = any(use.table != "accounts" for use in reach.uses)

    assert len(parts(stage.kept.database.url, EVERY[name])) == int(is_of_a_split_table)


def test_what_forgets_the_account_is_looked_for_in_every_part(stage: Stage) -> None:
    astray = Statement(
        select(groups.c.name)
        .join(memberships, memberships.c.group_id == groups.c.id)
        .where(groups.c.account_id == bindparam("account_id"))
    )

    assert len(parts(stage.kept.database.url, astray)) == partitions.PARTS


def test_what_is_unique_by_itself_is_known() -> None:
    found = {
        table.name: columns
        for table in partitions.SPLIT
        if (columns := sorted(each for each, _ in partitions.unique(table) if "account_id" not in each))
    }

    assert found == partitions.ONLY_WITHIN
