"""A PostgreSQL database with tables partitioned by account, as a stand-in for a distributed database."""

from collections.abc import Iterator
from typing import Any

import psycopg
from sqlalchemy import Table, UniqueConstraint

from onebucket.store.tables import metadata

PARTS = 16

# Every table with an account's rows; `accounts` itself isn't partitioned.
SPLIT = [table for table in metadata.sorted_tables if "account_id" in table.c]

# Columns that are unique across accounts. Partitioned, they are unique within an account only.
ONLY_WITHIN = {
    "identities": [["issuer", "subject"]],
    "emails": [["email_key"]],
    "tokens": [["secret_hash"]],
    "ssh_keys": [["fingerprint"]],
    "second_factors": [["credential_id"]],
    "links": [["secret_hash"]],
    "directory_keys": [["secret_hash"]],
    "sessions": [["secret_hash"]],
    "invitations": [["id"]],
    "access_requests": [["id"]],
    "consumers": [["key"]],
    "issued": [["secret_hash"]],
    "oauth_requests": [["token_hash"]],
}


def split(url: str) -> None:
    """Partition every table with an account's rows in 16 by a hash of the account id, keeping the rows."""
    with psycopg.connect(url) as connection:
        for statement in steps():
            connection.execute(statement)  # type: ignore[call-overload]


def steps() -> Iterator[str]:
    """Yield the statements that do it; the partitions get a schema of their own."""
    yield "CREATE SCHEMA whole"
    yield "CREATE SCHEMA parts"
    for table in SPLIT:
        yield f"ALTER TABLE {table.name} SET SCHEMA whole"
    for table in SPLIT:
        key = ", ".join(column.name for column in table.primary_key)
        yield (
            f"CREATE TABLE {table.name} (LIKE whole.{table.name} INCLUDING DEFAULTS, PRIMARY KEY ({key}))"
            " PARTITION BY HASH (account_id)"
        )
        for part in range(PARTS):
            yield (
                f"CREATE TABLE parts.{table.name}_{part} PARTITION OF {table.name}"
                f" FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
            )
        yield from _indexes(table)
        yield f"INSERT INTO {table.name} SELECT * FROM whole.{table.name}"
    for table in SPLIT:
        yield from _references(table)
    yield "DROP SCHEMA whole CASCADE"


def unique(table: Table) -> list[tuple[list[str], str]]:
    """Return the columns of each unique constraint and index, and its WHERE clause."""
    found = [([column.name for column in each.columns], "") for each in table.constraints
             if isinstance(each, UniqueConstraint)]  # fmt: skip
    return found + [(_columns(each), _where(each)) for each in table.indexes if each.unique]


def _indexes(table: Table) -> Iterator[str]:
    for columns, where in unique(table):
        named = columns if "account_id" in columns else ["account_id", *columns]
        yield f"CREATE UNIQUE INDEX ON {table.name} ({', '.join(named)}){where}"
        if named != columns:
            yield f"CREATE INDEX ON {table.name} ({', '.join(columns)}){where}"
    for index in table.indexes:
        if not index.unique:
            yield f"CREATE INDEX ON {table.name} ({', '.join(_columns(index))}){_where(index)}"


def _columns(index: Any) -> list[str]:
    return [column.name for column in index.columns]


def _where(index: Any) -> str:
    condition = index.info.get("where")
    return f" WHERE {condition}" if condition else ""


def _references(table: Table) -> Iterator[str]:
    for reference in table.foreign_key_constraints:
        mine = ", ".join(reference.column_keys)
        theirs = ", ".join(element.column.name for element in reference.elements)
        other = reference.referred_table.name
        yield f"ALTER TABLE {table.name} ADD FOREIGN KEY ({mine}) REFERENCES {other} ({theirs})"
