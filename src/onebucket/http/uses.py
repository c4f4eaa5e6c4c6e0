"""When and from where app passwords were used last: gathered while requests are answered, and written once a minute.

Any commit makes every remembered answer be looked at anew. So one is made a minute at most, for all uses together, and
no answer waits for it; what was gathered since is written when the server stops. A power cut loses a minute of it.
"""

import asyncio
from contextlib import suppress
from datetime import datetime

from onebucket import bounds
from onebucket.domain.accounts import Actor
from onebucket.domain.tokens import Use
from onebucket.http.writer import Writer
from onebucket.store import tokens
from onebucket.store.database import Database, Transaction, Unavailable, Unusable

EVERY_SECONDS = 60.0
# Whoever has just made an app password and tries it looks whether it came through.
FIRST_SECONDS = 1.0

# By person and credential: when, and from which address.
Noted = dict[tuple[str, str], tuple[datetime, str | None]]

_TOKEN = "token:"  # noqa: S105 - what the credential of an actor begins with


class Uses:
    """Gathers uses, and has them written `every` so many seconds when there are any.

    The first that it sees of an app password is written after `first` seconds.
    """

    def __init__(
        self, database: Database, writer: Writer, every: float = EVERY_SECONDS, first: float = FIRST_SECONDS
    ) -> None:
        self._database = database
        self._writer = writer
        self.every = every
        self.first = first
        self._known: set[str] = set()
        self._soon = False
        # No more of them than there are app passwords; nor of those that are known.
        self._noted: Noted = {}
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, actor: Actor, at: datetime, address: str | None) -> None:
        """Remember that somebody asked something; it counts where he did so with an app password."""
        if actor.account is None or not actor.credential.startswith(_TOKEN):
            return
        self._noted[actor.account.id, actor.credential] = (at, address)
        if actor.credential not in self._known:
            self._known.add(actor.credential)
            if self._due is not None and not self._soon:
                self._due.cancel()
                self._due = None
            self._soon = True
        if self._due is None:
            self._wait()

    def close(self) -> None:
        """Write what has been gathered since; the writer must have stopped."""
        if self._noted:
            # Whether an app password was used in the last minute is not worth a failure to stop.
            with suppress(Unavailable, Unusable), self._database.writing(lambda: bounds.CLOSING_SECONDS) as tx:
                _write(tx, self._take())

    def _wait(self) -> None:
        self._due = asyncio.get_running_loop().call_later(self.first if self._soon else self.every, self._begin)

    def _begin(self) -> None:
        self._due, self._soon = None, False
        self._writing = asyncio.get_running_loop().create_task(self._hand_over(self._take()))

    async def _hand_over(self, noted: Noted) -> None:
        try:
            await self._writer.change(lambda tx: _write(tx, noted))
        except (Unavailable, Unusable):
            # It is tried again with what has come since.
            self._noted = noted | self._noted
            if self._due is None:
                self._wait()

    def _take(self) -> Noted:
        noted, self._noted = self._noted, {}
        return noted


def _write(tx: Transaction, noted: Noted) -> None:
    uses = [Use(person, credential.removeprefix(_TOKEN), *seen) for (person, credential), seen in noted.items()]
    tokens.used(tx, uses)
