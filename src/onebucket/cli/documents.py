"""The commands `apply`, `export` and `import`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, Use
from onebucket.domain.removal_limits import parse_limit
from onebucket.domain.site_limits import DEFAULT_LIMITS, SiteLimits

if TYPE_CHECKING:
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.domain.journal_entry import Entry
    from onebucket.domain.removal_limits import RemovalLimit
    from onebucket.settings import Settings
    from onebucket.store.engine.database import Database
    from onebucket.transfer.apply_context import Report
    from onebucket.transfer.document import Document
    from onebucket.transfer.removal_limit import TooManyRemovals

imports = typer.Typer(help="Import accounts from other sources.", no_args_is_help=True)

# A longer difference is printed as a summary only, except by a dry run.
LONGEST_DIFFERENCE = 200


# Exit code of `--dry-run --exit-code` when something would change.
WOULD_CHANGE = 2

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only print what would change.")]
ExitCodeOption = Annotated[
    bool, typer.Option("--exit-code", help="With --dry-run: exit with 2 if something would change, 0 if not.")
]
MaxRemovalsOption = Annotated[
    str,
    typer.Option(
        "--max-removals",
        metavar="N|N%",
        help="The most groups, members, privileges, invitations and webhooks to remove from an account.",
    ),
]


class _RollBack(Exception):
    """Ends a preview's transaction without a commit."""


@dataclass(frozen=True)
class ApplyOptions:
    """The options with which documents are applied."""

    cap: "RemovalLimit"
    prune: bool = False
    send_letters: bool = False
    site_limits: SiteLimits = DEFAULT_LIMITS
    exit_code: bool = False


@dataclass(frozen=True)
class _Preview:
    """The journal entries that applying documents would write, and the error that would refuse it, if any."""

    entries: "list[Entry]"
    refused: "TooManyRemovals | None" = None


def apply(
    file: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Account documents, YAML or JSON; - is stdin")],
    dry_run: DryRunOption = False,
    exit_code: ExitCodeOption = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove what an account has but its document hasn't.")
    ] = False,
    max_removals: MaxRemovalsOption = "25%",
    send_letters: Annotated[bool, typer.Option("--send-letters", help="Send e-mails to invited people.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Change accounts to match documents, all or nothing. Prints what changes."""
    from onebucket.transfer import document

    limit = _removal_limit(max_removals, exit_code=exit_code, dry_run=dry_run)
    documents = [document.read(_read(path), source=str(path)) for path in file]
    chosen = common.settings(database, data)
    options = ApplyOptions(limit, prune, send_letters, common.site_limits(chosen), exit_code)
    with common.open_database(chosen, Use.REHEARSES if dry_run else Use.MAKES) as opened:
        if dry_run:
            _dry_run(opened, documents, options)
        elif _should_ask(yes):
            preview = _preview(opened, documents, options)
            _show_difference(preview.entries, everything=False)
            if preview.refused:
                raise preview.refused
            if not preview.entries:
                return
            if not common.confirmed("Apply these changes?", yes=yes):
                raise CommandError("nothing was changed")
            _show_webhook_secrets(opened, chosen, _commit(opened, documents, options))
        else:
            entries = _commit(opened, documents, options)
            _show_difference(entries, everything=False)
            _show_webhook_secrets(opened, chosen, entries)


def export(
    account: Annotated[
        list[str] | None, typer.Argument(metavar="[ACCOUNT…]", help="The accounts; default: all")
    ] = None,
    format: Annotated[str, typer.Option("--format", help="yaml or json")] = "yaml",
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="Include password hashes.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Print accounts as a document that `apply` reads."""
    from onebucket.transfer import document, export

    if format not in ("yaml", "json"):
        raise typer.BadParameter("the format is yaml or json", param_hint="--format")
    with common.reading(database, data) as work:
        exported = export.export(work, account or None, with_secrets=with_secrets)
    typer.echo(document.write(exported, "yaml" if format == "yaml" else "json"), nl=False)


@imports.command("peribolos")
def import_peribolos(
    path: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|FILE…", help="Folders or files that describe organisations"),
    ],
    name: Annotated[str, typer.Option("--name", help="The team's username; default: the organisation's name.")] = "",
    dry_run: DryRunOption = False,
    exit_code: ExitCodeOption = False,
    max_removals: MaxRemovalsOption = "25%",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Import GitHub organisations from Peribolos YAML, all or nothing."""
    from onebucket.transfer import peribolos

    options = import_options(max_removals, exit_code=exit_code, dry_run=dry_run)
    organisations = peribolos.read(path, name=name or None)
    documents = [peribolos.to_document(organisation) for organisation in organisations]
    with common.open_database(common.settings(database, data), Use.REHEARSES if dry_run else Use.MAKES) as opened:
        lines = [f"{'found' if dry_run else 'imported'} {organisation.summary()}" for organisation in organisations]
        if passed_over := sorted({key for organisation in organisations for key in organisation.passed_over}):
            lines.append(f"ignored, because they mean nothing here: {', '.join(passed_over)}")
        carry_out(opened, documents, options, dry_run=dry_run, lines=lines)


def import_options(max_removals: str, *, exit_code: bool, dry_run: bool, prune: bool = False) -> "ApplyOptions":
    """Return the options of an import. Raises CommandError, typer.BadParameter."""
    return ApplyOptions(_removal_limit(max_removals, exit_code=exit_code, dry_run=dry_run), prune, exit_code=exit_code)


def carry_out(
    opened: "Database",
    documents: "Sequence[Document]",
    options: "ApplyOptions",
    *,
    dry_run: bool,
    lines: Sequence[str],
) -> None:
    """Apply what an import has read; print `lines` and a summary. With `dry_run`, print what would change."""
    from onebucket.transfer import change_report

    entries = [] if dry_run else _commit(opened, documents, options)
    for line in lines:
        common.show(line)
    if dry_run:
        _dry_run(opened, documents, options)
    else:
        common.show(change_report.summarize(entries))


def _removal_limit(text: str, *, exit_code: bool, dry_run: bool) -> "RemovalLimit":
    """Parse --max-removals. Raises CommandError, typer.BadParameter."""
    if exit_code and not dry_run:
        raise CommandError("--exit-code needs --dry-run")
    try:
        return parse_limit(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-removals") from None


def _dry_run(opened: "Database", documents: "Sequence[Document]", options: ApplyOptions) -> None:
    """Print what would change; with `exit_code` in the options, exit with WOULD_CHANGE if anything would."""
    preview = _preview(opened, documents, options)
    _show_difference(preview.entries, everything=True)
    if preview.refused:
        raise preview.refused
    if options.exit_code and preview.entries:
        raise typer.Exit(WOULD_CHANGE)


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"can't read {path}: {error.strerror}") from None


def _should_ask(yes: bool) -> bool:
    return not yes and sys.stdin.isatty() and sys.stdout.isatty()


def _commit(opened: "Database", documents: "Sequence[Document]", options: ApplyOptions) -> "list[Entry]":
    with opened.writing() as tx, common.progress("applying") as report:
        work = common.work(tx, options.site_limits)
        _apply(work, documents, options, report)
        return work.entries


def _preview(opened: "Database", documents: "Sequence[Document]", options: ApplyOptions) -> _Preview:
    """Apply the documents in a transaction that is rolled back, and return its journal entries."""
    from onebucket.transfer.removal_limit import TooManyRemovals

    entries: list[Entry] = []
    try:
        with opened.writing() as tx, common.progress("looking") as report:
            work = common.work(tx, options.site_limits)
            entries = work.entries
            _apply(work, documents, options, report)
            raise _RollBack
    except _RollBack:
        return _Preview(entries)
    except TooManyRemovals as refused:
        return _Preview(entries, refused)


def _apply(work: "UnitOfWork", documents: "Sequence[Document]", options: ApplyOptions, progress: "Report") -> None:
    from onebucket.transfer import apply

    apply.apply(
        work, documents, prune=options.prune, cap=options.cap, send_letters=options.send_letters, progress=progress
    )


def _show_webhook_secrets(opened: "Database", chosen: "Settings", entries: "Sequence[Entry]") -> None:
    """Print the secrets of webhooks that were added; they are not shown again."""
    from onebucket import hashing
    from onebucket.actions import webhooks
    from onebucket.cli import keys
    from onebucket.domain.events import Event

    added = [entry for entry in entries if entry.event is Event.WEBHOOK_ADDED and entry.after]
    if not added:
        return
    key = keys.secret_key(chosen)
    with opened.reading() as tx:
        found = [webhooks.find(common.work(tx), entry.account_id, (entry.after or {})["id"]) for entry in added]
    for owner, webhook in found:
        secret = hashing.webhook_secret(key, webhook.secret_id)
        common.show(f"secret of the webhook {webhook.label} of {owner.username}: {secret}")
    typer.echo("Secrets of webhooks are not shown again.", err=True)


def _show_difference(entries: "Sequence[Entry]", *, everything: bool) -> None:
    from onebucket.transfer import change_report

    if everything or len(entries) <= LONGEST_DIFFERENCE:
        for line in change_report.describe_lines(entries):
            common.show(line)
    common.show(change_report.summarize(entries))
