"""When and from where each app password was used last."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("tokens", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    op.add_column("tokens", sa.Column("last_used_from", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("tokens", "last_used_from")
    op.drop_column("tokens", "last_used_at")
