"""Second factors of people, and what each session was signed in to with."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def _table(name: str, key: sa.Column[str], *columns: sa.Column[object] | sa.UniqueConstraint) -> None:
    op.create_table(
        name,
        sa.Column("account_id", Id, nullable=False),
        key,
        *columns,
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=f"fk_{name}_account_id"),
        sa.PrimaryKeyConstraint("account_id", key.name, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )


def upgrade() -> None:
    op.add_column("accounts", sa.Column("has_second_factor", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("sessions", sa.Column("signed_in_with", sa.Text(), nullable=False, server_default="password"))
    _table(
        "second_factors",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=True),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("credential_id", name="uq_second_factors_credential_id"),
    )
    _table("recovery_codes", sa.Column("code_hash", sa.Text(), nullable=False))
    _table(
        "wrong_codes",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    _table(
        "used_challenges",
        sa.Column("challenge_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    for name in ("used_challenges", "wrong_codes", "recovery_codes", "second_factors"):
        op.drop_table(name)
    op.drop_column("sessions", "signed_in_with")
    op.drop_column("accounts", "has_second_factor")
