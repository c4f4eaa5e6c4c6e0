"""One thread that writes: it commits many requests together, and each is answered after the commit that holds it.

Committing durably costs a wait for the disk, and SQLite has one writer at a time. So whatever has been asked for while
the disk was busy goes into the next commit; each request has a savepoint, so that one that is refused doesn't hurt its
neighbours.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog

from onebucket.store.database import Database, Transaction

_Result = TypeVar("_Result")
Refused = Callable[[Transaction, Exception], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    change: Callable[[Transaction], Any]
    future: "asyncio.Future[Any] | None" = None
    refused: Refused | None = None


_Outcome = tuple["asyncio.Future[Any]", Any, bool]

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

    async def change(self, job: Callable[[Transaction], _Result], *, refused: Refused | None = None) -> _Result:
        """Run `job` in a transaction and return when it is on disk; what it raises is raised, and undoes it.

        `refused` is then told what was raised, in the same transaction, and what it writes stays.
        """
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._put(_Job(job, future, refused))
        return await future

    def post(self, job: Callable[[Transaction], object]) -> None:
        """Run `job` in a transaction at some time soon. Nobody waits for it, or hears what came of it."""
        self._put(_Job(job))

    def _put(self, job: _Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what was asked for, then end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            outcomes, ending = self._commit(first)
            if outcomes:
                # A loop that is closed was stopped without waiting: nobody is there to be told.
                with suppress(RuntimeError):
                    outcomes[0][0].get_loop().call_soon_threadsafe(_tell, outcomes)
            if ending:
                return

    def _commit(self, first: _Job) -> tuple[list[_Outcome], bool]:
        """What came of each job that somebody waits for; and whether that was all."""
        batch: list[tuple[_Job, Any, bool]] = []
        job: _Job | None = first
        ending = False
        try:
            with self._database.writing() as tx:
                while job is not None:
                    batch.append((job, *_attempt(job, tx)))
                    if len(batch) == LARGEST_BATCH or self._jobs.empty():
                        break
                    job = self._jobs.get()
                    ending = job is None
        except Exception as error:
            # Nothing of this batch is on disk: not what was done, and not what was about to be.
            lost = [each for each, _, _ in batch]
            if job is not None and job not in lost:
                lost.append(job)
            return [(each.future, error, False) for each in lost if each.future is not None], ending

        outcomes = [(each.future, outcome, done) for each, outcome, done in batch if each.future is not None]
        self.batches += 1
        self.changes += len(outcomes)
        return outcomes, ending


def _attempt(job: _Job, tx: Transaction) -> tuple[Any, bool]:
    if job.future is not None and job.future.cancelled():
        return None, False
    try:
        with tx.savepoint():
            return job.change(tx), True
    except Exception as error:
        if not tx.connection.in_transaction:
            raise
        if job.refused is not None:
            _tell_of(error, job.refused, tx)
        elif job.future is None:
            _log_unforeseen()
        return error, False


def _tell_of(error: Exception, refused: Refused, tx: Transaction) -> None:
    try:
        with tx.savepoint():
            refused(tx, error)
    except Exception:
        if not tx.connection.in_transaction:
            raise
        # Whoever was refused is to hear why, whatever came of telling others.
        _log_unforeseen()


def _log_unforeseen() -> None:
    structlog.get_logger("onebucket.http").exception("unforeseen")


def _tell(outcomes: list[_Outcome]) -> None:
    for future, outcome, done in outcomes:
        if future.cancelled():
            continue
        if done:
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
