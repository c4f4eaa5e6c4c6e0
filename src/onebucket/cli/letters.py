"""`letter`."""

from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption

letter = typer.Typer(help="Letters that go out: list them, or let one be tried again.", no_args_is_help=True)


@letter.command("list")
def list_letters(json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List the latest hundred letters: to whom, what has become of them and, where they failed, why."""
    from onebucket.actions import outbox

    with common.reading(database, data) as work:
        found = outbox.newest(work)
    if json:
        common.show_json(
            [
                {
                    "id": each.id,
                    "account": owner.username,
                    "kind": each.kind.value,
                    "email": each.email,
                    "state": each.state.value,
                    "created_at": each.created_at.isoformat(),
                    "sent_at": each.sent_at.isoformat() if each.sent_at else None,
                    "due_at": each.due_at.isoformat() if each.due_at else None,
                    "attempts": each.attempts,
                    "trouble": each.last_error,
                }
                for owner, each in found
            ]
        )
        return
    common.show_table(
        ["ID", "KIND", "ACCOUNT", "TO", "SINCE", "STATE", "TROUBLE"],
        [
            [
                each.id,
                each.kind.value,
                owner.username,
                each.email,
                f"{each.created_at:%Y-%m-%d %H:%M}",
                each.state.value,
                each.last_error or "",
            ]
            for owner, each in found
        ],
    )


@letter.command("retry")
def retry(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `letter list` shows it")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Let a letter that failed or was given up be tried now; the server that runs carries it."""
    from onebucket.actions import outbox

    with common.writing(database, data) as work:
        meant = [each for _, each in outbox.list_failing(work) if each.id == id]
        tried = outbox.retry(work, meant[0].account_id, id) if meant else None
    if tried is None:
        raise CommandError(f"no letter {id!r} has failed, about something that is open still")
    common.show(f"the letter to {tried.email} is tried again")
