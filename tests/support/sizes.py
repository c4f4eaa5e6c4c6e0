"""How much the tests try: little by default, so that everybody runs them; much with CI=true, or as a variable says."""

import os
from collections.abc import Sequence
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")
Size = TypeVar("Size")

IS_LONG = os.environ.get("CI") == "true"


def _size(variable: str, *, quick: int, long: int) -> int:
    return int(os.environ.get(variable) or (long if IS_LONG else quick))


# Steps of the permission model, and kills of a server that is writing (security.md).
STEPS = _size("ONEBUCKET_STEPS", quick=2_000, long=50_000)
KILLS = _size("ONEBUCKET_KILLS", quick=4, long=200)
# Generated requests for each operation of the OpenAPI document.
REQUESTS = _size("ONEBUCKET_EXAMPLES", quick=2, long=12)


def either(*, quick: Size, long: Size) -> Size:
    """Return what a test tries at the size that is set."""
    return long if IS_LONG else quick


def examples(long: int) -> int:
    """Return how many examples Hypothesis tries, of so many at the long size."""
    return long if IS_LONG else long // 5


def pairs(first: Sequence[First], second: Sequence[Second], *, long_share: int = 1) -> list[tuple[First, Second]]:
    """Return every pair at the long size, or one in `long_share`; otherwise one in four. Every item occurs.

    With fewer than four in `second`, an item of `first` may be left out at the quick size.
    """
    one_in = long_share if IS_LONG else 4
    everyone = [(i + j, a, b) for i, a in enumerate(first) for j, b in enumerate(second)]
    return [(a, b) for number, a, b in everyone if number % one_in == 0]
