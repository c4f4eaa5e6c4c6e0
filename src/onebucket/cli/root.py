"""The root command and the names of all its subcommands."""

from typing import Annotated

import typer

import onebucket
from onebucket.cli import accounts, backups, consumers, documents, invitations, journal, letters, serve, tokens

root = typer.Typer(
    name="onebucket",
    help="A server of your own for the groups, group privileges and invitations of Bitbucket Cloud's REST API 1.0.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"onebucket {onebucket.__version__}")
        raise typer.Exit


@root.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


root.command("serve")(serve.serve)
root.command("apply")(documents.apply)
root.command("export")(documents.export)
root.add_typer(documents.imports, name="import")
root.add_typer(accounts.user, name="user")
root.add_typer(accounts.team, name="team")
root.add_typer(accounts.repo, name="repo")
root.add_typer(tokens.token, name="token")
root.add_typer(consumers.consumer, name="consumer")
root.add_typer(invitations.invitation, name="invitation")
root.add_typer(letters.letter, name="letter")
root.command("check")(serve.check)
root.command("journal")(journal.journal)
root.command("backup")(backups.backup)
root.command("restore")(backups.restore)
root.command("restored")(backups.restored)
root.command("doctor")(serve.doctor)
root.command("openapi")(serve.openapi)
