"""The command `repo`: repositories of accounts."""

from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, Yes

repo = typer.Typer(help="Repositories: add, delete, list, move.", no_args_is_help=True)

Path = Annotated[str, typer.Argument(metavar="TEAM/SLUG", help="The account and the repository's slug")]


@repo.command("add")
def add_repository(
    path: Path,
    public: Annotated[bool, typer.Option("--public", help="Let everybody read it.")] = False,
    name: Annotated[str, typer.Option("--name", metavar="N", help="The full name", show_default=False)] = "",
    project: Annotated[
        str, typer.Option("--project", metavar="KEY", help="Its project; the oldest without this", show_default=False)
    ] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add a repository. It is private without --public."""
    from onebucket.actions import repositories

    account, slug = common.split_path(path, "TEAM/SLUG")
    with common.writing(database, data) as work:
        added = repositories.add(work, account, slug, name=name or None, is_private=not public, project=project or None)
    common.show(f"added the {'private' if added.is_private else 'public'} repository {account}/{added.slug}")


@repo.command("delete")
def delete_repository(path: Path, yes: Yes = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Delete a repository with its privileges and invitations."""
    from onebucket.actions import repositories

    account, slug = common.split_path(path, "TEAM/SLUG")
    if not common.confirmed(f"Delete the repository {path}?", yes=yes):
        raise CommandError("nothing was deleted")
    with common.writing(database, data) as work:
        repositories.delete(work, account, slug)
    common.show(f"deleted the repository {path}")


@repo.command("move")
def move_repository(
    path: Path,
    project: Annotated[str, typer.Argument(metavar="KEY", help="The key of a project of the same account")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Move a repository to another project. What the old project gives ends there, what the new one gives begins."""
    from onebucket.actions import repositories

    account, slug = common.split_path(path, "TEAM/SLUG")
    with common.writing(database, data) as work:
        repositories.change(work, account, slug, project=project)
        moved = repositories.read(work, account, slug)
    common.show(f"moved the repository {path} to the project {moved.owner.username}/{moved.project.key}")


@repo.command("list")
def list_repositories(
    account: Annotated[str, typer.Argument(metavar="[TEAM]", help="Only this account's", show_default=False)] = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List repositories."""
    from onebucket.actions import accounts, projects, repositories

    with common.reading(database, data) as work:
        names = [account] if account else accounts.list_owners(work)
        rows = [(name, repository) for name in names for repository in repositories.of_account(work, name)]
        keys = {each.project.id: each.project.key for name in names for each in projects.listed(work, name)}
    if json:
        common.show_json(
            [
                {
                    "path": f"{name}/{repository.slug}",
                    "name": repository.name,
                    "project": keys[repository.project_id],
                    "is_private": repository.is_private,
                }
                for name, repository in rows
            ]
        )
        return
    common.show_table(
        ["REPOSITORY", "NAME", "PROJECT", ""],
        [
            [
                f"{name}/{repository.slug}",
                repository.name,
                keys[repository.project_id],
                "" if repository.is_private else "public",
            ]
            for name, repository in rows
        ],
    )
