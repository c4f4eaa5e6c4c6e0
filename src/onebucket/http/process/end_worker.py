"""The worker that lets access end at its second without waiting for a request, and queues letters about it before."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime

import structlog

from onebucket import bounds
from onebucket.actions import end_letters
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.transaction import Transaction

POLL_SECONDS = 1.0


class EndWorker:
    """Begins a read each second, in a thread: the ends that are due are applied before it.

    Once a day it queues the letters about ends of the days ahead. `operate` returns a unit of work as the operator in a
    transaction.
    """

    def __init__(
        self, database: Database, *, operate: Callable[[Transaction], UnitOfWork], clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._operator_work = operate
        self._clock = clock
        self._letters_of: date | None = None
        self._log = structlog.get_logger("onebucket.http.ends")
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="ends", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, after the transaction that is open."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(POLL_SECONDS)

    def run_once(self) -> None:
        """Apply what is due, and queue today's letters. Raises DatabaseUnavailable, DatabaseUnusable."""
        with self._database.reading():
            pass
        today = self._clock().astimezone(UTC).date()
        if today != self._letters_of:
            with self._database.writing(lambda: bounds.LETTERS_BUSY_SECONDS) as tx:
                end_letters.queue_due(self._operator_work(tx))
            self._letters_of = today

    def _run(self) -> None:
        is_failing = False
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self.run_once()
                is_failing = False
            except (DatabaseUnavailable, DatabaseUnusable) as error:
                if not is_failing:
                    self._log.warning("access that ends waits for the database", trouble=str(error))
                is_failing = True
            except Exception:
                if self._stopping.is_set():
                    # The database was closed under a transaction that took too long.
                    return
                if not is_failing:
                    self._log.exception("unforeseen", thread="ends")
                is_failing = True
