"""The credential that each app password was created with; for existing ones, from the journal."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")

_TOKENS = sa.table("tokens", sa.column("account_id", Id), sa.column("id", Id), sa.column("made_with", sa.Text()))
_JOURNAL = sa.table(
    "journal",
    sa.column("account_id", Id),
    sa.column("credential", sa.Text()),
    sa.column("event", sa.Text()),
    sa.column("after", sa.Text()),
)


def upgrade() -> None:
    op.add_column("tokens", sa.Column("made_with", sa.Text(), nullable=True))
    connection = op.get_bind()
    made = sa.select(_JOURNAL.c.account_id, _JOURNAL.c.credential, _JOURNAL.c.after).where(
        _JOURNAL.c.event == "token.added",
        sa.or_(*(_JOURNAL.c.credential.startswith(f"{kind}:") for kind in ("token", "oauth1", "oauth2", "consumer"))),
    )
    for account_id, credential, after in connection.execute(made).fetchall():
        this = (_TOKENS.c.account_id == account_id, _TOKENS.c.id == json.loads(after)["id"])
        connection.execute(sa.update(_TOKENS).where(*this).values(made_with=credential))


def downgrade() -> None:
    op.drop_column("tokens", "made_with")
