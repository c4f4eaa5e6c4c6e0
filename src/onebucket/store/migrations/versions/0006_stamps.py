"""A stamp for every account, and for the directory of all of them: another one after each change, and never again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    new = "gen_random_uuid()::text" if op.get_bind().dialect.name == "postgresql" else "lower(hex(randomblob(16)))"
    op.add_column("accounts", sa.Column("stamp", sa.Text(), nullable=True))
    op.execute(f"UPDATE accounts SET stamp = {new}")  # noqa: S608
    op.execute(f"UPDATE site SET value = {new} WHERE name = 'directory'")  # noqa: S608


def downgrade() -> None:
    op.execute("UPDATE site SET value = '1' WHERE name = 'directory'")
    op.drop_column("accounts", "stamp")
