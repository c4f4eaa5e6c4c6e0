"""Reading on replicas: which of them has come far enough to be asked; where none has, the primary answers.

The primary is asked every quarter of a second where it stands. What a replica tells is no older than a second when the
replica has everything that the primary had a second ago; whoever brings a position is told nothing older than that
either. That is asked of the replica before each read, over the connection that then reads. Whatever a replica can't do,
the primary does; one that failed is looked at again with the next look.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog

from onebucket.domain.refusals import Unauthenticated
from onebucket.store.engine.database import (
    Database,
    DatabaseUnavailable,
    DatabaseUnusable,
    Transaction,
    TransactionInterrupted,
)
from onebucket.store.postgres.wal_position import ReplicaLagging, ReplicationStatus, WalPosition

if TYPE_CHECKING:
    from onebucket.store.postgres.replica import Replica

_Result = TypeVar("_Result")

CHECK_SECONDS = 0.25
MAX_LAG_SECONDS = 1.0

# Whoever brings a position waits so long for it, 50 ms in all, before he is sent to the primary.
PAUSES = (0.001, 0.002, 0.004, 0.008, 0.015, 0.02)

# Where the primary stood in the last minute: how far behind a replica is can be told up to there.
MAX_SAMPLES = 240

# Why the primary was asked though there are replicas.
KEPT_SECONDS: Mapping[str, str] = {
    "position": "Reads that the primary answered since no replica had come to the position that was asked for",
    "lag": "Reads that the primary answered since the replicas were too far behind, or nobody knew",
    "trouble": "Reads that the primary answered since no replica could be asked",
    "credential": "Reads that the primary answered since a replica didn't know the credential",
}


@dataclass(slots=True)
class ReplicaState:
    """A replica, and what was found at the last check; it is not asked where there is a `reason`.

    `lag` is how many seconds it is behind at most, `since` when it was looked at last.
    """

    database: "Replica"
    reason: str = "trouble"
    lag: float = math.inf
    lagging_since: float = -math.inf
    is_checking: "Future[None] | None" = None


class ReplicaRouter:
    """The replicas of a database; `answered` and `kept` count the reads that they answered, and those they didn't.

    `now` is in seconds, from a clock that never goes back.
    """

    def __init__(self, primary: Database, now: Callable[[], float]) -> None:
        self._primary = primary
        self._now = now
        self.states = [ReplicaState(each) for each in primary.replicas]
        self.served = 0
        self.fallbacks = dict.fromkeys(KEPT_SECONDS, 0)
        # Where the primary stood, and when it was asked; never changed but replaced, as several threads look at it.
        self._samples: tuple[tuple[float, ReplicationStatus], ...] = ()
        self._checked_at = -math.inf
        self._is_checking: Future[None] | None = None
        self._turn = 0
        self._log = structlog.get_logger("onebucket.http.replicas").bind()

    async def read(self, wanted: WalPosition | None, job: Callable[[Transaction], _Result]) -> _Result | None:
        """What comes of `job`, which changes nothing, on a replica; None where the primary has to be asked."""
        self._schedule_check()
        chosen = self._choose(wanted)
        if isinstance(chosen, str):
            self.fallbacks[chosen] += 1
            return None
        replica, position, primary = chosen
        try:
            result = await _read(replica.database, position, primary, job, PAUSES if wanted else ())
        except ReplicaLagging:
            reason = "position" if wanted else "lag"
        except (DatabaseUnavailable, DatabaseUnusable) as error:
            reason = "trouble"
            # What was cut off in its middle needn't be so again.
            if not isinstance(error, TransactionInterrupted):
                self._record(replica, reason, str(error))
        except Unauthenticated:
            # An app password that was made a moment ago, perhaps.
            reason = "credential"
        except Exception:
            self.served += 1
            raise
        else:
            self.served += 1
            return result
        self.fallbacks[reason] += 1
        return None

    def _choose(self, wanted: WalPosition | None) -> tuple[ReplicaState, WalPosition, ReplicationStatus] | str:
        """A replica, what it must have, and of which primary; or why there is none."""
        near = [each for each in self.states if not each.reason]
        if not near:
            return "lag" if any(each.reason == "lag" for each in self.states) else "trouble"
        primary = self._position_a_second_ago()
        if primary is None:
            return "lag"
        if wanted is not None and wanted.timeline != primary.position.timeline:
            return "position"
        self._turn += 1
        return near[self._turn % len(near)], max(primary.position, wanted or primary.position), primary

    def _position_a_second_ago(self) -> ReplicationStatus | None:
        """Where the primary stood a second ago, or since then; None where it was not asked since then."""
        since, found = self._now() - MAX_LAG_SECONDS, None
        for at, standing in reversed(self._samples):
            if at < since:
                break
            found = standing
        return found

    def lag(self, known: ReplicaState) -> float:
        """How many seconds a replica is behind at most; infinity where that is more than a minute, or not known.

        Waits for an answer where nothing was read, and looked at, of late.
        """
        if self._now() - self._checked_at > MAX_LAG_SECONDS:
            self._checked_at = self._now()
            self._check_all()
            wait([each.is_checking for each in self.states if each.is_checking is not None], MAX_LAG_SECONDS)
        return math.inf if known.reason == "trouble" else known.lag

    def _schedule_check(self) -> None:
        """Have the primary and all replicas looked at, where that was not done a moment ago."""
        is_under_way = self._is_checking is not None and not self._is_checking.done()
        if is_under_way or self._now() - self._checked_at < CHECK_SECONDS or self._primary.read_pool is None:
            return
        self._checked_at = self._now()
        with suppress(DatabaseUnavailable):
            self._is_checking = self._primary.read_pool.submit(self._check_all)

    def _check_all(self) -> None:
        at = self._now()
        try:
            standing = self._primary.replication_status()
        except (DatabaseUnavailable, DatabaseUnusable):
            return
        if standing is not None:
            self._samples = (*self._samples[1 - MAX_SAMPLES :], (at, standing))
            for each in self.states:
                self._check(each, at)

    def _check(self, known: ReplicaState, at: float) -> None:
        """Have a replica looked at, unless that is under way."""
        if known.is_checking is not None and not known.is_checking.done():
            if at - known.lagging_since > MAX_LAG_SECONDS:
                self._record(known, "trouble", f"{known.database.name} does not answer")
            return
        known.lagging_since = at
        try:
            known.is_checking = known.database.read_pool.submit(self._compare, known)
        except DatabaseUnavailable as error:
            self._record(known, "trouble", str(error))

    def _compare(self, known: ReplicaState) -> None:
        stood = self._samples
        try:
            here = known.database.replication_status()
        except (DatabaseUnavailable, DatabaseUnusable) as error:
            self._record(known, "trouble", str(error))
            return
        fault = here.mismatch(stood[-1][1])
        known.lag = next(
            (self._now() - at for at, there in reversed(stood) if here.has_reached(there.position)), math.inf
        )
        if fault:
            self._record(known, "trouble", f"{known.database.name} {fault}")
        elif known.lag > MAX_LAG_SECONDS:
            self._record(known, "lag", f"{known.database.name} is more than a second behind")
        else:
            self._record(known, "", "")

    def _record(self, known: ReplicaState, reason: str, sentence: str) -> None:
        """Ask it from now on, or don't; whoever runs the server is told when that changes."""
        before, known.reason = known.reason, reason
        if reason and reason != before:
            self._log.warning("a replica is not asked", reason=sentence)
        elif before and not reason:
            self._log.info("a replica is asked", replica=known.database.name)


async def _read(
    replica: "Replica",
    position: WalPosition,
    primary: ReplicationStatus,
    job: Callable[[Transaction], _Result],
    pauses: Iterable[float],
) -> _Result:
    """Run `job` there once it has reached a position; try again after each pause. Raises ReplicaLagging."""

    def read() -> _Result:
        with replica.reading_after(position, primary) as tx:
            return job(tx)

    loop = asyncio.get_running_loop()
    for pause in pauses:
        try:
            return await loop.run_in_executor(replica.read_pool, read)
        except ReplicaLagging:
            await asyncio.sleep(pause)
    return await loop.run_in_executor(replica.read_pool, read)
