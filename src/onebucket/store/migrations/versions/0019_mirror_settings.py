"""Settings of mirrors that pages have set."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mirror_settings",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("mirror", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_mirror_settings_account_id"),
        sa.PrimaryKeyConstraint("account_id", "mirror", "name", name="pk_mirror_settings"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("mirror_settings")
