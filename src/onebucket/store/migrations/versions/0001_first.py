"""The first schema: accounts, groups, repositories, what is set on them, pending invitations, the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", Id, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_key", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("aaid", sa.Text(), nullable=True),
        sa.Column("nickname", sa.Text(), nullable=True),
        sa.Column("is_team", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("site_admin", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("journal_length", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("aaid", name="uq_accounts_aaid"),
        sa.UniqueConstraint("username_key", name="uq_accounts_username_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", Id, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_journal"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_journal_at", "journal", ["at"], unique=False)
    op.create_table(
        "site",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_site"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "emails",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("validated_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_emails_account_id"),
        sa.PrimaryKeyConstraint("account_id", "email_key", name="pk_emails"),
        sa.UniqueConstraint("email_key", name="uq_emails_email_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "groups",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("permission", sa.SmallInteger(), nullable=True),
        sa.Column("auto_add", sa.Boolean(), nullable=False),
        sa.Column("email_forwarding_disabled", sa.Boolean(), nullable=False),
        sa.Column("account_privilege", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_groups_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_groups"),
        sa.UniqueConstraint("account_id", "slug", name="uq_groups_account_id_slug"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_groups_account_privilege",
        "groups",
        ["account_id", "account_privilege"],
        unique=False,
        sqlite_where=sa.text("account_privilege IS NOT NULL"),
        postgresql_where=sa.text("account_privilege IS NOT NULL"),
    )
    op.create_table(
        "repositories",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_repositories_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_repositories"),
        sa.UniqueConstraint("account_id", "slug", name="uq_repositories_account_id_slug"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tokens",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_tokens_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_tokens"),
        sa.UniqueConstraint("secret_hash", name="uq_tokens_secret_hash"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "group_privileges",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.Column("group_id", Id, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("granted_by", Id, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "group_id"],
            ["groups.account_id", "groups.id"],
            name="fk_group_privileges_account_id_group_id",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "repository_id"],
            ["repositories.account_id", "repositories.id"],
            name="fk_group_privileges_account_id_repository_id",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_group_privileges_account_id"),
        sa.PrimaryKeyConstraint("account_id", "repository_id", "group_id", name="pk_group_privileges"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_group_privileges_group", "group_privileges", ["account_id", "group_id", "repository_id"], unique=False
    )
    op.create_table(
        "invitations",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("repository_id", Id, nullable=True),
        sa.Column("permission", sa.SmallInteger(), nullable=True),
        sa.Column("invited_by", Id, nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "repository_id"],
            ["repositories.account_id", "repositories.id"],
            name="fk_invitations_account_id_repository_id",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_invitations_account_id"),
        sa.ForeignKeyConstraint(["invited_by"], ["accounts.id"], name="fk_invitations_invited_by"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_invitations"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_invitations_address", "invitations", ["account_id", "email_key"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("group_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", Id, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "group_id"], ["groups.account_id", "groups.id"], name="fk_memberships_account_id_group_id"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_memberships_account_id"),
        sa.ForeignKeyConstraint(["person_id"], ["accounts.id"], name="fk_memberships_person_id"),
        sa.PrimaryKeyConstraint("account_id", "group_id", "person_id", name="pk_memberships"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_memberships_person", "memberships", ["person_id", "account_id", "group_id"], unique=False)
    op.create_table(
        "privileges",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("granted_by", Id, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "repository_id"],
            ["repositories.account_id", "repositories.id"],
            name="fk_privileges_account_id_repository_id",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_privileges_account_id"),
        sa.ForeignKeyConstraint(["person_id"], ["accounts.id"], name="fk_privileges_person_id"),
        sa.PrimaryKeyConstraint("account_id", "repository_id", "person_id", name="pk_privileges"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_privileges_person", "privileges", ["person_id", "account_id", "repository_id"], unique=False)
    op.create_table(
        "invitation_groups",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("invitation_id", Id, nullable=False),
        sa.Column("group_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "group_id"],
            ["groups.account_id", "groups.id"],
            name="fk_invitation_groups_account_id_group_id",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "invitation_id"],
            ["invitations.account_id", "invitations.id"],
            name="fk_invitation_groups_account_id_invitation_id",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_invitation_groups_account_id"),
        sa.PrimaryKeyConstraint("account_id", "invitation_id", "group_id", name="pk_invitation_groups"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_invitation_groups_group", "invitation_groups", ["account_id", "group_id"], unique=False)


def downgrade() -> None:
    for table in (
        "invitation_groups",
        "privileges",
        "memberships",
        "invitations",
        "group_privileges",
        "tokens",
        "repositories",
        "groups",
        "emails",
        "site",
        "journal",
        "accounts",
    ):
        op.drop_table(table)
