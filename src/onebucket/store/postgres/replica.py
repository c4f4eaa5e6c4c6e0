"""A standby of the PostgreSQL that everything is kept in: read, never written, and only when it has come far enough."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import pq

from onebucket.store.engine.database import DatabaseUnavailable, DatabaseUnusable, TransactionInterrupted
from onebucket.store.postgres import connection as libpq
from onebucket.store.postgres import wal_position
from onebucket.store.postgres.database import PostgresDatabase
from onebucket.store.postgres.transaction import PostgresTransaction
from onebucket.store.postgres.wal_position import ReplicaLagging, ReplicationStatus, WalPosition

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Replica(PostgresDatabase):
    """A standby. What it can't do the primary can: every trouble of it is Unavailable or Unusable, and nothing else."""

    @contextmanager
    def reading_after(self, position: WalPosition, primary: ReplicationStatus) -> Iterator[PostgresTransaction]:
        """Read everything up to a position of the primary.

        Raises ReplicaLagging, DatabaseUnavailable, DatabaseUnusable.

        Where it stands is asked first, since a transaction sees what could be seen when it began; and over the same
        connection, since another one may lead to another server.
        """
        connection = self._reader()
        try:
            found = connection.execute(wal_position.STANDING).fetchone()
            assert found is not None
            here = wal_position.replication_status(found)
            if fault := here.mismatch(primary):
                raise DatabaseUnusable(f"{self.name} {fault}")
            if not here.has_reached(position):
                raise ReplicaLagging(f"{self.name} has come to {here.position}, not to {position}")
            connection.execute(_BEGIN)
            yield PostgresTransaction(connection)
        except psycopg.Error as error:
            crossed = connection.closed or libpq.code(error) in libpq.CROSSED
            raise (TransactionInterrupted if crossed else DatabaseUnavailable)(
                f"{self.name}: {libpq.sentence(error)}"
            ) from error
        finally:
            # `connection.rollback()` would forget every statement that was prepared.
            if not connection.closed and connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")


def connect(url: str) -> Replica:
    """The standby that a URL of libpq's names; nothing is asked of it yet. Raises DatabaseUnusable."""
    return Replica(libpq.address_of_replica(url), url)
