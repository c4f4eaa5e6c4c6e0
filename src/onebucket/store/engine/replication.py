"""Positions in a primary's write-ahead log: where a change is, and whether a replica has replayed it.

A position is a timeline, which changes with each failover, and a place that only grows along it. It is spelled with
PostgreSQL's own notation: `1-0/16B3748`.
"""

import re
from dataclasses import dataclass

from onebucket.store.engine.errors import DatabaseUnavailable

_FORMAT = re.compile(r"(\d{1,10})-([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.ASCII)


class ReplicaLagging(DatabaseUnavailable):
    """The replica has not yet replayed what the caller wants to see."""


@dataclass(frozen=True, slots=True, order=True)
class WalPosition:
    """A position in the log: a timeline, and the bytes along it."""

    timeline: int
    at: int

    @classmethod
    def parse(cls, text: str) -> "WalPosition":
        """Parse a position. Raises ValueError.

        >>> WalPosition.parse("1-0/16B3748"), str(WalPosition.parse("12-A/0"))
        (WalPosition(timeline=1, at=23803720), '12-A/0')
        """
        match = _FORMAT.fullmatch(text)
        if match is None:
            raise ValueError(text)
        timeline, high, low = match.groups()
        return cls(int(timeline), int(high, 16) << 32 | int(low, 16))

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
            return "belongs to another PostgreSQL cluster than the primary"
        if (self.database, self.schema) != (primary.database, primary.schema):
            return f"is another database: {self.database}, schema {self.schema}"
        return "" if self.is_standby else "is not a standby: it was promoted, or never followed the primary"

    def has_reached(self, position: WalPosition) -> bool:
        """Return True if everything up to `position` is visible.

        A position on another timeline doesn't count: after a failover, the change may have been lost.
        """
        return self.position.timeline == position.timeline and self.position.at >= position.at
