"""The commands `user`, `session`, `group` and `team`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, PasswordOption, Use, Yes

if TYPE_CHECKING:
    from onebucket.actions.accounts import Person

user = typer.Typer(
    help="People: add, admin, disable, enable, rename, offboard, delete, email, password, factors, identities, list.",
    no_args_is_help=True,
)
group = typer.Typer(help="Groups: keep.", no_args_is_help=True)
team = typer.Typer(help="Teams: add, rename, delete, list.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Username, e-mail address, UUID or account_id")]
DisplayName = Annotated[str, typer.Option("--display-name", metavar="D", help="The full name", show_default=False)]


@user.command("add")
def add_user(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The username")],
    email: Annotated[
        str, typer.Option("--email", metavar="E", help="Their address; counts as confirmed", show_default=False)
    ],
    display_name: DisplayName = "",
    admin: Annotated[bool, typer.Option("--admin", help="Make a site administrator.")] = False,
    password_stdin: PasswordOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add a person. Prompts for a password at a terminal; without one they can't sign in yet."""
    from onebucket import hashing
    from onebucket.actions import accounts

    password = common.new_password(password_stdin, needed=password_stdin)
    with common.writing(database, data, use=Use.MAKES) as work:
        added = accounts.add_user(
            work,
            name,
            email=email,
            display_name=display_name or None,
            password_hash=hashing.password_hash(password) if password else None,
            site_admin=admin,
        )
    common.show(f"added {added.username}" + ("" if password else ", without a password"))


@user.command("admin")
def set_site_admin(
    name: Name,
    remove: Annotated[bool, typer.Option("--remove", help="Take the role away.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Make a person a site administrator. With --remove, take the role away, except from the last one."""
    from onebucket.actions import accounts

    with common.writing(database, data) as work:
        person = accounts.change_user(work, name, site_admin=not remove)
    common.show(f"{person.username} {'is no longer' if remove else 'is'} a site administrator")


@user.command("disable")
def disable_user(name: Name, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Disable a person: their next request is refused. Memberships stay, and count again when they are enabled."""
    from onebucket.actions import accounts

    with common.writing(database, data) as work:
        person, orphaned = accounts.set_active(work, name, False)
    common.show(f"disabled {person.username}")
    for orphan in orphaned:
        common.show(f"warning: the team {orphan} has no active administrator now")


@user.command("enable")
def enable_user(name: Name, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Enable a disabled person again."""
    from onebucket.actions import accounts

    with common.writing(database, data) as work:
        person, _ = accounts.set_active(work, name, True)
    common.show(f"enabled {person.username}")


@user.command("rename")
def rename_user(
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="The new username")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Change a person's username. The old one stops working."""
    from onebucket.actions import accounts

    with common.writing(database, data) as work:
        renamed = accounts.change_user(work, name, username=new_name)
    common.show(f"renamed {name} to {renamed.username}")


@user.command("password")
def set_password(
    name: Name, password_stdin: PasswordOption = False, database: DatabaseOption = "", data: DataOption = ""
) -> None:
    """Set a person's password. The old one stops working at once."""
    from onebucket import hashing
    from onebucket.actions import accounts

    hash = hashing.password_hash(common.new_password(password_stdin, needed=True) or "")
    with common.writing(database, data) as work:
        person = accounts.set_password(work, name, hash)
    common.show(f"set the password of {person.username}")


@user.command("list")
def list_users(json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List people."""
    from onebucket.actions import accounts

    with common.reading(database, data) as work:
        people = accounts.list_people(work)
    rows = [_row(person) for person in people]
    if json:
        common.show_json(rows)
        return
    labels = {
        "is_active": ("", "disabled"),
        "site_admin": ("site administrator", ""),
        "has_password": ("", "no password"),
        "has_second_factor": ("second factor", ""),
    }
    common.show_table(
        ["USERNAME", "NAME", "E-MAIL", ""],
        [
            [
                str(row["username"]),
                str(row["display_name"]),
                person.emails[0].address if person.emails else "-",
                common.flags(row, labels),
            ]
            for row, person in zip(rows, people, strict=True)
        ],
    )


def _row(person: "Person") -> dict[str, Any]:
    return {
        "username": person.account.username,
        "display_name": person.account.display_name,
        "emails": [email.address for email in person.emails],
        "uuid": f"{{{person.account.id}}}",
        "account_id": person.account.aaid,
        "is_active": person.account.is_active,
        "site_admin": person.account.site_admin,
        "has_password": person.has_password,
        "has_second_factor": person.account.has_second_factor,
    }


def make_session(name: Name, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Print a link that signs a person in, once and within 15 minutes: the way in without a password or provider."""
    from onebucket import hashing
    from onebucket.actions import session_links

    secret = hashing.new_secret()
    # Without base_url the server isn't known from here: it is what `serve` listens on by default.
    base_url = common.settings(database, data).base_url or "http://127.0.0.1:8080"
    with common.writing(database, data) as work:
        session_links.make(work, name, secret_hash=hashing.secret_hash(secret))
    common.show(f"{base_url}/sessions/{secret}")


@group.command("keep")
def keep_group(
    path: Annotated[str, typer.Argument(metavar="ACCOUNT/SLUG", help="The group")],
    by: Annotated[
        str, typer.Option("--by", metavar="PROVIDER", help="The NAME of its table [oidc.NAME]", show_default=False)
    ] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Keep it no longer; its members stay.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Let sign-ins with a provider keep a group: whoever signs in joins or leaves it as the provider says."""
    from onebucket import provider_configuration
    from onebucket.actions import groups

    account, slug = common.split_path(path, "ACCOUNT/SLUG")
    if bool(by) is remove:
        raise CommandError("give either --by PROVIDER or --remove")
    if by and by not in provider_configuration.names_with_groups(common.settings(database, data)):
        raise CommandError(f"there is no [oidc.{by}] with a groups_claim in the settings")
    with common.writing(database, data) as work:
        groups.set_keeper(work, account, slug, by or None)
    common.show(f"sign-ins with {by} keep {path}" if by else f"no sign-in keeps {path}")


@team.command("add")
def add_team(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The team's username")],
    admin: Annotated[str, typer.Option("--admin", metavar="USER", help="Its first administrator", show_default=False)],
    display_name: DisplayName = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add a team with the groups `administrators` and `developers`."""
    from onebucket.actions import teams

    with common.writing(database, data) as work:
        added = teams.add(work, name, display_name=display_name or None, administrator=admin)
    common.show(f"added the team {added.username}")


@team.command("rename")
def rename_team(
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="The new username")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Change a team's username. The old one stops working."""
    from onebucket.actions import teams

    with common.writing(database, data) as work:
        renamed = teams.change(work, name, username=new_name)
    common.show(f"renamed {name} to {renamed.username}")


@team.command("delete")
def delete_team(name: Name, yes: Yes = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Delete a team with its groups, repositories, privileges and invitations. Its journal stays."""
    from onebucket.actions import teams

    if not common.confirmed(f"Delete the team {name} and everything in it?", yes=yes):
        raise CommandError("nothing was deleted")
    with common.writing(database, data) as work:
        deleted = teams.delete(work, name)
    common.show(f"deleted the team {deleted.username}")


@team.command("list")
def list_teams(json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List teams."""
    from onebucket.actions import teams

    with common.reading(database, data) as work:
        listed = teams.listed(work)
    if json:
        common.show_json(
            [
                {"username": team.username, "display_name": team.display_name, "uuid": f"{{{team.id}}}"}
                for team in listed
            ]
        )
        return
    common.show_table(["USERNAME", "NAME"], [[team.username, team.display_name] for team in listed])
