"""The commands `invite`, `access ends` and `access extend`."""

from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.access_changes import access
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption

if TYPE_CHECKING:
    from onebucket.actions.given_access import GiftPlan

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="A team or a person", show_default=False)]
Until = Annotated[
    str, typer.Option("--until", metavar="WHEN", help="When it ends: 2026-12-03, or never", show_default=False)
]
_KINDS = {
    "member": "memberships",
    "group-privilege": "group_privileges",
    "privilege": "privileges",
    "project-group-privilege": "project_group_privileges",
    "project-privilege": "project_privileges",
}


def invite(
    account: Account,
    people: Annotated[list[str], typer.Argument(metavar="PERSON…", help="Usernames and e-mail addresses")],
    repositories: Annotated[
        list[str], typer.Option("--repository", metavar="R", help="A repository (repeatable)", show_default=False)
    ],
    level: Annotated[str, typer.Option("--level", metavar="LEVEL", help="read, write or admin")] = "read",
    until: Until = "",
    inviter: Annotated[
        str, typer.Option("--as", metavar="USER", help="Who invites: an administrator", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print who would get what.")] = False,
    as_json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Give people a level on repositories. Whoever has no account is invited, with one e-mail.

    It happens in one transaction. Nobody loses anything: a higher level stays. The running server sends the e-mails.
    """
    from onebucket.actions import given_access
    from onebucket.actions.given_access import Gift
    from onebucket.domain import ends, privileges

    gift = Gift(people, repositories, privileges.parse_level(level), ends.parse(until) if until else None)
    if dry_run:
        with common.reading(database, data) as work:
            planned = given_access.plan(work, account, gift)
    else:
        with common.writing(database, data) as work:
            planned = given_access.plan(work, account, gift)
            if planned.invited and not inviter:
                raise CommandError(f"{planned.invited[0]} has no account: say who invites with --as USER")
            planned = given_access.apply(work, account, gift, inviter=inviter or None)
    _show(planned, dry_run=dry_run, as_json=as_json)


def _show(planned: "GiftPlan", *, dry_run: bool, as_json: bool) -> None:
    from onebucket.domain import ends

    if as_json:
        import msgspec

        from onebucket.surfaces.core.gift_shape import gift_shape

        common.show_json(msgspec.to_builtins(gift_shape(planned, dry_run=dry_run)))
        return
    places = ", ".join(f"{planned.owner.username}/{each.slug}" for each in planned.repositories)
    end = f" until {ends.text(planned.until)}" if planned.until else ""
    gave, invited = ("would give", "would invite") if dry_run else ("gave", "invited")
    for person in planned.people:
        common.show(f"{gave} {person.username} {planned.level.word} on {places}{end}")
    for email in planned.invited:
        common.show(f"{invited} {email} with {planned.level.word} to {places}{end}")


@access.command("ends")
def list_ends(
    account: Account, as_json: JsonOption = False, database: DatabaseOption = "", data: DataOption = ""
) -> None:
    """List what ends in an account, and when, the first first."""
    from onebucket.actions import ending_access
    from onebucket.domain import ends

    words = {table: word for word, table in _KINDS.items()}
    with common.reading(database, data) as work:
        found = ending_access.of_account(work, account).endings
    rows = [
        {
            "kind": words[each.end.kind.value],
            "place": each.end.place,
            "holder": each.end.holder,
            "level": each.level.word if each.level is not None else None,
            "until": ends.text(each.end.until),
            "granted_by": each.end.granted_by,
        }
        for each in found
    ]
    if as_json:
        common.show_json(rows)
        return
    common.show_table(
        ["KIND", "PLACE", "HOLDER", "LEVEL", "UNTIL", "GIVEN BY"],
        [[each or "" for each in row.values()] for row in rows],
    )


@access.command("extend")
def extend(
    account: Account,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(_KINDS)}: as `access ends` prints it")],
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="The slug of a group or repository, or a project's key")
    ],
    holder: Annotated[str, typer.Argument(metavar="HOLDER", help="A person, or a group's slug")],
    until: Until,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Let access end at another time, sooner or later, or never. What has ended is given again instead."""
    from onebucket.actions import ending_access
    from onebucket.actions.ending_access import EndedPlace
    from onebucket.domain import ends
    from onebucket.domain.ends import EndKind

    if kind not in _KINDS:
        raise CommandError(f"the kind is one of {', '.join(_KINDS)}, not {kind}")
    wish = ends.parse(until)
    with common.writing(database, data) as work:
        ending_access.move(work, account, EndedPlace(EndKind(_KINDS[kind]), place, holder), wish)
    common.show(f"what {holder} has on {place} {'never ends' if wish is ends.NEVER else 'ends at ' + until}")
