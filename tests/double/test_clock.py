"""The steerable clock: set, advanced, frozen, and never going back."""

from datetime import UTC, datetime, timedelta

import pytest

from onebucket.double.clock import SteerableClock, parse_span


@pytest.fixture
def real() -> list[float]:
    return [1000.0]


@pytest.fixture
def clock(real: list[float]) -> SteerableClock:
    return SteerableClock(lambda: real[0])


def test_it_runs_with_the_real_one_and_ahead_of_it(clock: SteerableClock, real: list[float]) -> None:
    start, count = clock.now(), clock.monotonic()

    real[0] += 5
    clock.advance(timedelta(days=8))

    assert clock.now() - start == timedelta(days=8, seconds=5)
    assert clock.monotonic() - count == 8 * 86400 + 5


def test_it_stands_still_while_it_is_frozen_and_can_be_advanced(clock: SteerableClock, real: list[float]) -> None:
    clock.freeze(True)
    start = clock.now()

    real[0] += 60
    frozen = clock.now()
    clock.advance(timedelta(seconds=7))
    advanced = clock.now()
    clock.freeze(False)
    real[0] += 1

    assert (frozen - start, advanced - start, clock.now() - start) == (
        timedelta(),
        timedelta(seconds=7),
        timedelta(seconds=8),
    )


def test_it_never_goes_back_but_by_a_reset(clock: SteerableClock) -> None:
    clock.set(datetime(2090, 1, 1, tzinfo=UTC))

    for turn in (lambda: clock.advance(timedelta(seconds=-1)), lambda: clock.set(datetime(2089, 1, 1, tzinfo=UTC))):
        with pytest.raises(ValueError, match="can't go back"):
            turn()
    assert clock.now() == datetime(2090, 1, 1, tzinfo=UTC)

    clock.reset()

    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=10)
    assert not clock.is_steered


@pytest.mark.parametrize("text", ["", "8", "days", "-1d", "1d ago", "1e9", "9" * 30 + "w", "1 fortnight"])
def test_what_is_no_span_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|calendar"):
        parse_span(text)
