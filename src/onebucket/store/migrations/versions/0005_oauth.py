"""OAuth: consumers, what is issued to them, OAuth 1 requests under way, and nonces that have been seen."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    _consumers_and_issued()
    _requests_and_nonces()


def _consumers_and_issued() -> None:
    op.create_table(
        "consumers",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("callback", sa.Text(), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("acts_as", Id, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_consumers_account_id"),
        sa.ForeignKeyConstraint(["acts_as"], ["accounts.id"], name="fk_consumers_acts_as"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_consumers"),
        sa.UniqueConstraint("key", name="uq_consumers_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_consumers_acts_as", "consumers", ["acts_as"])
    op.create_table(
        "issued",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("family_id", Id, nullable=False),
        sa.Column("consumer_account_id", Id, nullable=False),
        sa.Column("consumer_id", Id, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("spent_at", sa.BigInteger(), nullable=True),
        sa.Column("redirect", sa.Text(), nullable=True),
        sa.Column("challenge", sa.Text(), nullable=True),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_issued_account_id"),
        sa.ForeignKeyConstraint(
            ["consumer_account_id", "consumer_id"],
            ["consumers.account_id", "consumers.id"],
            name="fk_issued_consumer_account_id_consumer_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_issued"),
        sa.UniqueConstraint("secret_hash", name="uq_issued_secret_hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_issued_consumer", "issued", ["consumer_account_id", "consumer_id"])
    op.create_index("ix_issued_family", "issued", ["account_id", "family_id"])
    op.create_index("ix_issued_expires_at", "issued", ["expires_at"])


def _requests_and_nonces() -> None:
    op.create_table(
        "oauth_requests",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("consumer_id", Id, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("callback", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("person_id", Id, nullable=True),
        sa.Column("verifier_hash", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_oauth_requests_account_id"),
        sa.ForeignKeyConstraint(["person_id"], ["accounts.id"], name="fk_oauth_requests_person_id"),
        sa.ForeignKeyConstraint(
            ["account_id", "consumer_id"],
            ["consumers.account_id", "consumers.id"],
            name="fk_oauth_requests_account_id_consumer_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "consumer_id", "token_hash", name="pk_oauth_requests"),
        sa.UniqueConstraint("token_hash", name="uq_oauth_requests_token_hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_oauth_requests_expires_at", "oauth_requests", ["expires_at"])
    op.create_index("ix_oauth_requests_person", "oauth_requests", ["person_id"])
    op.create_table(
        "nonces",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("consumer_id", Id, nullable=False),
        sa.Column("nonce_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_nonces_account_id"),
        sa.ForeignKeyConstraint(
            ["account_id", "consumer_id"],
            ["consumers.account_id", "consumers.id"],
            name="fk_nonces_account_id_consumer_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "consumer_id", "nonce_hash", name="pk_nonces"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_nonces_expires_at", "nonces", ["expires_at"])


def downgrade() -> None:
    for table in ("nonces", "oauth_requests", "issued", "consumers"):
        op.drop_table(table)
