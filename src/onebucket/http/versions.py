"""Which version of the database there is: known at once where it is a file, asked for where it has to be waited for."""

import asyncio

from onebucket.http import reading
from onebucket.store.database import Database, Inquiry, Unavailable, Version

_Waiting = list["asyncio.Future[Version]"]


class Versions:
    """Tells the version of one database. Whoever asks while it is being asked for waits for the next time, together.

    So it is never older than the question, and however many ask, one question is on its way.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: _Waiting = []
        self._asked: _Waiting = []
        self._inquiry: Inquiry | None = None
        self._opening: asyncio.Task[None] | None = None
        self._has_lost = False

    async def now(self) -> Version:
        """The version there is now. Raises Unavailable, Unusable."""
        if self._database.inquire is None:
            return self._database.version()

        loop = asyncio.get_running_loop()
        told: asyncio.Future[Version] = loop.create_future()
        self._waiting.append(told)
        if len(self._waiting) == 1 and not self._asked:
            # After all that has come in already.
            loop.call_soon(self._ask)
        return await told

    def close(self) -> None:
        """Ask no more; whoever was to be told has gone."""
        if self._inquiry is not None:
            self._inquiry.close()
            self._inquiry = None

    def _ask(self) -> None:
        """Ask for all who wait; or once more for those who were asked for over a connection that was lost."""
        if not self._asked:
            self._asked, self._waiting = self._waiting, []
        if self._inquiry is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            return
        try:
            self._inquiry.ask()
        except Unavailable as error:
            self._lost(error)

    async def _open(self) -> None:
        assert self._database.inquire is not None
        try:
            self._inquiry = await reading.read(self._database, self._database.inquire)
        except Exception as error:
            self._tell(error)
            return
        asyncio.get_running_loop().add_reader(self._inquiry.socket, self._hear)
        self._ask()

    def _hear(self) -> None:
        if self._inquiry is None:
            return
        try:
            version = self._inquiry.answer()
        except Unavailable as error:
            self._lost(error)
            return
        if version is not None:
            self._tell(version)

    def _tell(self, version: Version | Exception) -> None:
        asked, self._asked, self._has_lost = self._asked, [], False
        for each in asked:
            if each.done():
                continue
            if isinstance(version, Exception):
                each.set_exception(version)
            else:
                each.set_result(version)
        if self._waiting:
            self._ask()

    def _lost(self, error: Exception) -> None:
        """Ask once more over another connection; if that is lost too, whoever waits is told."""
        if self._inquiry is not None:
            asyncio.get_running_loop().remove_reader(self._inquiry.socket)
            self._inquiry.close()
            self._inquiry = None
        if self._has_lost:
            self._tell(error)
        elif self._asked:
            self._has_lost = True
            self._ask()
