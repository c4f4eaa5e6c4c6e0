"""One thread that writes: it commits many requests together, and each is answered after the commit that holds it.

Committing durably costs a wait for the disk, and there is one writer at a time. So whatever has been asked for while
the disk was busy goes into the next commit; each request has a savepoint, so that one that is refused doesn't hurt its
neighbours.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from onebucket.store.database import Database, Interrupted, Transaction

_Result = TypeVar("_Result")
_Job = tuple[Callable[[Transaction], Any], "asyncio.Future[Any]"]
# What came of it, and whether it was done; otherwise it is what was raised.
_Outcome = tuple["asyncio.Future[Any]", Any, bool]

# More in one commit would not be faster, and would make the first of them wait.
LARGEST_BATCH = 256

# So often a change is made when the connection is lost before it is committed.
ATTEMPTS = 2


class Writer:
    """Runs changes one after the other in its own thread; `batches` and `changes` count what it has committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ending = False
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
            self._thread, self._ending = None, False

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            outcomes, ending = self._commit(first)
            # A loop that is closed was stopped without waiting: nobody is there to be told.
            with suppress(RuntimeError):
                first[1].get_loop().call_soon_threadsafe(_tell, outcomes)
            if ending:
                return

    def _commit(self, first: _Job) -> tuple[list[_Outcome], bool]:
        batch = [first]
        for _ in range(ATTEMPTS):
            try:
                outcomes = self._together(batch)
            except Interrupted as error:
                # Nothing was done that could have been seen, so that it can be done again.
                trouble: Exception = error
            except Exception as error:
                trouble = error
                break
            else:
                self.batches += 1
                self.changes += len(outcomes)
                return outcomes, self._ending
        return [(future, trouble, False) for _, future in batch], self._ending

    def _together(self, batch: list[_Job]) -> list[_Outcome]:
        """Do it all in one transaction, with whatever else is asked for meanwhile, which is added to `batch`."""
        outcomes: list[_Outcome] = []
        with self._database.writing() as tx:
            for job in batch:
                outcomes.append(_attempt(job, tx))
                if len(outcomes) == len(batch) < LARGEST_BATCH and not self._ending and not self._jobs.empty():
                    another = self._jobs.get()
                    self._ending = another is None
                    batch.extend([another] if another else [])
        return outcomes


def _attempt(job: _Job, tx: Transaction) -> _Outcome:
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


def _tell(outcomes: list[_Outcome]) -> None:
    for future, outcome, done in outcomes:
        if future.cancelled():
            continue
        if done:
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
