"""Record when and from where app passwords and keys of directories were last used: collected, written once a minute.

Every commit makes the response cache revalidate its entries, so all uses are written in one commit a minute, in the
background. What is left is written at shutdown; a crash loses up to a minute.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from onebucket import bounds
from onebucket.domain.accounts import Actor
from onebucket.domain.tokens import TokenUse
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.store import app_password_rows, directory_rows
from onebucket.store.directory_rows import KeyUse
from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.transaction import Transaction

WRITE_SECONDS = 60.0
# The first use is written sooner: people who try a new app password look at the page to see whether it arrived.
FIRST_WRITE_SECONDS = 1.0

# Keys: account id and credential. Values: time and client address.
PendingUses = dict[tuple[str, str], tuple[datetime, str | None]]

# The prefixes of the credentials of an app password and of a directory's key.
_TOKEN, _DIRECTORY = "token:", "directory:"


class LastUsedRecorder:
    """Collect uses, and write them every `every` seconds when there are any.

    The first use of an app password since the server started is written after `first` seconds.
    """

    def __init__(
        self,
        database: Database,
        write_queue: WriteQueue,
        every: float = WRITE_SECONDS,
        first: float = FIRST_WRITE_SECONDS,
    ) -> None:
        self._database = database
        self._write_queue = write_queue
        self.write_seconds = every
        self.first_write_seconds = first
        self._seen: set[str] = set()
        self._soon = False
        # Bounded by the number of app passwords, as is `_seen`.
        self._pending: PendingUses = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def record(self, actor: Actor, at: datetime, address: str | None) -> None:
        """Note a request by `actor`; ignored unless it was authenticated with an app password or a directory's key."""
        if actor.directory is not None:
            account_id = actor.directory.account_id
        elif actor.account is not None and actor.credential.startswith(_TOKEN):
            account_id = actor.account.id
        else:
            return
        self._pending[account_id, actor.credential] = (at, address)
        if actor.credential not in self._seen:
            self._seen.add(actor.credential)
            if self._timer is not None and not self._soon:
                self._timer.cancel()
                self._timer = None
            self._soon = True
        if self._timer is None:
            self._start_timer()

    def close(self) -> None:
        """Write the pending uses; the write queue must have stopped."""
        if self._pending:
            # Losing the last minute of uses is better than failing to shut down.
            with (
                suppress(DatabaseUnavailable, DatabaseUnusable),
                self._database.writing(lambda: bounds.CLOSING_SECONDS) as tx,
            ):
                _write(tx, self._take_pending())

    def _start_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(
            self.first_write_seconds if self._soon else self.write_seconds, self._start_flush
        )

    def _start_flush(self) -> None:
        self._timer, self._soon = None, False
        self._writing = asyncio.get_running_loop().create_task(self._flush(self._take_pending()))

    async def _flush(self, uses: PendingUses) -> None:
        try:
            await self._write_queue.submit(lambda tx: _write(tx, uses))
        except (DatabaseUnavailable, DatabaseUnusable):
            # Retry later, together with the uses since.
            self._pending = uses | self._pending
            if self._timer is None:
                self._start_timer()

    def _take_pending(self) -> PendingUses:
        uses, self._pending = self._pending, {}
        return uses


def _write(tx: Transaction, uses: PendingUses) -> None:
    tokens = [(account, id, *use) for account, id, use in _of_kind(uses, _TOKEN)]
    app_password_rows.record_use(tx, [TokenUse(*each) for each in tokens])
    keys = [(account, id, *use) for account, id, use in _of_kind(uses, _DIRECTORY)]
    directory_rows.record_use(tx, [KeyUse(*each) for each in keys])


def _of_kind(uses: PendingUses, prefix: str) -> Iterator[tuple[str, str, tuple[datetime, str | None]]]:
    for (account_id, credential), use in uses.items():
        if credential.startswith(prefix):
            yield account_id, credential.removeprefix(prefix), use
