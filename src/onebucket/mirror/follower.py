"""Follows an account: carries each change to the host soon after it, and compares everything again every hour."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from onebucket.domain.mirrors import LEASE_TIME, RENEWAL_TIME, MirrorState, MirrorStatus
from onebucket.domain.refusals import Refusal
from onebucket.mirror.comparison import Comparison
from onebucket.mirror.recorder import MirrorRecorder
from onebucket.mirror.sync import MirrorSync, Outcome, TooManyRemovals
from onebucket.remote.errors import CredentialRefused, RemoteError, UnexpectedResponse, Unreachable
from onebucket.settings import Misconfigured
from onebucket.store.engine.errors import DatabaseUnavailable

# How often the account is looked at: a change arrives within this and the time of its requests.
POLL_SECONDS = 1.0
FULL_SECONDS = 3600.0
# The pause after the host couldn't be reached: doubled each time, up to the longest; after a day the mirror stops.
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, GIVE_UP_SECONDS = 5.0, 3600.0, 86400.0
# The longest pause when the database here is away, or the account.
MAX_BACKOFF_HERE_SECONDS = 60.0
# How often a process looks whether a mirror that another one follows is free.
STANDBY_SECONDS = 5.0

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
    """Runs one mirror until it is cancelled. `notify` is called with a sentence when it can't go on, and why.

    `renew_credential` reads the API token again and returns whether it is another one; it raises Misconfigured.
    Only the process that holds the mirror runs it; any other waits until it is free.
    """

    sync: MirrorSync
    recorder: MirrorRecorder
    renew_credential: Callable[[], bool]
    report: Report
    notify: Callable[[str], None]
    pace: Pace = field(default_factory=Pace)
    _next_full: float = 0.0
    _not_before: float = 0.0
    _failures: int = 0
    _is_stopped: bool = False
    _must_read_credential: bool = True
    _resumed: object = None
    _told: str = ""

    async def follow(self) -> None:
        """Follow the account, as long as this process holds the mirror; wait for it otherwise."""
        while True:
            await self._take()
            try:
                await self._follow_while_held()
            finally:
                with suppress(DatabaseUnavailable):
                    self.recorder.release()

    async def look(self) -> None:
        """Look once at what there is to do, and do it."""
        status = self.recorder.refresh()
        if status.resumed_at != self._resumed:
            self._resumed = status.resumed_at
            self._start_again()
        if status.paused_at is not None or (self._is_stopped and not self._has_new_credential()):
            return
        now = self.pace.now()
        is_full = now >= self._next_full
        if now >= self._not_before and (is_full or self.sync.current_revision() != self.sync.revision):
            await self._run(status, is_full)

    # -- which process runs it ---------------------------------------------------------------------

    async def _take(self) -> None:
        """Wait until this process holds the mirror."""
        while True:
            try:
                holder = self.recorder.other_holder() or self.recorder.hold()
                if not holder:
                    break
                self._tell(f"it is followed by {holder}")
                pause = STANDBY_SECONDS
            except (Refusal, DatabaseUnavailable) as error:
                self._tell(str(error))
                pause = STANDBY_SECONDS
            await self.pace.sleep(pause)
        assert self.recorder.status is not None
        self._told, self._resumed = "", self.recorder.status.resumed_at
        self.sync.carried_revision = self.recorder.status.revision
        # Where another process was when it ended isn't known; a new one tries the credential again too.
        self._start_again()

    async def _follow_while_held(self) -> None:
        following, keeping = asyncio.ensure_future(self._follow()), asyncio.ensure_future(self._keep())
        try:
            await asyncio.wait((following, keeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (following, keeping):
                task.cancel()
            await asyncio.wait((following, keeping))
        for task in (following, keeping):
            if not task.cancelled():
                task.result()

    async def _keep(self) -> None:
        """Hold the mirror; return when another process has it, or when this one couldn't say so in time."""
        until = self.pace.now() + LEASE_TIME.total_seconds()
        while self.pace.now() < until:
            await self.pace.sleep(RENEWAL_TIME.total_seconds())
            with suppress(DatabaseUnavailable):
                if holder := self.recorder.hold():
                    self._tell(f"it is followed by {holder}")
                    return
                until = self.pace.now() + LEASE_TIME.total_seconds()

    # -- what it does ------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            pause = self.pace.poll_seconds
            try:
                await self.look()
            except (DatabaseUnavailable, Refusal) as error:
                # What arrived there before the failure isn't known: everything is read again.
                pause = min(self._back_off(), MAX_BACKOFF_HERE_SECONDS)
                self._tell(str(error))
            await self.pace.sleep(pause)

    async def _run(self, status: MirrorStatus, is_full: bool) -> None:
        """Compare and carry over; write down what came of it."""
        try:
            if self._must_read_credential:
                self.renew_credential()
                self._must_read_credential = False
            compared, outcome = await self.sync.run(
                afresh=is_full, allowed_removals=status.allowed_removals, may_go_on=self._may_go_on
            )
        except TooManyRemovals as error:
            self.recorder.record_question(str(error), error.compared, is_full=is_full)
            self._tell(str(error))
        except (Unreachable, UnexpectedResponse) as error:
            self._wait(str(error))
            return
        except (RemoteError, Misconfigured) as error:
            if not (isinstance(error, CredentialRefused) and self._has_new_credential()):
                self._stop(str(error))
            return
        else:
            self.recorder.record_run(compared, outcome, is_full=is_full, began=status)
            self._told = ""
            self.report(compared, outcome, is_full)
        self._failures = 0
        if is_full:
            self._next_full = self.pace.now() + self.pace.full_seconds

    def _may_go_on(self) -> bool:
        """Return False in the middle of a run when somebody has paused the mirror."""
        return self.recorder.refresh().paused_at is None

    def _wait(self, sentence: str) -> None:
        """Try again later; stop when that has gone on for too long."""
        seconds = self._back_off()
        failure = self.recorder.record_failure(MirrorState.WAITING, sentence, pause_seconds=seconds)
        if (failure.at - failure.since).total_seconds() >= GIVE_UP_SECONDS:
            self._stop(f"for a day now: {sentence}")
        else:
            self._tell(f"{sentence}; trying again in {seconds:,.0f} seconds")

    def _stop(self, sentence: str) -> None:
        self._is_stopped = True
        self.recorder.record_failure(MirrorState.STOPPED, sentence)
        self._tell(f"stopped: {sentence}")

    def _has_new_credential(self) -> bool:
        """Return whether the credential has changed since it was refused, and start again then."""
        try:
            is_new = self.renew_credential()
        except Misconfigured:
            return False
        if is_new:
            self._start_again()
        return is_new

    def _back_off(self) -> float:
        """Let the next attempt wait, longer each time; it reads everything again. Return the seconds."""
        seconds = min(self.pace.first_backoff_seconds * 2.0 ** min(self._failures, 30), MAX_BACKOFF_SECONDS)
        self._failures += 1
        self._next_full, self._not_before = self.pace.now(), self.pace.now() + seconds
        return seconds

    def _start_again(self) -> None:
        self._is_stopped, self._must_read_credential, self._failures = False, True, 0
        self._next_full = self._not_before = self.pace.now()

    def _tell(self, sentence: str) -> None:
        """Call `notify`, but not again with the same sentence."""
        if sentence != self._told:
            self._told = sentence
            self.notify(sentence)
