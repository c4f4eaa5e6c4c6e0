"""The current data version: read at once from SQLite, queried from PostgreSQL in the event loop."""

import asyncio

from onebucket.http.execution import read_runner
from onebucket.store.engine.database import Database, DataVersionToken, VersionQuery
from onebucket.store.engine.errors import DatabaseUnavailable

_Waiters = list["asyncio.Future[DataVersionToken]"]


class DataVersion:
    """Tells the data version of one database, with at most one query in flight.

    A call that arrives while a query is in flight waits for the next query, together with all others. So a version is
    never older than the call that asked for it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: _Waiters = []
        self._in_flight: _Waiters = []
        self._query: VersionQuery | None = None
        self._opening: asyncio.Task[None] | None = None
        self._is_connection_lost = False

    async def current(self) -> DataVersionToken:
        """Return the current version. Raises DatabaseUnavailable, DatabaseUnusable."""
        if self._database.query_version is None:
            return self._database.version()

        loop = asyncio.get_running_loop()
        future: asyncio.Future[DataVersionToken] = loop.create_future()
        self._waiting.append(future)
        if len(self._waiting) == 1 and not self._in_flight:
            # Send the query after the requests that have already arrived, so that they share it.
            loop.call_soon(self._send_query)
        return await future

    def close(self) -> None:
        """Close the connection; nobody waits for a version any more."""
        if self._query is not None:
            self._query.close()
            self._query = None

    def _send_query(self) -> None:
        """Send one query for all waiters, or resend the query of a lost connection."""
        if not self._in_flight:
            self._in_flight, self._waiting = self._waiting, []
        if self._query is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            return
        try:
            self._query.send()
        except DatabaseUnavailable as error:
            self._on_connection_lost(error)

    async def _open(self) -> None:
        assert self._database.query_version is not None
        try:
            self._query = await read_runner.read(self._database, self._database.query_version)
        except Exception as error:
            self._resolve_waiters(error)
            return
        asyncio.get_running_loop().add_reader(self._query.socket, self._on_readable)
        self._send_query()

    def _on_readable(self) -> None:
        if self._query is None:
            return
        try:
            version = self._query.poll()
        except DatabaseUnavailable as error:
            self._on_connection_lost(error)
            return
        if version is not None:
            self._resolve_waiters(version)

    def _resolve_waiters(self, version: DataVersionToken | Exception) -> None:
        waiters, self._in_flight, self._is_connection_lost = self._in_flight, [], False
        for future in waiters:
            if future.done():
                continue
            if isinstance(version, Exception):
                future.set_exception(version)
            else:
                future.set_result(version)
        if self._waiting:
            self._send_query()

    def _on_connection_lost(self, error: Exception) -> None:
        """Resend the query over a new connection; when that is lost too, fail its waiters."""
        if self._query is not None:
            asyncio.get_running_loop().remove_reader(self._query.socket)
            self._query.close()
            self._query = None
        if self._is_connection_lost:
            self._resolve_waiters(error)
        elif self._in_flight:
            self._is_connection_lost = True
            self._send_query()
