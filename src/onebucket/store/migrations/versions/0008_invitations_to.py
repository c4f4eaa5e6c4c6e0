"""An index that finds an account's invitations to groups, and those to one repository."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index("ix_invitations_repository", "invitations", ["account_id", "repository_id"])


def downgrade() -> None:
    op.drop_index("ix_invitations_repository", "invitations")
