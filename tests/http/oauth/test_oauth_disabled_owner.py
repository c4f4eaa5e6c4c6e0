"""OAuth apps whose owner is disabled: they count as none, also for somebody else, until the owner is enabled."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import consuming
from browsing import Page, Visitor
from cast import Api
from consuming import AUTHORIZE, CALLBACK, CHALLENGE, VERIFIER, Consumer, ask, bearer, dance, fields, post
from onebucket.actions import accounts

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

NOBODYS = Consumer("nobody", "nobody's secret")
INTROSPECT, REVOKE = "/site/oauth2/introspect", "/site/oauth2/revoke"
DANCE = "/1.0/oauth"


@pytest.fixture
def builds(api: Api) -> Consumer:
    """A consumer of alice's that acts for bob, who is never disabled here."""
    return consuming.add(api, acts_as="bob")


def disable(api: Api) -> None:
    """Disable the consumer's owner, as another process does."""
    api.operate(lambda work: accounts.set_active(work, "alice", False), elsewhere=True)


def enable(api: Api) -> None:
    """Enable them again."""
    api.operate(lambda work: accounts.set_active(work, "alice", True), elsewhere=True)


# --- OAuth 2


# What a consumer of each kind of grant sends, from before its owner was disabled.
GRANTS: dict[str, Callable[[Api, Consumer], dict[str, str]]] = {
    "authorization_code": lambda api, consumer: {"code": consuming.code(api, consumer, "bob")},
    "refresh_token": lambda api, consumer: {"refresh_token": consuming.tokens(api, consumer, "bob")["refresh_token"]},
    "client_credentials": lambda api, consumer: {},
}


@pytest.mark.parametrize("place", ["Basic", "form"])
@pytest.mark.parametrize("grant", GRANTS)
def test_while_its_owner_is_disabled_a_consumer_is_refused_as_one_that_never_was(
    api: Api, builds: Consumer, grant: str, place: str
) -> None:
    form = {"grant_type": grant} | GRANTS[grant](api, builds)

    def send(consumer: Consumer) -> tuple[int, Any]:
        if place == "Basic":
            answer = post(api, consumer, **form)
        else:
            answer = post(api, None, client_id=consumer.key, client_secret=consumer.secret, **form)
        return answer.status_code, answer.json()

    disable(api)
    before = api.everything()

    while_disabled, never_was = send(builds), send(NOBODYS)
    after = api.everything()
    enable(api)

    assert while_disabled == never_was
    assert (while_disabled[0] // 100, while_disabled[1]["error"]) == (4, "invalid_client")
    assert after == before
    assert send(builds)[0] == 200, "nothing but the owner was the reason"


@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token"])
def test_while_its_owner_is_disabled_a_public_consumer_gets_nothing_either(api: Api, grant: str) -> None:
    app = consuming.add(api, is_public=True)
    code = consuming.code(api, app, "bob", code_challenge=CHALLENGE, code_challenge_method="S256")
    form = {"grant_type": "authorization_code", "client_id": app.key, "code": code, "code_verifier": VERIFIER}
    if grant == "refresh_token":
        refresh = post(api, None, **form).json()["refresh_token"]
        form = {"grant_type": grant, "client_id": app.key, "refresh_token": refresh}

    disable(api)
    while_disabled = post(api, None, **form)
    enable(api)

    assert (while_disabled.status_code, while_disabled.json()["error"]) == (400, "invalid_client")
    assert post(api, None, **form).status_code == 200


def test_while_its_owner_is_disabled_a_consumer_asks_nobody_for_consent(api: Api, builds: Consumer) -> None:
    with Visitor(api, "bob") as visitor, Visitor(api) as stranger:
        form = visitor.open(consuming.wish(builds)).form(AUTHORIZE)
        disable(api)
        before = api.everything()

        while_disabled, never_was = (
            [
                visitor.ask("GET", consuming.wish(each)),
                visitor.ask("POST", consuming.wish(each), data=form.values),
                stranger.ask("GET", consuming.wish(each)),
            ]
            for each in (builds, NOBODYS)
        )
        after = api.everything()
        enable(api)
        back = visitor.ask("GET", consuming.wish(builds))

    assert [(each.status_code, "location" in each.headers) for each in while_disabled] == [(400, False)] * 3
    assert [Page(each).text for each in while_disabled] == [Page(each).text for each in never_was]
    assert after == before
    assert back.status_code == 200


def test_while_its_owner_is_disabled_a_consumers_access_tokens_are_refused(api: Api, builds: Consumer) -> None:
    token = consuming.tokens(api, builds, "bob")["access_token"]
    own = post(api, builds, grant_type="client_credentials").json()["access_token"]
    assert [bearer(api, each).status_code for each in (token, own)] == [200, 200]

    disable(api)
    while_disabled = [bearer(api, each).status_code for each in (token, own)]
    asked = [post(api, builds, path, token=token).status_code for path in (INTROSPECT, REVOKE)]
    enable(api)

    assert (while_disabled, asked) == ([401, 401], [401, 401])
    assert [bearer(api, each).status_code for each in (token, own)] == [200, 200]


# --- OAuth 1


def test_while_its_owner_is_disabled_a_consumer_gets_no_request_token(api: Api, builds: Consumer) -> None:
    request = partial(ask, api, address=f"{DANCE}/request_token", method="POST", callback_uri=CALLBACK)
    disable(api)
    before = api.everything()

    while_disabled, never_was = request(consumer=builds), request(consumer=NOBODYS)
    after = api.everything()
    enable(api)

    assert (while_disabled.status_code, while_disabled.text) == (never_was.status_code, never_was.text)
    assert while_disabled.status_code == 401
    assert after == before
    assert request(consumer=builds).status_code == 200


def test_while_its_owner_is_disabled_a_request_token_can_be_neither_agreed_to_nor_exchanged(
    api: Api, builds: Consumer
) -> None:
    def request() -> tuple[str, str]:
        given = fields(ask(api, builds, f"{DANCE}/request_token", "POST", callback_uri=CALLBACK))
        return given["oauth_token"], given["oauth_token_secret"]

    page = f"{DANCE}/authenticate"
    undecided, agreed = request(), request()
    with Visitor(api, "bob") as visitor:
        shown = visitor.open(f"{page}?oauth_token={agreed[0]}")
        verifier = consuming.answer_of(visitor.send(shown, page, follow=False).answer)["oauth_verifier"]
        asked = visitor.open(f"{page}?oauth_token={undecided[0]}")
        exchange = partial(ask, api, builds, f"{DANCE}/access_token", "POST", token=agreed, verifier=verifier)
        disable(api)
        before = api.everything()

        opened = visitor.open(f"{page}?oauth_token={undecided[0]}")
        sent = visitor.send(asked, page, follow=False)
        exchanged = exchange()
        after = api.everything()
        enable(api)
        reopened = visitor.open(f"{page}?oauth_token={undecided[0]}")

    assert (opened.status, sent.status, exchanged.status_code) == (404, 404, 401)
    assert "Builds" not in opened.text
    assert after == before
    assert (reopened.status, exchange().status_code) == (200, 200)


def test_while_its_owner_is_disabled_a_consumers_signature_is_none(api: Api, builds: Consumer) -> None:
    token = dance(api, builds, "bob")
    assert [ask(api, builds).status_code, ask(api, builds, token=token).status_code] == [200, 200]

    disable(api)
    while_disabled = [ask(api, builds), ask(api, builds, token=token)]
    enable(api)

    assert [(each.status_code, each.text) for each in while_disabled] == [(401, "Unauthorized")] * 2
    assert [ask(api, builds).status_code, ask(api, builds, token=token).status_code] == [200, 200]
