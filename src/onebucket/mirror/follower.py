"""Follows an account: carries each change to the host soon after it, and compares everything again every hour."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from onebucket.mirror.comparison import Comparison
from onebucket.mirror.recorder import MirrorRecorder
from onebucket.mirror.sync import MirrorSync, Outcome, TooManyRemovals
from onebucket.remote.errors import Unreachable
from onebucket.store.engine.errors import DatabaseUnavailable

# How often the account is looked at: a change arrives within this and the time of its requests.
POLL_SECONDS = 1.0
FULL_SECONDS = 3600.0
# The pause after the host couldn't be reached: doubled each time, up to the longest.
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 5.0, 900.0

# Called after each run that did or found something; `is_full` if everything was compared.
Report = Callable[[Comparison, Outcome, bool], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """The clock and the pauses of a follower; tests replace them."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    poll_seconds: float = POLL_SECONDS
    full_seconds: float = FULL_SECONDS
    first_backoff_seconds: float = FIRST_BACKOFF_SECONDS


@dataclass(slots=True)
class MirrorFollower:
    """Runs one mirror until it is cancelled. `notify` is called with a sentence when it has to wait, or may not go on.

    A refused credential, a plan's limit and a missing right end it: it raises RemoteError then.
    """

    sync: MirrorSync
    recorder: MirrorRecorder
    report: Report
    notify: Callable[[str], None]
    pace: Pace = field(default_factory=Pace)

    async def follow(self) -> None:
        """Follow the account. Raises RemoteError, Refusal."""
        next_full, backoff = self.pace.now(), self.pace.first_backoff_seconds
        while True:
            is_full = self.pace.now() >= next_full
            try:
                if is_full or self.sync.current_revision() != self.sync.revision:
                    compared, outcome = await self.sync.run(afresh=is_full)
                    self.recorder.record_run(compared, outcome, is_full=is_full)
                    self.report(compared, outcome, is_full)
            except (Unreachable, DatabaseUnavailable) as error:
                self.notify(f"{error}; trying again in {backoff:,.0f} seconds")
                await self.pace.sleep(backoff)
                # What arrived there before the failure isn't known: everything is read again.
                next_full, backoff = self.pace.now(), min(2 * backoff, MAX_BACKOFF_SECONDS)
                continue
            except TooManyRemovals as error:
                self.notify(str(error))
            backoff = self.pace.first_backoff_seconds
            if is_full:
                next_full = self.pace.now() + self.pace.full_seconds
            await self.pace.sleep(self.pace.poll_seconds)
