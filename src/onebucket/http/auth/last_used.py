"""When and from where app passwords were used last: gathered while requests are answered, and written once a minute.

Any commit makes every remembered answer be looked at anew. So one is made a minute at most, for all uses together, and
no answer waits for it; what was gathered since is written when the server stops. A power cut loses a minute of it.
"""

import asyncio
from contextlib import suppress
from datetime import datetime

from onebucket import bounds
from onebucket.domain.accounts import Actor
from onebucket.domain.tokens import TokenUse
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.store import app_password_rows
from onebucket.store.engine.database import Database, DatabaseUnavailable, DatabaseUnusable, Transaction

WRITE_SECONDS = 60.0
# Whoever has just made an app password and tries it looks whether it came through.
FIRST_WRITE_SECONDS = 1.0

# By person and credential: when, and from which address.
PendingUses = dict[tuple[str, str], tuple[datetime, str | None]]

_TOKEN = "token:"  # noqa: S105 - what the credential of an actor begins with


class LastUsedRecorder:
    """Gathers uses, and has them written `every` so many seconds when there are any.

    The first that it sees of an app password is written after `first` seconds.
    """

    def __init__(
        self, database: Database, writer: WriteQueue, every: float = WRITE_SECONDS, first: float = FIRST_WRITE_SECONDS
    ) -> None:
        self._database = database
        self._write_queue = writer
        self.write_seconds = every
        self.first_write_seconds = first
        self._last_written: set[str] = set()
        self._soon = False
        # No more of them than there are app passwords; nor of those that are known.
        self._pending: PendingUses = {}
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def record(self, actor: Actor, at: datetime, address: str | None) -> None:
        """Remember that somebody asked something; it counts where he did so with an app password."""
        if actor.account is None or not actor.credential.startswith(_TOKEN):
            return
        self._pending[actor.account.id, actor.credential] = (at, address)
        if actor.credential not in self._last_written:
            self._last_written.add(actor.credential)
            if self._due is not None and not self._soon:
                self._due.cancel()
                self._due = None
            self._soon = True
        if self._due is None:
            self._wait()

    def close(self) -> None:
        """Write what has been gathered since; the writer must have stopped."""
        if self._pending:
            # Whether an app password was used in the last minute is not worth a failure to stop.
            with (
                suppress(DatabaseUnavailable, DatabaseUnusable),
                self._database.writing(lambda: bounds.CLOSING_SECONDS) as tx,
            ):
                _write(tx, self._take_due())

    def _wait(self) -> None:
        self._due = asyncio.get_running_loop().call_later(
            self.first_write_seconds if self._soon else self.write_seconds, self._start_timer
        )

    def _start_timer(self) -> None:
        self._due, self._soon = None, False
        self._writing = asyncio.get_running_loop().create_task(self._flush(self._take_due()))

    async def _flush(self, noted: PendingUses) -> None:
        try:
            await self._write_queue.submit(lambda tx: _write(tx, noted))
        except (DatabaseUnavailable, DatabaseUnusable):
            # It is tried again with what has come since.
            self._pending = noted | self._pending
            if self._due is None:
                self._wait()

    def _take_due(self) -> PendingUses:
        noted, self._pending = self._pending, {}
        return noted


def _write(tx: Transaction, noted: PendingUses) -> None:
    uses = [TokenUse(person, credential.removeprefix(_TOKEN), *seen) for (person, credential), seen in noted.items()]
    app_password_rows.record_use(tx, uses)
