"""Positions in PostgreSQL's write-ahead log: where a change stands, and whether a replica has replayed it.

A position is a timeline, which changes with each failover, and a place that only grows along it. It is spelled with
PostgreSQL's own notation: `1-0/16B3748`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onebucket.store.engine.database import DatabaseUnavailable

_FORMAT = re.compile(r"(\d{1,10})-([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.ASCII)

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


class ReplicaLagging(DatabaseUnavailable):
    """The replica has not yet replayed what the caller wants to see."""


@dataclass(frozen=True, slots=True, order=True)
class WalPosition:
    """A position in the log: a timeline, and the bytes along it."""

    timeline: int
    at: int

    def __str__(self) -> str:
        return f"{self.timeline}-{self.at >> 32:X}/{self.at & 0xFFFFFFFF:X}"


@dataclass(frozen=True, slots=True)
class ReplicationStatus:
    """A server's cluster, database and schema, whether it is a standby, and its position in the log."""

    cluster: str
    database: str
    schema: str
    is_standby: bool
    position: WalPosition

    def mismatch(self, primary: "ReplicationStatus") -> str:
        """Return why this is no replica of `primary`, however far behind; empty when it is one."""
        if self.cluster != primary.cluster:
            return "is of another PostgreSQL, and no standby of the primary's"
        if (self.database, self.schema) != (primary.database, primary.schema):
            return f"is another database: {self.database}, schema {self.schema}"
        return "" if self.is_standby else "is not a standby: it was promoted, or never followed the primary"

    def has_reached(self, position: WalPosition) -> bool:
        """Return True if everything up to `position` is visible.

        A position on another timeline doesn't count: after a failover, the change may have been lost.
        """
        return self.position.timeline == position.timeline and self.position.at >= position.at


def read(text: str) -> WalPosition:
    """Parse a position. Raises ValueError.

    >>> read("1-0/16B3748"), str(read("12-A/0"))
    (WalPosition(timeline=1, at=23803720), '12-A/0')
    """
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    timeline, high, low = match.groups()
    return WalPosition(int(timeline), int(high, 16) << 32 | int(low, 16))


def of_row(row: Sequence[Any]) -> WalPosition:
    """Return the position in a row of `POSITION`."""
    place, timeline = row
    return read(f"{timeline}-{place or '0/0'}")


def replication_status(row: Sequence[Any]) -> ReplicationStatus:
    """Return the status in a row of `STANDING`."""
    cluster, database, schema, is_standby, *position = row
    return ReplicationStatus(cluster, database, schema or "", is_standby, of_row(position))
