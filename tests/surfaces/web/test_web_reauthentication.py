"""What could hand an account to somebody else: the password is asked for again, unless it was given just now."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

import cast
import consuming
import ssh_keygen
from browsing import Page, Visitor
from cast import Api
from onebucket.actions import sessions, tokens
from onebucket.surfaces.web.core import page_router

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

# Where each guarded form is, and what is typed into it.
CONSUMERS = "/accounts/alice/consumers"
FORMS: dict[str, tuple[str, dict[str, str | list[str]]]] = {
    "/me/emails": ("/me", {"email": "second@example.com"}),
    "/me/emails/primary": ("/me", {"address": "alice@example.com"}),
    "/me/emails/remove": ("/me", {"address": "alice@example.com"}),
    "/me/tokens": ("/me/tokens", {"label": "thief", "scope": ["account"]}),
    "/me/ssh-keys": ("/me/ssh-keys", {"key": ssh_keygen.public(), "lasts": "never"}),
    "/me/security/apps": ("/me/security", {"label": "thief"}),
    "/me/security/passkeys": ("/me/security", {"passkey_label": "thief"}),
    "/me/security/passkeys/new": ("/me/security", {"passkey": "{}", "label": "thief"}),
    "/sign-in/confirm": ("/me/security", {"next": "/me"}),
    "/me/security/recovery-codes": ("/me/security", {}),
    "/me/security/none/remove": ("/me/security", {}),
    CONSUMERS: (CONSUMERS, {"label": "thief", "scope": ["account"]}),
}


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice."""
    with Visitor(api, "alice") as opened:
        yield opened


def let_it_be_a_while(api: Api) -> None:
    """Let every session be older than a password counts for."""
    earlier = int((sessions.CONFIRMED + timedelta(minutes=1)).total_seconds() * 1e6)
    api.operate(lambda work: work.tx.connection.execute(f"UPDATE sessions SET created_at = created_at - {earlier}"))


def typed(api: Api, alice: Visitor, action: str) -> Page:
    """What comes when a guarded form is sent a while after signing in."""
    where, fields = FORMS[action]
    # Not every form is on the page of everybody: one with the same token is.
    token = alice.open(where).inputs["form_token"]["value"] or ""
    let_it_be_a_while(api)
    return Page(alice.ask("POST", action, data={"form_token": token, **fields}))


def test_every_form_that_could_hand_an_account_over_is_guarded() -> None:
    guarded = {page.path for page in page_router.EVERYWHERE if page.is_guarded}

    wanted = {each.replace("/alice/", "/{name}/").replace("/none/", "/{id}/") for each in FORMS} | {
        "/site/oauth2/authorize",
        "/accounts/{name}/directories/{label}/rotate",
        "/accounts/{name}/webhooks",
        "/accounts/{name}/webhooks/{id}/rotate",
        "/sign-in/link",
        "/site/people/{person}/delete",
        "/site/people/{person}/factors/{id}",
    }
    assert guarded == wanted | {f"{base}/oauth/authenticate" for base in ("/api/1.0", "/1.0", "/!api/1.0")}


def test_every_page_of_the_site_is_shown_only_after_a_second_factor() -> None:
    pages = [page for page in page_router.EVERYWHERE if page.path.startswith("/site") and "oauth2" not in page.path]

    assert [page.path for page in pages if not (page.is_of_site and page.is_guarded_by_factor)] == []
    assert len(pages) > 5


@pytest.mark.parametrize("action", FORMS)
def test_a_session_alone_changes_nothing_and_the_password_is_asked_for(api: Api, alice: Visitor, action: str) -> None:
    before = [event for _, event, *_ in api.journal()]

    asked = typed(api, alice, action)

    assert (asked.status, "confirm that it is you" in asked.text) == (403, True)
    assert "again_login" not in asked.inputs and asked.inputs["again_password"]["type"] == "password"
    assert [event for _, event, *_ in api.journal()] == before


def test_what_was_typed_is_there_when_the_password_was_right_and_is_done_when_it_is_sent(
    api: Api, alice: Visitor
) -> None:
    asked = typed(api, alice, "/me/tokens")

    back = alice.send(asked, "/me/tokens", again_password=cast.password("alice"))
    made = alice.send(back, "/me/tokens")

    assert ("Password confirmed" in back.text, back.form("/me/tokens").values["label"]) == (True, "thief")
    assert made.status == 200
    assert "thief" in [each.label for each in api.operate(lambda work: tokens.of_person(work, "alice"))]


def test_a_wrong_password_does_nothing(api: Api, alice: Visitor) -> None:
    asked = typed(api, alice, "/me/tokens")

    again = alice.send(asked, "/me/tokens", again_password="wrong")

    assert (again.status, "Incorrect password" in again.text) == (403, True)
    assert "thief" not in [each.label for each in api.operate(lambda work: tokens.of_person(work, "alice"))]


def test_a_program_is_let_act_for_somebody_only_with_the_password(api: Api, alice: Visitor) -> None:
    page = alice.open(consuming.wish(consuming.add(api)))
    let_it_be_a_while(api)

    asked = alice.send(page, consuming.AUTHORIZE, follow=False)
    back = alice.send(asked, consuming.AUTHORIZE, again_password=cast.password("alice"))
    sent = alice.send(back, consuming.AUTHORIZE, follow=False)

    assert asked.status == 403 and "confirm that it is you" in asked.text
    assert consuming.answer_of(sent.answer)["code"]
