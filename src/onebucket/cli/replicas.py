"""The checks of `doctor` about replicas: reachable, following the primary, and not too far behind."""

import time
from collections.abc import Iterator

from onebucket.cli.finding import Finding
from onebucket.store.engine.database import Database, Replica
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.replication import ReplicationStatus

# The server doesn't read from a replica that lags more than this.
_MAX_LAG_SECONDS = 1.0

_MEANWHILE = "Until then everything is read from the primary."
_OUT_OF_REACH = f"Start it, or correct the setting `replicas`. {_MEANWHILE}"
_NO_REPLICA = f"Make it a standby with pg_basebackup, or remove it from `replicas`. {_MEANWHILE}"
_ANOTHER_DATABASE = f"Name the same database in its address. {_MEANWHILE}"
_BEHIND = f"Look at pg_stat_replication on the primary, and at the standby's log. {_MEANWHILE}"


def findings(opened: Database) -> Iterator[Finding]:
    """Check each replica of the database; yield nothing if it has none."""
    if not opened.replicas:
        return
    primary = opened.replication_status()
    assert primary is not None
    if primary.is_standby:
        yield Finding(False, f"{opened.name} is a standby itself", "Name the primary in the setting `database`.")
        return
    for replica in opened.replicas:
        try:
            yield _finding(replica, primary)
        except (DatabaseUnusable, DatabaseUnavailable) as error:
            yield Finding(False, f"{error}", _OUT_OF_REACH)


def _finding(replica: Replica, primary: ReplicationStatus) -> Finding:
    started = time.monotonic()
    status = replica.replication_status()
    if fault := status.mismatch(primary):
        is_elsewhere = status.cluster == primary.cluster and status.is_standby
        return Finding(False, f"{replica.name} {fault}", _ANOTHER_DATABASE if is_elsewhere else _NO_REPLICA)
    while not status.has_reached(primary.position):
        if time.monotonic() - started > _MAX_LAG_SECONDS:
            return Finding(False, f"{replica.name} is more than a second behind: {_gap(status, primary)}", _BEHIND)
        time.sleep(0.01)
        status = replica.replication_status()
    return Finding(True, f"{replica.name} follows the primary, {_milliseconds(started)} ms behind at most")


def _gap(status: ReplicationStatus, primary: ReplicationStatus) -> str:
    if status.position.timeline != primary.position.timeline:
        return f"it is on timeline {status.position.timeline}, the primary on {primary.position.timeline}"
    return f"{primary.position.at - status.position.at:,} bytes"


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
