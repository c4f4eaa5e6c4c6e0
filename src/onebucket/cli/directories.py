"""The command `directory`: identity providers that bring a team's people and groups over SCIM."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption, Yes

if TYPE_CHECKING:
    from onebucket.actions.directories import Overview

directory = typer.Typer(help="Directories (SCIM): add, list, show, change, rotate keys, remove.", no_args_is_help=True)

_Directory = Annotated[str, typer.Argument(metavar="TEAM/LABEL", help="The directory, such as acme/okta")]
_Expires = Annotated[
    str,
    typer.Option("--expires", metavar="90d", help="When the key ends. Default: never.", show_default=False),
]
_Domains = Annotated[
    list[str] | None,
    typer.Option(
        "--domain", metavar="DOMAIN", help="A domain that the team has proved to own; can be repeated.",
        show_default=False,
    ),
]  # fmt: skip
_Adopt = Annotated[
    bool | None, typer.Option("--adopt/--no-adopt", help="Let it take over groups that exist.", show_default=False)
]


@directory.command("add")
def add_directory(
    team: Annotated[str, typer.Argument(metavar="TEAM", help="The team whose people and groups it brings")],
    label: Annotated[str, typer.Option("--label", metavar="L", help="Its name in the team. Default: scim.")] = "",
    domain: _Domains = None,
    adopt: _Adopt = None,
    expires: _Expires = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add a directory. Its address and its key are for the identity provider; the key is printed once."""
    from onebucket import hashing
    from onebucket.actions import directories

    key = hashing.new_secret(hashing.DIRECTORY_PREFIX)
    with common.writing(database, data) as work:
        added = directories.add(
            work,
            team,
            label=label or None,
            secret_hash=hashing.secret_hash(key),
            domains=domain or (),
            adopts_groups=adopt or False,
            expires_at=common.moment(expires, now=work.at, ahead=True) if expires else None,
        )
    url = _url(added, database, data)
    if json:
        common.show_json(_shown(added, url) | {"key": key})
        return
    common.show(f"url {url}\nkey {key}")
    typer.echo(f"{_name(added)} is added. The key is not shown again.", err=True)


@directory.command("list")
def list_directories(
    team: Annotated[str | None, typer.Argument(metavar="TEAM", help="Only those of this team")] = None,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List directories, with what they have brought and when they last called."""
    from onebucket.actions import directories

    with common.reading(database, data) as work:
        found = directories.of_account(work, team) if team else directories.everywhere(work)
    if json:
        common.show_json([_shown(each, _url(each, database, data)) for each in found])
        return
    common.show_table(
        ["DIRECTORY", "PEOPLE", "GROUPS", "KEYS", "LAST CONTACT"],
        [[_name(each), str(each.people), str(each.groups), str(len(each.keys)), _last_contact(each)] for each in found],
    )


@directory.command("show")
def show_directory(
    name: _Directory,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Show a directory: its address, settings and keys, without their secrets."""
    from onebucket.actions import directories

    with common.reading(database, data) as work:
        found = directories.read(work, *_parts(name))
    url = _url(found, database, data)
    if json:
        common.show_json(_shown(found, url))
        return
    lines = [
        f"url {url}",
        f"domains {' '.join(found.directory.domains) or 'none'}",
        f"adopt {'on' if found.directory.adopts_groups else 'off'}",
        f"people {found.people}",
        f"groups {found.groups}",
        f"last contact {_last_contact(found)}",
    ]
    common.show("\n".join([*lines, *(f"key {key['id'][:8]}, expires {key['expires_at'] or 'never'}"
                                     for key in _keys(found))]))  # fmt: skip


@directory.command("rotate")
def rotate_key(
    name: _Directory,
    end_old: Annotated[
        bool, typer.Option("--end-old", help="Revoke the older of two keys instead of making one.")
    ] = False,
    expires: _Expires = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Make another key, beside the one that is valid; then `--end-old` revokes the older one."""
    from onebucket import hashing
    from onebucket.actions import directories

    if end_old:
        with common.writing(database, data) as work:
            revoked = directories.revoke_old_key(work, *_parts(name))
        if json:
            common.show_json({"id": revoked.id})
            return
        common.show(f"revoked the key {revoked.id[:8]}")
        return
    key = hashing.new_secret(hashing.DIRECTORY_PREFIX)
    with common.writing(database, data) as work:
        expires_at = common.moment(expires, now=work.at, ahead=True) if expires else None
        directories.rotate(work, *_parts(name), secret_hash=hashing.secret_hash(key), expires_at=expires_at)
        found = directories.read(work, *_parts(name))
    if json:
        common.show_json(_shown(found, _url(found, database, data)) | {"key": key})
        return
    common.show(key)
    typer.echo("The key is not shown again. The older one is valid until `directory rotate --end-old`.", err=True)


@directory.command("set")
def change_directory(
    name: _Directory,
    label: Annotated[str | None, typer.Option("--label", metavar="L", help="Another label")] = None,
    domain: _Domains = None,
    no_domains: Annotated[bool, typer.Option("--no-domains", help="Take all its domains away.")] = False,
    adopt: _Adopt = None,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Change a directory: its label, its proved domains (all of them), or whether it takes over groups."""
    from onebucket.actions import directories

    domains = [] if no_domains else domain
    with common.writing(database, data) as work:
        changed = directories.change(work, *_parts(name), label=label, domains=domains, adopts_groups=adopt)
    common.show(f"changed {_name(changed)}")


@directory.command("remove")
def remove_directory(
    name: _Directory,
    yes: Yes = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Remove a directory. Its groups become ordinary ones; its people stay, disabled ones disabled."""
    from onebucket.actions import directories

    with common.reading(database, data) as work:
        found = directories.read(work, *_parts(name))
    if not common.confirmed(f"Remove {_name(found)}, with {found.people} people and {found.groups} groups?", yes=yes):
        raise typer.Exit(1)
    with common.writing(database, data) as work:
        directories.remove(work, *_parts(name))
    common.show(f"removed {_name(found)}")


def _parts(name: str) -> tuple[str, str]:
    return common.split_path(name, "TEAM/LABEL")


def _name(found: "Overview") -> str:
    return f"{found.team.username}/{found.directory.label}"


def _url(found: "Overview", database: str, data: str) -> str:
    base_url = common.settings(database, data).base_url or "http://127.0.0.1:8080"
    return f"{base_url}/scim/directory/{found.directory.id}"


def _last_contact(found: "Overview") -> str:
    return found.last_contact.isoformat(timespec="seconds") if found.last_contact else "never"


def _keys(found: "Overview") -> list[dict[str, Any]]:
    return [
        {
            "id": key.id,
            "created_at": key.created_at.isoformat(timespec="seconds"),
            "expires_at": key.expires_at.isoformat(timespec="seconds") if key.expires_at else None,
            "last_used_at": key.last_used_at.isoformat(timespec="seconds") if key.last_used_at else None,
        }
        for key in found.keys
    ]


def _shown(found: "Overview", url: str) -> dict[str, Any]:
    return {
        "team": found.team.username,
        "label": found.directory.label,
        "id": found.directory.id,
        "url": url,
        "domains": [*found.directory.domains],
        "adopt": found.directory.adopts_groups,
        "people": found.people,
        "groups": found.groups,
        "keys": _keys(found),
    }
