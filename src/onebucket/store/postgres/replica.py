"""A replica: a PostgreSQL standby that is read, never written, and only when it has replayed enough of the log."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import pq

from onebucket.store.engine.ends import NEXT_END
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable, TransactionInterrupted
from onebucket.store.engine.replication import ReplicaLagging, ReplicationStatus, WalPosition
from onebucket.store.postgres import connection as libpq
from onebucket.store.postgres import wal_position
from onebucket.store.postgres.database import PostgresDatabase
from onebucket.store.postgres.transaction import PostgresTransaction

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_STANDING_AND_END = f"SELECT standing.*, ({NEXT_END}) FROM ({wal_position.STANDING}) AS standing"  # noqa: S608


class Replica(PostgresDatabase):
    """A standby. All its errors are DatabaseUnavailable or DatabaseUnusable: the primary can serve the request."""

    @contextmanager
    def reading_after(self, position: WalPosition, primary: ReplicationStatus) -> Iterator[PostgresTransaction]:
        """Open a read transaction that sees everything up to `position` of the primary.

        Raises ReplicaLagging, DatabaseUnavailable, DatabaseUnusable.

        The replica's position is queried before the transaction begins, since a transaction sees what was visible when
        it began; and over the same connection, since another one may lead to another server.
        """
        connection = self._reader()
        try:
            row = connection.execute(_STANDING_AND_END if self.ends else wal_position.STANDING).fetchone()
            assert row is not None
            *standing, next_end = row if self.ends else (*row, None)
            status = wal_position.replication_status(standing)
            if fault := status.mismatch(primary):
                raise DatabaseUnusable(f"{self.name} {fault}")
            if not status.has_reached(position):
                raise ReplicaLagging(f"{self.name} has reached {status.position}, not {position}")
            if self.ends is not None and self.ends.are_due(next_end):
                raise ReplicaLagging(f"{self.name} has not applied an end that is due")
            connection.execute(_BEGIN)
            yield PostgresTransaction(connection)
        except psycopg.Error as error:
            crossed = connection.closed or libpq.code(error) in libpq.CROSSED
            raise (TransactionInterrupted if crossed else DatabaseUnavailable)(
                f"{self.name}: {libpq.sentence(error)}"
            ) from error
        finally:
            # `connection.rollback()` would discard every prepared statement.
            if not connection.closed and connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")


def connect(url: str) -> Replica:
    """Return the replica of a libpq URL; it isn't connected to yet. Raises DatabaseUnusable."""
    return Replica(libpq.address_of_replica(url), url)
