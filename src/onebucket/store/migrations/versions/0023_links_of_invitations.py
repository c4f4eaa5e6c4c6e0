"""One link may be of several invitations of an address."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.drop_index("uq_invitations_secret_hash", "invitations")
    op.create_index("ix_invitations_secret_hash", "invitations", ["secret_hash"])
    op.create_index("ix_invitations_link", "invitations", ["account_id", "link_id"])


def downgrade() -> None:
    op.drop_index("ix_invitations_link", "invitations")
    op.drop_index("ix_invitations_secret_hash", "invitations")
    op.create_index("uq_invitations_secret_hash", "invitations", ["secret_hash"], unique=True)
