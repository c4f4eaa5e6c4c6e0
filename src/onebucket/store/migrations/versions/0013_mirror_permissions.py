"""What mirrors have set at code hosts."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mirror_permissions",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("mirror", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_mirror_permissions_account_id"),
        sa.PrimaryKeyConstraint("account_id", "mirror", "repository", "person", name="pk_mirror_permissions"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("mirror_permissions")
