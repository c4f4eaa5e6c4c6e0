"""Partitioned by account in 16, PostgreSQL looks for what belongs to one account in one partition.

Tests marked `runs_on("split", ...)` check that it sends the same responses as SQLite.
"""

import json
import re
from typing import Any

import psycopg
import pytest
from bench import statements
from sqlalchemy import Boolean, Insert, Integer, Uuid, bindparam, select

import partitions
from both_databases import SameData
from onebucket.store.engine import statement as compiling
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import groups, memberships

EVERY = dict(statements.every())
STAYING = [
    name
    for name, statement in EVERY.items()
    if not isinstance(statements.clause(statement), Insert) and statements.reach_of(statement).stays
]
ACCOUNT = "11111111-2222-4333-8444-555555555555"


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
            # Each is lower than those before: of two, the first is the upper bound.
            values[name] = 1000 - len(values)
        elif f"pairs_of_{name}" in text:
            values[name] = {ACCOUNT: [ACCOUNT]}
        else:
            values[name] = [ACCOUNT]
    return values


@pytest.mark.parametrize("name", STAYING)
def test_what_is_one_accounts_is_looked_for_in_one_part(split_data: SameData, name: str) -> None:
    reach = statements.reach_of(EVERY[name])
    is_of_a_split_table = any(use.table != "accounts" for use in reach.uses)

    assert len(parts(split_data.postgres.database.url, EVERY[name])) == int(is_of_a_split_table)


def test_what_forgets_the_account_is_looked_for_in_every_part(split_data: SameData) -> None:
    astray = Statement(
        select(groups.c.name)
        .join(memberships, memberships.c.group_id == groups.c.id)
        .where(groups.c.account_id == bindparam("account_id"))
    )

    assert len(parts(split_data.postgres.database.url, astray)) == partitions.PARTS


def test_what_is_unique_by_itself_is_known() -> None:
    found = {
        table.name: columns
        for table in partitions.SPLIT
        if (columns := sorted(each for each, _ in partitions.unique(table) if "account_id" not in each))
    }

    assert found == partitions.ONLY_WITHIN
