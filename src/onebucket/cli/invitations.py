"""The command `invitation`."""

from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption

if TYPE_CHECKING:
    from datetime import datetime

    from onebucket.domain.accounts import Account
    from onebucket.domain.invitations import Invitation

invitation = typer.Typer(help="Invitations: list, resend, accept, withdraw.", no_args_is_help=True)

AccountOption = Annotated[str, typer.Option("--account", metavar="A", help="Only this account's", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id, from `invitation list --json`")]


@invitation.command("list")
def list_invitations(
    account: AccountOption = "",
    email: Annotated[str, typer.Option("--email", metavar="E", help="Only to this address", show_default=False)] = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List pending invitations, the state of their e-mails, and when they expire."""
    from onebucket.actions import invitations

    with common.reading(database, data) as work:
        rows = invitations.found(work, account_name=account or None, email=email or None)
        at = work.at
    if json:
        import msgspec

        from onebucket.surfaces.extensions.invitations import shape

        common.show_json([msgspec.to_builtins(shape(owner, row)) for owner, row in rows])
        return
    common.show_table(
        ["E-MAIL", "TO", "INVITED BY", "SENT", "LETTER", "UNTIL"],
        [
            [
                row.email,
                _target(owner, row),
                row.invited_by.username,
                f"{row.sent_at:%Y-%m-%d %H:%M}",
                _delivery(row),
                _expiry(row, at),
            ]
            for owner, row in rows
        ],
    )


@invitation.command("resend")
def resend(id: Id, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Send an invitation again with a new link. The running server sends the e-mail."""
    from onebucket.actions import invitations

    with common.writing(database, data) as work:
        _, sent = invitations.resend(work, id)
    common.show(f"queued another e-mail to {sent.email}")


@invitation.command("accept")
def accept(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The link in the e-mail, or its last part")],
    user: Annotated[str, typer.Option("--as", metavar="USER", help="Who accepts", show_default=False)],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Accept an invitation for the person who has the invited address."""
    from onebucket import hashing
    from onebucket.actions import invitation_acceptance

    secret = token.rstrip("/").rpartition("/")[2]
    with common.writing(database, data) as work:
        owner, accepted = invitation_acceptance.accept(work, hashing.secret_hash(secret), name=user)
    common.show(f"{user} has accepted: {_target(owner, accepted)}")


@invitation.command("withdraw")
def withdraw(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account that invited")],
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The invited address")],
    group: Annotated[str, typer.Option("--group", metavar="S", help="Only to this group", show_default=False)] = "",
    repository: Annotated[
        str, typer.Option("--repository", metavar="R", help="To this repository instead of groups", show_default=False)
    ] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Withdraw an address's invitations to all groups of an account, to one group, or to a repository."""
    from onebucket.actions import invitations

    if group and repository:
        raise CommandError("--group and --repository exclude each other")
    with common.writing(database, data) as work:
        if repository:
            invitations.withdraw_from_repository(work, account, repository, email)
        else:
            invitations.withdraw_from_groups(work, account, email, (None, group) if group else None)
    common.show(f"withdrew the invitation of {email}")


def _target(owner: "Account", invitation: "Invitation") -> str:
    if invitation.repository is None:
        return ", ".join(f"{owner.username}/{slug}" for slug in invitation.groups)
    permission = invitation.permission.word if invitation.permission else ""
    return f"{owner.username}/{invitation.repository.slug} ({permission})"


def _expiry(invitation: "Invitation", at: "datetime") -> str:
    if invitation.is_void:
        return "void: the inviter may not invite"
    return "expired" if invitation.expires_at <= at else f"{invitation.expires_at:%Y-%m-%d %H:%M}"


def _delivery(invitation: "Invitation") -> str:
    state = invitation.letter.state.value if invitation.letter else "not sent"
    return f"{state}, opened" if invitation.opened_at else state
