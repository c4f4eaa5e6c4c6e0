"""The command `request`: requests for access, for administrators."""

from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption

if TYPE_CHECKING:
    from datetime import datetime

    from onebucket.domain.access_requests import AccessRequest

request = typer.Typer(help="Requests for access: list, grant, deny.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The id, from `request list ACCOUNT`")]


@request.command("list")
def list_requests(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account that they are for")],
    all_states: Annotated[bool, typer.Option("--all", help="Also those that don't wait any more.")] = False,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List the requests that wait in an account, newest first."""
    from onebucket.actions import access_requests

    with common.reading(database, data) as work:
        owner, found = access_requests.of_account(work, account)
    rows = [each for each in found if all_states or each.is_waiting]
    if json:
        import msgspec

        from onebucket.surfaces.extensions.requests import shape

        common.show_json([msgspec.to_builtins(shape(owner, each)) for each in rows])
        return
    common.show_table(
        ["ID", "WHO", "FOR", "UNTIL", "ASKED", "STATE", "REASON"],
        [
            [
                each.id,
                each.person.username,
                f"{each.level.word} on {each.slug}",
                _day(each.until) if each.until else "",
                _day(each.asked_at),
                _state(each),
                each.reason,
            ]
            for each in rows
        ],
    )


@request.command("grant")
def grant(
    id: Id,
    level: Annotated[
        str, typer.Option("--level", metavar="L", help="Less than was asked for: read or write", show_default=False)
    ] = "",
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="U", help="Another end: a date, a time with its zone, or never", show_default=False
        ),
    ] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Give a person what they ask for, or less, or until another date. They get an e-mail."""
    from onebucket.actions import access_requests
    from onebucket.domain import ends, privileges

    with common.writing(database, data) as work:
        owner, granted = access_requests.grant(
            work, id, privileges.parse_level(level) if level else None, ends.parse(until) if until else None
        )
    assert granted.granted is not None
    end = f" until {ends.text(granted.granted_until)}" if granted.granted_until else ""
    common.show(f"{granted.person.username} has {granted.granted.word} on {owner.username}/{granted.slug}{end}")


@request.command("deny")
def deny(
    id: Id,
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help="Why not: the person reads it")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Deny a request with a sentence. The person gets an e-mail."""
    from onebucket.actions import access_requests

    with common.writing(database, data) as work:
        owner, denied = access_requests.deny(work, id, sentence)
    common.show(f"denied {denied.person.username} {denied.level.word} on {owner.username}/{denied.slug}")


def _state(request: "AccessRequest") -> str:
    return f"{request.state.value} by {request.answered_by}" if request.answered_by else request.state.value


def _day(at: "datetime") -> str:
    return f"{at:%Y-%m-%d}"
