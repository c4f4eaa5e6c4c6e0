"""A form that is sent when its session has ended: what was typed is kept, and done when it is sent once more."""

from collections.abc import Iterator

import pytest

import cast
from browsing import Page, Visitor
from cast import Api
from onebucket.actions import accounts

GROUPS = "/accounts/acme/groups"
MATRIX = "/accounts/acme/privileges"
INVITATIONS = "/accounts/acme/invitations"
RIGHT = {"again_login": "alice", "again_password": cast.password("alice")}


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme."""
    with Visitor(api, "alice") as opened:
        yield opened


def end_sessions(api: Api) -> None:
    api.operate(lambda work: work.tx.connection.execute("DELETE FROM sessions"))


def sign_in_again(visitor: Visitor, page: Page, action: str, **typed: str) -> Page:
    return visitor.send(page, action, fields=RIGHT | typed)


def test_what_was_typed_is_there_when_they_have_signed_in_again(api: Api, alice: Visitor) -> None:
    page = alice.open("/accounts/acme")
    end_sessions(api)

    asked = alice.send(page, GROUPS, name="Night <b>Crew</b>", permission="write")

    assert (asked.status, "Your session has ended" in asked.text) == (403, True)
    assert "night-bcrewb" not in [each["slug"] for each in api("alice", "GET", "/groups/acme").json()]

    back = sign_in_again(alice, asked, GROUPS)

    assert "You are signed in again" in back.text
    assert back.form(GROUPS).values["name"] == "Night <b>Crew</b>"
    assert back.form(GROUPS).values["permission"] == "write"
    assert "b" not in asked.tags | back.tags
    assert alice.send(back, GROUPS).path.startswith(f"{GROUPS}/night-")


def test_several_values_and_cells_are_kept_too(api: Api, alice: Visitor) -> None:
    inviting, matrix = alice.open(INVITATIONS), alice.open(f"{MATRIX}?groups=e&repositories=rocket")
    end_sessions(api)

    emails = "a@example.org\nb@example.org"
    asked = alice.send(inviting, INVITATIONS, emails=emails, group=["designers", "developers"])
    back = sign_in_again(alice, asked, INVITATIONS)
    end_sessions(api)
    chosen = alice.send(matrix, MATRIX, fields={"cell:designers/rocket:write": "admin"})
    cells = sign_in_again(alice, chosen, MATRIX)

    assert back.form(INVITATIONS).values["group"] == ["designers", "developers"]
    assert str(back.form(INVITATIONS).values["emails"]).split() == emails.split()
    assert cells.form(MATRIX).values["cell:designers/rocket:write"] == "A"
    assert "groups=e" in cells.form(MATRIX).action


def test_passwords_are_not_kept(api: Api, alice: Visitor) -> None:
    page = alice.open("/me")
    end_sessions(api)

    asked = alice.send(page, "/me/password", old_password="my old secret", password="my new secret")

    assert "secret" not in asked.answer.text
    assert "again_password" in asked.inputs


@pytest.mark.parametrize(
    "given", [{"again_password": "wrong"}, {"again_login": ""}, {"again_login": "mallory"}], ids=str
)
def test_a_wrong_password_is_said_and_loses_nothing(api: Api, alice: Visitor, given: dict[str, str]) -> None:
    page = alice.open("/accounts/acme")
    end_sessions(api)
    asked = alice.send(page, GROUPS, name="Night Crew")

    again = sign_in_again(alice, asked, GROUPS, **given)

    assert (again.status, "Incorrect username or password" in again.text) == (403, True)
    assert "again_password" in again.inputs and again.inputs["again_password"].get("value") is None
    assert sign_in_again(alice, again, GROUPS).form(GROUPS).values["name"] == "Night Crew"


def test_somebody_else_who_signs_in_gets_what_they_may(api: Api, alice: Visitor) -> None:
    page = alice.open("/accounts/acme")
    end_sessions(api)
    asked = alice.send(page, GROUPS, name="Night Crew")

    fields: dict[str, str | list[str]] = {"again_login": "mallory", "again_password": cast.password("mallory")}
    refused = alice.send(asked, GROUPS, fields=fields)

    assert (refused.status, refused.form("/sign-out").method) == (403, "post")


def test_another_site_is_asked_nothing_and_a_stranger_s_form_signs_nobody_in(api: Api, alice: Visitor) -> None:
    token = alice.open("/accounts/acme").inputs["form_token"]["value"] or ""
    end_sessions(api)

    elsewhere = alice.ask("POST", GROUPS, data={"name": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    forged = alice.ask("POST", GROUPS, data={"name": "x", "form_token": token, **RIGHT})

    assert (elsewhere.status_code, "again_login" in elsewhere.text) == (403, False)
    assert (forged.status_code, "this form has expired" in forged.text) == (403, True)
    assert api.operate(lambda work: work.tx.connection.execute("SELECT count(*) FROM sessions").fetchone()) == (0,)


def test_whoever_is_disabled_meanwhile_stays_out(api: Api, alice: Visitor) -> None:
    page = alice.open("/accounts/acme")
    asked_before = alice.send(page, GROUPS, name="x" * 300)
    api.operate(lambda work: accounts.set_active(work, "alice", False))

    asked = alice.send(asked_before, GROUPS, name="Night Crew")

    assert sign_in_again(alice, asked, GROUPS).status == 403
