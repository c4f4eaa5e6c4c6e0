"""The server's log: what it tells of each request, and that no secret is ever in it."""

import base64
import importlib.util
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from structlog.dev import ConsoleRenderer

import cast
import commands
import live
from browsing import Beside, Page, invite
from live import Live
from onebucket.cli import logs

PASSWORD = "a password that nobody else has"


@pytest.fixture(scope="module")
def telling(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that logs everything, as JSON."""
    folder = tmp_path_factory.mktemp("telling")
    settings = {"log_format": "json", "log_level": "debug", "metrics_token": "figures of mine"}
    with live.with_the_cast(cast_template, folder, **settings) as running:
        yield running


def entries(running: Live) -> list[dict[str, object]]:
    """The log so far; every line of it is a JSON object."""
    return [json.loads(line) for line in running.log().splitlines()]


@pytest.mark.subprocess
def test_a_token_in_the_query_that_is_not_looked_at_names_the_setting_in_the_answer_and_the_log(telling: Live) -> None:
    answer = telling(None, "GET", f"/1.0/groups?access_token={cast.token('alice')}")
    refused = telling(None, "GET", "/1.0/groups")
    with_header = telling("bob", "GET", "/1.0/groups?access_token=x")

    told = {entry["request_id"]: entry for entry in entries(telling)}
    line, other, third = (told[each.headers["x-request-id"]] for each in (answer, refused, with_header))
    assert (answer.status_code, "query_token" in answer.headers["x-onebucket-hint"]) == (401, True)
    assert "query_token" in str(line["hint"]) and cast.token("alice") not in telling.log()
    assert (refused.status_code, "hint" in other, with_header.status_code, "hint" in third) == (401, False, 401, False)


@pytest.mark.subprocess
def test_a_request_is_told_with_its_id_and_who_asked(telling: Live) -> None:
    answer = telling("alice", "PUT", "/1.0/groups/acme/designers/members/mallory")
    refused = telling("mallory", "DELETE", "/1.0/groups/acme/designers")

    told = {entry["request_id"]: entry for entry in entries(telling)}
    done, no = (told[each.headers["x-request-id"]] for each in (answer, refused))
    assert {key: done[key] for key in ("event", "level", "method", "path", "status", "actor", "address")} == {
        "event": "request",
        "level": "info",
        "method": "PUT",
        "path": "/1.0/groups/acme/designers/members/mallory",
        "status": 200,
        "actor": "alice",
        "address": "127.0.0.1",
    }
    assert (no["actor"], no["status"]) == ("mallory", 403)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(done["timestamp"]))
    assert telling.rows("SELECT actor, event FROM journal WHERE request_id = ?", done["request_id"]) == [
        ("alice", "member.added")
    ]


@pytest.mark.subprocess
def test_the_log_names_requests_as_a_trusted_proxy_does(cast_template: Path, tmp_path: Path) -> None:
    settings = {"log_format": "json", "log_level": "debug", "trusted_proxies": "127.0.0.1"}
    with live.with_the_cast(cast_template, tmp_path, **settings) as behind:
        answer = behind("alice", "GET", "/1.0/groups/acme", headers={"X-Request-Id": "from-my-proxy-0001"})
        odd = behind("alice", "GET", "/1.0/groups/acme", headers={"X-Request-Id": 'x" forged="yes'})

    told = [entry["request_id"] for entry in entries(behind)]
    assert answer.headers["x-request-id"] == "from-my-proxy-0001"
    assert "from-my-proxy-0001" in told and odd.headers["x-request-id"] in told
    assert "forged" not in behind.log()


@pytest.mark.subprocess
def test_whatever_is_in_an_address_stays_one_line_of_the_log(telling: Live) -> None:
    hostile = '\r\n\x1b[2J{"event": "forged"}\u2028\''
    before = len(entries(telling))

    telling("alice", "GET", f"/1.0/groups/{quote(hostile, safe='')}")
    telling("alice", "GET", f"/1.0/groups/{'x' * 5000}")

    told = entries(telling)[before:]
    assert [entry["event"] for entry in told] == ["request", "request"]
    assert "\x1b" not in telling.log()
    assert max(len(str(entry["path"])) for entry in told) <= 300


@pytest.mark.subprocess
def test_no_secret_is_ever_in_the_log(
    telling: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = commands.runner(telling.folder, monkeypatch, capsys)
    app_password = command("token", "add", "alice", "--scope", "account:write", "--json").json["secret"]
    command("user", "password", "bob", "--password-stdin", given=f"{PASSWORD}\n")
    secrets = [cast.password("alice"), cast.token("alice"), app_password, PASSWORD, "wrong-guess-1", "figures of mine"]

    for login in ("alice", "bob@example.com", "nobody"):
        for secret in secrets:
            telling((login, secret), "GET", "/1.0/groups/acme")
    for secret in secrets:
        telling(("alice", secret), "PUT", "/1.0/groups/acme/designers/members/dora")
        telling(("alice", secret), "DELETE", "/1.0/groups/acme/designers/members/dora")
        for scheme in ("Bearer", "bearer", "Basic", "Token", "OAuth"):
            telling(None, "GET", "/1.0/groups", headers={"Authorization": f"{scheme} {secret}"})
            telling(None, "GET", "/metrics", headers={"Authorization": f"{scheme} {secret}"})
        telling(None, "GET", "/1.0/groups", params={"access_token": secret})
        telling("alice", "POST", "/1.0/groups/acme", data={"name": "", "password": secret})
        telling("alice", "POST", "/1.0/groups/acme", json={"name": [secret]})
        telling(None, "POST", f"/setup/{app_password}", data={"username": "x", "password": secret})
    with telling.client(None) as client:
        client.get(f"http://alice:{quote(app_password)}@127.0.0.1:{telling.port}/1.0/groups/acme")

    log = telling.log() + telling.output()
    assert len(entries(telling)) > 50
    for secret in secrets:
        assert secret not in log
        assert quote(secret) not in log
        for login in ("alice", "bob@example.com", "nobody"):
            assert base64.b64encode(f"{login}:{secret}".encode()).decode() not in log
    assert "authorization" not in log.lower()


@pytest.mark.subprocess
def test_neither_links_nor_cookies_are_in_the_log_of_what_people_do_on_pages(telling: Live) -> None:
    beside = Beside(telling)
    link = invite(beside, "carol@example.net")
    secret = link.rsplit("/")[-1]

    with telling.client(None, follow_redirects=True) as browser:
        shown = Page(browser.get(link))
        typed = shown.form(f"{link}/sign-up").values | {"username": "carol", "password": PASSWORD}
        wrong = browser.post(f"{link}/sign-up", data=typed | {"password": "guess-7"})
        done = browser.post(f"{link}/sign-up", data=typed)
        browser.get(link)
        kept = [cookie.value for cookie in browser.cookies.jar if cookie.value]
    beside.db.close()

    told = [entry for entry in entries(telling) if str(entry.get("path", "")).startswith("/invitations/")]
    assert [(entry["method"], entry["path"], entry["status"], entry["actor"]) for entry in told] == [
        ("GET", "/invitations/{secret}", 200, None),
        ("POST", "/invitations/{secret}/sign-up", 400, None),
        ("POST", "/invitations/{secret}/sign-up", 303, None),
        ("GET", "/invitations/{secret}", 404, "carol"),
    ]
    assert (wrong.status_code, done.status_code, len(kept)) == (400, 200, 1)
    for each in (secret, *kept, typed["form_token"], PASSWORD, "guess-7"):
        assert each not in telling.log()


@pytest.mark.subprocess
def test_what_nobody_foresaw_is_logged_and_the_caller_told_nothing(cast_template: Path, tmp_path: Path) -> None:
    running = live.with_the_cast(cast_template, tmp_path, log_format="json")
    assert running("alice", "GET", "/1.0/groups/acme").status_code == 200
    with closing(sqlite3.connect(running.database)) as connection:
        connection.execute("DROP TABLE memberships")

    answer = running("alice", "GET", "/1.0/groups/acme/designers")
    running.stop()

    told = next(entry for entry in entries(running) if entry["request_id"] == answer.headers["x-request-id"])
    assert (answer.status_code, answer.text) == (500, "Internal Error")
    assert "no such table: memberships" in str(told["exception"])
    assert cast.token("alice") not in running.log()


_VALUES = (
    "",
    "alice",
    "a b",
    "a=b",
    "it's",
    'say "so"',
    "tab\t",
    "line\r\n",
    "naïve ☃",
    "{x}",
    7,
    2.5,
    None,
    True,
    ["a"],
)


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_a_line_for_people_is_structlogs_own_byte_for_byte(level: str, value: object) -> None:
    told = {"timestamp": "2026-11-27T03:52:15.750891Z", "level": level, "event": "request", "path": value, "Actor": 1}

    assert logs.Plain()(None, level, dict(told)) == ConsoleRenderer(colors=False)(None, level, dict(told))
    only = {**told, "event": str(value)}
    del only["path"], only["Actor"]
    assert logs.Plain()(None, level, dict(only)) == ConsoleRenderer(colors=False)(None, level, dict(only))


def test_what_takes_several_lines_is_structlogs_own_too() -> None:
    told = {"timestamp": "t", "level": "error", "event": "unforeseen", "exception": "Traceback:\n  no", "path": "/a b"}

    assert logs.Plain()(None, "error", dict(told)) == ConsoleRenderer(colors=False)(None, "error", dict(told))


@pytest.mark.parametrize("terminal", [True, False])
def test_tracebacks_are_plain_text_also_where_rich_is_installed(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert importlib.util.find_spec("rich")

    logs.configure("console", "info")
    try:
        structlog.get_logger().error("unforeseen", exc_info=ZeroDivisionError("no"))
    finally:
        structlog.reset_defaults()

    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "ZeroDivisionError: no"
    assert "─" not in "".join(lines)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.subprocess
def test_a_log_that_can_not_be_written_harms_no_request(cast_template: Path, tmp_path: Path) -> None:
    unheard = ("sh", "-c", 'exec "$0" "$@" 2>/dev/full', *live.COMMAND)
    with live.with_the_cast(cast_template, tmp_path, wrapped=unheard) as running:
        for number in range(20):
            assert running("alice", "POST", "/1.0/groups/acme", data={"name": f"Quiet {number}"}).status_code == 200
        assert running("bob", "POST", "/1.0/groups/acme", data={"name": "Not his"}).status_code == 403
