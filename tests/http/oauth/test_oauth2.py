"""OAuth 2: getting tokens, using them, ending them, and everything that is refused."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import cast
import consuming
from browsing import Visitor
from cast import Api, basic
from consuming import AUTHORIZE, CALLBACK, CHALLENGE, TOKEN, VERIFIER, Consumer, bearer, post
from onebucket.actions import accounts, consumers

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
INTROSPECT, REVOKE = "/site/oauth2/introspect", "/site/oauth2/revoke"


@pytest.fixture
def builds(api: Api) -> Consumer:
    """A consumer of alice's."""
    return consuming.add(api)


@pytest.fixture
def app(api: Api) -> Consumer:
    """A public one: a program that can't keep a secret."""
    return consuming.add(api, "acme", label="Phone", is_public=True)


def slugs(api: Api, token: str) -> list[str]:
    return [group["slug"] for group in bearer(api, token).json()]


# --- getting tokens


@pytest.mark.parametrize("form", ["Basic", "form"])
def test_a_consumer_acts_for_the_person_whose_it_is(api: Api, builds: Consumer, form: str) -> None:
    shown = {"client_id": builds.key, "client_secret": builds.secret} if form == "form" else {}

    answer = post(api, builds if form == "Basic" else None, grant_type="client_credentials", **shown)

    given = answer.json()
    token = given.pop("access_token")
    assert given == {
        "token_type": "bearer",
        "expires_in": 7200,
        "scopes": "account account:write",
        "scope": "account account:write",
    }
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/json")
    assert token.startswith("obo_")
    assert slugs(api, token) == ["administrators", "designers", "developers"]


@pytest.mark.parametrize("pkce", [True, False])
def test_a_code_becomes_tokens_once_the_person_has_agreed(api: Api, builds: Consumer, pkce: bool) -> None:
    back = consuming.consent(api, builds, "bob", scope="account", **(PKCE if pkce else {}))

    answer = post(
        api,
        builds,
        grant_type="authorization_code",
        code=back["code"],
        **({"code_verifier": VERIFIER} if pkce else {}),
    )

    given = answer.json()
    assert set(back) == {"job", "code", "state", "iss"} and back["state"] == "xyz" and back["iss"] == cast.BASE
    assert (given["scopes"], given["refresh_token"][:4]) == ("account", "obr_")
    assert slugs(api, given["access_token"]) == ["designers", "developers"]


def test_a_public_consumer_needs_no_secret_but_a_verifier(api: Api, app: Consumer) -> None:
    code = consuming.code(api, app, "bob", **PKCE)
    form = {"grant_type": "authorization_code", "client_id": app.key, "code": code, "code_verifier": VERIFIER}

    given = post(api, None, **form).json()
    again = post(api, None, grant_type="refresh_token", client_id=app.key, refresh_token=given["refresh_token"])

    assert slugs(api, given["access_token"]) == slugs(api, again.json()["access_token"]) == ["designers", "developers"]


def test_a_refresh_token_gives_another_pair_and_may_give_less(api: Api, builds: Consumer) -> None:
    given = consuming.tokens(api, builds)

    less = post(api, builds, grant_type="refresh_token", refresh_token=given["refresh_token"], scope="account").json()
    more = post(api, builds, grant_type="refresh_token", refresh_token=less["refresh_token"]).json()

    assert (less["scopes"], more["scopes"]) == ("account", "account account:write")
    assert len({each["access_token"] for each in (given, less, more)}) == 3
    assert slugs(api, given["access_token"]) == slugs(api, more["access_token"])


def test_a_code_and_a_refresh_token_used_twice_end_all_that_came_of_the_consent(api: Api, builds: Consumer) -> None:
    code = consuming.code(api, builds)
    first = post(api, builds, grant_type="authorization_code", code=code).json()
    others = consuming.tokens(api, builds)
    renewed = post(api, builds, grant_type="refresh_token", refresh_token=others["refresh_token"]).json()

    stolen = [
        post(api, builds, grant_type="authorization_code", code=code),
        post(api, builds, grant_type="refresh_token", refresh_token=others["refresh_token"]),
    ]

    assert [(answer.status_code, answer.json()["error"]) for answer in stolen] == [(400, "invalid_grant")] * 2
    ended = [first["access_token"], others["access_token"], renewed["access_token"]]
    assert [bearer(api, token).status_code for token in ended] == [401, 401, 401]
    dead = post(api, builds, grant_type="refresh_token", refresh_token=renewed["refresh_token"])
    assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")


@pytest.mark.runs_on("SQLite")
def test_a_password_is_taken_only_where_that_is_switched_on(cast_template: Path, tmp_path: Path, api: Api) -> None:
    form = {"grant_type": "password", "username": "bob", "password": cast.password("bob")}
    (tmp_path / "on").mkdir()
    on = Api(cast.copy(cast_template, tmp_path / "on"), oauth_password_grant=True)

    off = post(api, consuming.add(api), **form)
    consumer = consuming.add(on)
    given, wrong, nobody = (post(on, consumer, **(form | more)) for more in ({}, {"password": "x"}, {"username": "x"}))
    unknown = post(on, Consumer(consumer.key, "wrong"), **form)

    assert (off.status_code, off.json()["error"]) == (400, "unsupported_grant_type")
    assert slugs(on, given.json()["access_token"]) == ["designers", "developers"]
    assert {(each.status_code, each.json()["error"]) for each in (wrong, nobody)} == {(400, "invalid_grant")}
    assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")
    assert "password" in on(None, "GET", "/.well-known/oauth-authorization-server").json()["grant_types_supported"]
    assert "password" not in api(None, "GET", "/.well-known/oauth-authorization-server").json()["grant_types_supported"]
    on.close()


# --- consumers that aren't let in


def test_consumers_that_show_themselves_wrongly_get_nothing(api: Api, builds: Consumer, app: Consumer) -> None:
    other = consuming.add(api, "bob")
    form = {"grant_type": "client_credentials"}
    in_form = {"client_id": builds.key, "client_secret": builds.secret}
    wrong: list[tuple[Any, dict[str, str], tuple[int, str]]] = [
        (None, {}, (401, "invalid_client")),
        (None, {"client_id": builds.key}, (401, "invalid_client")),
        (None, {"client_id": app.key}, (401, "invalid_client")),
        (None, in_form | {"client_secret": other.secret}, (401, "invalid_client")),
        (None, in_form | {"client_id": "nobody"}, (400, "invalid_client")),
        ((builds.key, "wrong"), {}, (401, "invalid_client")),
        ((builds.key, builds.secret[:-1]), {}, (401, "invalid_client")),
        ((builds.key, ""), {}, (401, "invalid_client")),
        (("nobody", builds.secret), {}, (401, "invalid_client")),
        (("alice", cast.password("alice")), {}, (401, "invalid_client")),
        (builds, in_form | {"client_secret": other.secret}, (400, "invalid_request")),
        (builds, {"client_id": other.key, "client_secret": other.secret}, (400, "invalid_request")),
        (builds, {"client_id": other.key}, (400, "invalid_request")),
    ]
    before = api.everything()

    came = [
        (answer.status_code, answer.json()["error"])
        for who, more, _ in wrong
        for answer in [post(api, who, **form, **more)]
    ]

    assert came == [expected for _, _, expected in wrong]
    assert api.everything() == before


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        (b"grant_type=client_credentials&scope=account&scope=account", "invalid_request"),
        (b"grant_type=client_credentials&scope=webhook%20nonsense", "invalid_scope"),
        (b"grant_type=client_credentials&scope=repository%3Aadmin", "invalid_scope"),
        (b"grant_type=implicit", "unsupported_grant_type"),
        (b"grant_type=", "unsupported_grant_type"),
        (b"", "unsupported_grant_type"),
        (b"grant_type=authorization_code", "invalid_request"),
        (b"grant_type=authorization_code&code=nonsense", "invalid_grant"),
        (b"grant_type=refresh_token", "invalid_request"),
        (b"grant_type=refresh_token&refresh_token=obr_nonsense", "invalid_grant"),
        (b"grant_type=%ff%fe", "invalid_request"),
        ("grant_type=clïent".encode(), "invalid_request"),
        (b"\xff\x00", "invalid_request"),
        (b"grant_type=client_credentials&x=" + b"x" * 70_000, "invalid_request"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_the_protocols_words(
    api: Api, builds: Consumer, body: bytes, error: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = api(builds, "POST", TOKEN, content=body, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_only_a_form_is_read_and_only_by_post(api: Api, builds: Consumer) -> None:
    as_json = api(builds, "POST", TOKEN, json={"grant_type": "client_credentials"})
    in_query = api(None, "POST", f"{TOKEN}?client_id={builds.key}&client_secret={builds.secret}",
                   data={"grant_type": "client_credentials"})  # fmt: skip

    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
    assert (in_query.status_code, in_query.json()["error"]) == (401, "invalid_client")
    assert api(builds, "GET", f"{TOKEN}?grant_type=client_credentials").status_code == 405


@pytest.mark.parametrize(
    "header", [b"Basic !!!", b"Basic /v8=", b"Basic", b"Bearer x", b"Basic " + b"A" * 9, b"\xff", b"OAuth x=y"]
)
def test_any_other_header_of_a_consumer_is_refused(api: Api, header: bytes) -> None:
    kind = ("Content-Type", b"application/x-www-form-urlencoded")

    answer = api.raw("POST", TOKEN.encode(), ("Authorization", header), kind, body=[b"grant_type=client_credentials"])

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_teams_consumer_acts_for_whom_it_was_made_for_or_for_nobody(api: Api) -> None:
    for_nobody, for_bob = consuming.add(api, "acme"), consuming.add(api, "acme", acts_as="bob")

    refused, given = (post(api, each, grant_type="client_credentials") for each in (for_nobody, for_bob))

    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    assert "--as USER" in refused.json()["error_description"]
    assert slugs(api, given.json()["access_token"]) == ["designers", "developers"]


# --- redirects, challenges, and codes


@pytest.mark.parametrize(
    "almost",
    ["https://ci.example.com/done", "https://ci.example.com/done?job=8", "https://ci.example.com/done?job=7&x=1",
     "https://ci.example.com/done?job=7#x", "http://ci.example.com/done?job=7", "https://ci.example.com:443/done?job=7",
     "https://ci.example.com./done?job=7", "https://CI.example.com/done?job=7", "https://ci.example.com/Done?job=7",
     "https://ci.example.com/done/?job=7", "https://ci.example.com/x/../done?job=7", "https://ci.example.com.evil.org/",
     "https://ci.example.com@evil.org/done?job=7", "https://evil.org/https://ci.example.com/done?job=7",
     "//ci.example.com/done?job=7", "javascript:alert(1)", " https://ci.example.com/done?job=7", "oob"],
)  # fmt: skip
def test_nobody_is_sent_to_an_address_that_almost_matches(api: Api, builds: Consumer, almost: str) -> None:
    with Visitor(api, "alice") as visitor:
        address = consuming.wish(builds, redirect_uri=almost)
        asked = visitor.ask("GET", address)
        form = visitor.open(consuming.wish(builds)).form(AUTHORIZE)
        sent = visitor.ask("POST", address, data=form.values)

    assert (asked.status_code, sent.status_code) == (400, 400)
    assert "location" not in asked.headers and "location" not in sent.headers
    assert almost not in asked.text


@pytest.mark.parametrize(
    "words",
    [{"client_id": "nobody"}, {"client_id": ""}, {"redirect_uri": "https://evil.org/", "response_type": "token"}],
)
def test_a_wish_of_nobody_is_answered_with_a_page(api: Api, builds: Consumer, words: dict[str, str]) -> None:
    with Visitor(api, "alice") as visitor:
        answer = visitor.ask("GET", consuming.wish(builds, **words))

    assert (answer.status_code, "location" in answer.headers) == (400, False)


def test_a_word_that_is_there_twice_is_refused(api: Api, builds: Consumer) -> None:
    with Visitor(api, "alice") as visitor:
        answer = visitor.ask(
            "GET", consuming.wish(builds) + "&redirect_uri=" + urlencode({"": CALLBACK})[1:] * 2 + "&state=a"
        )

    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize("is_public", [False, True])
@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"scope": "repository:admin"}, "invalid_scope"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"code_challenge": VERIFIER, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1], "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "=", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "s256"}, "invalid_request"),
    ],
)
def test_what_a_consumer_may_not_wish_is_told_to_it(
    api: Api, words: dict[str, str], error: str, is_public: bool
) -> None:
    consumer = consuming.add(api, "acme", is_public=is_public)
    words = (PKCE if is_public and "code_challenge" not in "".join(words) else {}) | words

    with Visitor(api, "alice") as visitor:
        answer = visitor.ask("GET", consuming.wish(consumer, **words))

    back = consuming.answer_of(answer)
    assert (back["error"], back["state"], "code" in back) == (error, "xyz", False)


def test_a_public_consumer_without_a_challenge_is_refused(api: Api, app: Consumer) -> None:
    with Visitor(api, "alice") as visitor:
        answer = visitor.ask("GET", consuming.wish(app))

    assert consuming.answer_of(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("asked", "shown", "error"),
    [
        (PKCE, {}, "invalid_request"),
        (PKCE, {"code_verifier": ""}, "invalid_request"),
        (PKCE, {"code_verifier": "x" * 43}, "invalid_grant"),
        (PKCE, {"code_verifier": CHALLENGE}, "invalid_grant"),
        (PKCE, {"code_verifier": VERIFIER[:-1]}, "invalid_grant"),
        (PKCE, {"code_verifier": "short"}, "invalid_request"),
        ({}, {"code_verifier": VERIFIER}, "invalid_request"),
        ({"redirect_uri": CALLBACK}, {}, "invalid_grant"),
        ({"redirect_uri": CALLBACK}, {"redirect_uri": CALLBACK + "&x=1"}, "invalid_grant"),
    ],
)
def test_whoever_intercepts_a_code_can_do_nothing_with_it(
    api: Api, builds: Consumer, asked: dict[str, str], shown: dict[str, str], error: str
) -> None:
    code = consuming.code(api, builds, **asked)

    answer = post(api, builds, grant_type="authorization_code", code=code, **shown)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_code_or_refresh_token_of_another_consumer_is_worth_nothing_and_ends_nothing(
    api: Api, builds: Consumer
) -> None:
    other, code = consuming.add(api, "bob"), consuming.code(api, builds)
    given = consuming.tokens(api, builds)

    wrong = [
        post(api, other, grant_type="authorization_code", code=code),
        post(api, other, grant_type="refresh_token", refresh_token=given["refresh_token"]),
        post(api, builds, grant_type="refresh_token", refresh_token=given["access_token"]),
        post(api, builds, grant_type="refresh_token", refresh_token=code),
        post(api, builds, grant_type="authorization_code", code=given["refresh_token"]),
        post(api, builds, grant_type="refresh_token", refresh_token=given["refresh_token"][:-1]),
        post(api, builds, grant_type="refresh_token", refresh_token=given["refresh_token"], scope="repository"),
    ]

    assert {(answer.status_code, answer.json()["error"]) for answer in wrong[:-1]} == {(400, "invalid_grant")}
    assert wrong[-1].json()["error"] == "invalid_scope"
    assert post(api, builds, grant_type="authorization_code", code=code).status_code == 200
    assert post(api, builds, grant_type="refresh_token", refresh_token=given["refresh_token"]).status_code == 200


# --- consent


def test_the_consent_page_says_who_wants_what_and_spends_nothing(api: Api, builds: Consumer) -> None:
    with Visitor(api, "bob") as visitor:
        before = api.everything()
        page = visitor.open(consuming.wish(builds, scope="account"))
        after = api.everything()

    assert "Authorize Builds?" in page.text and "alice" in page.text and "ci.example.com" in page.text
    assert "see your groups" in page.text and "delete groups" not in page.text
    assert page.answer.headers["cache-control"] == "no-store"
    assert "form-action 'self' https://ci.example.com;" in page.answer.headers["content-security-policy"]
    assert f"{CALLBACK}&error=access_denied&state=xyz" in "".join(page.linked)
    assert before == after


def test_whoever_has_not_signed_in_does_so_first_and_comes_back(api: Api, builds: Consumer) -> None:
    with Visitor(api) as visitor:
        form = visitor.open(consuming.wish(builds, redirect_uri=CALLBACK))
        page = visitor.send(form, "/sign-in", login="bob", password=cast.password("bob"))
        back = consuming.answer_of(visitor.send(page, AUTHORIZE, follow=False).answer)

    given = post(api, builds, grant_type="authorization_code", code=back["code"], redirect_uri=CALLBACK).json()
    assert slugs(api, given["access_token"]) == ["designers", "developers"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.org"}, {"Sec-Fetch-Site": "cross-site"}, {}])
def test_another_site_cannot_agree_for_anybody(api: Api, builds: Consumer, headers: dict[str, str]) -> None:
    with Visitor(api, "alice") as visitor:
        form = visitor.open(consuming.wish(builds)).form(AUTHORIZE)
        values = form.values if headers else form.values | {"form_token": "x"}
        answer = visitor.ask("POST", consuming.wish(builds), data=values, headers=headers)

    assert (answer.status_code, "location" in answer.headers) == (403, False)


# --- using tokens, and their end


def test_a_token_is_limited_to_its_scopes_and_says_so(api: Api, builds: Consumer) -> None:
    token = post(api, builds, grant_type="client_credentials", scope="account").json()["access_token"]

    read = bearer(api, token)
    refused = bearer(api, token, "/groups/acme", "POST", data={"name": "Crew"})

    assert (read.headers["x-oauth-scopes"], read.headers["x-accepted-oauth-scopes"]) == ("account", "account")
    assert (refused.status_code, refused.headers["x-accepted-oauth-scopes"]) == (403, "account:write")
    assert refused.json() == {
        "type": "error",
        "error": {
            "message": "Your credentials lack one or more required privilege scopes.",
            "detail": {"required": ["account:write"], "granted": ["account"]},
        },
    }


def test_what_is_no_access_token_is_challenged(api: Api, builds: Consumer) -> None:
    given = consuming.tokens(api, builds)
    token = given["access_token"]
    wrong = [token[:-1], token + "x", "obo_", "obo_nonsense", given["refresh_token"], consuming.code(api, builds),
             builds.secret, token.removeprefix("obo_"), token.upper()]  # fmt: skip

    answers = [bearer(api, each) for each in wrong]
    as_password = api(("alice", token), "GET", "/groups")

    assert {(each.status_code, each.text) for each in answers} == {(401, "Unauthorized")}
    assert 'Bearer error="invalid_token"' in answers[0].headers.get_list("www-authenticate")
    assert as_password.status_code == 401


@pytest.mark.parametrize("place", ["query", "form"])
def test_a_token_in_two_places_is_none(api: Api, builds: Consumer, place: str) -> None:
    token = post(api, builds, grant_type="client_credentials").json()["access_token"]
    second: dict[str, Any] = {"params" if place == "query" else "data": {"access_token": token, "name": "Crew"}}
    method, path = ("GET", "/groups") if place == "query" else ("POST", "/groups/acme")

    answers = [bearer(api, token, path, method, **second), api("alice", method, path, **second)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert api("alice", "GET", "/groups/acme/crew").status_code == 404


def _sql(statement: str) -> Callable[[Api, Consumer, str], object]:
    return lambda api, consumer, token: api.operate(lambda work: work.tx.connection.execute(statement))


ENDINGS: dict[str, Callable[[Api, Consumer, str], object]] = {
    "the consumer gives it back": lambda api, consumer, token: post(api, consumer, REVOKE, token=token),
    "the consumer is revoked": lambda api, consumer, token: api.operate(
        lambda work: consumers.revoke(work, consumer.key), elsewhere=True
    ),
    "the person is disabled": lambda api, consumer, token: api.operate(
        lambda work: accounts.set_active(work, "alice", False), elsewhere=True
    ),
    "its time is over": _sql("UPDATE issued SET expires_at = created_at"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_a_token_ends_it_for_the_very_next_request(api: Api, builds: Consumer, ending: str) -> None:
    token = consuming.tokens(api, builds)["access_token"]
    assert [bearer(api, token).status_code for _ in range(2)] == [200, 200]

    ENDINGS[ending](api, builds, token)

    assert bearer(api, token).status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(7100, 200), (7300, 401)])
def test_a_token_lasts_two_hours(api: Api, builds: Consumer, seconds: int, status: int) -> None:
    token = consuming.tokens(api, builds)["access_token"]
    bearer(api, token)

    ahead = datetime.now(UTC) + timedelta(seconds=seconds)
    api.clock = lambda: ahead

    assert bearer(api, token).status_code == status


def test_codes_and_refresh_tokens_end_by_themselves(api: Api, builds: Consumer) -> None:
    code, given = consuming.code(api, builds), consuming.tokens(api, builds)

    _sql("UPDATE issued SET expires_at = created_at")(api, builds, "")

    answers = [
        post(api, builds, grant_type="authorization_code", code=code),
        post(api, builds, grant_type="refresh_token", refresh_token=given["refresh_token"]),
    ]
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(400, "invalid_grant")}


def test_giving_a_refresh_token_back_ends_all_and_an_access_token_only_itself(api: Api, builds: Consumer) -> None:
    one, other = consuming.tokens(api, builds), consuming.tokens(api, builds)

    answers = [
        post(api, builds, REVOKE, token=one["access_token"], token_type_hint="refresh_token"),
        post(api, builds, REVOKE, token=other["refresh_token"], token_type_hint="nonsense"),
        post(api, builds, REVOKE, token="nonsense"),
        post(api, consuming.add(api, "bob"), REVOKE, token=one["refresh_token"]),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [bearer(api, each["access_token"]).status_code for each in (one, other)] == [401, 401]
    alive, dead = (
        post(api, builds, grant_type="refresh_token", refresh_token=each["refresh_token"]) for each in (one, other)
    )
    assert (alive.status_code, dead.status_code) == (200, 400)
    assert (post(api, builds, REVOKE).status_code, post(api, None, REVOKE, token="x").status_code) == (400, 401)


def test_a_consumer_hears_what_its_tokens_are_good_for_and_of_others_nothing(api: Api, builds: Consumer) -> None:
    given = consuming.tokens(api, builds, "bob", scope="account")
    other = consuming.add(api, "bob")

    told = post(api, builds, INTROSPECT, token=given["access_token"]).json()
    renewing = post(api, builds, INTROSPECT, token=given["refresh_token"]).json()
    nothing = [
        post(api, other, INTROSPECT, token=given["access_token"]).json(),
        post(api, builds, INTROSPECT, token="nonsense").json(),
    ]
    api.operate(lambda work: accounts.set_active(work, "bob", False))
    nothing.append(post(api, builds, INTROSPECT, token=given["access_token"]).json())

    assert (told.pop("exp") - told.pop("iat"), told.pop("sub")[8]) == (7200, "-")
    assert told == {"active": True, "scope": "account", "username": "bob", "token_type": "bearer",
                    "client_id": builds.key}  # fmt: skip
    assert (renewing["active"], renewing["token_type"]) == (True, "refresh_token")
    assert nothing == [{"active": False}] * 3
    assert post(api, None, INTROSPECT, token=given["access_token"]).status_code == 401


def test_a_consumer_gives_no_right_that_the_person_has_not_now(api: Api, builds: Consumer) -> None:
    token = consuming.tokens(api, builds, "alice")["access_token"]
    assert bearer(api, token, "/groups/acme", "POST", data={"name": "Crew"}).status_code == 200

    api("root", "PUT", "/groups/acme/administrators/members/bob")
    api("root", "DELETE", "/groups/acme/administrators/members/alice")

    assert bearer(api, token, "/groups/acme", "POST", data={"name": "Others"}).status_code == 403


# --- what is kept, and told


@pytest.mark.runs_on("SQLite")
def test_no_secret_is_in_the_database(api: Api, builds: Consumer) -> None:
    given = consuming.tokens(api, builds)
    code = consuming.code(api, builds)

    with closing(sqlite3.connect(api.db.name)) as connection:
        everything = "\n".join(connection.iterdump())

    secrets = [builds.secret, given["access_token"], given["refresh_token"], code]
    assert [secret for secret in secrets if secret in everything] == []
    assert builds.key in everything


def test_the_journal_tells_what_consumers_got_and_for_whom(api: Api, builds: Consumer) -> None:
    given = consuming.tokens(api, builds, "bob")
    post(api, builds, grant_type="client_credentials")
    post(api, builds, grant_type="client_credentials")
    given = post(api, builds, grant_type="refresh_token", refresh_token=given["refresh_token"]).json()
    post(api, builds, REVOKE, token=given["refresh_token"])

    told = [each for each in api.journal() if not each[1].startswith("session")]

    assert told == [
        ("bob", "authorization.given", "bob", "Builds"),
        ("bob", "access-token.issued", "bob", "Builds"),
        ("alice", "access-token.issued", "alice", "Builds"),
        ("bob", "authorization.revoked", "bob", "Builds"),
    ]


def test_the_journal_tells_of_tokens_once_an_hour_for_each_consent_and_what_it_lets_happen(
    api: Api, builds: Consumer
) -> None:
    def told() -> int:
        return [event for _, event, _, _ in api.journal()].count("access-token.issued")

    def an_hour_later() -> None:
        an_hour = int(61 * 60 * 1e6)
        api.operate(lambda work: work.tx.connection.execute(f"UPDATE issued SET created_at = created_at - {an_hour}"))

    counted = []
    for _ in range(2):
        for _ in range(5):
            post(api, builds, grant_type="client_credentials")
        counted.append(told())
        an_hour_later()
    post(api, builds, grant_type="client_credentials", scope="account")
    counted.append(told())
    consuming.tokens(api, builds, "bob")
    consuming.tokens(api, builds, "bob")
    counted.append(told())

    assert counted == [1, 2, 3, 5]


def test_the_metadata_leads_to_every_endpoint(api: Api) -> None:
    told = api(None, "GET", "/.well-known/oauth-authorization-server").json()

    assert (told["issuer"], told["code_challenge_methods_supported"]) == (cast.BASE, ["S256"])
    addresses = [told[name].removeprefix(cast.BASE) for name in told if name.endswith("_endpoint")]
    assert addresses == ["/site/oauth2/authorize", TOKEN, REVOKE, INTROSPECT]
    assert [api(None, "POST", each).status_code for each in addresses] == [400] * 4


def test_a_basic_header_is_a_consumers_only_at_its_endpoints(api: Api, builds: Consumer) -> None:
    assert api(None, "GET", "/groups", headers={"Authorization": basic(*builds)}).status_code == 401
