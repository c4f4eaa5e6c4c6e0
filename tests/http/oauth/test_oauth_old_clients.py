"""What programs that were written for the original ask of OAuth, which is not always what the protocol would have."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import cast
import consuming
from browsing import Visitor
from cast import Api
from consuming import CALLBACK, TOKEN, Consumer, ask, bearer, post
from onebucket.domain.site_limits import SiteLimits
from onebucket.surfaces.v1.routes import BASES


@pytest.fixture
def builds(api: Api) -> Consumer:
    """alice's consumer."""
    return consuming.add(api)


# --- scopes


@pytest.mark.parametrize(
    ("asked", "given"),
    [("account email team", "account email team"), ("account,team", "account team"),
     ("account:write team", "account:write team"),
     ("account webhook pullrequest project", "account"), ("repository:admin account", "account")],
)  # fmt: skip
def test_scopes_that_are_unknown_or_too_much_are_left_out_and_the_answer_says_what_was_granted(
    api: Api, builds: Consumer, asked: str, given: str
) -> None:
    consented = consuming.tokens(api, builds, "bob", scope=asked)
    renewed = post(
        api, builds, grant_type="refresh_token", refresh_token=consented["refresh_token"], scope=asked
    ).json()
    own = post(api, builds, grant_type="client_credentials", scope=asked).json()

    assert [each["scope"] for each in (consented, renewed, own)] == [given] * 3
    assert [bearer(api, each["access_token"]).status_code for each in (consented, renewed, own)] == [200] * 3
    assert bearer(api, consented["access_token"], "/group-privileges/acme").status_code == 403


# --- callbacks


@pytest.fixture
def prefix(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    """A server where people may be sent below a callback."""
    (tmp_path / "prefix").mkdir()
    with closing(
        Api(cast.copy(cast_template, tmp_path / "prefix"), site_limits=SiteLimits(oauth_callbacks="prefix"))
    ) as served:
        yield served


def test_people_are_sent_below_the_callback_where_that_is_switched_on(prefix: Api) -> None:
    consumer = consuming.add(prefix)
    below = CALLBACK.replace("/done", "/done/sub")

    with Visitor(prefix, "bob") as visitor:
        page = visitor.open(consuming.wish(consumer, redirect_uri=below))
        there = visitor.send(page, consuming.AUTHORIZE, follow=False).answer.headers["location"]
    code = there.split("code=")[1].split("&")[0]
    form = {"grant_type": "authorization_code", "code": code}

    assert there.startswith(f"{below}&code=")
    assert post(prefix, consumer, **form, redirect_uri=CALLBACK).json()["error"] == "invalid_grant"
    assert post(prefix, consumer, **form, redirect_uri=below).status_code == 200


# --- a slash at the end


@pytest.mark.parametrize("base", BASES)
def test_a_slash_after_the_addresses_of_oauth_1_makes_no_difference(api: Api, builds: Consumer, base: str) -> None:
    words = {"callback_uri": CALLBACK}
    request = consuming.fields(ask(api, builds, f"{base}/oauth/request_token/", "POST", **words))
    pair = (request["oauth_token"], request["oauth_token_secret"])
    page = f"{base}/oauth/authenticate/"
    with Visitor(api, "bob") as visitor:
        asked = visitor.open(f"{page}?oauth_token={pair[0]}")
        back = consuming.answer_of(visitor.send(asked, page, follow=False).answer)
    verifier = back["oauth_verifier"]
    given = consuming.fields(ask(api, builds, f"{base}/oauth/access_token/", "POST", token=pair, verifier=verifier))

    signed = ask(api, builds, f"{base}/groups/", token=(given["oauth_token"], given["oauth_token_secret"]))
    assert {group["slug"] for group in signed.json()} == {"designers", "developers"}


def test_a_slash_after_the_addresses_of_oauth_2_makes_no_difference(api: Api, builds: Consumer) -> None:
    with Visitor(api, "bob") as visitor:
        page = visitor.open(consuming.wish(builds).replace("authorize?", "authorize/?"))
        back = consuming.answer_of(visitor.send(page, f"{consuming.AUTHORIZE}/", follow=False).answer)
    given = post(api, builds, f"{TOKEN}/", grant_type="authorization_code", code=back["code"])
    token = given.json()["access_token"]
    told = post(api, builds, "/site/oauth2/introspect/", token=token)
    ended = post(api, builds, "/site/oauth2/revoke/", token=token)

    assert [each.status_code for each in (given, told, ended)] == [200, 200, 200]
    assert told.json()["active"] and bearer(api, token).status_code == 401


@pytest.mark.parametrize(
    "path", ["/me/", "/sign-in/", "/docs/", "/static", "/healthz/", "/nothing/", "/accounts/acme/"]
)
def test_nothing_is_redirected_to_where_the_host_header_says(api: Api, path: str) -> None:
    answer = api(None, "GET", path, headers={"Host": "evil.example"})

    assert "evil" not in answer.headers.get("location", "")
    assert answer.status_code != 307


# --- key and secret twice


def test_a_consumer_that_shows_the_same_key_and_secret_in_header_and_form_is_let_in(api: Api, builds: Consumer) -> None:
    both = {"client_id": builds.key, "client_secret": builds.secret}
    shown = [both, {"client_id": builds.key}, {"client_secret": builds.secret}]

    given = [post(api, builds, grant_type="client_credentials", **each) for each in shown]

    assert [answer.status_code for answer in given] == [200, 200, 200]


# --- what is signed


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_parameter_called_realm_is_signed_and_the_realm_of_the_header_is_not(
    api: Api, builds: Consumer, method: str
) -> None:
    address = "/1.0/groups?realm=a" if method == "GET" else "/1.0/groups/alice?realm=a"
    body = None if method == "GET" else "name=Crew"
    signed, headers, written = consuming.sign(builds, address, method, body=body)
    forged, others, _ = consuming.sign(builds, address, method, body=body)
    with_realm = others["Authorization"].replace("OAuth ", 'OAuth realm="x", ')

    changed = api(None, method, signed.replace("realm=a", "realm=b"), headers=headers, content=written)
    good = api(None, method, forged, headers=others | {"Authorization": with_realm}, content=written)

    assert (changed.status_code, good.status_code) == (401, 200)


# --- whoever has not signed in


@pytest.mark.parametrize(
    "words", [{"scope": "nonsense"}, {"response_type": "token"}, {"code_challenge_method": "plain"}]
)
def test_nobody_is_sent_on_to_a_callback_before_signing_in(api: Api, builds: Consumer, words: dict[str, str]) -> None:
    with Visitor(api) as visitor:
        anonymous = visitor.ask("GET", consuming.wish(builds, **words))
    with Visitor(api, "bob") as visitor:
        known = visitor.ask("GET", consuming.wish(builds, **words))

    assert (anonymous.status_code, "location" in anonymous.headers) == (400, False)
    assert CALLBACK not in anonymous.text
    assert consuming.answer_of(known)["error"]
