"""Directories: identity providers that bring a team's people and groups over SCIM."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")


def _table(name: str, *parts: sa.schema.SchemaItem, key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("account_id", Id, nullable=False),
        *parts,
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=f"fk_{name}_account_id"),
        sa.PrimaryKeyConstraint("account_id", *key, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )


def _of_directory(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id", "directory_id"],
        ["directories.account_id", "directories.id"],
        name=f"fk_{name}_account_id_directory_id",
    )


def upgrade() -> None:
    _table(
        "directories",
        sa.Column("id", Id, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("domains", sa.Text(), nullable=False),
        sa.Column("adopts_groups", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("account_id", "label", name="uq_directories_account_id_label"),
        key=("id",),
    )
    _keys()
    _people()
    for name, kind in (("directory_id", Id), ("external_id", sa.Text()), ("directory_changed_at", sa.BigInteger())):
        op.add_column("groups", sa.Column(name, kind))
    for index, columns, condition in _INDEXES_OF_GROUPS:
        op.create_index(index, "groups", columns, sqlite_where=condition, postgresql_where=condition)


_INDEXES_OF_GROUPS = (
    (
        "ix_groups_directory",
        ["account_id", "directory_id", "created_at", "id"],
        sa.text("directory_id IS NOT NULL"),
    ),
    (
        "ix_groups_external_id",
        ["account_id", "directory_id", "external_id", "created_at", "id"],
        sa.text("external_id IS NOT NULL"),
    ),
)


def _keys() -> None:
    _table(
        "directory_keys",
        sa.Column("id", Id, nullable=False),
        sa.Column("directory_id", Id, nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("last_used_at", sa.BigInteger()),
        sa.Column("last_used_from", sa.Text()),
        _of_directory("directory_keys"),
        sa.UniqueConstraint("secret_hash", name="uq_directory_keys_secret_hash"),
        key=("id",),
    )
    op.create_index("ix_directory_keys_directory", "directory_keys", ["account_id", "directory_id"])


def _people() -> None:
    _table(
        "directory_people",
        sa.Column("directory_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("user_name_key", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text()),
        sa.Column("email_key", sa.Text()),
        sa.Column("is_brought", sa.Boolean(), nullable=False),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        _of_directory("directory_people"),
        sa.ForeignKeyConstraint(["person_id"], ["accounts.id"], name="fk_directory_people_person_id"),
        sa.UniqueConstraint(
            "account_id",
            "directory_id",
            "user_name_key",
            name="uq_directory_people_account_id_directory_id_user_name_key",
        ),
        key=("directory_id", "person_id"),
    )
    for name in ("external_id", "email_key"):
        op.create_index(
            f"ix_directory_people_{name}",
            "directory_people",
            ["account_id", "directory_id", name, "created_at", "person_id"],
        )
    op.create_index(
        "ix_directory_people_created_at", "directory_people", ["account_id", "directory_id", "created_at", "person_id"]
    )
    op.create_index("ix_directory_people_person", "directory_people", ["person_id"])


def downgrade() -> None:
    for index, *_ in _INDEXES_OF_GROUPS:
        op.drop_index(index, "groups")
    for name in ("directory_changed_at", "external_id", "directory_id"):
        op.drop_column("groups", name)
    for table in ("directory_people", "directory_keys", "directories"):
        op.drop_table(table)
