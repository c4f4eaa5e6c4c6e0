"""The root command and the names of all its subcommands."""

from typing import Annotated

import typer

import onebucket
from onebucket.cli import (
    access_changes,
    accounts,
    backups,
    bitbucket_import,
    consumers,
    csv_import,
    deletion,
    directories,
    documents,
    double,
    given_access,
    invitations,
    journal,
    letters,
    mirror,
    mirror_status,
    offboarding,
    projects,
    redirection,
    repositories,
    requests,
    reviews,
    second_factors,
    serve,
    ssh_keys,
    tokens,
    user_emails,
    user_sign_in,
    webhooks,
)

root = typer.Typer(
    name="onebucket",
    help="A self-hosted server for the groups, group privileges and invitations of Bitbucket Cloud's REST API 1.0.",
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
root.command("double")(double.double)
root.command("run", context_settings={"ignore_unknown_options": True})(redirection.run)
root.command("ca")(redirection.ca)
root.command("apply")(documents.apply)
root.command("export")(documents.export)
documents.imports.command("bitbucket")(bitbucket_import.import_bitbucket)
documents.imports.command("csv")(csv_import.import_csv)
root.add_typer(documents.imports, name="import")
accounts.user.command("identities")(user_sign_in.list_identities)
accounts.user.command("unlink")(user_sign_in.unlink_identity)
accounts.user.command("sign-out")(user_sign_in.sign_out)
accounts.user.command("factors")(second_factors.list_factors)
accounts.user.command("remove-factor")(second_factors.remove_factor)
accounts.user.command("offboard")(offboarding.offboard)
accounts.user.command("delete")(deletion.delete)
accounts.user.add_typer(user_emails.user_email, name="email")
root.add_typer(accounts.user, name="user")
root.command("session")(accounts.make_session)
root.add_typer(accounts.group, name="group")
root.add_typer(accounts.team, name="team")
root.add_typer(repositories.repo, name="repo")
root.add_typer(projects.project, name="project")
root.add_typer(tokens.token, name="token")
root.add_typer(ssh_keys.ssh_key, name="ssh-key")
root.add_typer(consumers.consumer, name="consumer")
root.add_typer(directories.directory, name="directory")
root.command("invite")(given_access.invite)
root.add_typer(invitations.invitation, name="invitation")
root.add_typer(requests.request, name="request")
root.add_typer(letters.letter, name="letter")
mirror.mirror.command("list")(mirror_status.list_mirrors)
mirror.mirror.command("status")(mirror_status.status)
mirror.mirror.command("pause")(mirror_status.pause)
mirror.mirror.command("resume")(mirror_status.resume)
mirror.mirror.command("forget")(mirror_status.forget)
root.add_typer(mirror.mirror, name="mirror")
root.add_typer(webhooks.webhook, name="webhook")
root.command("check")(serve.check)
root.add_typer(access_changes.access, name="access")
root.add_typer(reviews.review, name="review")
root.command("journal")(journal.journal)
root.command("backup")(backups.backup)
root.command("restore")(backups.restore)
root.command("restored")(backups.restored)
root.command("doctor")(serve.doctor)
root.command("openapi")(serve.openapi)
