"""The worker that lets access end at its second, so that the journal says so without waiting for a request."""

import threading

import structlog

from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable

POLL_SECONDS = 1.0


class EndWorker:
    """Begins a read each second, in a thread: the ends that are due are applied before it."""

    def __init__(self, database: Database) -> None:
        self._database = database
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
        """Apply what is due. Raises DatabaseUnavailable, DatabaseUnusable."""
        with self._database.reading():
            pass

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
