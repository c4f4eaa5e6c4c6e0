"""Whether a repository inherits its merge strategy and its branching model."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_ADDED = ("has_inherited_merge_strategy", "has_inherited_branching_model")


def upgrade() -> None:
    for name in _ADDED:
        op.add_column("repositories", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    for name in _ADDED:
        op.drop_column("repositories", name)
