"""The journal entry that explains best what a mirror carries."""

from datetime import UTC, datetime

import pytest

from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry, Facts
from onebucket.domain.mirror_causes import because


def entry(number: int, event: Event, actor: str, facts: Facts | None = None) -> Entry:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Entry(
        "a", number, "acme", at, None, actor, "password", None, event, "rocket", None, facts, "request", "hash"
    )


JOINED = entry(1, Event.MEMBER_ADDED, "alice", {"member": "bob"})
GIVEN = entry(2, Event.GROUP_PRIVILEGE_SET, "alice", {"group": "developers"})
OTHERS = entry(3, Event.PRIVILEGE_SET, "carol", {"user": "dave"})
MIRRORED = entry(4, Event.MIRROR_SET, "operator", {"user": "bob"})


@pytest.mark.parametrize(
    ("entries", "cause"),
    [
        ([MIRRORED, OTHERS, GIVEN, JOINED], "member.added by alice (entry 1)"),
        ([OTHERS, GIVEN], "group-privilege.set by alice (entry 2)"),
        ([OTHERS], "privilege.set by carol (entry 3)"),
        ([MIRRORED], ""),
        ([], ""),
    ],
)
def test_an_entry_that_names_the_person_comes_first_and_then_one_that_names_nobody(
    entries: list[Entry], cause: str
) -> None:
    assert because(entries, "bob") == cause
