"""`backup`, `restore` and `restored`."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, Mistake, Use
from onebucket.settings import Settings

if TYPE_CHECKING:
    from onebucket.store.database import Database
    from onebucket.store.restoring import Held


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file; it must not be there yet")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Write the whole database into one file, also while it is being served. SQLite only."""
    chosen = _of_sqlite(common.settings(database, data))
    if file.exists():
        raise Mistake(f"{file} is there already")
    with common.opened(chosen, Use.READS) as opened, common.progress("backup") as told:
        opened.copy_to(file, told)
    common.show(f"wrote {file} ({file.stat().st_size:,} bytes)")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Let app passwords, consents and passwords be good that ended since.")
    ] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Put a backup in the place of everything there is, also while it is being served. SQLite only.

    Everybody has to sign in again, and what was revoked since the backup stays revoked.
    """
    from onebucket.actions import restoring
    from onebucket.cli import telling

    chosen = _of_sqlite(common.settings(database, data))
    with ExitStack() as stack:
        copy = stack.enter_context(_readable_copy(file))
        opened = stack.enter_context(common.opened(chosen, Use.MAKES))
        if not common.confirmed(f"Replace everything in {opened.name} by {file}?", yes=yes):
            raise Mistake("nothing was restored")
        replaced = None if as_it_was else _held(opened)
        with copy.writing() as tx:
            settled = restoring.settle(common.work(tx), file.name, replaced)
        opened.restore_from(copy, stack.enter_context(common.progress("restore")))
    common.show(f"restored {file}")
    for line in telling.settled_as_lines(settled):
        common.show(line)


def restored(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="What was put back, for the journal: a file's name")],
    replaced: Annotated[
        str, typer.Option("--replaced", metavar="URL", help="What it took the place of, if that is still there")
    ] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """After pg_restore: end what must not come back with an older state, and tell the journal of it.

    Everybody has to sign in again. With --replaced, what was revoked there stays revoked.
    """
    from onebucket.actions import restoring
    from onebucket.cli import telling

    held = None
    if replaced:
        with common.looking(replaced, data) as before:
            held = restoring.held(before)
    with common.changing(database, data) as work:
        settled = restoring.settle(work, source, held)
    for line in telling.settled_as_lines(settled):
        common.show(line)


def _held(opened: "Database") -> "Held | None":
    """What is good in the database that is to be replaced; None, and a warning, where it can't be read."""
    from onebucket.actions import restoring
    from onebucket.store.database import Unusable

    try:
        with opened.reading() as tx:
            return restoring.held(common.work(tx))
    except Unusable as error:
        common.show(f"warning: {error}")
        common.show("warning: what was revoked since the backup is good again; look at: onebucket token list")
        return None


def _of_sqlite(chosen: Settings) -> Settings:
    if not chosen.database.startswith("sqlite:"):
        raise Mistake("PostgreSQL is backed up with pg_dump, and restored with pg_restore and `onebucket restored`")
    return chosen


@contextmanager
def _readable_copy(file: Path) -> "Iterator[Database]":
    """A copy of a backup, whole and up to date: the backup itself stays as it is. Raises Unusable."""
    from onebucket.store import database

    with TemporaryDirectory(prefix="onebucket-restore-") as folder:
        try:
            shutil.copyfile(file, Path(folder) / file.name)
        except OSError as error:
            raise Mistake(f"can't read {file}: {error.strerror}") from None
        copy = database.at(f"sqlite:///{folder}/{file.name}", make=False)
        try:
            _make_usable(copy, file)
            yield copy
        finally:
            copy.close()


def _make_usable(copy: "Database", file: Path) -> None:
    from onebucket.store import schema
    from onebucket.store.database import Unusable

    try:
        if schema.version(copy) is None:
            raise Mistake(f"{file} is empty, not a backup")
        trouble = copy.check()
        if trouble:
            raise Mistake(f"{file} is damaged: {trouble}")
        schema.bring_up_to_date(copy)
    except Unusable as error:
        # What is wrong is wrong with the file that was given, not with its copy.
        raise Mistake(str(error).replace(str(copy.name), str(file))) from None
