"""Who people are at the providers that they sign in with; groups that sign-ins keep."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_identities_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
        sqlite_with_rowid=False,
    )
    op.add_column("sessions", sa.Column("provider", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("provider_session", sa.Text(), nullable=True))
    of_session = sa.text("provider_session IS NOT NULL")
    op.create_index(
        "ix_sessions_provider_session",
        "sessions",
        ["provider_session"],
        sqlite_where=of_session,
        postgresql_where=of_session,
    )
    op.add_column("groups", sa.Column("kept_by_sign_in", sa.Text(), nullable=True))
    kept = sa.text("kept_by_sign_in IS NOT NULL")
    op.create_index(
        "ix_groups_kept_by_sign_in", "groups", ["kept_by_sign_in"], sqlite_where=kept, postgresql_where=kept
    )


def downgrade() -> None:
    op.drop_index("ix_groups_kept_by_sign_in", "groups")
    op.drop_column("groups", "kept_by_sign_in")
    op.drop_index("ix_sessions_provider_session", "sessions")
    op.drop_column("sessions", "provider_session")
    op.drop_column("sessions", "provider")
    op.drop_table("identities")
