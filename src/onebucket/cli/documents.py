"""The commands `apply`, `export` and `import`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, Use
from onebucket.domain import site_limits
from onebucket.domain.site_limits import SiteLimits

if TYPE_CHECKING:
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.store.engine.database import Database
    from onebucket.store.journal_rows import Entry
    from onebucket.transfer.apply_context import Report
    from onebucket.transfer.document import Document
    from onebucket.transfer.removal_limit import RemovalLimit, TooManyRemovals

imports = typer.Typer(help="Bring in accounts that are kept elsewhere.", no_args_is_help=True)

# A longer difference is printed as a summary only, except by a dry run.
LONGEST_DIFFERENCE = 200


# Exit code of `--dry-run --exit-code` when something would change.
WOULD_CHANGE = 2

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only print what would change.")]
ExitCodeOption = Annotated[
    bool, typer.Option("--exit-code", help="With --dry-run: exit 2 where something would change, 0 where nothing.")
]
MaxRemovalsOption = Annotated[
    str,
    typer.Option(
        "--max-removals",
        metavar="N|N%",
        help="Take no more than this from an account: groups, members, privileges and invitations.",
    ),
]


class _RollBack(Exception):
    """Ends a preview's transaction without a commit."""


@dataclass(frozen=True)
class _ApplyOptions:
    """The options with which documents are applied."""

    cap: "RemovalLimit"
    prune: bool = False
    send_letters: bool = False
    terms: SiteLimits = site_limits.DEFAULT_LIMITS


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
        bool, typer.Option("--prune", help="Also remove what a named account has and its document hasn't.")
    ] = False,
    max_removals: MaxRemovalsOption = "25%",
    send_letters: Annotated[bool, typer.Option("--send-letters", help="Write to those who are invited.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Make the accounts what the documents say; prints the difference, does all of it or nothing."""
    from onebucket.transfer import document

    limit = _removal_limit(max_removals, exit_code=exit_code, dry_run=dry_run)
    documents = [document.read(_read(path), source=str(path)) for path in file]
    chosen = common.settings(database, data)
    options = _ApplyOptions(limit, prune, send_letters, common.site_limits(chosen))
    with common.open_database(chosen, Use.REHEARSES if dry_run else Use.MAKES) as opened:
        if dry_run:
            _dry_run(opened, documents, options, exit_code=exit_code)
        elif _should_ask(yes):
            preview = _preview(opened, documents, options)
            _show_difference(preview.entries, everything=False)
            if preview.refused:
                raise preview.refused
            if not preview.entries:
                return
            if not common.confirmed("Do this?", yes=yes):
                raise CommandError("nothing was changed")
            _commit(opened, documents, options)
        else:
            _show_difference(_commit(opened, documents, options), everything=False)


def export(
    account: Annotated[list[str] | None, typer.Argument(metavar="[ACCOUNT…]", help="These; without any, all")] = None,
    format: Annotated[str, typer.Option("--format", help="yaml or json")] = "yaml",
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="With the hashes of passwords.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Print accounts as a document; applying it again changes nothing."""
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
        typer.Argument(metavar="DIR|FILE…", help="The folders or files in which organisations are kept"),
    ],
    name: Annotated[str, typer.Option("--name", help="The team's username, in place of the organisation's name.")] = "",
    dry_run: DryRunOption = False,
    exit_code: ExitCodeOption = False,
    max_removals: MaxRemovalsOption = "25%",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Bring in GitHub organisations that are kept as Peribolos YAML; all of it or nothing."""
    from onebucket.transfer import change_report, peribolos

    options = _ApplyOptions(_removal_limit(max_removals, exit_code=exit_code, dry_run=dry_run))
    organisations = peribolos.read(path, name=name or None)
    documents = [peribolos.to_document(organisation) for organisation in organisations]
    with common.open_database(common.settings(database, data), Use.REHEARSES if dry_run else Use.MAKES) as opened:
        entries = [] if dry_run else _commit(opened, documents, options)
        for organisation in organisations:
            common.show(f"{'found' if dry_run else 'imported'} {organisation.summary()}")
        if passed_over := sorted({key for organisation in organisations for key in organisation.passed_over}):
            common.show(f"passed over, they have no meaning here: {', '.join(passed_over)}")
        if dry_run:
            _dry_run(opened, documents, options, exit_code=exit_code)
        else:
            common.show(change_report.summarize(entries))


def _removal_limit(text: str, *, exit_code: bool, dry_run: bool) -> "RemovalLimit":
    """Parse --max-removals. Raises CommandError, typer.BadParameter."""
    from onebucket.transfer import removal_limit

    if exit_code and not dry_run:
        raise CommandError("--exit-code tells what a dry run found: give --dry-run too")
    try:
        return removal_limit.parse_limit(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-removals") from None


def _dry_run(opened: "Database", documents: "Sequence[Document]", options: _ApplyOptions, *, exit_code: bool) -> None:
    """Print what would change; with `exit_code`, exit with WOULD_CHANGE if anything would."""
    preview = _preview(opened, documents, options)
    _show_difference(preview.entries, everything=True)
    if preview.refused:
        raise preview.refused
    if exit_code and preview.entries:
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


def _commit(opened: "Database", documents: "Sequence[Document]", options: _ApplyOptions) -> "list[Entry]":
    with opened.writing() as tx, common.progress("applying") as report:
        work = common.work(tx, options.terms)
        _apply(work, documents, options, report)
        return work.entries


def _preview(opened: "Database", documents: "Sequence[Document]", options: _ApplyOptions) -> _Preview:
    """Apply the documents in a transaction that is rolled back, and return its journal entries."""
    from onebucket.transfer.removal_limit import TooManyRemovals

    entries: list[Entry] = []
    try:
        with opened.writing() as tx, common.progress("looking") as report:
            work = common.work(tx, options.terms)
            entries = work.entries
            _apply(work, documents, options, report)
            raise _RollBack
    except _RollBack:
        return _Preview(entries)
    except TooManyRemovals as refused:
        return _Preview(entries, refused)


def _apply(work: "UnitOfWork", documents: "Sequence[Document]", options: _ApplyOptions, progress: "Report") -> None:
    from onebucket.transfer import apply

    apply.apply(
        work, documents, prune=options.prune, cap=options.cap, send_letters=options.send_letters, progress=progress
    )


def _show_difference(entries: "Sequence[Entry]", *, everything: bool) -> None:
    from onebucket.transfer import change_report

    if everything or len(entries) <= LONGEST_DIFFERENCE:
        for line in change_report.describe_lines(entries):
            common.show(line)
    common.show(change_report.summarize(entries))
