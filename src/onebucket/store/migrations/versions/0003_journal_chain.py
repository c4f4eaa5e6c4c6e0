"""The journal as a chain: a hash for each entry, and each account's last number and hash in a table of their own.

What is written here in Python's own words must go on making the hashes that `store/journal_chain.py` makes.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")

# So many rows at once: a journal may be longer than memory.
_AT_ONCE = 1000


def upgrade() -> None:
    op.drop_index("ix_journal_at", "journal")
    op.rename_table("journal", "journal_unchained")
    if op.get_bind().dialect.name == "postgresql":
        # There, a primary key's name is that of an index, which may be taken only once.
        op.execute("ALTER TABLE journal_unchained RENAME CONSTRAINT pk_journal TO pk_journal_unchained")
    journal = op.create_table(
        "journal",
        *_columns(),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_journal"),
        sqlite_with_rowid=False,
    )
    heads = op.create_table(
        "journal_heads",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_journal_heads"),
        sqlite_with_rowid=False,
    )
    _chain(journal, heads)
    op.drop_table("journal_unchained")
    op.create_index("ix_journal_at", "journal", ["at"], unique=False)
    op.drop_column("accounts", "journal_length")


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("account_id", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", Id, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
    ]


def _chain(journal: sa.Table, heads: sa.Table) -> None:
    connection = op.get_bind()
    rows: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for row in _unchained(connection):
        if last and row["account_id"] != last["account_id"]:
            connection.execute(heads.insert(), _head(last))
            last = {}
        previous = last["hash"] if last else row["account_id"]
        listed = json.dumps([previous, *row.values()], ensure_ascii=False, separators=(",", ":"))
        last = {**row, "hash": sha256(listed.encode()).hexdigest()}
        rows.append(last)
        if len(rows) == _AT_ONCE:
            connection.execute(journal.insert(), rows)
            rows.clear()
    if last:
        connection.execute(heads.insert(), _head(last))
    if rows:
        connection.execute(journal.insert(), rows)


def _unchained(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    before = sa.table("journal_unchained", *(sa.column(column.name, column.type) for column in _columns()))
    ordered = sa.select(before).order_by(before.c.account_id, before.c.number)
    for row in connection.execute(ordered, execution_options={"yield_per": _AT_ONCE}):
        yield dict(row._mapping)


def _head(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("account_id", "number", "hash")}


def downgrade() -> None:
    op.add_column("accounts", sa.Column("journal_length", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE accounts SET journal_length = (SELECT number FROM journal_heads WHERE account_id = accounts.id)"
        " WHERE id IN (SELECT account_id FROM journal_heads)"
    )
    op.drop_column("journal", "hash")
    op.drop_table("journal_heads")
