"""One thread that writes: it commits many requests together, and each is answered after the commit that holds it.

Committing durably costs a wait for the disk, and SQLite has one writer at a time. So whatever has been asked for while
the disk was busy goes into the next commit; each request has a savepoint, so that one that is refused doesn't hurt its
neighbours.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from onebucket.store.database import Database, Transaction

_Result = TypeVar("_Result")
_Job = tuple[Callable[[Transaction], Any], "asyncio.Future[Any]"]

# More in one commit would not be faster, and would make the first of them wait.
LARGEST_BATCH = 256


class Writer:
    """Runs changes one after the other in its own thread; `batches` and `changes` count what it has committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self.batches = 0
        self.changes = 0

    async def change(self, job: Callable[[Transaction], _Result]) -> _Result:
        """Run `job` in a transaction and return when it is on disk; what it raises is raised, and undoes it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._jobs.put((job, future))
        return await future

    def stop(self) -> None:
        """Finish what was asked for, then end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            outcomes, ending = self._commit(first)
            # A loop that is closed was stopped without waiting: nobody is there to be told.
            with suppress(RuntimeError):
                first[1].get_loop().call_soon_threadsafe(_tell, outcomes)
            if ending:
                return

    def _commit(self, first: _Job) -> tuple[list[tuple["asyncio.Future[Any]", Any, bool]], bool]:
        outcomes: list[tuple[asyncio.Future[Any], Any, bool]] = []
        job: _Job | None = first
        ending = False
        try:
            with self._database.writing() as tx:
                while job is not None:
                    outcomes.append(_attempt(job, tx))
                    if len(outcomes) == LARGEST_BATCH or self._jobs.empty():
                        break
                    job = self._jobs.get()
                    ending = job is None
        except Exception as error:
            # Nothing of this batch is on disk: not what was done, and not what was about to be.
            waiting = [future for future, _, _ in outcomes]
            if job is not None and job[1] not in waiting:
                waiting.append(job[1])
            return [(future, error, False) for future in waiting], ending

        self.batches += 1
        self.changes += len(outcomes)
        return outcomes, ending


def _attempt(job: _Job, tx: Transaction) -> tuple["asyncio.Future[Any]", Any, bool]:
    change, future = job
    if future.cancelled():
        return future, None, False
    try:
        with tx.savepoint():
            return future, change(tx), True
    except Exception as error:
        if not tx.survives(error):
            raise
        return future, error, False


def _tell(outcomes: list[tuple["asyncio.Future[Any]", Any, bool]]) -> None:
    for future, outcome, done in outcomes:
        if future.cancelled():
            continue
        if done:
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
