"""Ends on pages: given with a date, shown, moved, and refused with a sentence beside the field."""

from datetime import UTC, datetime, timedelta

import pytest

from browsing import Visitor
from cast import Api

TODAY = datetime.now(UTC).date()
LATER, SOON = (f"{TODAY + timedelta(days=days)}" for days in (30, 2))
DESIGNERS = "/accounts/acme/groups/designers"
END = f"{DESIGNERS}/members/dora/end"

pytestmark = pytest.mark.runs_on("SQLite")


def test_a_member_is_added_until_a_date_that_can_be_moved(api: Api) -> None:
    alice = Visitor(api, "alice")

    alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member="dora", until=LATER)
    shown = alice.open(DESIGNERS)
    asked = alice.open("/accounts/acme/ask?person=dora&repository=rocket&level=read")
    alice.send(alice.open(END), END, until=SOON)
    sooner = alice.open(DESIGNERS)
    alice.send(alice.open(END), END, until="")
    freed = alice.open(DESIGNERS)

    assert f"until {LATER} 23:59 UTC" in shown.text
    assert f"until {LATER} 23:59 UTC" in asked.text
    assert f"ends soon: {SOON} 23:59 UTC" in sooner.text
    assert "23:59 UTC" not in freed.text
    assert END in sooner.linked
    assert END not in freed.linked


def test_people_are_invited_until_a_date(api: Api) -> None:
    alice, page = Visitor(api, "alice"), "/accounts/acme/invitations"

    alice.send(alice.open(page), page, emails="erin@example.net", group="designers", until=LATER)

    assert f"{LATER} 23:59 UTC: what it gives ends then" in alice.open(page).text


@pytest.mark.parametrize("until", ["2020-01-01", "2027-02-31", "soon"])
def test_a_date_that_makes_no_sense_is_refused_beside_its_field(api: Api, until: str) -> None:
    alice = Visitor(api, "alice")

    refused = alice.send(alice.open(DESIGNERS), f"{DESIGNERS}/members", member="dora", until=until)

    assert refused.status == 400
    assert "Until " in refused.text
    assert api.members("designers") == ["bob"]
