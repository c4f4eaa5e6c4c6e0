"""Answers that are longer than memory should hold: made while they are sent, in a transaction of their own."""

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
from onebucket.store.engine.database import Database, DatabaseUnavailable, Transaction
from onebucket.wire.streaming import CHUNK_BYTES

# So many are made at once by one process: each has a connection to the database.
MAX_STREAMS = 8

# The next one waits so long for its turn, and looks so often.
QUEUE_SECONDS = 10.0
POLL_SECONDS = 0.05

# A transaction lasts no longer for one who reads slowly: what is left is made then and there, and put aside in a file.
# As long as it lasts, SQLite's log can't be cut short, and PostgreSQL can't sweep.
MAX_TRANSACTION_SECONDS = 10.0


class StreamingBody:
    """The pieces of one, and the transaction in which they are made, by one of the `readers`."""

    def __init__(self, pieces: Iterable[bytes], ending: ExitStack, readers: Executor) -> None:
        self._chunks = iter(pieces)
        self._cleanup = ending
        self._readers = readers
        # Whoever has gone lets go of the transaction; it isn't to be while a piece is made in it.
        self._making = threading.Lock()
        self.is_spooled = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._next_chunk, b"")

    async def next_chunk(self) -> bytes:
        """The next piece; an empty one after the last. Raises DatabaseUnavailable."""
        if self.is_spooled:
            return self._next_chunk()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._next_chunk)

    def _next_chunk(self) -> bytes:
        with self._making:
            try:
                return next(self._chunks, b"")
            except Exception:
                # The transaction says what it means for its end.
                with self._cleanup.pop_all():
                    raise

    async def spool(self, is_over: Callable[[], bool]) -> None:
        """Make all that is left, unless it is over for whoever reads, and let go of the transaction."""
        with ExitStack() as failing:
            file = failing.enter_context(tempfile.TemporaryFile())
            while not is_over() and (piece := await self.next_chunk()):
                file.write(piece)
                # Nor must this keep the others waiting.
                await asyncio.sleep(0)
            self.close()
            file.seek(0)
            self._chunks, self._cleanup, self.is_spooled = (
                iter(partial(file.read, CHUNK_BYTES), b""),
                failing.pop_all(),
                True,
            )

    def close(self) -> None:
        """Let go of the transaction, or of what was put aside."""
        with self._making:
            self._cleanup.close()


class TooManyStreams(DatabaseUnavailable):
    """As many long answers are being sent as may be."""


class LongResponses:
    """Makes such answers from a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = threading.Semaphore(MAX_STREAMS)

    async def respond(self, perform: Callable[[Transaction], Response]) -> Response:
        """What `perform` answers in a transaction of its own, when its turn has come. Raises DatabaseUnavailable."""
        latest = time.monotonic() + QUEUE_SECONDS
        while True:
            try:
                return await read_runner.aside(self._database, lambda: self.try_respond(perform))
            except TooManyStreams:
                if time.monotonic() > latest:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    def try_respond(self, perform: Callable[[Transaction], Response]) -> Response:
        """The same at once. Raises TooManyStreams."""
        if not self._slots.acquire(blocking=False):
            raise TooManyStreams("too many long answers are being sent")
        with ExitStack() as ending:
            ending.callback(self._slots.release)
            answer = perform(ending.enter_context(self._database.reading_for_stream()))
            if isinstance(answer.body, bytes):
                return answer
            return replace(answer, body=StreamingBody(answer.body, ending.pop_all(), self._database.aside))
