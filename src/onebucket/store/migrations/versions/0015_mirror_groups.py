"""What mirrors have set for groups, on repositories and on projects, beside what they have set for people."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")

_COLUMNS = "account_id, mirror, repository, person, level, set_at"


def upgrade() -> None:
    _replace(with_kind=True)


def downgrade() -> None:
    op.execute("DELETE FROM mirror_permissions WHERE kind <> 'person'")
    _replace(with_kind=False)


def _replace(*, with_kind: bool) -> None:
    """Make the table anew, because SQLite can't change a primary key."""
    op.execute(f"CREATE TABLE mirror_permissions_before AS SELECT {_COLUMNS} FROM mirror_permissions")  # noqa: S608
    op.drop_table("mirror_permissions")
    kind = ["kind"] if with_kind else []
    op.create_table(
        "mirror_permissions",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("mirror", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in kind),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_mirror_permissions_account_id"),
        sa.PrimaryKeyConstraint("account_id", "mirror", *kind, "repository", "person", name="pk_mirror_permissions"),
        sqlite_with_rowid=False,
    )
    into, value = (f"{_COLUMNS}, kind", f"{_COLUMNS}, 'person'") if with_kind else (_COLUMNS, _COLUMNS)
    op.execute(f"INSERT INTO mirror_permissions ({into}) SELECT {value} FROM mirror_permissions_before")  # noqa: S608
    op.drop_table("mirror_permissions_before")
