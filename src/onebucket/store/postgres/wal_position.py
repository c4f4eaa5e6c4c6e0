"""Positions in the log of PostgreSQL's changes: where a change stands there, and whether a copy has come that far.

A position is a timeline, which is another one after each failover, and a place that only grows along it. In the
spelling of PostgreSQL's own functions: `1-0/16B3748`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onebucket.store.engine.database import DatabaseUnavailable

_SPELLED = re.compile(r"(\d{1,10})-([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.ASCII)

_TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int"
# Of a primary, where everything is on disk that was committed before it was asked.
POSITION = f"SELECT pg_current_wal_flush_lsn()::text, {_TIMELINE}"

# Of a primary what is on disk, of a standby what can be seen there. Only a primary knows its timeline for sure; of a
# standby the highest is told that it has surely come to. Who may not see pg_stat_wal_receiver hears of it later: at a
# restart point, minutes after a failover.
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
    """A replica has not replayed yet what somebody wants to see."""


@dataclass(frozen=True, slots=True, order=True)
class WalPosition:
    """A place in the log: a timeline, and how many bytes along it."""

    timeline: int
    at: int

    def __str__(self) -> str:
        return f"{self.timeline}-{self.at >> 32:X}/{self.at & 0xFFFFFFFF:X}"


@dataclass(frozen=True, slots=True)
class ReplicationStatus:
    """Where a server stands: which cluster, database and schema it has, whether it follows another, how far it is."""

    cluster: str
    database: str
    schema: str
    is_standby: bool
    position: WalPosition

    def mismatch(self, primary: "ReplicationStatus") -> str:
        """Why this is no replica of the database that stands there, however far behind; empty when it is one."""
        if self.cluster != primary.cluster:
            return "is of another PostgreSQL, and no standby of the primary's"
        if (self.database, self.schema) != (primary.database, primary.schema):
            return f"is another database: {self.database}, schema {self.schema}"
        return "" if self.is_standby else "is not a standby: it was promoted, or never followed the primary"

    def has_reached(self, position: WalPosition) -> bool:
        """Whether everything up to there can be seen. Nothing of another timeline counts: it may have been lost."""
        return self.position.timeline == position.timeline and self.position.at >= position.at


def read(text: str) -> WalPosition:
    """A position as it is spelled. Raises ValueError.

    >>> read("1-0/16B3748"), str(read("12-A/0"))
    (Position(timeline=1, at=23803720), '12-A/0')
    """
    found = _SPELLED.fullmatch(text)
    if found is None:
        raise ValueError(text)
    timeline, high, low = found.groups()
    return WalPosition(int(timeline), int(high, 16) << 32 | int(low, 16))


def of_row(row: Sequence[Any]) -> WalPosition:
    """The position that `POSITION` was answered with."""
    place, timeline = row
    return read(f"{timeline}-{place or '0/0'}")


def replication_status(row: Sequence[Any]) -> ReplicationStatus:
    """Where a server stands that has answered `STANDING`."""
    cluster, database, schema, is_standby, *position = row
    return ReplicationStatus(cluster, database, schema or "", is_standby, of_row(position))
