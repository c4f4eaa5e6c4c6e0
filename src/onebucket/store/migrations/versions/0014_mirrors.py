"""How mirrors are doing, and what their last comparison found."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    _create_mirrors()
    _create_drift()


def _create_mirrors() -> None:
    op.create_table(
        "mirrors",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("can_change", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.BigInteger()),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("resumed_at", sa.BigInteger()),
        sa.Column("allowed_removals", sa.BigInteger()),
        sa.Column("last_run_at", sa.BigInteger()),
        sa.Column("last_compared_at", sa.BigInteger()),
        sa.Column("revision", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("failed_at", sa.BigInteger()),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("next_attempt_at", sa.BigInteger()),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.Column("removals", sa.BigInteger(), nullable=False),
        sa.Column("foreign_count", sa.BigInteger(), nullable=False),
        sa.Column("inherited", sa.BigInteger(), nullable=False),
        sa.Column("strangers", sa.BigInteger(), nullable=False),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("carried", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("throttled", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", sa.BigInteger()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_mirrors_account_id"),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_mirrors"),
        sqlite_with_rowid=False,
    )


def _create_drift() -> None:
    op.create_table(
        "mirror_drift",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("mirror", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("here", sa.SmallInteger(), nullable=False),
        sa.Column("there", sa.SmallInteger(), nullable=False),
        sa.Column("target", sa.SmallInteger(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_mirror_drift_account_id"),
        sa.PrimaryKeyConstraint("account_id", "mirror", "kind", "repository", "person", name="pk_mirror_drift"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("mirror_drift")
    op.drop_table("mirrors")
