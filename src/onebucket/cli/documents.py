"""`apply`, `export` and `import`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, Mistake
from onebucket.domain import terms as house
from onebucket.domain.terms import Terms

if TYPE_CHECKING:
    from onebucket.store.database import Database
    from onebucket.store.journal import Entry
    from onebucket.transfer.document import Document

imports = typer.Typer(help="Bring in accounts that are kept elsewhere.", no_args_is_help=True)

# Beyond this many lines a difference is told by its summary, unless it is all that was asked for.
LONGEST_DIFFERENCE = 200


class _Undo(Exception):
    pass


@dataclass(frozen=True)
class _How:
    """How documents are applied."""

    prune: bool = False
    send_letters: bool = False
    terms: Terms = house.DEFAULT


def apply(
    file: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Account documents, YAML or JSON; - is stdin")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would change.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove what a named account has and its document hasn't.")
    ] = False,
    send_letters: Annotated[bool, typer.Option("--send-letters", help="Write to those who are invited.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Make the accounts what the documents say; prints the difference, does all of it or nothing."""
    from onebucket.transfer import document

    documents = [document.read(_read(path), source=str(path)) for path in file]
    chosen = common.settings(database, data)
    how = _How(prune, send_letters, common.terms(chosen))
    with common.opened(chosen) as opened:
        if dry_run or _asks(yes):
            told = _attempt(opened, documents, how)
            _show_difference(told, everything=dry_run)
            if dry_run or not told:
                return
            if not common.confirmed("Do this?", yes=yes):
                raise Mistake("nothing was changed")
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
    from onebucket.transfer import document
    from onebucket.transfer import export as exporting

    if format not in ("yaml", "json"):
        raise typer.BadParameter("the format is yaml or json", param_hint="--format")
    with common.looking(database, data) as work:
        exported = exporting.export(work, account or None, with_secrets=with_secrets)
    typer.echo(document.write(exported, "yaml" if format == "yaml" else "json"), nl=False)


@imports.command("peribolos")
def import_peribolos(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The organisation's folder, with org.yaml in it")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Bring in a GitHub organisation that is kept as Peribolos YAML; all of it or nothing."""
    from onebucket.transfer import difference, peribolos

    organisation = peribolos.read(folder)
    with common.opened(common.settings(database, data)) as opened:
        told = _commit(opened, [peribolos.to_document(organisation)], _How())
    common.show(f"imported {organisation.summary()}")
    common.show(difference.summary(told))


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise Mistake(f"can't read {path}: {error.strerror}") from None


def _asks(yes: bool) -> bool:
    return not yes and sys.stdin.isatty() and sys.stdout.isatty()


def _commit(opened: "Database", documents: "Sequence[Document]", how: _How) -> "list[Entry]":
    from onebucket.transfer import apply as applying

    with opened.writing() as tx, common.progress("applying") as told:
        work = common.work(tx, how.terms)
        applying.apply(work, documents, prune=how.prune, send_letters=how.send_letters, progress=told)
        return work.told


def _attempt(opened: "Database", documents: "Sequence[Document]", how: _How) -> "list[Entry]":
    """What would be told if the documents were applied; nothing is."""
    from onebucket.transfer import apply as applying

    told: list[Entry] = []
    try:
        with opened.writing() as tx, common.progress("looking") as shown:
            work = common.work(tx, how.terms)
            applying.apply(work, documents, prune=how.prune, send_letters=how.send_letters, progress=shown)
            told = work.told
            raise _Undo
    except _Undo:
        return told


def _show_difference(told: "Sequence[Entry]", *, everything: bool) -> None:
    from onebucket.transfer import difference

    if everything or len(told) <= LONGEST_DIFFERENCE:
        for line in difference.lines(told):
            common.show(line)
    common.show(difference.summary(told))
