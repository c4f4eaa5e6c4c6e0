"""Long responses: streamed from a transaction of their own, because they are larger than memory should hold."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from onebucket.http.execution import read_runner
from onebucket.http.response import Response
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable
from onebucket.store.engine.transaction import Transaction
from onebucket.wire.streaming import CHUNK_BYTES

# Concurrent long responses per process: each holds a database connection.
MAX_STREAMS = 8

# How long another one waits for a free slot, and how often it tries.
QUEUE_SECONDS = 10.0
POLL_SECONDS = 0.05

# How long a slow client may hold a transaction open; after that the rest is spooled to a temporary file. While a
# transaction is open, SQLite can't truncate its WAL and PostgreSQL can't vacuum.
MAX_TRANSACTION_SECONDS = 10.0


class StreamingBody:
    """The chunks of a long response, and the transaction in which a thread of `readers` makes them.

    Closing `cleanup` ends the transaction.
    """

    def __init__(self, chunks: Iterable[bytes], cleanup: ExitStack, readers: Executor) -> None:
        self._chunks = iter(chunks)
        self._cleanup = cleanup
        self._readers = readers
        # `close` may be called on a disconnect while a chunk is being made; the transaction must not end under it.
        self._chunk_lock = threading.Lock()
        self.is_spooled = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._next_chunk, b"")

    async def next_chunk(self) -> bytes:
        """Return the next chunk, empty after the last one. Raises DatabaseUnavailable."""
        if self.is_spooled:
            return self._next_chunk()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._next_chunk)

    def _next_chunk(self) -> bytes:
        with self._chunk_lock:
            try:
                return next(self._chunks, b"")
            except Exception:
                # The transaction translates the driver's error while it ends.
                with self._cleanup.pop_all():
                    raise

    async def spool(self, is_over: Callable[[], bool]) -> None:
        """Write what remains to a temporary file and end the transaction; stop early once `is_over()` is true."""
        with ExitStack() as cleanup:
            file = cleanup.enter_context(tempfile.TemporaryFile())
            while not is_over() and (chunk := await self.next_chunk()):
                file.write(chunk)
                # Yield to other requests.
                await asyncio.sleep(0)
            self.close()
            file.seek(0)
            self._chunks, self._cleanup, self.is_spooled = (
                iter(partial(file.read, CHUNK_BYTES), b""),
                cleanup.pop_all(),
                True,
            )

    def close(self) -> None:
        """End the transaction, or delete the temporary file."""
        with self._chunk_lock:
            self._cleanup.close()


class TooManyStreams(DatabaseUnavailable):
    """All `MAX_STREAMS` slots are taken."""


class LongResponses:
    """Makes long responses from a database, `MAX_STREAMS` at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = threading.Semaphore(MAX_STREAMS)

    async def respond(self, handle: Callable[[Transaction], Response]) -> Response:
        """Run `handle` in a transaction of its own, once a slot is free.

        Raises TooManyStreams, a DatabaseUnavailable, when none is free within `QUEUE_SECONDS`.
        """
        deadline = time.monotonic() + QUEUE_SECONDS
        while True:
            try:
                return await read_runner.aside(self._database, lambda: self.try_respond(handle))
            except TooManyStreams:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    def try_respond(self, handle: Callable[[Transaction], Response]) -> Response:
        """Run `handle` now, in this thread. Raises TooManyStreams when no slot is free."""
        if not self._slots.acquire(blocking=False):
            raise TooManyStreams("too many long responses are being sent")
        with ExitStack() as cleanup:
            cleanup.callback(self._slots.release)
            response = handle(cleanup.enter_context(self._database.reading_for_stream()))
            if isinstance(response.body, bytes):
                return response
            return replace(response, body=StreamingBody(response.body, cleanup.pop_all(), self._database.aside))
