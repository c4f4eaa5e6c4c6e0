"""An index of the people of each account, for lists of its members."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index("ix_memberships_people", "memberships", ["account_id", "person_id", "group_id"])


def downgrade() -> None:
    op.drop_index("ix_memberships_people", "memberships")
