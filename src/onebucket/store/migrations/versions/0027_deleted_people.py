"""The index of entries that change what people may do in every account has those of deleted people too."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

_NAME = "ix_journal_of_people"
_BEFORE = "event IN ('site.restored', 'user.added', 'user.changed', 'user.disabled', 'user.enabled')"
_AFTER = "event IN ('site.restored', 'user.added', 'user.changed', 'user.deleted', 'user.disabled', 'user.enabled')"


def upgrade() -> None:
    _replace(_AFTER)


def downgrade() -> None:
    _replace(_BEFORE)


def _replace(condition: str) -> None:
    op.drop_index(_NAME, "journal")
    op.create_index(_NAME, "journal", ["at"], sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
