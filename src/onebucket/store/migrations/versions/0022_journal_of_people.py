"""An index of the entries that change what people may do in every account."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    of_people = sa.text("event IN ('site.restored', 'user.added', 'user.changed', 'user.disabled', 'user.enabled')")
    op.create_index("ix_journal_of_people", "journal", ["at"], sqlite_where=of_people, postgresql_where=of_people)


def downgrade() -> None:
    op.drop_index("ix_journal_of_people", "journal")
