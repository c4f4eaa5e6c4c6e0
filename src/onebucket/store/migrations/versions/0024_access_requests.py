"""Requests for access to repositories."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")
_TABLE = "access_requests"
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("repository_id", Id, nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("granted", sa.SmallInteger(), nullable=True),
        sa.Column("granted_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_access_requests_account_id"),
        sa.ForeignKeyConstraint(["person_id"], ["accounts.id"], name="fk_access_requests_person_id"),
        sa.ForeignKeyConstraint(
            ["account_id", "repository_id"],
            ["repositories.account_id", "repositories.id"],
            name="fk_access_requests_account_id_repository_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_access_requests"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_access_requests_waiting",
        _TABLE,
        ["account_id", "person_id", "repository"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_access_requests_of_account", _TABLE, ["account_id", "state", "asked_at"])
    op.create_index("ix_access_requests_person", _TABLE, ["person_id", "asked_at"])
    op.create_index("ix_access_requests_repository", _TABLE, ["account_id", "repository_id"])
    op.create_index("ix_access_requests_id", _TABLE, ["id"], unique=True)


def downgrade() -> None:
    op.drop_table(_TABLE)
