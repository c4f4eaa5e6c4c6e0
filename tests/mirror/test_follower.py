"""How a mirror follows an account: when it compares what, and when it waits, stops, pauses and goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from onebucket.domain.mirrors import MirrorFailure, MirrorState, MirrorStatus
from onebucket.mirror.comparison import Comparison
from onebucket.mirror.follower import MirrorFollower, Pace
from onebucket.mirror.sync import Outcome, TooManyRemovals
from onebucket.remote.errors import CredentialRefused, Unreachable

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TOO_MANY = TooManyRemovals("too many", Comparison())
NEW = MirrorStatus("a", "cloud", "acme-inc", "https://api.example.com", can_change=True)


@dataclass
class Clock:
    """Time that passes when the test says so."""

    now: float = 0.0

    @property
    def at(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now)


class Account:
    """Stands for both sides: `changes` are the seconds at which something changes here, `errors` come in turn."""

    def __init__(
        self, clock: Clock, changes: tuple[float, ...] = (), errors: tuple[Exception | None, ...] = ()
    ) -> None:
        self._clock = clock
        self._changes = changes
        self._errors = list(errors)
        self.revision: int | None = None
        self.runs: list[tuple[float, bool]] = []
        self.allowed: list[int | None] = []
        self.on_run: Callable[[], object] = lambda: None
        self.went_on: list[bool] = []

    def current_revision(self) -> int:
        return sum(1 for change in self._changes if change <= self._clock.now)

    async def run(
        self, *, afresh: bool, allowed_removals: int | None, may_go_on: Callable[[], bool]
    ) -> tuple[Comparison, Outcome]:
        self.runs.append((self._clock.now, afresh))
        self.allowed.append(allowed_removals)
        self.on_run()
        self.went_on.append(may_go_on())
        error = self._errors.pop(0) if self._errors else None
        if error is None or isinstance(error, TooManyRemovals):
            self.revision = self.current_revision()
        if error is not None:
            raise error
        return Comparison(), Outcome()


@dataclass
class Recorder:
    """Keeps the status in memory, and the states that were written down with their seconds."""

    clock: Clock
    status: MirrorStatus = NEW
    states: list[tuple[float, str]] = field(default_factory=list)

    def refresh(self) -> MirrorStatus:
        return self.status

    def record_run(
        self, compared: Comparison, outcome: Outcome, *, is_full: bool, began: MirrorStatus | None = None
    ) -> None:
        self._record(MirrorState.RUNNING, None)

    def record_question(self, sentence: str, compared: Comparison, *, is_full: bool) -> None:
        self.record_failure(MirrorState.ASKS, sentence)

    def record_failure(self, state: MirrorState, sentence: str, *, pause_seconds: float | None = None) -> MirrorFailure:
        since = self.status.failure.since if self.status.failure else self.clock.at
        failure = MirrorFailure(sentence, self.clock.at, since)
        self._record(state, failure)
        return failure

    def _record(self, state: MirrorState, failure: MirrorFailure | None) -> None:
        self.status = replace(self.status, outcome=state, failure=failure)
        self.states.append((self.clock.now, state.value))

    def pause(self) -> None:
        self.status = replace(self.status, paused_at=self.clock.at)

    def resume(self, allowed: int | None = None) -> None:
        self.status = replace(self.status, paused_at=None, resumed_at=self.clock.at, allowed_removals=allowed)


@dataclass
class Stage:
    """A follower that looks once a second; `at` is what happens at which second."""

    account: Account
    recorder: Recorder
    told: list[str] = field(default_factory=list)
    new_credential_at: float = float("inf")

    def run(self, until: float, at: dict[float, Callable[[], object]] | None = None) -> None:
        clock = self.recorder.clock
        follower = MirrorFollower(
            self.account, self.recorder, self._renew, lambda *run: None, self.told.append,  # type: ignore[arg-type]
            Pace(now=lambda: clock.now),
        )  # fmt: skip

        async def look() -> None:
            while clock.now < until:
                if at and clock.now in at:
                    at[clock.now]()
                await follower.look()
                clock.now += 1

        asyncio.run(look())

    def _renew(self) -> bool:
        is_new = self.recorder.clock.now >= self.new_credential_at
        self.new_credential_at = float("inf") if is_new else self.new_credential_at
        return is_new


def stage(changes: tuple[float, ...] = (), errors: tuple[Exception | None, ...] = ()) -> Stage:
    clock = Clock()
    return Stage(Account(clock, changes, errors), Recorder(clock))


def test_everything_is_compared_at_the_start_and_every_hour() -> None:
    found = stage()

    found.run(7300)

    assert found.account.runs == [(0, True), (3600, True), (7200, True)]


def test_a_change_is_carried_at_the_next_look_without_reading_the_host_again() -> None:
    found = stage(changes=(10.1, 10.2, 50))

    found.run(100)

    assert found.account.runs == [(0, True), (11, False), (50, False)]


def test_a_host_that_is_away_is_asked_ever_more_rarely_and_then_read_afresh() -> None:
    found = stage(errors=(*[Unreachable("gone")] * 8, None))

    found.run(2000)

    assert [at for at, _ in found.account.runs] == [0, 5, 15, 35, 75, 155, 315, 635, 1275]
    assert found.told[0] == "gone; trying again in 5 seconds"
    assert {afresh for _, afresh in found.account.runs} == {True}
    assert found.recorder.states[-2:] == [(635, "waiting"), (1275, "running")]


def test_after_a_day_of_failures_it_stops_and_says_so() -> None:
    found = stage(errors=(Unreachable("gone"),) * 100)

    found.run(100_000)

    seconds = [at for at, _ in found.account.runs]
    assert max(after - before for before, after in pairwise(seconds)) == 3600
    assert found.recorder.states[-1][1] == "stopped"
    assert 86400 <= seconds[-1] < 86400 + 3600
    assert found.told[-1] == "stopped: for a day now: gone"


def test_a_refused_credential_stops_it_until_it_is_resumed() -> None:
    found = stage(changes=(10, 20), errors=(None, CredentialRefused("no"), None))

    found.run(100, {50: found.recorder.resume})

    assert found.account.runs == [(0, True), (10, False), (50, True)]
    assert [state for _, state in found.recorder.states] == ["running", "stopped", "running"]
    assert found.told == ["stopped: no"]


def test_another_credential_lets_it_go_on() -> None:
    found = stage(errors=(CredentialRefused("no"), None))
    found.new_credential_at = 30

    found.run(100)

    assert found.account.runs == [(0, True), (30, True)]


def test_a_credential_that_was_replaced_already_stops_nothing() -> None:
    found = stage(changes=(10,), errors=(None, CredentialRefused("no"), None))
    found.new_credential_at = 5

    found.run(100)

    assert found.account.runs == [(0, True), (10, False), (11, True)]
    assert {state for _, state in found.recorder.states} == {"running"}


def test_a_paused_mirror_carries_nothing_and_takes_up_again_at_the_next_look() -> None:
    found = stage(changes=(20, 30))

    found.run(100, {10: found.recorder.pause, 40: found.recorder.resume})

    assert found.account.runs == [(0, True), (40, True)]


def test_a_pause_in_the_middle_of_a_run_ends_it() -> None:
    found = stage()
    found.account.on_run = found.recorder.pause

    found.run(3)

    assert (found.account.runs, found.account.went_on) == ([(0, True)], [False])


def test_too_many_removals_ask_and_are_compared_again_with_each_change() -> None:
    found = stage(changes=(10,), errors=(TOO_MANY, TOO_MANY, None))

    found.run(100, {50: lambda: found.recorder.resume(40)})

    assert found.account.runs == [(0, True), (10, False), (50, True)]
    assert found.account.allowed == [None, None, 40]
    assert [state for _, state in found.recorder.states] == ["asks", "asks", "running"]
    assert found.told == ["too many"]
