"""The command `double`: a server for the tests of tools that call Bitbucket."""

import gc
import json
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket import settings
from onebucket.cli.common import CommandError

if TYPE_CHECKING:
    from onebucket.store.sqlite.database import SqliteDatabase

_LOOPBACK = "127.0.0.1"
# How this machine reaches a server that listens on all its addresses.
_LOCAL_NAMES = {"0.0.0.0": _LOOPBACK, "::": "::1"}  # noqa: S104 - where it listens is the caller's choice


def double(
    seed: Annotated[
        list[Path] | None,
        typer.Option(
            "--seed", metavar="PATH", help="An account document, or a folder for Peribolos, to start with; repeatable."
        ),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Start with the made-up company of `serve --demo`.")] = False,
    host: Annotated[str, typer.Option(help="The address to listen on")] = _LOOPBACK,
    port: Annotated[int, typer.Option(help="The port to listen on; 0: a free one", min=0, max=65535)] = 0,
    steer_from_anywhere: Annotated[
        bool, typer.Option("--steer-from-anywhere", help="Let other machines use /double/… too.")
    ] = False,
) -> None:
    """Serve temporary data for tests, controlled at /double/…. Prints one line of JSON when it is ready."""
    # Nothing is garbage before the first request, and looking for it takes a tenth of the start.
    gc.disable()
    for path in seed or ():
        if not path.exists():
            raise CommandError(f"there is no file {path}")

    from onebucket.cli import logs

    logs.configure("console", "error")
    # In memory where there is such a folder: nothing has to outlive the process.
    memory = Path("/dev/shm")  # noqa: S108 - the folder made in it is ours alone
    with TemporaryDirectory(prefix="onebucket-double-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        _serve(
            Path(folder), seed or (), demo=demo, host=host, port=port or _free_port(host), is_open=steer_from_anywhere
        )


def _documents(path: Path) -> Iterator[bytes]:
    """Yield the account document in a file, or one for each organisation in a folder. Raises UnreadableDocument."""
    if not path.is_dir():
        yield path.read_bytes()
        return
    from onebucket.transfer import document, peribolos

    for organisation in peribolos.read([path]):
        yield document.write(peribolos.to_document(organisation), "json").encode()


def _serve(folder: Path, seed: Sequence[Path], *, demo: bool, host: str, port: int, is_open: bool) -> None:
    """Serve with a database in `folder` until SIGTERM or Ctrl-C; `is_open` lets other machines steer."""
    from onebucket.cli import demo as demo_data
    from onebucket.double.application import DoubleApplication
    from onebucket.double.clock import SteerableClock
    from onebucket.double.site import EMPTY, SEED, Site
    from onebucket.http.process import serving
    from onebucket.http.process.listen_address import ListenAddress

    name = _LOCAL_NAMES.get(host, host)
    base_url = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
    defaults = settings.load(environment={}, folder=folder)
    site = Site(_empty_database(folder / "double.db"), base_url, defaults, SteerableClock())
    site.take_snapshot(EMPTY)
    documents = [demo_data.document_text()] if demo else []
    for text in [*documents, *(text for path in seed for text in _documents(path))]:
        site.apply(text)
    site.take_snapshot(SEED)

    def on_ready() -> None:
        gc.freeze()
        gc.enable()
        users = demo_data.PASSWORDS if demo else {}
        typer.echo(json.dumps({"url": base_url, "pid": os.getpid(), "users": users}))

    try:
        application = DoubleApplication(site, steered_from_anywhere=is_open)
        serving.run(application, ListenAddress(host, port), on_ready=on_ready)
    finally:
        site.close()


def _empty_database(path: Path) -> "SqliteDatabase":
    """Make a database with the current schema, from a copy kept in the cache folder: migrations take a while."""
    from platformdirs import user_cache_path

    from onebucket.store import schema
    from onebucket.store.engine.errors import DatabaseUnusable
    from onebucket.store.sqlite import database

    kept = user_cache_path("onebucket", appauthor=False) / f"empty-{schema.fingerprint()}.db"
    with suppress(OSError):
        shutil.copyfile(kept, path)
    opened = database.connect(f"sqlite:///{path}", make=True, reads_wal_index=True)
    if schema.bring_up_to_date(opened):
        with suppress(OSError, DatabaseUnusable):
            kept.parent.mkdir(parents=True, exist_ok=True)
            opened.copy_to(kept, lambda done, total: None)
    return opened


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
