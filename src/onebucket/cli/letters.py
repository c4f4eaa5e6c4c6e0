"""The command `letter`: outgoing mail."""

from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption

letter = typer.Typer(help="Outgoing e-mails: list, retry.", no_args_is_help=True)


@letter.command("list")
def list_letters(json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List the latest hundred e-mails: recipient, state and, if one failed, the reason."""
    from onebucket.actions import outbox

    with common.reading(database, data) as work:
        rows = outbox.newest(work)
    if json:
        common.show_json(
            [
                {
                    "id": mail.id,
                    "account": owner.username,
                    "kind": mail.kind.value,
                    "email": mail.email,
                    "state": mail.state.value,
                    "created_at": mail.created_at.isoformat(),
                    "sent_at": mail.sent_at.isoformat() if mail.sent_at else None,
                    "due_at": mail.due_at.isoformat() if mail.due_at else None,
                    "attempts": mail.attempts,
                    "trouble": mail.last_error,
                }
                for owner, mail in rows
            ]
        )
        return
    common.show_table(
        ["ID", "KIND", "ACCOUNT", "TO", "SINCE", "STATE", "TROUBLE"],
        [
            [
                mail.id,
                mail.kind.value,
                owner.username,
                mail.email,
                f"{mail.created_at:%Y-%m-%d %H:%M}",
                mail.state.value,
                mail.last_error or "",
            ]
            for owner, mail in rows
        ],
    )


@letter.command("retry")
def retry(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id, from `letter list`")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Try a failed e-mail again now. The running server sends it."""
    from onebucket.actions import outbox

    with common.writing(database, data) as work:
        matching = [mail for _, mail in outbox.list_failing(work) if mail.id == id]
        retried = outbox.retry(work, matching[0].account_id, id) if matching else None
    if retried is None:
        raise CommandError(f"there is no failed e-mail {id!r} that can be sent again")
    common.show(f"queued the e-mail to {retried.email} again")
