"""The write queue: one thread runs all changes, and commits many of them together (group commit).

A durable commit waits for the disk, and there is one writer at a time. So all changes that arrive during a commit go
into the next one, and each request is answered after its commit. Each job has a savepoint of its own, so that one that
is refused doesn't affect the others (docs/decisions/0012-group-commit.md).
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
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable, TransactionInterrupted
from onebucket.store.engine.transaction import Transaction

_Result = TypeVar("_Result")
OnRefused = Callable[[Transaction, Exception], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One queued change; `until` is the monotonic second until which it may wait for its turn, retries included."""

    change: Callable[[Transaction], Any]
    future: "asyncio.Future[Any] | None" = None
    refused: OnRefused | None = None
    until: float = field(default_factory=lambda: time.monotonic() + bounds.CHANGE_SECONDS)

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller has stopped waiting."""
        return self.future is not None and self.future.cancelled()


# The future to resolve, the result or the exception, and whether it is a result.
_Outcome = tuple["asyncio.Future[Any]", Any, bool]

# A larger batch would not be faster, and would delay its first job.
MAX_BATCH = 256

# How often a batch is tried when the connection is lost before its commit.
ATTEMPTS = 2


# The site value that `in_any_case` overwrites with random text.
NOTHING = "nothing"


class WriteQueue:
    """Runs changes one by one in its own thread; `batches` counts its commits, `changes` the changes committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # Jobs taken out of `_jobs` while looking for overdue ones; they come first.
        self._kept: deque[_Job | None] = deque()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self.batches = 0
        self.changes = 0

    async def submit(self, job: Callable[[Transaction], _Result], *, refused: OnRefused | None = None) -> _Result:
        """Run `job` in a transaction and return its result once it is committed; what it raises is raised.

        When it raises, its writes are rolled back. Then `refused` is called with the transaction and the exception, and
        what that writes is committed. `job` runs again when the connection was lost before the commit.
        """
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._enqueue(_Job(job, future, refused))
        return await future

    def submit_in_background(self, job: Callable[[Transaction], object]) -> None:
        """Queue `job` without waiting for it; an error is only logged.

        Something is written even if `job` writes nothing; see `in_any_case`.
        """
        self._enqueue(_Job(lambda tx: in_any_case(tx, job)))

    def _enqueue(self, job: _Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish the queued jobs and end the thread; abandon it when that takes longer than `bounds.GRACE_SECONDS`."""
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
                # The event loop is closed, so nobody waits for the results.
                with suppress(RuntimeError):
                    outcomes[0][0].get_loop().call_soon_threadsafe(_resolve_futures, outcomes)
            if ending:
                return

    def _next(self) -> _Job | None:
        return self._kept.popleft() if self._kept else self._jobs.get()

    def _has_next(self) -> bool:
        return bool(self._kept) or not self._jobs.empty()

    def _overdue(self) -> list[_Job]:
        """Take the overdue and cancelled jobs from the front of the queue; jobs are in the order of their deadlines."""
        while not self._jobs.empty():
            self._kept.append(self._jobs.get())
        now, overdue = time.monotonic(), []
        while self._kept and (first := self._kept[0]) is not None and (first.until <= now or first.is_cancelled):
            overdue.append(first)
            self._kept.popleft()
        return overdue

    def _commit(self, first: _Job) -> tuple[list[_Outcome], bool]:
        """Commit a batch that starts with `first`; return the outcomes that somebody waits for, and whether to stop."""
        batch = [first]
        for _ in range(ATTEMPTS):
            try:
                done = self._run_batch(batch)
            except TransactionInterrupted as error:
                # Nothing was committed, so the batch can run again.
                failure: Exception = error
            except DatabaseUnavailable as error:
                failure = error
                # Jobs that have waited as long for the same database fail now, instead of each waiting again.
                batch += self._overdue()
                break
            except Exception as error:
                failure = error
                break
            else:
                outcomes = [
                    (job.future, *outcome) for job, outcome in zip(batch, done, strict=True) if job.future is not None
                ]
                self.batches += 1
                self.changes += len(outcomes)
                return outcomes, self._is_stopping
        return [(job.future, failure, False) for job in batch if job.future is not None], self._is_stopping

    def _run_batch(self, batch: list[_Job]) -> list[tuple[Any, bool]]:
        """Run a batch in one transaction, and add the jobs that arrive meanwhile to `batch`.

        Returns each job's result or exception, and whether it is a result.
        """
        done: list[tuple[Any, bool]] = []
        with self._database.writing(lambda: batch[0].until - time.monotonic()) as tx:
            for job in batch:
                done.append(_run_job(job, tx, self._database.apply_due_ends))
                if len(done) == len(batch) < MAX_BATCH and not self._is_stopping and self._has_next():
                    next_job = self._next()
                    self._is_stopping = next_job is None
                    batch.extend([next_job] if next_job else [])

            # Refusals are reported last, because the batch may be run again until here.
            for job, (outcome, is_done) in zip(batch, done, strict=True):
                if not is_done and outcome is not None:
                    _report_refusal(outcome, job, tx)
        return done


def in_any_case(tx: Transaction, job: Callable[[Transaction], object]) -> None:
    """Run a change, and write a meaningless value when it writes nothing.

    Other requests wait while it commits. So the time they wait doesn't tell whether the change did something, for
    example whether an e-mail address belongs to an account.
    """
    before = tx.change_count()
    job(tx)
    if tx.change_count() == before:
        site_values.set_value(tx, NOTHING, secrets.token_hex(16))


class _CancelledError(Exception):
    """Undoes a change that nobody waits for any more."""


def _run_job(job: _Job, tx: Transaction, apply_due_ends: Callable[[Transaction], None]) -> tuple[Any, bool]:
    if job.is_cancelled:
        return None, False
    try:
        apply_due_ends(tx)
        with tx.savepoint():
            result = job.change(tx)
            if job.is_cancelled:
                # It may have waited for another process until its caller was gone.
                raise _CancelledError
            return result, True
    except Exception as error:
        if not tx.is_usable_after(error):
            raise
        return (None if isinstance(error, _CancelledError) else error), False


def _report_refusal(error: Exception, job: _Job, tx: Transaction) -> None:
    if job.refused is None:
        if job.future is None:
            _log_unexpected(error)
        return
    try:
        with tx.savepoint():
            job.refused(tx, error)
    except Exception as failure:
        if not tx.is_usable_after(failure):
            raise
        # The caller must get the original refusal even when recording it fails.
        _log_unexpected(failure)


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
