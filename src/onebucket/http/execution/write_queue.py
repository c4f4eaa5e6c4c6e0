"""One thread that writes: it commits many requests together, and each is answered after the commit that holds it.

Committing durably costs a wait for the disk, and there is one writer at a time. So whatever has been asked for while
the disk was busy goes into the next commit. One that is refused doesn't hurt its neighbours: mostly it has changed
nothing by then; otherwise all is undone, and done again with a savepoint for each (docs/decisions/0012).
"""

import asyncio
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog

from onebucket import bounds
from onebucket.store import site_values
from onebucket.store.engine.database import Database, DatabaseUnavailable, Transaction, TransactionInterrupted

_Result = TypeVar("_Result")
OnRefused = Callable[[Transaction, Exception], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One change; until when it may wait for its turn, whatever is tried meanwhile."""

    change: Callable[[Transaction], Any]
    future: "asyncio.Future[Any] | None" = None
    refused: OnRefused | None = None
    until: float = field(default_factory=lambda: time.monotonic() + bounds.CHANGE_SECONDS)

    @property
    def is_cancelled(self) -> bool:
        """Whether whoever asked for it has gone."""
        return self.future is not None and self.future.cancelled()


# What came of it, and whether it was done; otherwise it is what was raised.
_Outcome = tuple["asyncio.Future[Any]", Any, bool]

# More in one commit would not be faster, and would make the first of them wait.
MAX_BATCH = 256

# So often a change is made when the connection is lost before it is committed.
ATTEMPTS = 2


# Under this name the site remembers what says nothing.
NOTHING = "nothing"


class _NeedsSavepoints(Exception):
    """One of several has to be undone, and can't be without the others."""


class WriteQueue:
    """Runs changes one after the other in its own thread; `batches` and `changes` count what it has committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # Taken from there already, to see who has waited too long.
        self._kept: deque[_Job | None] = deque()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self.batches = 0
        self.changes = 0

    async def submit(self, job: Callable[[Transaction], _Result], *, refused: OnRefused | None = None) -> _Result:
        """Run `job` in a transaction and return when it is on disk; what it raises is raised, and undoes it.

        `refused` is then told what was raised, in the same transaction, and what it writes stays.
        """
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._enqueue(_Job(job, future, refused))
        return await future

    def submit_in_background(self, job: Callable[[Transaction], object]) -> None:
        """Run `job` in a transaction at some time soon. Nobody waits for it, or hears what came of it.

        It writes something in any case.
        """
        self._enqueue(_Job(lambda tx: in_any_case(tx, job)))

    def _enqueue(self, job: _Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what was asked for, then end the thread; leave it to itself when a commit doesn't end in the grace."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(bounds.GRACE_SECONDS)
            self._thread, self._is_stopping = None, False

    def _run(self) -> None:
        while (first := self._next()) is not None:
            if first.is_cancelled:
                continue
            outcomes, ending = self._commit(first)
            if outcomes:
                # A loop that is closed was stopped without waiting: nobody is there to be told.
                with suppress(RuntimeError):
                    outcomes[0][0].get_loop().call_soon_threadsafe(_resolve_futures, outcomes)
            if ending:
                return

    def _next(self) -> _Job | None:
        return self._kept.popleft() if self._kept else self._jobs.get()

    def _has_next(self) -> bool:
        return bool(self._kept) or not self._jobs.empty()

    def _overdue(self) -> list[_Job]:
        """Those whose time is up, out of all that wait; who has come later has more time."""
        while not self._jobs.empty():
            self._kept.append(self._jobs.get())
        now, found = time.monotonic(), []
        while self._kept and (first := self._kept[0]) is not None and (first.until <= now or first.is_cancelled):
            found.append(first)
            self._kept.popleft()
        return found

    def _commit(self, first: _Job) -> tuple[list[_Outcome], bool]:
        """What came of each job that somebody waits for; and whether that was all."""
        batch = [first]
        attempts, apart = ATTEMPTS, False
        while attempts:
            try:
                done = self._run_batch(batch, apart=apart)
            except _NeedsSavepoints:
                apart = True
            except TransactionInterrupted as error:
                # Nothing was done that could have been seen, so that it can be done again.
                trouble: Exception = error
                attempts -= 1
            except DatabaseUnavailable as error:
                trouble = error
                # What kept these from being done has kept all who waited as long: nobody waits for it anew.
                batch += self._overdue()
                break
            except Exception as error:
                trouble = error
                break
            else:
                outcomes = [
                    (job.future, *outcome) for job, outcome in zip(batch, done, strict=True) if job.future is not None
                ]
                self.batches += 1
                self.changes += len(outcomes)
                return outcomes, self._is_stopping
        return [(job.future, trouble, False) for job in batch if job.future is not None], self._is_stopping

    def _run_batch(self, batch: list[_Job], *, apart: bool) -> list[tuple[Any, bool]]:
        """Do it all in one transaction, with whatever else is asked for meanwhile, which is added to `batch`.

        `apart` from each other, where that has turned out to be needed: otherwise raises _Entangled.
        """
        attempt = _run_job_in_savepoint if apart else _run_job
        done: list[tuple[Any, bool]] = []
        with self._database.writing(lambda: batch[0].until - time.monotonic()) as tx:
            for job in batch:
                done.append(attempt(job, tx))
                if len(done) == len(batch) < MAX_BATCH and not self._is_stopping and self._has_next():
                    another = self._next()
                    self._is_stopping = another is None
                    batch.extend([another] if another else [])

            # Nobody is told of what may yet be done again.
            for job, (outcome, is_done) in zip(batch, done, strict=True):
                if not is_done and outcome is not None:
                    _report_refusal(outcome, job, tx)
        return done


def in_any_case(tx: Transaction, job: Callable[[Transaction], object]) -> None:
    """Run a change that nobody is to learn the outcome of; write something that says nothing where it writes nothing.

    Others wait for the disk while it commits: so that they wait as long, whatever it found.
    """
    before = tx.change_count()
    job(tx)
    if tx.change_count() == before:
        site_values.set_value(tx, NOTHING, secrets.token_hex(16))


def _run_job(job: _Job, tx: Transaction) -> tuple[Any, bool]:
    if job.is_cancelled:
        return None, False
    before = tx.change_count()
    try:
        outcome = job.change(tx), True
    except Exception as error:
        if tx.change_count() != before:
            raise _NeedsSavepoints from error
        outcome = error, False
    if not tx.is_usable():
        raise _NeedsSavepoints
    return outcome


def _run_job_in_savepoint(job: _Job, tx: Transaction) -> tuple[Any, bool]:
    if job.is_cancelled:
        return None, False
    try:
        with tx.savepoint():
            return job.change(tx), True
    except Exception as error:
        if not tx.is_usable_after(error):
            raise
        return error, False


def _report_refusal(error: Exception, job: _Job, tx: Transaction) -> None:
    if job.refused is None:
        if job.future is None:
            _log_unexpected(error)
        return
    try:
        with tx.savepoint():
            job.refused(tx, error)
    except Exception as trouble:
        if not tx.is_usable_after(trouble):
            raise
        # Whoever was refused is to hear why, whatever came of telling others.
        _log_unexpected(trouble)


def _log_unexpected(error: Exception) -> None:
    structlog.get_logger("onebucket.http").error("unforeseen", exc_info=error)


def _resolve_futures(outcomes: list[_Outcome]) -> None:
    for future, outcome, done in outcomes:
        if future.cancelled():
            continue
        if done:
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
