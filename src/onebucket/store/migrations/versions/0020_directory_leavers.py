"""Whom directories have deleted; names that people are found by; when a letter about a directory was sent last."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")
_INDEX = "ix_directory_people_display_name_key"


def upgrade() -> None:
    op.create_table(
        "directory_leavers",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("directory_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("user_name_key", sa.Text(), nullable=False),
        sa.Column("is_brought", sa.Boolean(), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_directory_leavers_account_id"),
        sa.ForeignKeyConstraint(["person_id"], ["accounts.id"], name="fk_directory_leavers_person_id"),
        sa.ForeignKeyConstraint(
            ["account_id", "directory_id"],
            ["directories.account_id", "directories.id"],
            name="fk_directory_leavers_account_id_directory_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "directory_id", "person_id", name="pk_directory_leavers"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_directory_leavers_user_name_key",
        "directory_leavers",
        ["account_id", "directory_id", "user_name_key", "left_at"],
    )
    op.create_index("ix_directory_leavers_person", "directory_leavers", ["person_id"])
    op.add_column("directories", sa.Column("letter_at", sa.BigInteger(), nullable=True))
    op.add_column("directory_people", sa.Column("display_name_key", sa.Text(), nullable=True))
    _find_names()
    op.create_index(
        _INDEX, "directory_people", ["account_id", "directory_id", "display_name_key", "created_at", "person_id"]
    )


def _find_names() -> None:
    people = sa.table(
        "directory_people",
        *(sa.column(name, Id) for name in ("account_id", "directory_id", "person_id")),
        sa.column("profile", sa.Text()),
        sa.column("display_name_key", sa.Text()),
    )
    place = [people.c.account_id, people.c.directory_id, people.c.person_id]
    connection = op.get_bind()
    for *ids, profile in connection.execute(sa.select(*place, people.c.profile)).all():
        name = json.loads(profile).get("displayName")
        if name:
            this_one = [column == id for column, id in zip(place, ids, strict=True)]
            key = name.lower() if name.isascii() else name.casefold()
            connection.execute(people.update().where(*this_one).values(display_name_key=key))


def downgrade() -> None:
    op.drop_index(_INDEX, "directory_people")
    op.drop_column("directory_people", "display_name_key")
    op.drop_column("directories", "letter_at")
    op.drop_table("directory_leavers")
