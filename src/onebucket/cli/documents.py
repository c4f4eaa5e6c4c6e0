"""`apply`, `export` and `import`."""

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

# Beyond this many lines a difference is told by its summary, unless it is all that was asked for.
LONGEST_DIFFERENCE = 200


# A dry run's exit code where something would change, for whoever asked for one.
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


class _Undo(Exception):
    pass


@dataclass(frozen=True)
class _ApplyOptions:
    """How documents are applied."""

    cap: "RemovalLimit"
    prune: bool = False
    send_letters: bool = False
    terms: SiteLimits = site_limits.DEFAULT_LIMITS


@dataclass(frozen=True)
class _Outlook:
    """What applying documents would do, and why it would be refused if it would."""

    told: "list[Entry]"
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

    cap = _cap(max_removals, exit_code=exit_code, dry_run=dry_run)
    documents = [document.read(_read(path), source=str(path)) for path in file]
    chosen = common.settings(database, data)
    how = _ApplyOptions(cap, prune, send_letters, common.site_limits(chosen))
    with common.open_database(chosen, Use.REHEARSES if dry_run else Use.MAKES) as opened:
        if dry_run:
            _rehearse(opened, documents, how, exit_code=exit_code)
        elif _asks(yes):
            outlook = _attempt(opened, documents, how)
            _show_difference(outlook.told, everything=False)
            if outlook.refused:
                raise outlook.refused
            if not outlook.told:
                return
            if not common.confirmed("Do this?", yes=yes):
                raise CommandError("nothing was changed")
            _commit(opened, documents, how)
        else:
            _show_difference(_commit(opened, documents, how), everything=False)


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

    how = _ApplyOptions(_cap(max_removals, exit_code=exit_code, dry_run=dry_run))
    organisations = peribolos.read(path, name=name or None)
    documents = [peribolos.to_document(each) for each in organisations]
    with common.open_database(common.settings(database, data), Use.REHEARSES if dry_run else Use.MAKES) as opened:
        told = [] if dry_run else _commit(opened, documents, how)
        for each in organisations:
            common.show(f"{'found' if dry_run else 'imported'} {each.summary()}")
        if passed_over := sorted({key for each in organisations for key in each.passed_over}):
            common.show(f"passed over, they have no meaning here: {', '.join(passed_over)}")
        if dry_run:
            _rehearse(opened, documents, how, exit_code=exit_code)
        else:
            common.show(change_report.summarize(told))


def _cap(text: str, *, exit_code: bool, dry_run: bool) -> "RemovalLimit":
    """How much may be taken away. Raises CommandError and what a wrong option raises."""
    from onebucket.transfer import removal_limit

    if exit_code and not dry_run:
        raise CommandError("--exit-code tells what a dry run found: give --dry-run too")
    try:
        return removal_limit.parse_limit(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-removals") from None


def _rehearse(opened: "Database", documents: "Sequence[Document]", how: _ApplyOptions, *, exit_code: bool) -> None:
    """Show what would change, and end as was asked for."""
    outlook = _attempt(opened, documents, how)
    _show_difference(outlook.told, everything=True)
    if outlook.refused:
        raise outlook.refused
    if exit_code and outlook.told:
        raise typer.Exit(WOULD_CHANGE)


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"can't read {path}: {error.strerror}") from None


def _asks(yes: bool) -> bool:
    return not yes and sys.stdin.isatty() and sys.stdout.isatty()


def _commit(opened: "Database", documents: "Sequence[Document]", how: _ApplyOptions) -> "list[Entry]":
    with opened.writing() as tx, common.progress("applying") as told:
        work = common.work(tx, how.terms)
        _apply(work, documents, how, told)
        return work.entries


def _attempt(opened: "Database", documents: "Sequence[Document]", how: _ApplyOptions) -> _Outlook:
    """What would be told if the documents were applied; nothing is."""
    from onebucket.transfer.removal_limit import TooManyRemovals

    told: list[Entry] = []
    try:
        with opened.writing() as tx, common.progress("looking") as shown:
            work = common.work(tx, how.terms)
            told = work.entries
            _apply(work, documents, how, shown)
            raise _Undo
    except _Undo:
        return _Outlook(told)
    except TooManyRemovals as refused:
        return _Outlook(told, refused)


def _apply(work: "UnitOfWork", documents: "Sequence[Document]", how: _ApplyOptions, progress: "Report") -> None:
    from onebucket.transfer import apply

    apply.apply(work, documents, prune=how.prune, cap=how.cap, send_letters=how.send_letters, progress=progress)


def _show_difference(told: "Sequence[Entry]", *, everything: bool) -> None:
    from onebucket.transfer import change_report

    if everything or len(told) <= LONGEST_DIFFERENCE:
        for line in change_report.describe_lines(told):
            common.show(line)
    common.show(change_report.summarize(told))
