"""Invitations with links, letters on their way, one-time links of people, and sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")

# The validity of a link before there was a setting: it starts when the invitation was created.
_SEVEN_DAYS = 7 * 24 * 60 * 60 * 1_000_000


def upgrade() -> None:
    _invitations()
    _letters()
    _links_and_sessions()


def _invitations() -> None:
    for column in (
        sa.Column("expires_at", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("link_id", Id, nullable=True),
        sa.Column("secret_hash", sa.Text(), nullable=True),
        sa.Column("letter_id", Id, nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("invitations", column)
    op.execute(sa.text(f"UPDATE invitations SET expires_at = sent_at + {_SEVEN_DAYS}"))  # noqa: S608 - a number of ours
    op.drop_index("ix_invitations_address", table_name="invitations")
    for name, columns, where in (
        ("uq_invitations_to_groups", ["account_id", "email_key"], "repository_id IS NULL"),
        ("uq_invitations_to_repository", ["account_id", "email_key", "repository_id"], "repository_id IS NOT NULL"),
    ):
        op.create_index(
            name, "invitations", columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    op.create_index("ix_invitations_email", "invitations", ["email_key"])
    op.create_index("ix_invitations_id", "invitations", ["id"], unique=True)
    op.create_index("uq_invitations_secret_hash", "invitations", ["secret_hash"], unique=True)


def _letters() -> None:
    op.create_table(
        "letters",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", Id, nullable=False),
        sa.Column("link_id", Id, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_letters_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_letters"),
        sqlite_with_rowid=False,
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_letters_due", "letters", ["due_at"], sqlite_where=due, postgresql_where=due)
    troubled = sa.text("sent_at IS NULL AND trouble IS NOT NULL")
    op.create_index("ix_letters_troubled", "letters", ["created_at"], sqlite_where=troubled, postgresql_where=troubled)
    op.create_index("ix_letters_of_account", "letters", ["account_id", "created_at"])
    op.create_index("ix_letters_to_address", "letters", ["email_key", "created_at"])


def _links_and_sessions() -> None:
    op.create_table(
        "links",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_links_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_links"),
        sa.UniqueConstraint("account_id", "purpose", "email_key", name="uq_links_account_id_purpose_email_key"),
        sa.UniqueConstraint("secret_hash", name="uq_links_secret_hash"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_sessions_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_sessions"),
        sa.UniqueConstraint("secret_hash", name="uq_sessions_secret_hash"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("sessions", "links", "letters"):
        op.drop_table(table)
    for index in (
        "uq_invitations_secret_hash",
        "ix_invitations_id",
        "ix_invitations_email",
        "uq_invitations_to_repository",
        "uq_invitations_to_groups",
    ):
        op.drop_index(index, table_name="invitations")
    op.create_index("ix_invitations_address", "invitations", ["account_id", "email_key"])
    for column in ("opened_at", "letter_id", "secret_hash", "link_id", "expires_at"):
        op.drop_column("invitations", column)
