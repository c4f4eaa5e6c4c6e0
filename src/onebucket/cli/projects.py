"""The command `project`: projects of accounts, and what groups and people may do on them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, Yes

if TYPE_CHECKING:
    from onebucket.actions.project_privileges import ProjectGroupGrant, ProjectPersonGrant
    from onebucket.actions.projects import ProjectInAccount

project = typer.Typer(
    help="Projects, which hold repositories: add, change, delete, grant, list, revoke, show.", no_args_is_help=True
)

Path = Annotated[str, typer.Argument(metavar="TEAM/KEY", help="The account and the project's key")]
FullName = Annotated[str, typer.Option("--name", metavar="N", help="The full name", show_default=False)]
Description = Annotated[
    str | None, typer.Option("--description", metavar="D", help="One line about it", show_default=False)
]
Group = Annotated[str, typer.Option("--group", metavar="S", help="The group's slug", show_default=False)]
Person = Annotated[str, typer.Option("--user", metavar="U", help="The person", show_default=False)]


@project.command("add")
def add_project(
    path: Path,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see that it exists.")] = False,
    name: FullName = "",
    description: Description = None,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add a project. It is private without --public."""
    from onebucket.actions import projects

    account, key = common.split_path(path, "TEAM/KEY")
    with common.writing(database, data) as work:
        added = projects.create(
            work, account, key, name=name or key, description=description or "", is_private=not public
        )
    common.show(f"added the {_visibility(added.is_private)} project {account}/{added.key}")


@project.command("change")
def change_project(
    path: Path,
    key: Annotated[str, typer.Option("--key", metavar="K", help="A new key", show_default=False)] = "",
    name: FullName = "",
    description: Description = None,
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Whether only people in the account see it.", show_default=False),
    ] = None,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Change a project's key, name, description or visibility. With a new key, the old one stops working."""
    from onebucket.actions import projects

    account, old_key = common.split_path(path, "TEAM/KEY")
    if not key and not name and description is None and private is None:
        raise CommandError("say what to change: --key, --name, --description, --private or --public")
    with common.writing(database, data) as work:
        changed = projects.change(
            work,
            account,
            old_key,
            new_key=key or None,
            name=name or None,
            description=description,
            is_private=private,
        )
    common.show(f"changed the {_visibility(changed.is_private)} project {account}/{changed.key}")


@project.command("delete")
def delete_project(
    path: Path,
    yes: Yes = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Delete a project with what groups and people have on it. It must not have repositories."""
    from onebucket.actions import projects

    account, key = common.split_path(path, "TEAM/KEY")
    if not common.confirmed(f"Delete the project {path}?", yes=yes):
        raise CommandError("nothing was deleted")
    with common.writing(database, data) as work:
        projects.delete(work, account, key)
    common.show(f"deleted the project {path}")


@project.command("list")
def list_projects(
    account: Annotated[str, typer.Argument(metavar="[TEAM]", help="Only this account's", show_default=False)] = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List projects."""
    from onebucket.actions import accounts, projects

    with common.reading(database, data) as work:
        names = [account] if account else accounts.list_owners(work)
        found = [each for name in names for each in projects.listed(work, name)]
    if json:
        common.show_json([_row(each) for each in found])
        return
    common.show_table(
        ["PROJECT", "NAME", "REPOSITORIES", ""],
        [
            [
                _path(each),
                each.project.name,
                str(each.repositories),
                "" if each.project.is_private else "public",
            ]
            for each in found
        ],
    )


@project.command("show")
def show_project(path: Path, json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Show a project: its repositories, and what groups and people may do on it."""
    from onebucket.actions import project_privileges, projects, repositories

    account, key = common.split_path(path, "TEAM/KEY")
    with common.reading(database, data) as work:
        found = projects.read(work, account, key)
        slugs = [each.slug for each in repositories.of_account(work, account) if each.project_id == found.project.id]
        groups = {each.group.slug: each.level.word for each in project_privileges.of_groups(work, account, key)}
        people = {each.person.username: each.level.word for each in project_privileges.of_people(work, account, key)}
    row = _row(found) | {"repositories": slugs, "groups": groups, "users": people}
    if json:
        common.show_json(row)
        return
    common.show(f"{row['path']}  {found.project.name}  {_visibility(found.project.is_private)}")
    if found.project.description:
        common.show(found.project.description)
    common.show(f"repositories: {', '.join(slugs) or 'none'}")
    for heading, levels in (("GROUP", groups), ("USER", people)):
        if levels:
            common.show()
            common.show_table([heading, "PERMISSION"], [[*each] for each in levels.items()])


@project.command("grant")
def grant(
    path: Path,
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="read, write, create-repo or admin")],
    group: Group = "",
    user: Person = "",
    until: Annotated[
        str, typer.Option("--until", metavar="WHEN", help="When it ends: 2026-12-03, or never", show_default=False)
    ] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Give a group or a person a permission on a project and all its repositories."""
    from onebucket.actions import project_privileges
    from onebucket.domain import ends
    from onebucket.domain.projects import parse_project_level

    account, key = common.split_path(path, "TEAM/KEY")
    chosen = parse_project_level(level)
    _require_one_holder(group, user)
    wish = ends.parse(until) if until else None
    with common.writing(database, data) as work:
        given = (
            project_privileges.set_for_group(work, account, key, group, chosen, wish)
            if group
            else project_privileges.set_for_person(work, account, key, user, chosen, wish)
        )
    end = f" until {ends.text(given.until)}" if given.until else ""
    common.show(f"gave {_holder(given)} {chosen.word} on the project {_path(given)}{end}")


@project.command("revoke")
def revoke(
    path: Path, group: Group = "", user: Person = "", database: DatabaseOption = "", data: DataOption = ""
) -> None:
    """Take away what a group or a person was given on a project. What they have in other ways stays."""
    from onebucket.actions import project_privileges

    account, key = common.split_path(path, "TEAM/KEY")
    _require_one_holder(group, user)
    with common.writing(database, data) as work:
        before = (
            project_privileges.of_group(work, account, key, group)
            if group
            else project_privileges.of_person(work, account, key, user)
        )
        if not before.level:
            raise CommandError(f"{_holder(before)} has nothing on the project {_path(before)}")
        if group:
            project_privileges.unset_for_group(work, account, key, group)
        else:
            project_privileges.unset_for_person(work, account, key, user)
    common.show(f"removed {before.level.word} on the project {_path(before)} from {_holder(before)}")


def _require_one_holder(group: str, user: str) -> None:
    if bool(group) == bool(user):
        raise CommandError("name one group with --group or one person with --user")


def _holder(grant: "ProjectGroupGrant | ProjectPersonGrant") -> str:
    from onebucket.actions.project_privileges import ProjectGroupGrant

    return f"the group {grant.group.slug}" if isinstance(grant, ProjectGroupGrant) else grant.person.username


def _visibility(is_private: bool) -> str:
    return "private" if is_private else "public"


def _path(found: "ProjectInAccount | ProjectGroupGrant | ProjectPersonGrant") -> str:
    return f"{found.owner.username}/{found.project.key}"


def _row(found: "ProjectInAccount") -> dict[str, Any]:
    return {
        "path": _path(found),
        "name": found.project.name,
        "description": found.project.description,
        "is_private": found.project.is_private,
        "repository_count": found.repositories,
    }
