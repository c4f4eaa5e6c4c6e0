"""Queries for the version of a PostgreSQL database, without a thread that waits for the answer."""

from contextlib import suppress

import psycopg
from psycopg import pq

from onebucket.store.engine.ends import NEXT_END, KnownEnd
from onebucket.store.engine.errors import TransactionInterrupted
from onebucket.store.engine.row_mapper import Row
from onebucket.store.postgres import connection

# A standby's snapshot doesn't list the primary's open transactions: its replay position determines what is visible.
VERSION = """
SELECT concat_ws(' ', pg_current_snapshot(), pg_postmaster_start_time(),
                 CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END)
"""
# With the next end of access, after the last blank.
_VERSION_AND_END = f"SELECT concat_ws(' ', ({VERSION}), coalesce(({NEXT_END})::text, '-'))"

_NAME = b"version"


class PostgresVersionQuery:
    """A prepared query on a connection of its own. When `socket` is readable, there may be an answer.

    `known_end` learns the next end of access from each answer.
    """

    def __init__(self, connection: psycopg.Connection[Row], known_end: KnownEnd) -> None:
        self._connection = connection
        self._known_end = known_end
        self._sent_at = 0.0
        self._pgconn = connection.pgconn
        self._pgconn.prepare(_NAME, _VERSION_AND_END.encode())
        self._pgconn.nonblocking = 1
        self.socket = self._pgconn.socket

    def send(self) -> None:
        """Send the query; the previous one must have been answered. Raises TransactionInterrupted."""
        self._sent_at = self._known_end.now()
        try:
            self._pgconn.send_query_prepared(_NAME, None)
            # So few bytes always fit into the socket's buffer.
            self._pgconn.flush()
        except psycopg.Error as error:
            raise connection.to_exception(error, lost=True) from error

    def poll(self) -> str | None:
        """Return the answer, or None if it has not arrived.

        Raises TransactionInterrupted, DatabaseUnavailable.
        """
        try:
            self._pgconn.consume_input()
            if self._pgconn.is_busy():
                return None
            result = self._pgconn.get_result()
            while self._pgconn.get_result() is not None:
                pass
        except psycopg.Error as error:
            raise connection.to_exception(error, lost=True) from error
        if result is None:
            # It was another message, of a changed setting for example.
            return None
        value = result.get_value(0, 0) if result.status == pq.ExecStatus.TUPLES_OK else None
        if value is None:
            raise TransactionInterrupted("the connection to the database was lost")
        version, _, next_end = value.decode().rpartition(" ")
        self._known_end.learn(None if next_end == "-" else int(next_end), asked_at=self._sent_at)
        return version

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self._connection.close()
