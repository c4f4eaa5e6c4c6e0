"""Queries for a PostgreSQL server's position in its write-ahead log."""

from collections.abc import Sequence
from typing import Any

from onebucket.store.engine.replication import ReplicationStatus, WalPosition

_TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int"
# On a primary: everything committed before the query is on disk up to this position.
POSITION = f"SELECT pg_current_wal_flush_lsn()::text, {_TIMELINE}"

# On a primary the position that is on disk, on a standby the one that is visible. Only a primary knows its timeline for
# sure; for a standby this is the highest that it has certainly reached. A role that may not read pg_stat_wal_receiver
# sees a new timeline only at a restart point, minutes after a failover.
STANDING = f"""
SELECT system_identifier::text, current_database()::text, current_schema()::text, pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text,
       CASE WHEN pg_is_in_recovery()
            THEN (SELECT greatest(timeline_id, min_recovery_end_timeline,
                                  (SELECT received_tli FROM pg_stat_wal_receiver))
                    FROM pg_control_checkpoint(), pg_control_recovery())
            ELSE {_TIMELINE}
       END
  FROM pg_control_system()
"""  # noqa: S608


def of_row(row: Sequence[Any]) -> WalPosition:
    """Return the position in a row of `POSITION`."""
    place, timeline = row
    return WalPosition.parse(f"{timeline}-{place or '0/0'}")


def replication_status(row: Sequence[Any]) -> ReplicationStatus:
    """Return the status in a row of `STANDING`."""
    cluster, database, schema, is_standby, *position = row
    return ReplicationStatus(cluster, database, schema or "", is_standby, of_row(position))
