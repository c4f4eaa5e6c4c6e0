"""Ends on pages: given with a date, shown, moved, and refused with a sentence beside the field."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from browsing import Form, Page, Visitor
from cast import Api
from onebucket.actions import privileges

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


def given_until(api: Api, *paths: str) -> None:
    for path in paths:
        word = {} if "/groups/" in path else {"content": "read"}
        assert api("alice", "PUT", f"{path}?until={LATER}", **word).status_code == 200


MEMBER, DIRECT = "/groups/acme/designers/members/dora", "/privileges/acme/rocket/gina"
OF_GROUP, ENDS = "/group-privileges/acme/website/acme/designers", "/accounts/acme/ends"


def mover(page: Page, holder: str, place: str) -> Form:
    """Return the form beside what somebody has in a place until a date."""
    [found] = [form for form in page.forms if (form.values.get("holder"), form.values.get("place")) == (holder, place)]
    return found


def test_an_administrator_moves_each_end_with_a_date_and_one_click(api: Api) -> None:
    given_until(api, MEMBER, DIRECT, OF_GROUP)
    api("alice", "PUT", f"/2.0/workspaces/acme/projects/PROJ/permissions-config/users/gina?until={LATER}",
        json={"permission": "read"})  # fmt: skip
    alice = Visitor(api, "alice")

    for holder, place in (("dora", "designers"), ("gina", "rocket"), ("designers", "website"), ("gina", "PROJ")):
        moved = alice.submit(mover(alice.open(ENDS), holder, place), until=SOON)
        assert moved.path == ENDS, moved.text
    page = alice.open(ENDS)
    freed = alice.submit(mover(page, "gina", "rocket"), until="")

    assert page.text.count(f"ends soon: {SOON} 23:59 UTC") == 4
    assert "You gave gina read on rocket (was read)." in " ".join(freed.text.split())
    assert freed.text.count("ends soon") == 3
    assert api("alice", "GET", f"{DIRECT}?include=until").json()[0].get("until") is None


def test_whoever_is_no_administrator_sees_their_own_ends_and_whom_to_ask(api: Api) -> None:
    given_until(api, MEMBER, DIRECT)

    of_dora, of_mallory = (Visitor(api, name).open(ENDS) for name in ("dora", "mallory"))

    assert f"until {LATER} 23:59 UTC" in of_dora.text
    assert "Ask Alice Example (alice)" in " ".join(of_dora.text.split())
    assert "gina" not in of_dora.text
    assert not [form for form in of_dora.forms if "until" in form.inputs]
    assert "Nothing that you have here ends" in of_mallory.text


def test_whoever_administers_a_repository_moves_what_they_gave_there(api: Api) -> None:
    api("dora", "PUT", f"/privileges/acme/website/gina?until={LATER}", content="read")
    given_until(api, DIRECT)
    dora = Visitor(api, "dora")

    dora.submit(mover(dora.open(ENDS), "gina", "website"), until=SOON)

    page = dora.open(ENDS)
    assert f"ends soon: {SOON} 23:59 UTC" in page.text
    assert "rocket" not in page.text


@pytest.mark.parametrize("path", [MEMBER, DIRECT, OF_GROUP])
def test_what_has_just_ended_is_not_extended(api: Api, path: str) -> None:
    given_until(api, path)
    alice = Visitor(api, "alice")
    [form] = [form for form in alice.open(ENDS).forms if "until" in form.inputs]
    api("alice", "DELETE", path)
    if path == OF_GROUP:
        api.operate(lambda work: privileges.unset_for_group(work, "acme", "website", "designers"))

    refused = alice.submit(form, until=SOON)

    assert refused.status == 400
    assert "give it again" in refused.text or "is not a member" in refused.text


def test_an_end_that_has_passed_is_refused_where_ends_are_moved(api: Api) -> None:
    given_until(api, MEMBER)
    alice = Visitor(api, "alice")

    refused = alice.submit(mover(alice.open(ENDS), "dora", "designers"), until="2020-01-01")

    assert refused.status == 400
    assert "until must be in the future" in refused.text
    assert f"until {LATER} 23:59 UTC" in refused.text


PROJECT = "/accounts/acme/projects/PROJ"


def test_a_permission_on_a_project_is_given_until_a_date_after_a_preview(api: Api) -> None:
    alice = Visitor(api, "alice")
    typed = {"kind": "user", "holder": "gina", "level": "read"}

    refused = alice.send(alice.open(PROJECT), f"{PROJECT}/permissions", **typed, until="2020-01-01")
    preview = alice.send(alice.open(PROJECT), f"{PROJECT}/permissions", **typed, until=LATER)
    page = alice.send(preview, f"{PROJECT}/permissions")
    moved = alice.submit(mover(page, "gina", "PROJ"), until=SOON)

    assert refused.status == 400 and "Until must be in the future" in refused.text
    assert f"until {LATER} 23:59 UTC" in preview.text
    assert f"until {LATER} 23:59 UTC" in page.text
    assert moved.path == PROJECT
    assert f"ends soon: {SOON} 23:59 UTC" in moved.text
    assert f"You gave gina read on the project PROJ until {SOON}" in " ".join(moved.text.split())


def test_cells_of_the_matrix_are_set_until_a_date(api: Api) -> None:
    alice, matrix = Visitor(api, "alice"), "/accounts/acme/privileges"
    fields: dict[str, str | list[str]] = {
        "cell:designers/website:default": "read",
        "cell:designers/rocket:write": "default",
    }

    refused = alice.send(alice.open(matrix), matrix, fields=fields, until="2020-01-01")
    preview = alice.send(alice.open(matrix), matrix, fields=fields, until=LATER)
    alice.send(preview, f"{matrix}/set")

    assert refused.status == 400 and "Until must be in the future" in refused.text and "until-error" in refused.ids
    assert refused.form(matrix).values["cell:designers/website:default"].lower().startswith("r")
    assert preview.text.count(f"until {LATER} 23:59 UTC") == 1
    [given] = api("alice", "GET", f"{OF_GROUP}?include=until").json()
    assert given["until"].startswith(LATER)


@pytest.mark.parametrize(
    ("page", "path", "holder", "place"),
    [
        ("/accounts/acme/repositories/rocket", DIRECT, "gina", "rocket"),
        ("/accounts/acme/repositories/website", OF_GROUP, "designers", "website"),
        ("/accounts/acme/people/dora", MEMBER, "dora", "designers"),
        ("/accounts/acme/people/gina", DIRECT, "gina", "rocket"),
    ],
)
def test_ends_are_shown_and_moved_on_the_pages_of_a_repository_and_a_person(
    api: Api, page: str, path: str, holder: str, place: str
) -> None:
    given_until(api, path)
    alice = Visitor(api, "alice")
    shown = alice.open(page)

    moved = alice.submit(mover(shown, holder, place), until=SOON)

    assert shown.text.count(f"until {LATER} 23:59 UTC") == 2
    assert moved.path == page
    assert re.search(rf"You .*{holder}.* until {SOON}", " ".join(moved.text.split()))
    assert f"ends soon: {SOON} 23:59 UTC" in moved.text
