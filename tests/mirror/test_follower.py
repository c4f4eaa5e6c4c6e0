"""How a mirror follows an account: when it compares what, and what it does when the host is away."""

import asyncio
from dataclasses import dataclass, field

import pytest

from onebucket.mirror.comparison import Comparison
from onebucket.mirror.follower import MirrorFollower, Pace
from onebucket.mirror.sync import Outcome, TooManyRemovals
from onebucket.remote.errors import CredentialRefused, Unreachable


class Stopped(Exception):
    """The test has seen enough."""


@dataclass
class Clock:
    """Time that passes only while the follower sleeps; `until` seconds of it."""

    until: float
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        if self.now >= self.until:
            raise Stopped


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

    def current_revision(self) -> int:
        return sum(1 for change in self._changes if change <= self._clock.now)

    async def run(self, *, afresh: bool) -> tuple[Comparison, Outcome]:
        self.runs.append((self._clock.now, afresh))
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        self.revision = self.current_revision()
        return Comparison(), Outcome()


class Recorder:
    """Writes nothing down."""

    def record_run(self, compared: Comparison, outcome: Outcome, *, is_full: bool) -> None:
        pass


def followed(clock: Clock, account: Account) -> list[str]:
    told: list[str] = []
    pace = Pace(now=lambda: clock.now, sleep=clock.sleep)
    follower = MirrorFollower(account, Recorder(), lambda *run: None, told.append, pace)  # type: ignore[arg-type]
    with pytest.raises(Stopped):
        asyncio.run(follower.follow())
    return told


def test_everything_is_compared_at_the_start_and_every_hour() -> None:
    clock = Clock(7300)
    account = Account(clock)

    followed(clock, account)

    assert account.runs == [(0, True), (3600, True), (7200, True)]


def test_a_change_is_carried_at_the_next_look_without_reading_the_host_again() -> None:
    clock = Clock(100)
    account = Account(clock, changes=(10.1, 10.2, 50))

    followed(clock, account)

    assert account.runs == [(0, True), (11, False), (50, False)]


def test_a_host_that_is_away_is_asked_ever_more_rarely_and_then_read_afresh() -> None:
    clock = Clock(2000)
    away = Unreachable("gone")
    account = Account(clock, changes=(5000,), errors=(*[away] * 10, None))

    told = followed(clock, account)

    assert [at for at, _ in account.runs] == [0, 5, 15, 35, 75, 155, 315, 635, 1275]
    assert told[0] == "gone; trying again in 5 seconds"
    assert {afresh for _, afresh in account.runs} == {True}


def test_the_pause_has_an_upper_limit() -> None:
    clock = Clock(5000)
    account = Account(clock, errors=(Unreachable("gone"),) * 20)

    followed(clock, account)

    assert max(clock.slept) == 900


def test_a_refused_credential_ends_it() -> None:
    clock = Clock(100)
    account = Account(clock, changes=(10,), errors=(None, CredentialRefused("no")))
    pace = Pace(now=lambda: clock.now, sleep=clock.sleep)

    with pytest.raises(CredentialRefused):
        follower = MirrorFollower(account, Recorder(), lambda *run: None, lambda sentence: None, pace)  # type: ignore[arg-type]
        asyncio.run(follower.follow())

    assert clock.now == 10


def test_too_many_removals_are_told_and_tried_again_only_with_the_next_comparison() -> None:
    clock = Clock(3700)
    account = Account(clock, errors=(TooManyRemovals("too many"),))
    account.revision = 0

    told = followed(clock, account)

    assert told == ["too many"]
    assert account.runs == [(0, True), (3600, True)]
