"""Which version of the database there is: known at once where it is a file, asked for where it has to be waited for."""

import asyncio

from onebucket.http.execution import read_runner
from onebucket.store.engine.database import Database, DatabaseUnavailable, DataVersionToken, VersionQuery

_Waiting = list["asyncio.Future[DataVersionToken]"]


class DataVersion:
    """Tells the version of one database. Whoever asks while it is being asked for waits for the next time, together.

    So it is never older than the question, and however many ask, one question is on its way.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: _Waiting = []
        self._asked: _Waiting = []
        self._inquiry: VersionQuery | None = None
        self._opening: asyncio.Task[None] | None = None
        self._is_connection_lost = False

    async def current(self) -> DataVersionToken:
        """The version there is now. Raises DatabaseUnavailable, DatabaseUnusable."""
        if self._database.query_version is None:
            return self._database.version()

        loop = asyncio.get_running_loop()
        told: asyncio.Future[DataVersionToken] = loop.create_future()
        self._waiting.append(told)
        if len(self._waiting) == 1 and not self._asked:
            # After all that has come in already.
            loop.call_soon(self._send_query)
        return await told

    def close(self) -> None:
        """Ask no more; whoever was to be told has gone."""
        if self._inquiry is not None:
            self._inquiry.close()
            self._inquiry = None

    def _send_query(self) -> None:
        """Ask for all who wait; or once more for those who were asked for over a connection that was lost."""
        if not self._asked:
            self._asked, self._waiting = self._waiting, []
        if self._inquiry is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            return
        try:
            self._inquiry.send()
        except DatabaseUnavailable as error:
            self._on_connection_lost(error)

    async def _open(self) -> None:
        assert self._database.query_version is not None
        try:
            self._inquiry = await read_runner.read(self._database, self._database.query_version)
        except Exception as error:
            self._resolve_waiters(error)
            return
        asyncio.get_running_loop().add_reader(self._inquiry.socket, self._on_readable)
        self._send_query()

    def _on_readable(self) -> None:
        if self._inquiry is None:
            return
        try:
            version = self._inquiry.poll()
        except DatabaseUnavailable as error:
            self._on_connection_lost(error)
            return
        if version is not None:
            self._resolve_waiters(version)

    def _resolve_waiters(self, version: DataVersionToken | Exception) -> None:
        asked, self._asked, self._is_connection_lost = self._asked, [], False
        for each in asked:
            if each.done():
                continue
            if isinstance(version, Exception):
                each.set_exception(version)
            else:
                each.set_result(version)
        if self._waiting:
            self._send_query()

    def _on_connection_lost(self, error: Exception) -> None:
        """Ask once more over another connection; if that is lost too, whoever waits is told."""
        if self._inquiry is not None:
            asyncio.get_running_loop().remove_reader(self._inquiry.socket)
            self._inquiry.close()
            self._inquiry = None
        if self._is_connection_lost:
            self._resolve_waiters(error)
        elif self._asked:
            self._is_connection_lost = True
            self._send_query()
