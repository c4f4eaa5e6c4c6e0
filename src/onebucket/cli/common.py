"""What the commands share: options, settings, the database, prompts and output."""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket import settings as settings_module
from onebucket.domain import time_range
from onebucket.domain.accounts import check_password
from onebucket.domain.refusals import Refusal
from onebucket.domain.site_limits import DEFAULT_LIMITS, SiteLimits
from onebucket.settings import Misconfigured, Settings, select

# Loading SQLAlchemy takes longer than most commands run, and `--help` doesn't need it: functions import it.
if TYPE_CHECKING:
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.store.engine.database import Database
    from onebucket.store.engine.transaction import Transaction

DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="URL",
        help="sqlite:///PATH or postgresql://…",
        show_default=False,
        rich_help_panel="Where",
    ),
]
DataOption = Annotated[
    str, typer.Option("--data", metavar="DIR", help="The data folder", show_default=False, rich_help_panel="Where")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs to read.")]
PasswordOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


NO_REPLICAS = "SQLite has no replicas: remove the setting `replicas`, or use PostgreSQL"


# Printed to standard error, so that programs can parse standard output.
MADE, CHANGED = "made the database ", "in the database "
_MISSING_HINT = "; choose another with --data or --database, or create it with `onebucket serve`, `apply` or `user add`"

# `./dev` puts the command that the user typed here.
_PROGRAM_VARIABLE = "_ONEBUCKET_PROGRAM"


def program() -> str:
    """Return what the user types to run a command: `onebucket`, `./dev onebucket` or `python -m onebucket`."""
    name = Path(sys.argv[0]).name
    return os.environ.get(_PROGRAM_VARIABLE) or ("python -m onebucket" if name == "__main__.py" else name)


def check_completion() -> None:
    """Refuse shell completion when the program isn't a single word, which shells need. Raises CommandError."""
    requested = {word.partition("=")[0] for word in sys.argv[1:2]} & {"--install-completion", "--show-completion"}
    if requested and " " in program():
        raise CommandError(
            f"shell completion needs a command of one word, not {program()!r}: install the package first"
        )


class CommandError(Exception):
    """A command can't do what was requested; the message is one sentence for the user."""


def mistakes() -> tuple[type[Exception], ...]:
    """Return the exceptions that the command line prints as one sentence, without a traceback."""
    exceptions: list[type[Exception]] = [Refusal, CommandError, Misconfigured]
    for module, name in (
        ("onebucket.store.engine.errors", "DatabaseUnusable"),
        ("onebucket.store.engine.errors", "DatabaseUnavailable"),
        ("onebucket.transfer.source_tree", "UnreadableDocument"),
        ("onebucket.transfer.removal_limit", "TooManyRemovals"),
        ("onebucket.http.process.listen_address", "CannotListen"),
        ("onebucket.http.process.workers", "CannotStart"),
        ("onebucket.redirect.certificate_authority", "UntrustworthyFolder"),
        ("onebucket.remote.errors", "RemoteError"),
    ):
        # A module that isn't loaded can't have raised anything; importing it here would be slow.
        exception = getattr(sys.modules.get(module), name, None)
        if exception is not None:
            exceptions.append(exception)
    return tuple(exceptions)


@contextmanager
def answering() -> Iterator[None]:
    """Exit with 2 on every expected error inside, for a command whose exit code 1 is an answer."""
    try:
        yield
    except mistakes() as error:
        typer.echo(f"onebucket: {error}", err=True)
        raise typer.Exit(2) from None


def settings(database: str, data: str, **given: str) -> Settings:
    """Load the settings; command-line options override the environment and `onebucket.toml`."""
    return settings_module.load(given={"database": database, "data": data, **given})


class Use(Enum):
    """How a command uses the database: whether it must exist already, and whether its name is printed."""

    READS = "it must exist"
    REHEARSES = "if it is missing, a temporary empty one is used"
    CHANGES = "it must exist, and its name is printed"
    MAKES = "it is created if it is missing, and its name is printed"
    SERVES = "it is created if it is missing; the command prints its name itself"


@contextmanager
def open_database(chosen: Settings, use: Use) -> "Iterator[Database]":
    """Open the database and migrate it to the current schema.

    A missing one is created, replaced by a temporary one or refused, depending on `use`. Raises CommandError,
    DatabaseUnusable, DatabaseUnavailable.
    """
    from onebucket.actions import ends
    from onebucket.store import schema
    from onebucket.store.connect import connect
    from onebucket.store.engine.errors import DatabaseMissing

    makes = use in (Use.MAKES, Use.SERVES)
    with ExitStack() as stack:
        try:
            opened = connect(
                chosen.database, make=makes, replicas=chosen.replicas, sqlite_wal_index=chosen.sqlite_wal_index
            )
            stack.enter_context(closing(opened))
            is_new = schema.version(opened) is None
            missing = "" if makes or not is_new else f"{opened.name} has no tables of onebucket"
        except DatabaseMissing as error:
            is_new, missing = True, str(error)
        if missing and use is not Use.REHEARSES:
            raise CommandError(f"{missing}{_MISSING_HINT}")
        if missing:
            folder = stack.enter_context(TemporaryDirectory(prefix="onebucket-rehearsal-"))
            opened = stack.enter_context(closing(connect(f"sqlite:///{folder}/onebucket.db")))

        schema.bring_up_to_date(opened)
        opened.use_ends(ends.applied_by(_utc_now, time.monotonic, lambda: str(uuid.uuid4()), site_limits(chosen)))
        if is_new and use is Use.MAKES:
            typer.echo(f"{MADE}{opened.name}", err=True)
        yield opened
        if use is Use.CHANGES or (use is Use.MAKES and not is_new):
            typer.echo(f"{CHANGED}{opened.name}", err=True)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def writing(database: str, data: str, *, use: Use = Use.CHANGES) -> "Iterator[UnitOfWork]":
    """Open a unit of work as the operator in a write transaction; an exception rolls all of it back."""
    chosen = settings(database, data)
    with open_database(chosen, use) as store, store.writing() as tx:
        yield work(tx, site_limits(chosen))


@contextmanager
def reading(database: str, data: str) -> "Iterator[UnitOfWork]":
    """Open a unit of work as the operator in a read transaction."""
    with open_database(settings(database, data), Use.READS) as store, store.reading() as tx:
        yield work(tx)


def work(tx: "Transaction", site_limits: SiteLimits = DEFAULT_LIMITS) -> "UnitOfWork":
    """Return a unit of work in `tx` that acts as the operator, who may do everything."""
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.domain.accounts import OPERATOR

    request_id = f"cli-{uuid.uuid4().hex[:12]}"
    return UnitOfWork(OPERATOR, tx, datetime.now(UTC), request_id, lambda: str(uuid.uuid4()), site_limits=site_limits)


def site_limits(chosen: Settings) -> SiteLimits:
    """Return the site's limits from the settings."""
    return select(SiteLimits, chosen)


def new_password(from_stdin: bool, *, needed: bool) -> str | None:
    """Read a password from standard input, or prompt for it twice at a terminal. Raises CommandError, Invalid.

    Return None if none is `needed` and none was given.
    """
    if from_stdin:
        password = sys.stdin.readline().removeprefix("\ufeff").rstrip("\r\n")
    elif sys.stdin.isatty():
        hint = "Password" if needed else "Password (empty: none for now)"
        password = typer.prompt(hint, hide_input=True, default=None if needed else "", show_default=False)
        if password and password != typer.prompt("Repeat it", hide_input=True):
            raise CommandError("the passwords don't match")
    elif needed:
        raise CommandError("there is no terminal to ask for a password: use --password-stdin")
    else:
        return None
    if needed and not password:
        raise CommandError("the password is empty")
    if password:
        check_password(password)
    return password or None


def confirmed(question: str, *, yes: bool) -> bool:
    """Ask the user to confirm; without a terminal, and with --yes, return True without asking."""
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return typer.confirm(question)


def split_path(path: str, form: str) -> tuple[str, str]:
    """Split `ACCOUNT/NAME`; `form` is what a path looks like, as `TEAM/SLUG`. Raises CommandError."""
    account, slash, name = path.partition("/")
    if not (account and slash and name):
        raise CommandError(f"{path!r} is not {form}")
    return account, name


def show(text: str = "") -> None:
    """Print one line of text to standard output."""
    typer.echo(text)


def show_json(value: Any) -> None:
    """Print `value` to standard output as indented JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns under their headings."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def flags(row: Mapping[str, object], labels: Mapping[str, tuple[str, str]]) -> str:
    """Return the words for a row's flags: for each, the first label where it is set, otherwise the second."""
    return ", ".join(filter(None, (labels[key][0 if row[key] else 1] for key in labels)))


def moment(text: str, *, now: datetime, ahead: bool) -> datetime:
    """Parse a date, a date and time (UTC unless it has an offset), or a span such as `90d` or `12h`.

    A span is added to `now` if `ahead`, otherwise subtracted. Raises CommandError.
    """
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    if text[:-1].isdigit() and text[-1:] in units:
        try:
            span = timedelta(**{units[text[-1]]: int(text[:-1])})
        except (OverflowError, ValueError):
            raise CommandError(f"{text[:20]!r} is too long a time span") from None
        return time_range.shifted(now, span if ahead else -span, what=repr(text))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is neither a date like 2026-03-04 nor a time span like 90d or 12h") from None
    return time_range.checked(parsed, what=repr(text))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar if standard error is a terminal. Yields a function to call with (done, total)."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return

    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
