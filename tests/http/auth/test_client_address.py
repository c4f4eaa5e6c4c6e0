"""Where requests come from, behind proxies that are trusted, and what those who are not may say of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cast
from cast import Api, token
from checkout import TOP
from live import with_the_cast
from onebucket.http.auth.client_address import TrustedProxies
from onebucket.http.limits.client_network import network_of

OURS = ["127.0.0.1", "10.0.0.0/8", "2001:db8:ffff::/48"]
TRUSTED, OF_RFC_7239, DEAF = (TrustedProxies(OURS, header) for header in ("x-forwarded-for", "forwarded", "off"))
NGINX = "127.0.0.1"


def caller(
    peer: str, x_forwarded_for: str | None = None, forwarded: str | None = None, proxies: TrustedProxies = TRUSTED
) -> str:
    given = {b"x-forwarded-for": x_forwarded_for, b"forwarded": forwarded}
    return proxies.client_address(
        peer, {name: value.encode("latin-1") for name, value in given.items() if value is not None}
    )


@pytest.mark.parametrize(
    ("peer", "x_forwarded_for", "expected"),
    [
        (NGINX, None, NGINX),
        (NGINX, "", NGINX),
        (NGINX, "192.0.2.1", "192.0.2.1"),
        (NGINX, " 192.0.2.1 ", "192.0.2.1"),
        (NGINX, "192.0.2.1:4711", "192.0.2.1"),
        (NGINX, "2001:db8::1", "2001:db8::1"),
        (NGINX, "[2001:DB8::1]:4711", "2001:db8::1"),
        (NGINX, "::ffff:192.0.2.1", "192.0.2.1"),
        (NGINX, "192.0.2.9, 192.0.2.1", "192.0.2.1"),
        (NGINX, "192.0.2.9, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        (NGINX, "192.0.2.1, 10.1.2.3, 2001:db8:ffff::7", "192.0.2.1"),
        (NGINX, "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        (NGINX, "192.0.2.9, unknown", NGINX),
        (NGINX, "192.0.2.9, unknown, 10.1.2.3", "10.1.2.3"),
        (NGINX, "192.0.2.9, 1.2.3.4.5", NGINX),
        (NGINX, "192.0.2.9,", NGINX),
        ("::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.7", "192.0.2.1", "192.0.2.7"),
        ("192.0.2.7", "127.0.0.1", "192.0.2.7"),
        ("2001:db8::7", "192.0.2.1", "2001:db8::7"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_counts(peer: str, x_forwarded_for: str, expected: str) -> None:
    assert caller(peer, x_forwarded_for) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ('For="[2001:db8::1]:4711";proto=https;by=10.0.0.1', "2001:db8::1"),
        ("for=192.0.2.9, for=192.0.2.1;host=x, for=10.0.0.1", "192.0.2.1"),
        ("for=192.0.2.9, for=_hidden", NGINX),
        ("for=192.0.2.9, proto=https", NGINX),
        ("by=192.0.2.1", NGINX),
    ],
)
def test_forwarded_says_the_same(forwarded: str, expected: str) -> None:
    assert caller(NGINX, forwarded=forwarded, proxies=OF_RFC_7239) == expected


@pytest.mark.parametrize(("proxies", "expected"), [(TRUSTED, "192.0.2.1"), (OF_RFC_7239, "192.0.2.2"), (DEAF, NGINX)])
def test_the_header_that_the_setting_does_not_name_changes_nothing(proxies: TrustedProxies, expected: str) -> None:
    assert caller(NGINX, "192.0.2.1", "for=192.0.2.2", proxies) == expected


def test_a_guesser_cannot_move_to_the_proxys_address_by_another_header(cast_template: Path, tmp_path: Path) -> None:
    api = Api(cast.copy(cast_template, tmp_path), trusted_proxies=frozenset({NGINX}), failures_per_address=2)

    def wrong(nth: int) -> int:
        place = {"X-Forwarded-For": "192.0.2.1", "Forwarded": f"for=198.51.100.{nth}"}
        return api(None, "GET", "/groups", headers={**place, "Authorization": f"Bearer no{nth}"}).status_code

    came = [wrong(nth) for nth in range(4)]
    api.close()

    assert came == [401, 401, 429, 429]


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_whatever_the_headers_hold_a_caller_comes_of_it(x_forwarded_for: str, forwarded: str) -> None:
    assert caller(NGINX, f"{x_forwarded_for}, 192.0.2.1") == "192.0.2.1"
    assert network_of(caller(NGINX, x_forwarded_for, forwarded))
    assert network_of(caller(NGINX, x_forwarded_for, forwarded, OF_RFC_7239))
    assert caller("192.0.2.7", x_forwarded_for, forwarded) == "192.0.2.7"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (None, ""),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_one_place_is_an_ipv4_address_or_a_64th_of_ipv6(address: str | None, place: str) -> None:
    assert network_of(address) == place


@pytest.mark.parametrize(("trusted", "expected"), [(frozenset({NGINX}), "192.0.2.1"), (frozenset(), NGINX)])
def test_the_journal_tells_where_a_change_came_from(
    cast_template: Path, tmp_path: Path, trusted: frozenset[str], expected: str
) -> None:
    api = Api(cast.copy(cast_template, tmp_path), trusted_proxies=trusted)

    api("alice", "POST", "/groups/acme", data={"name": "Crew"}, headers={"X-Forwarded-For": "192.0.2.1"})

    with api.db.reading() as tx:
        [(address,)] = tx.connection.execute("SELECT address FROM journal WHERE actor = 'alice'").fetchall()
    api.close()
    assert address == expected


def test_behind_a_proxy_each_caller_has_their_own_limit_for_mistakes(cast_template: Path, tmp_path: Path) -> None:
    api = Api(cast.copy(cast_template, tmp_path), trusted_proxies=frozenset({NGINX}), failures_per_address=2)

    def wrong(caller: str) -> int:
        headers = {"X-Forwarded-For": f"192.0.2.200, {caller}", "Authorization": f"Bearer of-{caller}"}
        return api(None, "GET", "/groups", headers=headers).status_code

    came = [wrong("192.0.2.1") for _ in range(3)], [wrong("192.0.2.2") for _ in range(3)]
    api.close()

    assert came == ([401, 401, 429], [401, 401, 429])


@pytest.mark.subprocess
def test_the_log_warns_once_of_a_proxy_that_nobody_has_named(cast_template: Path, tmp_path: Path) -> None:
    with with_the_cast(cast_template, tmp_path) as running:
        for _ in range(3):
            running("alice", "GET", "/1.0/groups", headers={"X-Forwarded-For": "192.0.2.1"})

        assert running.log().count("trusted_proxies") == 1

    running._settings = {"trusted_proxies": "127.0.0.1 10.0.0.0/8", "log_level": "debug"}
    running.start()
    with running:
        running("alice", "GET", "/1.0/groups", headers={"X-Forwarded-For": "192.0.2.1"})
        assert running.log().count("trusted_proxies") == 1
        assert "192.0.2.1" in running.log()


# --- what names a request


@pytest.fixture
def proxied(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    """A server for which everything comes through a proxy that it trusts."""
    served = Api(cast.copy(cast_template, tmp_path), trusted_proxies=frozenset({NGINX}))
    yield served
    served.close()


@pytest.mark.parametrize("given", ["abcd-1234", "A.b_c-1.23", "x" * 64, "12345678"])
def test_a_sane_request_id_of_a_trusted_proxy_is_kept(proxied: Api, given: str) -> None:
    answer = proxied("alice", "POST", "/groups/acme", data={"name": "Crew"}, headers={"X-Request-Id": given})

    assert answer.headers["x-request-id"] == given
    assert (given,) in _journalled(proxied)


@pytest.mark.parametrize(
    "given", [b"", b"short", b"x" * 65, b"with blank", b"a\r\nb: cdefgh", "é".encode() * 9, b"<script>"]
)
def test_any_other_request_id_is_replaced_by_one_of_its_own(proxied: Api, given: bytes) -> None:
    named = [proxied.raw("GET", b"/1.0/groups", ("X-Request-Id", given), who="alice").headers["x-request-id"]
             for _ in range(2)]  # fmt: skip

    assert given.decode() not in named
    assert len(set(named)) == 2


# Every kind of address: the API's, pages, OAuth's, what is there for machines, and what isn't there at all.
NAMING = (
    ("POST", "/1.0/groups/acme"), ("GET", "/1.0/groups/acme"), ("GET", "/api/access/verify"), ("GET", "/2.0/user"),
    ("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/me"), ("POST", "/site/oauth2/access_token"),
    ("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/nowhere"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), NAMING)
def test_who_is_no_trusted_proxy_can_not_name_a_request(api: Api, method: str, path: str) -> None:
    credentials = ("Authorization", cast.basic("alice", token("alice")).encode())
    asked = [
        api.raw(method, path.encode(), ("X-Request-Id", b"somebody-elses"), credentials, body=[b"name=Crew"])
        for _ in range(4)
    ]

    named = {answer.headers["x-request-id"] for answer in asked}
    assert len(named) == 4 and "somebody-elses" not in named
    assert ("somebody-elses",) not in _journalled(api)


@pytest.mark.parametrize("page", ["install.md", "enforce.md"])
def test_the_documented_nginx_passes_on_nothing_of_the_callers_that_a_trusted_proxy_is_believed(page: str) -> None:
    text = (TOP / "docs" / page).read_text()
    asking = [
        block for block in re.findall(r"```nginx\n(.*?)```", text, re.DOTALL) if re.search(r"proxy_set_header", block)
    ]

    assert asking
    for block in asking:
        for line in (
            r'Forwarded +""',
            r"X-Request-Id +\$request_id",
            r"X-Forwarded-For +\$(remote_addr|proxy_add_x_f.*)",
        ):
            assert re.search(rf"proxy_set_header {line};", block), line


def _journalled(api: Api) -> list[tuple[str]]:
    with api.db.reading() as tx:
        return [(row[0],) for row in tx.connection.execute("SELECT request_id FROM journal")]


# --- a token in the address


@pytest.fixture
def lenient(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    served = Api(cast.copy(cast_template, tmp_path), query_token=True)
    yield served
    served.close()


TOKEN = token("alice")


@pytest.mark.parametrize(
    "query",
    [f"access_token={TOKEN}", f"format=xml&access_token={TOKEN}", f"access%5Ftoken={TOKEN}&format=json",
     f"access_token={TOKEN.replace('-', '%2D')}"],
)  # fmt: skip
def test_where_it_is_switched_on_a_token_in_the_query_counts_as_bearer(lenient: Api, query: str) -> None:
    answer = lenient.raw("GET", f"/1.0/groups/acme?{query}".encode())
    again = lenient.raw("GET", f"/1.0/groups/acme?{query}".encode())

    assert (answer.status_code, again.content, again.headers["x-oauth-scopes"]) == (
        200, answer.content, "account:write, app-password:write, journal, repository:admin, team:write, webhook"
    )  # fmt: skip
    assert lenient.server.cache.hits == 1
    assert TOKEN not in repr(lenient.server.cache.entries) + repr(lenient.server.services.authentication.verified)


@pytest.mark.parametrize(
    ("query", "header"),
    [
        (f"access_token={TOKEN}", f"Bearer {TOKEN}"),
        (f"access_token={TOKEN}", cast.basic("alice", TOKEN)),
        (f"access_token={TOKEN}", ""),
        (f"access_token={TOKEN}&access_token={TOKEN}", None),
        (f"access_token={TOKEN}&access%5ftoken=x", None),
        ("access_token=", None),
        ("access_token", None),
        ("access_token=nonsense", None),
        ("access_token=%FF%00", None),
        (f"access_token={token('alice', 'expired')}", None),
        ("access_token=" + cast.password("alice").replace(" ", "+"), None),
    ],
)
def test_a_token_in_two_places_or_none_that_counts_is_refused(lenient: Api, query: str, header: str | None) -> None:
    named = [("Authorization", header.encode())] if header is not None else []

    answer = lenient.raw("GET", f"/1.0/groups/acme?{query}".encode(), *named)

    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert 'Bearer error="invalid_token"' in answer.headers.get_list("www-authenticate")


def test_where_it_is_off_it_is_no_credential_and_refused_beside_one(api: Api) -> None:
    address = f"/1.0/groups/acme?access_token={TOKEN}".encode()

    came = [api.raw("GET", address).status_code, api.raw("GET", address, who="alice").status_code]

    assert came == [401, 401]


@pytest.mark.subprocess
def test_a_token_in_the_query_is_never_logged(cast_template: Path, tmp_path: Path) -> None:
    settings = {"query_token": "on", "log_level": "debug"}
    with with_the_cast(cast_template, tmp_path, **settings) as running:
        came = [
            running(None, method, f"/1.0/groups/{account}?access_token={TOKEN}").status_code
            for method, account in (("GET", "acme"), ("GET", "nothing"), ("PATCH", "acme"), ("POST", "acme"))
        ]
        page = running(None, "GET", f"/nowhere?access_token={TOKEN}").status_code

    assert (came, page) == ([200, 404, 405, 400], 404)
    assert running.log().count("status=") == 5
    assert TOKEN not in running.log() + running.output()
