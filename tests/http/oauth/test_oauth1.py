"""OAuth 1.0a: signed requests of two legs and of three, and everything that is refused."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import cast
import consuming
from browsing import Visitor
from cast import Api
from consuming import CALLBACK, Consumer, ask, dance, fields, sign
from onebucket.actions import accounts, consumers, teams
from onebucket.store import oauth_consumer_rows

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

METHODS = ("HMAC-SHA1", "HMAC-SHA256")
BASES = ("/1.0/oauth", "/api/1.0/oauth", "/!api/1.0/oauth")


@pytest.fixture
def builds(api: Api) -> Consumer:
    """A consumer of alice's."""
    return consuming.add(api)


@pytest.fixture
def behind_tls(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    """A server that people reach by TLS, which ends in front of it."""
    folder = tmp_path / "tls"
    folder.mkdir()
    served = Api(cast.copy(cast_template, folder), base_url="https://onebucket.test")
    yield served
    served.close()


def slugs(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [group["slug"] for group in answer.json()]


# --- what counts


@pytest.mark.parametrize("place", ["AUTH_HEADER", "QUERY", "BODY"])
@pytest.mark.parametrize("method", METHODS)
def test_a_consumer_signs_for_the_person_whose_it_is(api: Api, builds: Consumer, method: str, place: str) -> None:
    how = {"signature_method": method, "signature_type": place}

    if place == "BODY":
        answer = ask(api, builds, "/1.0/groups/acme", "POST", body="name=N%C3%A4chte+%26+Tage&auto_add=true", **how)
        assert answer.json()["name"] == "Nächte & Tage"
    else:
        answer = ask(api, builds, "/1.0/groups?exclude_members=1&group=acme%2Fdesigners&format=json", **how)
        assert slugs(answer) == ["designers"]

    assert answer.headers["x-oauth-scopes"] == "account, account:write"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("base", BASES)
def test_the_dance_gives_a_token_that_acts_for_whoever_agreed(
    api: Api, builds: Consumer, base: str, method: str
) -> None:
    token = dance(api, builds, "bob", base=base)

    assert slugs(ask(api, builds, token=token, signature_method=method)) == ["designers", "developers"]
    assert ("bob", "authorization.given", "bob", "Builds") in api.journal()


def test_where_nobody_can_be_sent_back_the_verifier_is_read_and_typed(api: Api) -> None:
    consumer = consuming.add(api, callback=None)
    request = fields(ask(api, consumer, "/1.0/oauth/request_token", "POST", callback_uri="oob"))
    pair = (request["oauth_token"], request["oauth_token_secret"])

    with Visitor(api, "bob") as visitor:
        page = visitor.open(f"/1.0/oauth/authenticate?oauth_token={pair[0]}")
        shown = visitor.send(page, "/1.0/oauth/authenticate")
    verifier = next(word for word in shown.text.split() if word.startswith("obk_"))

    given = fields(ask(api, consumer, "/1.0/oauth/access_token", "POST", token=pair, verifier=verifier))
    assert len(ask(api, consumer, token=(given["oauth_token"], given["oauth_token_secret"])).json()) == 2


def test_addresses_are_signed_as_they_are_spelled(api: Api, builds: Consumer) -> None:
    for address in ("/1.0/groups/%7Bnobody%7D", "/1.0/groups/acme/", "/%21api/1.0/groups?a=%2B+%20&a=&b"):
        assert ask(api, builds, address).status_code in (200, 404)


@pytest.mark.parametrize("host", ["onebucket.test", "ONEBUCKET.test", "onebucket.test:443"])
def test_behind_a_proxy_the_address_is_the_one_that_people_know(behind_tls: Api, host: str) -> None:
    consumer = consuming.add(behind_tls)
    _, headers, _ = sign(consumer, "/1.0/groups", base="https://onebucket.test")

    answer = behind_tls(None, "GET", "/groups", headers=headers | {"Host": host})

    assert answer.status_code == (200 if ":" not in host else 401)


@pytest.mark.parametrize("with_nonce", [True, False])
def test_plaintext_is_for_tls_only(api: Api, behind_tls: Api, builds: Consumer, with_nonce: bool) -> None:
    headers = {}
    for server, consumer in ((api, builds), (behind_tls, consuming.add(behind_tls))):
        words = {"oauth_consumer_key": consumer.key, "oauth_signature_method": "PLAINTEXT",
                 "oauth_signature": f"{consumer.secret}&"}  # fmt: skip
        spelled = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in words.items())
        headers[server] = {"Authorization": f"OAuth {spelled}"}

    if with_nonce:
        statuses = [ask(server, consumer, signature_method="PLAINTEXT").status_code
                    for server, consumer in ((api, builds), (behind_tls, consuming.add(behind_tls)))]  # fmt: skip
    else:
        statuses = [server(None, "GET", "/groups", headers=each).status_code for server, each in headers.items()]

    assert statuses == [401, 200]


# --- what doesn't


def refused(api: Api, consumer: Consumer, **how: Any) -> bool:
    """Whether a request is answered as that of nobody."""
    answer = ask(api, consumer, **how)
    return (answer.status_code, answer.text) == (401, "Unauthorized")


def test_signatures_with_anything_wrong_are_refused(api: Api, builds: Consumer) -> None:
    other, public = consuming.add(api, "bob"), consuming.add(api, "acme", is_public=True)
    token, others = dance(api, builds, "bob"), dance(api, other, "bob")

    wrong: list[tuple[Consumer, dict[str, Any]]] = [
        (Consumer(builds.key, other.secret), {}),
        (Consumer(builds.key, builds.secret[:-1]), {}),
        (Consumer(builds.key, ""), {}),
        (Consumer("nobody", builds.secret), {}),
        (Consumer("alice", cast.password("alice")), {}),
        (public, {}),
        (builds, {"token": (token[0], "")}),
        (builds, {"token": (token[0], others[1])}),
        (builds, {"token": others}),
        (builds, {"token": (token[0][:-1], token[1])}),
        (builds, {"token": ("", token[1])}),
        (builds, {"base": "http://another.test"}),
        (builds, {"base": "https://onebucket.test"}),
        (builds, {"signature_method": "PLAINTEXT"}),
    ]

    assert [how for consumer, how in wrong if not refused(api, consumer, **how)] == []
    assert not refused(api, builds, token=token)


def test_a_consumer_for_nobody_signs_for_nobody(api: Api) -> None:
    assert refused(api, consuming.add(api, "acme"))
    assert slugs(ask(api, consuming.add(api, "acme", acts_as="bob"))) == ["designers", "developers"]


@pytest.mark.parametrize(("before", "after"), [
    ("groups", "groups/acme"), ("format=json", "format=xml"), ("format=json", "format=json&x=1"), ("?format=json", ""),
])  # fmt: skip
def test_what_was_not_signed_is_refused(api: Api, builds: Consumer, before: str, after: str) -> None:
    _, headers, _ = sign(builds, "/1.0/groups?format=json")
    address = "/1.0/groups?format=json".replace(before, after, 1)

    assert api(None, "GET", address, headers=headers).status_code == 401
    assert api(None, "DELETE", "/1.0/groups?format=json", headers=headers).status_code == 401
    assert api(None, "GET", "/1.0/groups?format=json", headers=headers).status_code == 200


def test_a_form_is_signed_with_its_fields(api: Api, builds: Consumer) -> None:
    _, headers, _ = sign(builds, "/1.0/groups/acme", "POST", body="name=Crew")

    answers = [
        api(None, "POST", "/groups/acme", headers=headers, content=body) for body in ("name=Evil", "name=Crew&x=1")
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert api(None, "POST", "/groups/acme", headers=headers, content="name=Crew").status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(-310, 401), (-290, 200), (0, 200), (290, 200), (310, 401)])
def test_a_clock_may_be_off_by_five_minutes(api: Api, builds: Consumer, seconds: int, status: int) -> None:
    assert ask(api, builds, seconds=seconds).status_code == status


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("oauth_timestamp", ""), ("oauth_timestamp", "-1"), ("oauth_timestamp", "now"), ("oauth_timestamp", "9" * 30),
        ("oauth_timestamp", "١٧٩٠٠٠٠٠٠٠"), ("oauth_nonce", ""), ("oauth_version", "2.0"),
        ("oauth_signature_method", "RSA-SHA1"), ("oauth_signature_method", "hmac-sha1"), ("oauth_signature_method", ""),
        ("oauth_signature", ""), ("oauth_signature", "é"),
    ],
)  # fmt: skip
def test_odd_words_of_the_protocol_are_refused(api: Api, builds: Consumer, name: str, value: str) -> None:
    signed, _, _ = sign(builds, "/1.0/groups", signature_type="QUERY")
    words = dict(each.split("=", 1) for each in signed.partition("?")[2].split("&")) | {name: quote(value)}
    query = "&".join(f"{key}={word}" for key, word in words.items())

    assert api(None, "GET", f"/1.0/groups?{query}").status_code == 401


@pytest.mark.parametrize(
    "header",
    [b"OAuth", b"OAuth ", b"OAuth x", b'OAuth oauth_consumer_key="', b"OAuth oauth_consumer_key=%ff", b"OAuth \xff",
     b'OAuth realm="x"', b"oauth oauth_token=a,oauth_token=b", b'OAuth oauth_consumer_key="a\x00"', b"OAuth ,,,=,"],
)  # fmt: skip
def test_odd_headers_are_refused(api: Api, header: bytes) -> None:
    answer = api.raw("GET", b"/1.0/groups", ("Authorization", header))

    assert (answer.status_code, answer.text) == (401, "Unauthorized")


def test_a_signature_in_two_places_is_none(api: Api, builds: Consumer) -> None:
    in_query, _, _ = sign(builds, "/1.0/groups", signature_type="QUERY")
    _, headers, _ = sign(builds, "/1.0/groups")
    _, _, in_form = sign(builds, "/1.0/groups/acme", "POST", body="name=Crew", signature_type="BODY")
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answers = [
        api(None, "GET", in_query, headers=headers),
        api("alice", "GET", in_query),
        api("alice", "POST", "/groups/acme", content=in_form, headers=form),
        api(None, "POST", "/groups/acme?oauth_token=x", content=in_form, headers=form),
        api(None, "GET", "/groups?access_token=x", headers=sign(builds, "/1.0/groups?access_token=x")[1]),
        api(None, "GET", in_query + "&oauth_nonce=x"),
    ]

    assert [answer.status_code for answer in answers] == [401] * 6
    assert api(None, "GET", in_query).status_code == 200


# --- once


def test_a_signed_request_counts_once(api: Api, builds: Consumer) -> None:
    _, headers, _ = sign(builds, "/1.0/groups")
    _, change, body = sign(builds, "/1.0/groups/acme", "POST", body="name=Crew")
    post = partial(api, None, "POST", "/groups/acme", headers=change, content=body)

    reads = [api(None, "GET", "/groups", headers=headers).status_code for _ in range(3)]
    changes = [post().status_code for _ in range(2)]
    api.operate(lambda work: None, elsewhere=True)

    assert (reads, changes) == ([200, 401, 401], [200, 401])
    assert api(None, "GET", "/groups", headers=headers).status_code == 401


def test_it_counts_once_also_when_it_was_refused_then(api: Api, builds: Consumer) -> None:
    _, headers, _ = sign(builds, "/1.0/groups/globex")

    assert [api(None, "GET", "/groups/globex", headers=headers).status_code for _ in range(2)] == [403, 401]


def test_sent_fifty_times_at_once_it_counts_once(api: Api, builds: Consumer) -> None:
    _, headers, _ = sign(builds, "/1.0/groups")

    async def all_of_them() -> list[int]:
        asks = (api.client.get("/1.0/groups", headers=headers) for _ in range(50))
        return [answer.status_code for answer in await asyncio.gather(*asks)]

    assert sorted(api.run(all_of_them())) == [200] + [401] * 49


def test_a_nonce_that_another_process_has_seen_is_seen(api: Api, builds: Consumer, tmp_path: Path) -> None:
    other = Api(cast.connect(api.db.url))
    _, headers, _ = sign(builds, "/1.0/groups")

    answers = [each(None, "GET", "/groups", headers=headers).status_code for each in (other, api)]

    other.close()
    assert answers == [200, 401]


@pytest.mark.runs_on("SQLite")
def test_a_nonce_is_a_consumers_own_and_is_forgotten_when_its_time_is_over(api: Api, builds: Consumer) -> None:
    other = consuming.add(api, "bob")

    answers = [ask(api, each, nonce="the-same", seconds=second) for each in (builds, other) for second in (0, -1)]
    ask(api, builds, seconds=-299, nonce="short-lived")
    api.operate(lambda work: work.tx.connection.execute("UPDATE nonces SET expires_at = 1"))
    ask(api, builds)

    assert [answer.status_code for answer in answers] == [200] * 4
    with closing(sqlite3.connect(api.db.name)) as connection:
        assert connection.execute("SELECT count(*) FROM nonces").fetchone() == (1,)


def test_what_is_signed_is_not_remembered(api: Api, builds: Consumer) -> None:
    for _ in range(3):
        ask(api, builds)

    assert api.server.cache.size == 0


# --- the dance


@pytest.mark.parametrize(
    "almost", ["", "https://ci.example.com/done", CALLBACK + "&x=1", "http://ci.example.com/done?job=7",
               "https://ci.example.com.evil.org/", "javascript:alert(1)", "OOB"],
)  # fmt: skip
def test_a_request_for_another_address_is_refused(api: Api, builds: Consumer, almost: str) -> None:
    answer = ask(api, builds, "/1.0/oauth/request_token", "POST", callback_uri=almost)

    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_a_request_is_decided_once_and_exchanged_once(api: Api, builds: Consumer) -> None:
    request = fields(ask(api, builds, "/1.0/oauth/request_token", "POST", callback_uri=CALLBACK))
    pair = (request["oauth_token"], request["oauth_token_secret"])
    page = "/1.0/oauth/authenticate"
    exchange = partial(ask, api, builds, "/1.0/oauth/access_token", "POST", token=pair)

    early = exchange(verifier="")
    with Visitor(api, "bob") as visitor, Visitor(api, "mallory") as mallory:
        hers, its = (each.open(f"{page}?oauth_token={pair[0]}") for each in (mallory, visitor))
        back = consuming.answer_of(visitor.send(its, page, follow=False).answer)
        late = mallory.send(hers, page, follow=False)
        again = visitor.open(f"{page}?oauth_token={pair[0]}")
    came = [exchange(verifier=each) for each in ("wrong", back["oauth_verifier"], back["oauth_verifier"])]

    assert [answer.status_code for answer in (early, *came)] == [401, 401, 200, 401]
    assert (late.status, again.status) == (404, 404)
    assert back["oauth_token"] == pair[0]


def test_another_consumer_cannot_exchange_a_request(api: Api, builds: Consumer) -> None:
    other = consuming.add(api, "bob")
    request = fields(ask(api, builds, "/1.0/oauth/request_token", "POST", callback_uri=CALLBACK))
    pair = (request["oauth_token"], request["oauth_token_secret"])
    with Visitor(api, "bob") as visitor:
        page = visitor.open(f"/1.0/oauth/authenticate?oauth_token={pair[0]}")
        back = consuming.answer_of(visitor.send(page, "/1.0/oauth/authenticate", follow=False).answer)

    answer = ask(api, other, "/1.0/oauth/access_token", "POST", token=pair, verifier=back["oauth_verifier"])

    assert answer.status_code == 401


def test_a_requests_token_signs_nothing_else(api: Api, builds: Consumer) -> None:
    request = fields(ask(api, builds, "/1.0/oauth/request_token", "POST", callback_uri=CALLBACK))

    assert refused(api, builds, token=(request["oauth_token"], request["oauth_token_secret"]))


def test_a_request_is_over_after_ten_minutes(api: Api, builds: Consumer) -> None:
    request = fields(ask(api, builds, "/1.0/oauth/request_token", "POST", callback_uri=CALLBACK))
    api.operate(lambda work: work.tx.connection.execute("UPDATE oauth_requests SET expires_at = 1"))

    with Visitor(api, "bob") as visitor:
        page = visitor.open(f"/1.0/oauth/authenticate?oauth_token={request['oauth_token']}")

    assert page.status == 404 and "ten minutes" in page.text


def test_saying_no_leads_back_without_anything(api: Api, builds: Consumer) -> None:
    request = fields(ask(api, builds, "/1.0/oauth/request_token", "POST", callback_uri=CALLBACK))

    with Visitor(api, "bob") as visitor:
        page = visitor.open(f"/1.0/oauth/authenticate?oauth_token={request['oauth_token']}")

    [no] = [each for each in page.linked if each.startswith(CALLBACK)]
    assert no == f"{CALLBACK}&oauth_token={request['oauth_token']}&oauth_problem=user_refused"


@pytest.mark.parametrize("base", BASES)
def test_below_oauth_everything_else_is_gone_still(api: Api, base: str) -> None:
    gone = [api("alice", "GET", f"{base}{path}").status_code for path in ("", "/", "/consumers", "/request_token/x")]

    assert gone == [410] * 4
    assert api("alice", "GET", f"{base}/request_token").status_code == 405
    assert api("alice", "POST", f"{base}/request_token").status_code == 401


# --- the end


def test_what_ends_a_token_ends_it_for_the_very_next_request(api: Api, builds: Consumer) -> None:
    other = consuming.add(api, "bob")
    tokens = {each: dance(api, each, "dora") for each in (builds, other)}
    assert [ask(api, each, token=token).status_code for each, token in tokens.items()] == [200, 200]

    api.operate(lambda work: consumers.revoke(work, builds.key), elsewhere=True)
    one = [ask(api, each, token=token).status_code for each, token in tokens.items()]
    own = [ask(api, each).status_code for each in tokens]
    api.operate(lambda work: accounts.set_active(work, "dora", False), elsewhere=True)

    assert (one, own) == ([401, 200], [401, 200])
    assert refused(api, other, token=tokens[other])


def test_a_team_that_is_deleted_takes_its_consumers_along(api: Api) -> None:
    consumer = consuming.add(api, "globex")
    token = dance(api, consumer, "bob")
    consuming.tokens(api, consumer, "bob")

    api.operate(lambda work: teams.delete(work, "globex"))

    assert refused(api, consumer, token=token)
    with api.db.reading() as tx:
        assert oauth_consumer_rows.by_key(tx, consumer.key) is None


@pytest.mark.runs_on("SQLite")
def test_no_secret_of_either_leg_is_in_the_database(api: Api, builds: Consumer) -> None:
    request = fields(ask(api, builds, "/1.0/oauth/request_token", "POST", callback_uri=CALLBACK))
    token = dance(api, builds)

    with closing(sqlite3.connect(api.db.name)) as connection:
        everything = "\n".join(connection.iterdump())

    assert [each for each in (*request.values(), *token, builds.secret) if len(each) > 8 and each in everything] == []


def test_a_client_that_was_redirected_has_signed_bitbuckets_address(api: Api, builds: Consumer) -> None:
    signed, headers, _ = consuming.sign(builds, "/1.0/groups", base="https://api.bitbucket.org")

    redirected = api(None, "GET", signed, headers=headers | {"X-Forwarded-Host": "api.bitbucket.org"})
    elsewhere = api(None, "GET", signed, headers=headers | {"X-Forwarded-Host": "bitbucket.org"})
    invented = api(None, "GET", signed, headers=headers | {"X-Forwarded-Host": "example.com"})

    assert [each.status_code for each in (redirected, elsewhere, invented)] == [200, 401, 401]
