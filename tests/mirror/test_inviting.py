"""Whom a mirror invites to the host, and how often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from onebucket.actions.mirrored_access import MirroredAccess
from onebucket.domain.accounts import SITE
from onebucket.domain.mirror_grants import GrantKind
from onebucket.mirror import inviting
from onebucket.mirror.comparison import Invitation

NOW = datetime(2026, 1, 31, tzinfo=UTC)
NAMES = {str(number): f"person-{number:03}" for number in range(30)}
HERE = MirroredAccess(
    SITE, 1, {}, NAMES, {}, {}, {}, {kind: set() for kind in GrantKind}, {}, NOW, {"ops": {"1"}, "devs": {*NAMES}}
)
ADDRESSES = {id: f"{name}@example.com" for id, name in NAMES.items()}


def chosen(here: MirroredAccess, *strangers: str, groups: tuple[str, ...] = ("devs", "ops")) -> list[str]:
    found = inviting.choose(here, strangers, ADDRESSES, groups, lambda *names: "person-003" in names)
    return [each.name for each in found]


def test_each_is_invited_to_a_group_that_they_are_in_and_that_is_there() -> None:
    [invitation] = inviting.choose(HERE, ["1"], ADDRESSES, ["ops"], lambda *names: False)

    assert invitation == Invitation("1", "person-001", "person-001@example.com", "ops")
    assert chosen(HERE, "2", groups=("ops",)) == []
    assert inviting.choose(HERE, ["2"], {}, ["devs"], lambda *names: False) == []


def test_who_is_never_touched_is_not_invited() -> None:
    assert chosen(HERE, "2", "3") == ["person-002"]


def test_nobody_is_invited_again_within_a_month() -> None:
    invited = {"1": NOW - timedelta(days=29), "2": NOW - timedelta(days=30)}

    assert chosen(replace(HERE, invited=invited), "1", "2") == ["person-002"]


def test_no_more_are_invited_than_a_day_allows() -> None:
    invited = {f"other-{number}": NOW - timedelta(hours=number) for number in range(30)}

    assert len(chosen(HERE, *NAMES)) == inviting.MOST_A_DAY
    assert chosen(replace(HERE, invited=invited), *NAMES) == []
