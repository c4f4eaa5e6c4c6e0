"""Routes reads to PostgreSQL replicas that have caught up; the primary answers when none has.

The router samples the primary's WAL position every quarter of a second. A replica may answer when it has replayed what
the primary had a second ago, and the position that the client asks for, if any. The replica's position is checked
before each read, on the connection that then reads. The primary answers whatever a replica can't. A replica that failed
is tried again after the next check.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog

from onebucket.domain.refusals import Unauthenticated
from onebucket.store.engine.database import Database, Replica
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable, TransactionInterrupted
from onebucket.store.engine.replication import ReplicaLagging, ReplicationStatus, WalPosition
from onebucket.store.engine.transaction import Transaction

_Result = TypeVar("_Result")

CHECK_SECONDS = 0.25
MAX_LAG_SECONDS = 1.0

# How long a request that names a position waits for a replica to reach it, 50 ms in all, before the primary answers.
PAUSES = (0.001, 0.002, 0.004, 0.008, 0.015, 0.02)

# Samples of the primary's position: one minute at `CHECK_SECONDS`. A larger lag counts as infinite.
MAX_SAMPLES = 240

# Why the primary answered although there are replicas: reasons, and the help texts of their metrics.
FALLBACK_REASONS: Mapping[str, str] = {
    "position": "Reads from the primary because no replica had reached the requested position",
    "lag": "Reads from the primary because the replicas' lag was too long or unknown",
    "trouble": "Reads from the primary because no replica was reachable",
    "credential": "Reads from the primary because a replica didn't have the credential",
}


@dataclass(slots=True)
class ReplicaState:
    """A replica and the result of its last check.

    `reason` says why it isn't used; it is empty when the replica may answer. `lag` is an upper bound in seconds,
    `checked_at` the time of the last check, `is_checking` the check in progress.
    """

    database: Replica
    reason: str = "trouble"
    lag: float = math.inf
    checked_at: float = -math.inf
    is_checking: "Future[None] | None" = None


class ReplicaRouter:
    """Reads on the replicas of `primary`, in turn.

    `served` counts the reads they answered, `fallbacks` those left to the primary, by reason. `now` is a monotonic
    clock in seconds.
    """

    def __init__(self, primary: Database, now: Callable[[], float]) -> None:
        self._primary = primary
        self._now = now
        self.states = [ReplicaState(replica) for replica in primary.replicas]
        self.served = 0
        self.fallbacks = dict.fromkeys(FALLBACK_REASONS, 0)
        # When the primary was sampled, and its status. Replaced, never mutated, because several threads read it.
        self._samples: tuple[tuple[float, ReplicationStatus], ...] = ()
        self._checked_at = -math.inf
        self._is_checking: Future[None] | None = None
        self._turn = 0
        self._log = structlog.get_logger("onebucket.http.replicas").bind()

    async def read(self, wanted: WalPosition | None, job: Callable[[Transaction], _Result]) -> _Result | None:
        """Run `job`, which must not write, on a replica that has reached `wanted`; None when the primary has to answer.

        What `job` raises is raised, except Unauthenticated.
        """
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
            # An interrupted transaction doesn't mean that the replica is down.
            if not isinstance(error, TransactionInterrupted):
                self._record(replica, reason, str(error))
        except Unauthenticated:
            # The credential may be too new for this replica.
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
        """Choose a replica, the position it must have reached, and the primary's status; or say why there is none."""
        usable = [state for state in self.states if not state.reason]
        if not usable:
            return "lag" if any(state.reason == "lag" for state in self.states) else "trouble"
        primary = self._position_a_second_ago()
        if primary is None:
            return "lag"
        if wanted is not None and wanted.timeline != primary.position.timeline:
            return "position"
        self._turn += 1
        return usable[self._turn % len(usable)], max(primary.position, wanted or primary.position), primary

    def _position_a_second_ago(self) -> ReplicationStatus | None:
        """Return the oldest sample of the primary within `MAX_LAG_SECONDS`; None when there is none."""
        since, oldest = self._now() - MAX_LAG_SECONDS, None
        for at, status in reversed(self._samples):
            if at < since:
                break
            oldest = status
        return oldest

    def lag(self, state: ReplicaState) -> float:
        """Return an upper bound of a replica's lag in seconds; infinity when it is more than a minute or unknown.

        Blocks for up to `MAX_LAG_SECONDS` to check all replicas when no read has caused a check lately.
        """
        if self._now() - self._checked_at > MAX_LAG_SECONDS:
            self._checked_at = self._now()
            self._check_all()
            wait([state.is_checking for state in self.states if state.is_checking is not None], MAX_LAG_SECONDS)
        return math.inf if state.reason == "trouble" else state.lag

    def _schedule_check(self) -> None:
        """Start a check of the primary and all replicas in a thread, at most every `CHECK_SECONDS`."""
        is_in_progress = self._is_checking is not None and not self._is_checking.done()
        if is_in_progress or self._now() - self._checked_at < CHECK_SECONDS or self._primary.read_pool is None:
            return
        self._checked_at = self._now()
        with suppress(DatabaseUnavailable):
            self._is_checking = self._primary.read_pool.submit(self._check_all)

    def _check_all(self) -> None:
        at = self._now()
        try:
            status = self._primary.replication_status()
        except (DatabaseUnavailable, DatabaseUnusable):
            return
        if status is not None:
            self._samples = (*self._samples[1 - MAX_SAMPLES :], (at, status))
            for state in self.states:
                self._check(state, at)

    def _check(self, state: ReplicaState, at: float) -> None:
        """Start a check of one replica in its thread, unless one is in progress."""
        if state.is_checking is not None and not state.is_checking.done():
            if at - state.checked_at > MAX_LAG_SECONDS:
                self._record(state, "trouble", f"{state.database.name} does not respond")
            return
        state.checked_at = at
        try:
            state.is_checking = state.database.read_pool.submit(self._compare, state)
        except DatabaseUnavailable as error:
            self._record(state, "trouble", str(error))

    def _compare(self, state: ReplicaState) -> None:
        samples = self._samples
        try:
            status = state.database.replication_status()
        except (DatabaseUnavailable, DatabaseUnusable) as error:
            self._record(state, "trouble", str(error))
            return
        mismatch = status.mismatch(samples[-1][1])
        state.lag = next(
            (self._now() - at for at, primary in reversed(samples) if status.has_reached(primary.position)), math.inf
        )
        if mismatch:
            self._record(state, "trouble", f"{state.database.name} {mismatch}")
        elif state.lag > MAX_LAG_SECONDS:
            self._record(state, "lag", f"{state.database.name} is more than a second behind")
        else:
            self._record(state, "", "")

    def _record(self, state: ReplicaState, reason: str, sentence: str) -> None:
        """Store the result of a check, and log when the replica becomes usable or unusable."""
        before, state.reason = state.reason, reason
        if reason and reason != before:
            self._log.warning("replica not used", reason=sentence)
        elif before and not reason:
            self._log.info("replica used again", replica=state.database.name)


async def _read(
    replica: Replica,
    position: WalPosition,
    primary: ReplicationStatus,
    job: Callable[[Transaction], _Result],
    pauses: Iterable[float],
) -> _Result:
    """Run `job` on a replica that has reached `position`; retry after each of `pauses`. Raises ReplicaLagging."""

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
