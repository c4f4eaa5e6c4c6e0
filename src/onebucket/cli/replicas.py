"""What `doctor` says of replicas: whether each can be asked, follows the primary, and how far it is behind."""

import time
from collections.abc import Iterator

from onebucket.cli.finding import Finding
from onebucket.store.engine.database import Database, DatabaseUnavailable, DatabaseUnusable
from onebucket.store.postgres.replica import Replica
from onebucket.store.postgres.wal_position import ReplicationStatus

# One that is further behind is not asked.
_OLDEST_SECONDS = 1.0

_MEANWHILE = "Meanwhile everything is read on the primary."
_OUT_OF_REACH = f"Start it, or mend the setting `replicas`. {_MEANWHILE}"
_NO_REPLICA = f"Make it a standby with pg_basebackup, or take it out of `replicas`. {_MEANWHILE}"
_ANOTHER_DATABASE = f"Name the same database in its address. {_MEANWHILE}"
_BEHIND = f"Look at pg_stat_replication on the primary, and into the standby's log. {_MEANWHILE}"


def findings(opened: Database) -> Iterator[Finding]:
    """What is so, and what is wrong, with each replica of a database."""
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
    begun = time.monotonic()
    here = replica.replication_status()
    if fault := here.mismatch(primary):
        is_elsewhere = here.cluster == primary.cluster and here.is_standby
        return Finding(False, f"{replica.name} {fault}", _ANOTHER_DATABASE if is_elsewhere else _NO_REPLICA)
    while not here.has_reached(primary.position):
        if time.monotonic() - begun > _OLDEST_SECONDS:
            return Finding(False, f"{replica.name} is more than a second behind: {_gap(here, primary)}", _BEHIND)
        time.sleep(0.01)
        here = replica.replication_status()
    return Finding(True, f"{replica.name} follows the primary, {_milliseconds(begun)} ms behind at most")


def _gap(here: ReplicationStatus, primary: ReplicationStatus) -> str:
    if here.position.timeline != primary.position.timeline:
        return f"it is on timeline {here.position.timeline}, the primary on {primary.position.timeline}"
    return f"{primary.position.at - here.position.at:,} bytes"


def _milliseconds(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
