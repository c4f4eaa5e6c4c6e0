"""When access ends: of memberships, of levels on repositories and projects, and of what an invitation gives."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_TABLES = (
    "memberships",
    "group_privileges",
    "privileges",
    "project_group_privileges",
    "project_privileges",
    "invitations",
)
_ENDING = sa.text("ends_at IS NOT NULL")


def upgrade() -> None:
    for name in _TABLES:
        op.add_column(name, sa.Column("ends_at", sa.BigInteger()))
        op.create_index(f"ix_{name}_ends_at", name, ["ends_at"], sqlite_where=_ENDING, postgresql_where=_ENDING)


def downgrade() -> None:
    for name in _TABLES:
        op.drop_index(f"ix_{name}_ends_at", name)
        op.drop_column(name, "ends_at")
