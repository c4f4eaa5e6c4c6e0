"""What the commands share: options, settings, the database, prompts and output."""

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket import settings as settings_module
from onebucket.domain import site_limits as house
from onebucket.domain import time_range
from onebucket.domain.accounts import check_password
from onebucket.domain.refusals import Refusal
from onebucket.domain.site_limits import SiteLimits
from onebucket.settings import Misconfigured, Settings

# Loading SQLAlchemy takes longer than most commands run, and `--help` doesn't need it: functions import it.
if TYPE_CHECKING:
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.store.engine.database import Database, Transaction

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
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs to read.")]
PasswordOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


NO_REPLICAS = "SQLite has no replicas: leave out the setting `replicas`, or keep everything in PostgreSQL"


# Printed to standard error, so that programs can parse standard output.
MADE, CHANGED = "made the database ", "in the database "
_MISSING_HINT = "; name another one with --data or --database, or let `onebucket serve`, `apply` or `user add` make it"

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
            f"shells complete commands, and {program()!r} is more than one word: install the package first"
        )


class CommandError(Exception):
    """A command can't do what was requested; the message is one sentence for the user."""


def mistakes() -> tuple[type[Exception], ...]:
    """Return the exceptions that the command line prints as one sentence, without a traceback."""
    exceptions: list[type[Exception]] = [Refusal, CommandError, Misconfigured]
    for module, name in (
        ("onebucket.store.engine.database", "DatabaseUnusable"),
        ("onebucket.store.engine.database", "DatabaseUnavailable"),
        ("onebucket.transfer.source_tree", "UnreadableDocument"),
        ("onebucket.transfer.removal_limit", "TooManyRemovals"),
        ("onebucket.http.process.listen_address", "CannotListen"),
        ("onebucket.http.process.workers", "CannotStart"),
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

    READS = "there must be one"
    REHEARSES = "where there is none, an empty one is thrown away afterwards"
    CHANGES = "there must be one, and it is named"
    MAKES = "one is made where there is none, and it is named"
    SERVES = "one is made where there is none; the command names it itself"


@contextmanager
def open_database(chosen: Settings, use: Use) -> "Iterator[Database]":
    """Open the database and migrate it to the current schema.

    A missing one is created, replaced by a temporary one or refused, depending on `use`. Raises CommandError,
    DatabaseUnusable, DatabaseUnavailable.
    """
    from onebucket.store import schema
    from onebucket.store.connect import connect
    from onebucket.store.engine import database

    makes = use in (Use.MAKES, Use.SERVES)
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(closing(connect(chosen.database, make=makes, replicas=chosen.replicas)))
            is_new = schema.version(opened) is None
            missing = "" if makes or not is_new else f"there is nothing of onebucket's in {opened.name}"
        except database.Missing as error:
            is_new, missing = True, str(error)
        if missing and use is not Use.REHEARSES:
            raise CommandError(f"{missing}{_MISSING_HINT}")
        if missing:
            folder = stack.enter_context(TemporaryDirectory(prefix="onebucket-rehearsal-"))
            opened = stack.enter_context(closing(connect(f"sqlite:///{folder}/onebucket.db")))

        schema.bring_up_to_date(opened)
        if is_new and use is Use.MAKES:
            typer.echo(f"{MADE}{opened.name}", err=True)
        yield opened
        if use is Use.CHANGES or (use is Use.MAKES and not is_new):
            typer.echo(f"{CHANGED}{opened.name}", err=True)


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


def work(tx: "Transaction", terms: SiteLimits = house.DEFAULT_LIMITS) -> "UnitOfWork":
    """Return a unit of work in `tx` that acts as the operator, who may do everything."""
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.domain.accounts import OPERATOR

    request_id = f"cli-{uuid.uuid4().hex[:12]}"
    return UnitOfWork(OPERATOR, tx, datetime.now(UTC), request_id, lambda: str(uuid.uuid4()), site_limits=terms)


def site_limits(chosen: Settings) -> SiteLimits:
    """Return the site's limits from the settings."""
    return SiteLimits(
        invitation_days=chosen.invitation_days,
        letters_per_account=chosen.letters_per_account,
        letters_per_address=chosen.letters_per_address,
        sign_ups_per_network=chosen.sign_ups_per_network,
        sign_ups_per_hour=chosen.sign_ups_per_hour,
        confirmations_per_network=chosen.confirmations_per_network,
        confirmations_per_hour=chosen.confirmations_per_hour,
        resets_per_network=chosen.resets_per_network,
        sign_up=chosen.sign_up,
        callbacks_extend=chosen.oauth_callbacks == "prefix",
    )


def new_password(from_stdin: bool, *, needed: bool) -> str | None:
    """Read a password from standard input, or prompt for it twice at a terminal. Raises CommandError, Invalid.

    Return None if none is `needed` and none was given.
    """
    if from_stdin:
        password = sys.stdin.readline().removeprefix("\ufeff").rstrip("\r\n")
    elif sys.stdin.isatty():
        hint = "Password" if needed else "Password (empty: none for now)"
        password = typer.prompt(hint, hide_input=True, default=None if needed else "", show_default=False)
        if password and password != typer.prompt("Once more", hide_input=True):
            raise CommandError("the two passwords are not the same")
    elif needed:
        raise CommandError("nobody is there to ask for a password: give it with --password-stdin")
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


def moment(text: str, *, now: datetime, ahead: bool) -> datetime:
    """Parse a date, a date and time (UTC unless it has an offset), or a span such as `90d` or `12h`.

    A span is added to `now` if `ahead`, otherwise subtracted. Raises CommandError.
    """
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    if text[:-1].isdigit() and text[-1:] in units:
        try:
            span = timedelta(**{units[text[-1]]: int(text[:-1])})
        except (OverflowError, ValueError):
            raise CommandError(f"{text[:20]!r} is longer than any calendar") from None
        return time_range.shifted(now, span if ahead else -span, what=repr(text))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is neither a date like 2026-03-04, nor a span like 90d or 12h") from None
    return time_range.checked(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC), what=repr(text))


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
