"""What commands share: the settings and the database they work on, asking, and showing."""

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

# SQLAlchemy takes longer to load than most commands to run, and `--help` doesn't need it: see the functions.
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


# On standard error, so that what is printed for programs stays what it is.
MADE, CHANGED = "made the database ", "in the database "
_MAKERS = "; name another one with --data or --database, or let `onebucket serve`, `apply` or `user add` make it"

# Where `./dev` says what was typed for it.
_CALLED = "_ONEBUCKET_PROGRAM"


def program() -> str:
    """What was typed to run a command: `onebucket`, `./dev onebucket` or `python -m onebucket`."""
    name = Path(sys.argv[0]).name
    return os.environ.get(_CALLED) or ("python -m onebucket" if name == "__main__.py" else name)


def check_completion() -> None:
    """Refuse to complete what is not one word: shells complete the words after a command. Raises CommandError."""
    asked = {word.partition("=")[0] for word in sys.argv[1:2]} & {"--install-completion", "--show-completion"}
    if asked and " " in program():
        raise CommandError(
            f"shells complete commands, and {program()!r} is more than one word: install the package first"
        )


class CommandError(Exception):
    """What was asked for can't be done; the sentence says why."""


def mistakes() -> tuple[type[Exception], ...]:
    """What is told in one sentence, without a traceback."""
    kinds: list[type[Exception]] = [Refusal, CommandError, Misconfigured]
    for module, name in (
        ("onebucket.store.engine.database", "DatabaseUnusable"),
        ("onebucket.store.engine.database", "DatabaseUnavailable"),
        ("onebucket.transfer.source_tree", "UnreadableDocument"),
        ("onebucket.transfer.removal_limit", "TooManyRemovals"),
        ("onebucket.http.process.listen_address", "CannotListen"),
        ("onebucket.http.process.workers", "CannotStart"),
    ):
        # Only what has been loaded can have raised anything.
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None:
            kinds.append(kind)
    return tuple(kinds)


@contextmanager
def answering() -> Iterator[None]:
    """Let every mistake inside exit with 2, for a command whose 1 is an answer."""
    try:
        yield
    except mistakes() as error:
        typer.echo(f"onebucket: {error}", err=True)
        raise typer.Exit(2) from None


def settings(database: str, data: str, **given: str) -> Settings:
    """The settings that a command runs under."""
    return settings_module.load(given={"database": database, "data": data, **given})


class Use(Enum):
    """What a command does with the database: whether it needs one, and whether people are told which one it was."""

    READS = "there must be one"
    REHEARSES = "where there is none, an empty one is thrown away afterwards"
    CHANGES = "there must be one, and it is named"
    MAKES = "one is made where there is none, and it is named"
    SERVES = "one is made where there is none; the command names it itself"


@contextmanager
def open_database(chosen: Settings, use: Use) -> "Iterator[Database]":
    """The database, up to date. Raises CommandError where there is none, unless the command can do without."""
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
            raise CommandError(f"{missing}{_MAKERS}")
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
    """The operator's work, committed at the end; a refusal undoes all of it."""
    chosen = settings(database, data)
    with open_database(chosen, use) as store, store.writing() as tx:
        yield work(tx, site_limits(chosen))


@contextmanager
def reading(database: str, data: str) -> "Iterator[UnitOfWork]":
    """The operator's work, where nothing is changed."""
    with open_database(settings(database, data), Use.READS) as store, store.reading() as tx:
        yield work(tx)


def work(tx: "Transaction", terms: SiteLimits = house.DEFAULT_LIMITS) -> "UnitOfWork":
    """The operator's work in a transaction."""
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.domain.accounts import OPERATOR

    request_id = f"cli-{uuid.uuid4().hex[:12]}"
    return UnitOfWork(OPERATOR, tx, datetime.now(UTC), request_id, lambda: str(uuid.uuid4()), site_limits=terms)


def site_limits(chosen: Settings) -> SiteLimits:
    """The terms of the house, as the settings have them."""
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
    """A password from standard input or, twice, from the person at the terminal. Raises CommandError, Invalid."""
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
    """Whether to go on: asked of whoever is at the terminal, taken for granted elsewhere and with --yes."""
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return typer.confirm(question)


def show(text: str = "") -> None:
    """Print a line for people."""
    typer.echo(text)


def show_json(value: Any) -> None:
    """Print JSON for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their heads, in columns."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def moment(text: str, *, now: datetime, ahead: bool) -> datetime:
    """A moment given as a date, a date and time (UTC unless it says otherwise), or a span such as `90d`, `12h`.

    A span counts from `now`, into the future where `ahead`. Raises CommandError.
    """
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    if text[:-1].isdigit() and text[-1:] in units:
        try:
            span = timedelta(**{units[text[-1]]: int(text[:-1])})
        except (OverflowError, ValueError):
            raise CommandError(f"{text[:20]!r} is longer than any calendar") from None
        return time_range.shifted(now, span if ahead else -span, what=repr(text))
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is neither a date like 2026-03-04, nor a span like 90d or 12h") from None
    return time_range.checked(read if read.tzinfo else read.replace(tzinfo=UTC), what=repr(text))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far long work has come, on a terminal; nothing elsewhere. Yields what to call with (done, of)."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return

    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
