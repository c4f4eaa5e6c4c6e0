"""Odd addresses, headers and bodies: a sensible answer, one line in the log, and never a traceback."""

import ast
import base64
import socket
from pathlib import Path

import pytest

import cast
import live
from cast import Api
from live import Live
from tests.house.test_house_rules import modules

DEEP = b"[" * 100_000
ODD = [
    b"",
    b'OAuth =,="',
    b'OAuth "',
    b"OAuth oauth_token",
    b'OAuth =""',
    b"OAuth " + b"," * 1000,
    b"OAuth oauth_token=%ff",
    b"Basic " + base64.b64encode(b"\xff:\x00"),
    b"Basic =",
    b"Bearer \xff",
    b"=;=,\"';,=",
    b"\xff\xfe",
    b"9" * 5000,
    b'multipart/form-data; boundary="',
    b"application/json; charset=\"'",
    b"at-least=9" + b"9" * 400,
]
HEADERS = (
    "Authorization", "Content-Type", "Cookie", "X-Forwarded-For", "Forwarded", "X-Onebucket-Revision", "If-None-Match",
    "Origin", "Referer", "X-Original-URI", "X-Original-Method", "X-Request-Id", "Content-Length", "Host",
)  # fmt: skip
PLACES = (
    ("GET", b"/1.0/groups/acme"), ("POST", b"/1.0/groups/acme"), ("POST", b"/api/access"), ("POST", b"/sign-in"),
    ("GET", b"/api/access/verify"), ("POST", b"/site/oauth2/access_token"), ("POST", b"/1.0/oauth/request_token"),
    ("GET", b"/me"), ("GET", b"/metrics"), ("GET", b"/2.0/user"),
)  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_is_odd_enough_for_an_error_of_ours(
    api: Api, header: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [api.raw(method, path, (header, value), body=[b"x=1"]) for method, path in PLACES for value in ODD]

    assert {each.status_code for each in answers if each.status_code >= 500} == set()
    assert "Traceback" not in capsys.readouterr().out


@pytest.mark.parametrize("path", [b"/api/access", b"/api/tokens", b"/1.0/groups/acme"])
@pytest.mark.parametrize(
    "body",
    [DEEP, b'{"scopes":["account"],"x":' + DEEP, b'[{"user":"a","repository":"b","x":' + DEEP, b'{"x":"\\ud800"}'],
)
def test_a_body_that_is_nested_too_deeply_is_refused_with_a_sentence(api: Api, path: bytes, body: bytes) -> None:
    answer = api.raw("POST", path, ("Content-Type", b"application/json"), who="alice", body=[body])

    assert answer.status_code == 400
    assert answer.text.startswith("Bad Request: the body")


def test_surfaces_read_json_in_one_place() -> None:
    readers = ("json.decode", "json.loads")
    calls = [(name, node) for name, module in modules("surfaces") for node in ast.walk(module)
             if isinstance(node, ast.Call)]  # fmt: skip

    assert [name for name, call in calls if ast.unparse(call.func).endswith(readers)] == []


@pytest.mark.subprocess
def test_a_form_that_breaks_off_leaves_no_traceback(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running:
        for path in ("/sign-in", "/site/oauth2/access_token", "/1.0/groups/acme"):
            with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
                kind = "Content-Type: application/x-www-form-urlencoded"
                heads = [f"POST {path} HTTP/1.1", "Host: x", kind, "Authorization: OAuth x", "Content-Length: 99"]
                connection.sendall("\r\n".join([*heads, "", "login="]).encode())
        for _ in range(20):
            assert running(None, "GET", "/healthz").status_code == 200

        assert "unforeseen" not in running.log()


# --- slashes, and what browsers are told


@pytest.mark.parametrize(
    "path", ["/sign-in/", "/me/", "/healthz/", "/invitations/obp_0123456789abcdefghijklmnopqrstuv/", "/nothing/at/all/"]
)
def test_a_slash_at_the_end_never_sends_anybody_elsewhere(api: Api, path: str) -> None:
    with_it = api.raw("GET", path.encode(), ("Host", b"evil.example"))
    without = api.raw("GET", path[:-1].encode(), ("Host", b"evil.example"))

    assert (with_it.status_code, with_it.headers.get("location")) == (
        without.status_code,
        without.headers.get("location"),
    )
    assert "evil.example" not in str(with_it.headers)


def test_where_people_come_over_https_every_answer_says_so(cast_template: Path, tmp_path: Path) -> None:
    told = {}
    for base in ("https://git.example.com", "https://git.example.com:8443", "http://git.example.com"):
        folder = tmp_path / base.replace("/", "")
        folder.mkdir()
        asked = Api(
            cast.copy(cast_template, folder),
            base_url=base,
        )
        paths = (
            "/1.0/groups/acme",
            "/1.0/nothing",
            "/sign-in",
            "/nothing",
            "/healthz",
            "/2.0/user",
        )
        told[base] = {asked.raw("GET", path.encode()).headers.get("strict-transport-security") for path in paths}
        asked.close()

    assert list(told.values()) == [{"max-age=31536000"}, {None}, {None}]


# --- what is asked for that isn't there


@pytest.mark.parametrize(
    "path", ["/2.0", "/2.0/teams", "/2.0/repositories/acme/rocket/commits/", "/api/2.0/teams", "/!api/2.0"]
)
def test_2_0_answers_in_its_envelope(api: Api, path: str) -> None:
    answer = api.raw("GET", path.encode(), who="alice")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["message"].startswith("There is nothing at this address")


def test_2_0_tells_wrong_credentials_in_its_envelope(api: Api) -> None:
    answer = api.raw("GET", b"/2.0/user", ("Authorization", b"Basic bm9ib2R5OndybmduZw=="))

    assert (answer.status_code, answer.json()) == (
        401,
        {"type": "error", "error": {"message": "No valid credentials."}},
    )


def test_two_slashes_at_the_beginning_are_one(api: Api) -> None:
    assert api.raw("GET", b"//1.0/groups/acme", who="alice").json() == api("alice", "GET", "/groups/acme").json()


@pytest.mark.subprocess
def test_every_request_is_logged(cast_template: Path, tmp_path: Path) -> None:
    asked = ["/2.0/user", "/nothing/here", "//nothing", "/healthz", "//1.0/groups/acme", "/1.0/groups/acme/designers",
             "/sign-in", "/static/style.css", "/static/nothing", "/openapi.json", "/avatars/a/9"]  # fmt: skip
    settings = {"log_level": "debug", "log_format": "json", "trusted_proxies": "127.0.0.1"}
    with live.with_the_cast(cast_template, tmp_path, **settings) as running:
        named = [_ask(running, path, f"request-{number}") for number, path in enumerate(asked)]

        log = running.log()
        assert named == [f"request-{number}" for number in range(len(asked))]
        assert [number for number in range(len(asked)) if f'"request-{number}"' not in log] == []


def _ask(running: Live, path: str, name: str) -> str:
    """The id that the answer names; httpx would mend the path."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {name}\r\nConnection: close\r\n\r\n".encode()
        )
        heard = b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode(errors="replace").lower()
    return heard.partition("x-request-id: ")[2].partition("\r\n")[0]


@pytest.mark.subprocess
def test_the_log_holds_no_secret_of_a_link(cast_template: Path, tmp_path: Path) -> None:
    secret = "obp_0123456789abcdefghijklmnopqrstuv"
    with live.with_the_cast(cast_template, tmp_path, log_level="debug") as running:
        for path in (
            f"/invitations/{secret}",
            f"/invitations/{secret}/",
            f"/nothing/{secret}",
            f"/invitations/{secret}/x",
        ):
            running(None, "GET", path)

        assert secret not in running.log()
