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

from onebucket.http import reading
from onebucket.http.answers import Answer
from onebucket.store.database import Database, Transaction, Unavailable
from onebucket.wire.streams import PIECE

# So many are made at once by one process: each has a connection to the database.
AT_ONCE = 8

# The next one waits so long for its turn, and looks so often.
WAITING_SECONDS = 10.0
LOOKING_SECONDS = 0.05

# A transaction lasts no longer for one who reads slowly: what is left is made then and there, and put aside in a file.
# As long as it lasts, SQLite's log can't be cut short, and PostgreSQL can't sweep.
LONGEST_SECONDS = 10.0


class Lasting:
    """The pieces of one, and the transaction in which they are made, by one of the `readers`."""

    def __init__(self, pieces: Iterable[bytes], ending: ExitStack, readers: Executor) -> None:
        self._pieces = iter(pieces)
        self._ending = ending
        self._readers = readers
        # Whoever has gone lets go of the transaction; it isn't to be while a piece is made in it.
        self._making = threading.Lock()
        self.is_aside = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._made, b"")

    async def next(self) -> bytes:
        """The next piece; an empty one after the last. Raises Unavailable."""
        if self.is_aside:
            return self._made()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._made)

    def _made(self) -> bytes:
        with self._making:
            try:
                return next(self._pieces, b"")
            except Exception:
                # The transaction says what it means for its end.
                with self._ending.pop_all():
                    raise

    async def put_aside(self, is_over: Callable[[], bool]) -> None:
        """Make all that is left, unless it is over for whoever reads, and let go of the transaction."""
        with ExitStack() as failing:
            file = failing.enter_context(tempfile.TemporaryFile())
            while not is_over() and (piece := await self.next()):
                file.write(piece)
                # Nor must this keep the others waiting.
                await asyncio.sleep(0)
            self.close()
            file.seek(0)
            self._pieces, self._ending, self.is_aside = iter(partial(file.read, PIECE), b""), failing.pop_all(), True

    def close(self) -> None:
        """Let go of the transaction, or of what was put aside."""
        with self._making:
            self._ending.close()


class Full(Unavailable):
    """As many long answers are being sent as may be."""


class Lengths:
    """Makes such answers from a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._room = threading.Semaphore(AT_ONCE)

    async def answer(self, perform: Callable[[Transaction], Answer]) -> Answer:
        """What `perform` answers in a transaction of its own, when its turn has come. Raises Unavailable."""
        latest = time.monotonic() + WAITING_SECONDS
        while True:
            try:
                return await reading.aside(self._database, lambda: self.begun(perform))
            except Full:
                if time.monotonic() > latest:
                    raise
            await asyncio.sleep(LOOKING_SECONDS)

    def begun(self, perform: Callable[[Transaction], Answer]) -> Answer:
        """The same at once. Raises Full."""
        if not self._room.acquire(blocking=False):
            raise Full("too many long answers are being sent")
        with ExitStack() as ending:
            ending.callback(self._room.release)
            answer = perform(ending.enter_context(self._database.lasting()))
            if isinstance(answer.body, bytes):
                return answer
            return replace(answer, body=Lasting(answer.body, ending.pop_all(), self._database.aside))
