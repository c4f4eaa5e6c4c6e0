"""The commands `backup`, `restore` and `restored`."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, Use
from onebucket.settings import Settings

if TYPE_CHECKING:
    from onebucket.store.engine.database import Database
    from onebucket.store.restore_rows import Held


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist yet")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Write the whole database into one file, even while the server runs. SQLite only."""
    chosen = _of_sqlite(common.settings(database, data))
    if file.exists():
        raise CommandError(f"{file} exists already")
    with common.open_database(chosen, Use.READS) as opened, common.progress("backup") as report:
        opened.copy_to(file, report)
    common.show(f"wrote {file} ({file.stat().st_size:,} bytes)")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` wrote")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")] = False,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Bring back app passwords, consents and passwords that ended since.")
    ] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Replace everything with a backup, even while the server runs. SQLite only.

    Everybody has to sign in again, and what was revoked since the backup stays revoked.
    """
    from onebucket.actions import restore
    from onebucket.cli import formatting

    chosen = _of_sqlite(common.settings(database, data))
    with ExitStack() as stack:
        copy = stack.enter_context(_readable_copy(file))
        opened = stack.enter_context(common.open_database(chosen, Use.MAKES))
        if not common.confirmed(f"Replace everything in {opened.name} with {file}?", yes=yes):
            raise CommandError("nothing was restored")
        replaced = None if as_it_was else _load_held(opened)
        with copy.writing() as tx:
            settled = restore.settle_restore(common.work(tx), file.name, replaced)
        opened.restore_from(copy, stack.enter_context(common.progress("restore")))
    common.show(f"restored {file}")
    for line in formatting.settled_as_lines(settled):
        common.show(line)


def restored(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The restored file's name, for the journal")],
    replaced: Annotated[
        str, typer.Option("--replaced", metavar="URL", help="The database from before, if it still exists")
    ] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Finish a pg_restore: end sessions, links and tokens that must not come back, and record it in the journal.

    Everybody has to sign in again. With --replaced, what was revoked there stays revoked.
    """
    from onebucket.actions import restore
    from onebucket.cli import formatting

    held = None
    if replaced:
        with common.reading(replaced, data) as before:
            held = restore.load_held(before)
    with common.writing(database, data) as work:
        settled = restore.settle_restore(work, source, held)
    for line in formatting.settled_as_lines(settled):
        common.show(line)


def _load_held(opened: "Database") -> "Held | None":
    """Read the credentials that the database about to be replaced still accepts.

    Return None, and print a warning, if it can't be read.
    """
    from onebucket.actions import restore
    from onebucket.store.engine.errors import DatabaseUnusable

    try:
        with opened.reading() as tx:
            return restore.load_held(common.work(tx))
    except DatabaseUnusable as error:
        common.show(f"warning: {error}")
        common.show("warning: what was revoked since the backup works again; check: onebucket token list")
        return None


def _of_sqlite(chosen: Settings) -> Settings:
    if not chosen.database.startswith("sqlite:"):
        raise CommandError(
            "PostgreSQL is backed up with pg_dump, and restored with pg_restore and `onebucket restored`"
        )
    return chosen


@contextmanager
def _readable_copy(file: Path) -> "Iterator[Database]":
    """Copy a backup into a temporary folder, check the copy and migrate it to the current schema.

    The backup itself is never changed. Raises CommandError if it can't be read, is empty or damaged.
    """
    from onebucket.store.connect import connect

    with TemporaryDirectory(prefix="onebucket-restore-") as folder:
        try:
            shutil.copyfile(file, Path(folder) / file.name)
        except OSError as error:
            raise CommandError(f"can't read {file}: {error.strerror}") from None
        copy = connect(f"sqlite:///{folder}/{file.name}", make=False)
        try:
            _make_usable(copy, file)
            yield copy
        finally:
            copy.close()


def _make_usable(copy: "Database", file: Path) -> None:
    from onebucket.store import schema
    from onebucket.store.engine.errors import DatabaseUnusable

    try:
        if schema.version(copy) is None:
            raise CommandError(f"{file} is empty, not a backup")
        trouble = copy.check()
        if trouble:
            raise CommandError(f"{file} is damaged: {trouble}")
        schema.bring_up_to_date(copy)
    except DatabaseUnusable as error:
        # Name the user's file in the error, not the temporary copy.
        raise CommandError(str(error).replace(str(copy.name), str(file))) from None
