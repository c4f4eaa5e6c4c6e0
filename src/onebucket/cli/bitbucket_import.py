"""The command `import bitbucket`: a workspace of Bitbucket Cloud, read over its APIs."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from onebucket.cli import common, documents
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, Use
from onebucket.cli.documents import DryRunOption, ExitCodeOption, MaxRemovalsOption
from onebucket.domain.accounts import username_key
from onebucket.remote.bitbucket_url import DEFAULT_API
from onebucket.settings import Settings

if TYPE_CHECKING:
    from onebucket.remote.bitbucket_objects import WorkspaceContents
    from onebucket.remote.saved_responses import SavedResponses
    from onebucket.store.engine.database import Database
    from onebucket.transfer.bitbucket import ImportedWorkspace

USERNAME_VARIABLE, TOKEN_VARIABLE = "BITBUCKET_USERNAME", "BITBUCKET_TOKEN"

# Exit code when something was imported, but not everything could be read.
INCOMPLETE = 3
# Notes printed; a workspace whose people are here already under other ids has one for each of them.
MAX_NOTES = 20


def import_bitbucket(
    workspace: Annotated[str, typer.Argument(metavar="WORKSPACE", help="The workspace's slug or UUID")],
    api: Annotated[str, typer.Option("--api", metavar="URL", help="The API to read from.")] = DEFAULT_API,
    username: Annotated[
        str, typer.Option("--username", envvar=USERNAME_VARIABLE, help="The e-mail address that the token belongs to.")
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help=f"A file with the API token; default: ${TOKEN_VARIABLE}")
    ] = None,
    as_account: Annotated[
        str, typer.Option("--as", metavar="ACCOUNT", help="The team's username; default: the workspace's slug")
    ] = "",
    people: Annotated[
        Path | None, typer.Option("--people", metavar="FILE", help="A CSV file: account_id,email")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Where responses are kept until the import is done."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Read everything, also what an earlier run has read.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove what the account has but the workspace hasn't.")
    ] = False,
    dry_run: DryRunOption = False,
    exit_code: ExitCodeOption = False,
    max_removals: MaxRemovalsOption = "25%",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Import a workspace of Bitbucket Cloud, all or nothing. Nothing changes there.

    Exits with 3 if something of the workspace could not be read.
    """
    options = documents.import_options(max_removals, exit_code=exit_code, dry_run=dry_run, prune=prune)
    credential = _credential(username, token_file)
    emails = _emails(people)
    chosen = common.settings(database, data)
    saved = _open_saved(state or _state_file(chosen, workspace), api, workspace, credential, fresh=fresh)
    contents = _read(workspace, api, credential, saved)
    if prune and contents.unread:
        raise CommandError(f"--prune needs everything, and this could not be read: {'; '.join(contents.unread)}")

    with common.open_database(chosen, Use.REHEARSES if dry_run else Use.MAKES) as opened:
        imported = _convert(opened, contents, emails, as_account)
        lines = [f"{'found' if dry_run else 'imported'} {contents.workspace.slug}: {imported.summary()}"]
        lines += [f"note: {note}" for note in imported.notes[:MAX_NOTES]]
        if (more := len(imported.notes) - MAX_NOTES) > 0:
            lines.append(f"note: and {more:,} more of these")
        try:
            documents.carry_out(opened, [imported.document], options, dry_run=dry_run, lines=lines)
        finally:
            for what in contents.unread:
                typer.echo(f"not read: {what}", err=True)
        if not dry_run:
            saved.delete()
    if contents.unread:
        raise typer.Exit(INCOMPLETE)


def _credential(username: str, token_file: Path | None) -> tuple[str, str]:
    """Return username and token. Raises CommandError."""
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"can't read {token_file}: {getattr(error, 'strerror', None) or error}") from None
    else:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise CommandError(f"there is no API token: give --token-file, or set {TOKEN_VARIABLE}")
    if not username:
        raise CommandError(f"give --username or set {USERNAME_VARIABLE}: the e-mail address that the token belongs to")
    return username, token


def _emails(people: Path | None) -> Mapping[str, str]:
    from onebucket.transfer import bitbucket_people

    return bitbucket_people.read_emails(people) if people is not None else {}


def _state_file(chosen: Settings, workspace: str) -> Path:
    name = "".join(character if character.isalnum() or character in "-_" else "_" for character in workspace)
    folder = Path(chosen.data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"import-bitbucket-{name}.jsonl"


def _open_saved(path: Path, api: str, workspace: str, credential: tuple[str, str], *, fresh: bool) -> "SavedResponses":
    """Open the file of responses. Raises CommandError."""
    from onebucket.remote.saved_responses import SavedResponses

    parts = urlsplit(api)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise CommandError(f"{api!r} is not the URL of an API, such as {DEFAULT_API}")
    try:
        if fresh:
            path.unlink(missing_ok=True)
        saved = SavedResponses(
            path,
            {"api": api.rstrip("/"), "workspace": workspace, "username": credential[0]},
            at=datetime.now(UTC),
        )
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}") from None
    if saved.found:
        common.show(
            f"using {saved.found:,} responses of {saved.started:%Y-%m-%d %H:%M} UTC in {path}; --fresh reads them again"
        )
    return saved


def _read(workspace: str, api: str, credential: tuple[str, str], saved: "SavedResponses") -> "WorkspaceContents":
    """Read the workspace. Raises RemoteError, CommandError."""
    from onebucket.remote.bitbucket_workspace import WorkspaceReader
    from onebucket.remote.json_client import JsonClient

    async def read() -> "WorkspaceContents":
        with common.progress("reading") as report:
            async with JsonClient(api, credential, notify=lambda sentence: typer.echo(sentence, err=True)) as client:
                return await WorkspaceReader(client, workspace, saved, report=report).read()

    try:
        return asyncio.run(read())
    except KeyboardInterrupt:
        raise CommandError("stopped; the same command goes on where it was") from None
    finally:
        saved.close()


def _convert(
    opened: "Database", contents: "WorkspaceContents", emails: Mapping[str, str], as_account: str
) -> "ImportedWorkspace":
    from onebucket.actions import accounts
    from onebucket.transfer import bitbucket, bitbucket_people

    with opened.reading() as tx:
        work = common.work(tx)
        known = bitbucket_people.known(accounts.list_people(work), accounts.list_owners(work))
    people = bitbucket_people.PeopleOfWorkspace(known, emails)
    username = as_account or contents.workspace.slug
    is_new = username_key(username) not in known.taken
    return bitbucket.to_document(contents, people, username=username, is_new=is_new)
