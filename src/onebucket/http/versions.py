"""Which version of the database there is: known at once where it is a file, asked for where it has to be waited for."""

import asyncio

from onebucket.http import reading
from onebucket.store.database import Database, Version


class Versions:
    """Tells the version of one database. Whoever asks while it is being asked for waits for the next time, together.

    So it is never older than the question, and however many ask, there is one on its way.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[asyncio.Future[Version]] = []
        self._asking: asyncio.Task[None] | None = None

    async def now(self) -> Version:
        """The version there is now. Raises Unavailable, Unusable."""
        if self._database.readers is None:
            return self._database.version()

        loop = asyncio.get_running_loop()
        told: asyncio.Future[Version] = loop.create_future()
        self._waiting.append(told)
        if self._asking is None or self._asking.done():
            # It begins after all that has come in already.
            self._asking = loop.create_task(self._ask())
        return await told

    async def _ask(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                version = await reading.read(self._database, self._database.version)
            except Exception as error:
                for each in waiting:
                    if not each.done():
                        each.set_exception(error)
            else:
                for each in waiting:
                    if not each.done():
                        each.set_result(version)
