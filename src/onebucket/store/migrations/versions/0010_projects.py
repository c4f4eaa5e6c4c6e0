"""Projects, what is set on them for groups and people, and more fields of repositories, each of which is in a project.

Every account that has repositories gets the project PROJ, which holds them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

Id = sa.Uuid(as_uuid=False).with_variant(sa.Text(), "sqlite")

_Columns = tuple[sa.Column[Any], ...]
_BEFORE: _Columns = (
    sa.Column("account_id", Id, nullable=False),
    sa.Column("id", Id, nullable=False),
    sa.Column("slug", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("is_private", sa.Boolean(), nullable=False),
    sa.Column("description", sa.Text(), nullable=False),
    sa.Column("created_at", sa.BigInteger(), nullable=False),
    sa.Column("updated_at", sa.BigInteger(), nullable=False),
)
_ADDED: _Columns = (
    sa.Column("project_id", Id, nullable=False),
    sa.Column("fork_policy", sa.Text(), nullable=False),
    sa.Column("language", sa.Text(), nullable=False),
    sa.Column("has_issues", sa.Boolean(), nullable=False),
    sa.Column("has_wiki", sa.Boolean(), nullable=False),
    sa.Column("mainbranch", sa.Text(), nullable=False),
)
_DEFAULTS: dict[str, Any] = {
    "fork_policy": sa.literal("allow_forks"),
    "language": sa.literal(""),
    "has_issues": sa.false(),
    "has_wiki": sa.false(),
    "mainbranch": sa.literal("main"),
}
# A random UUID of version 4.
_NEW_ID_ON_SQLITE = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||"
    " substr('89ab', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)
_PROJECT = "fk_repositories_account_id_project_id"
_REPOSITORIES = sa.table("repositories", *(sa.column(column.name, column.type) for column in (*_BEFORE, *_ADDED)))
_PROJECTS = sa.table(
    "projects",
    sa.column("account_id", Id),
    sa.column("id", Id),
    *(sa.column(name) for name in ("key", "name", "description", "is_private", "created_at", "updated_at")),
)


def upgrade() -> None:
    _projects()
    _privileges("project_group_privileges", "group_id", ["groups.account_id", "groups.id"])
    _privileges("project_privileges", "person_id", ["accounts.id"])
    op.create_index(
        "ix_project_group_privileges_group", "project_group_privileges", ["account_id", "group_id", "project_id"]
    )
    op.create_index("ix_project_privileges_person", "project_privileges", ["person_id", "account_id", "project_id"])
    _first_projects()

    if op.get_bind().dialect.name == "sqlite":
        _make_again(*_BEFORE, *_ADDED)
    else:
        for column in _ADDED:
            op.add_column("repositories", sa.Column(column.name, column.type, nullable=True))
        op.execute(sa.update(_REPOSITORIES).values(_values(_REPOSITORIES)))
        for column in _ADDED:
            op.alter_column("repositories", column.name, nullable=False)
        op.create_foreign_key(_PROJECT, "repositories", "projects", ["account_id", "project_id"], ["account_id", "id"])
    op.create_index("ix_repositories_project", "repositories", ["account_id", "project_id"])


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_projects_account_id"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_projects"),
        sa.UniqueConstraint("account_id", "key", name="uq_projects_account_id_key"),
        sqlite_with_rowid=False,
    )


def _privileges(table: str, whose: str, theirs: list[str]) -> None:
    ours = ["account_id", whose] if len(theirs) > 1 else [whose]
    op.create_table(
        table,
        sa.Column("account_id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column(whose, Id, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("granted_by", Id, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=f"fk_{table}_account_id"),
        sa.ForeignKeyConstraint(
            ["account_id", "project_id"],
            ["projects.account_id", "projects.id"],
            name=f"fk_{table}_account_id_project_id",
        ),
        sa.ForeignKeyConstraint(ours, theirs, name=f"fk_{table}_{'_'.join(ours)}"),
        sa.PrimaryKeyConstraint("account_id", "project_id", whose, name=f"pk_{table}"),
        sqlite_with_rowid=False,
    )


def _first_projects() -> None:
    """Give each account that has repositories a project, as old as the oldest of them."""
    new_id = "gen_random_uuid()" if op.get_bind().dialect.name == "postgresql" else _NEW_ID_ON_SQLITE
    at = sa.func.min(_REPOSITORIES.c.created_at)
    columns = {
        "account_id": _REPOSITORIES.c.account_id,
        "id": sa.literal_column(new_id, Id),
        "key": sa.literal("PROJ"),
        "name": sa.literal("Default project"),
        "description": sa.literal(""),
        "is_private": sa.true(),
        "created_at": at,
        "updated_at": at,
    }
    first = sa.select(*(value.label(name) for name, value in columns.items())).group_by(_REPOSITORIES.c.account_id)
    op.execute(sa.insert(_PROJECTS).from_select([*columns], first))


def _values(repositories: sa.TableClause) -> dict[str, Any]:
    """Return what the added columns are for the repositories that there are."""
    project = sa.select(_PROJECTS.c.id).where(_PROJECTS.c.account_id == repositories.c.account_id)
    return {"project_id": project.scalar_subquery(), **_DEFAULTS}


def _make_again(*columns: sa.Column[Any]) -> None:
    """Recreate the table on SQLite, which can't add or drop a column that refers to another table.

    Other tables refer to it, so SQLite checks them only when the transaction is committed.
    """
    before = sa.table("repositories_before", *(sa.column(column.name) for column in columns))
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE repositories_before AS SELECT * FROM repositories")
    op.drop_table("repositories")
    names = [column.name for column in columns]
    project = sa.ForeignKeyConstraint(["account_id", "project_id"], ["projects.account_id", "projects.id"], _PROJECT)
    op.create_table(
        "repositories",
        *(sa.Column(column.name, column.type, nullable=False) for column in columns),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_repositories_account_id"),
        *([project] if "project_id" in names else []),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_repositories"),
        sa.UniqueConstraint("account_id", "slug", name="uq_repositories_account_id_slug"),
        sqlite_with_rowid=False,
    )
    added = _values(before)
    kept = sa.select(*(added.get(name, before.c[name]) for name in names))
    op.execute(sa.insert(_REPOSITORIES).from_select(names, kept))
    op.execute("DROP TABLE repositories_before")


def downgrade() -> None:
    op.drop_index("ix_repositories_project", "repositories")
    if op.get_bind().dialect.name == "sqlite":
        _make_again(*_BEFORE)
    else:
        op.drop_constraint(_PROJECT, "repositories")
        for column in _ADDED:
            op.drop_column("repositories", column.name)
    for table in ("project_privileges", "project_group_privileges", "projects"):
        op.drop_table(table)
