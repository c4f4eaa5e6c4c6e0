"""Lists too long to be held whole: they come as they are made, complete, and only while somebody reads."""

import json
import socket
from base64 import b64encode
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import cast
from cast import Api
from live import Live, basic
from onebucket.actions import accounts, groups, privileges, repositories
from onebucket.domain.privileges import Level
from onebucket.store.engine.database import Database

LIST = "/group-privileges/acme"
REPOSITORIES, MEMBERS = 60, 120


@pytest.fixture
def large(api: Api) -> Api:
    """acme has 60 repositories on which a group of 120 has something: some 3 MB."""
    fill(api.db, REPOSITORIES)
    return api


def fill(db: Database, count: int) -> None:
    with db.writing() as tx:
        work = cast.operator(tx)
        groups.create(work, "acme", name="Crowd")
        for number in range(MEMBERS):
            accounts.add_user(work, f"person-{number}", email=f"person-{number}@example.com")
            groups.add_member(work, "acme", "crowd", f"person-{number}")
        for number in range(count):
            repositories.add(work, "acme", f"repository-{number:02}")
            privileges.set_for_group(work, "acme", f"repository-{number:02}", "crowd", Level.READ)


def messages(api: Api, *received: dict[str, Any]) -> list[dict[str, Any]]:
    """What the server sends when alice asks for the long list, where it receives this, and then nothing more."""
    path, authorization = f"/1.0{LIST}", b64encode(f"alice:{cast.token('alice')}".encode())
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", b"Basic " + authorization)],
        "client": ("127.0.0.1", 1),
        "server": ("onebucket.test", 80),
    }
    sent: list[dict[str, Any]] = []
    waiting = [*received]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    api.run(api.server.app(scope, receive, send))
    return sent


def test_a_long_list_is_complete(large: Api) -> None:
    answer = large("alice", "GET", LIST)

    entries = answer.json()
    assert len(answer.content) > 2 << 20
    assert [entry["repo"] for entry in entries if entry["group"]["slug"] == "crowd"] == [
        f"acme/repository-{number:02}" for number in range(REPOSITORIES)
    ]
    assert {len(entry["group"]["members"]) for entry in entries if entry["group"]["slug"] == "crowd"} == {MEMBERS}
    assert "etag" not in answer.headers and "content-length" not in answer.headers
    assert answer.headers["cache-control"] == "private, no-cache"


def test_a_long_list_is_the_same_in_a_script(large: Api) -> None:
    plain, script = large("alice", "GET", LIST).text, large("alice", "GET", f"{LIST}?callback=take").text

    opening, _, rest = script.partition("(")
    assert opening.endswith("take")
    assert json.loads(rest.rstrip(" \n;").removesuffix(")")) == json.loads(plain)


def test_head_of_a_long_list_has_no_body(large: Api) -> None:
    answer = large("alice", "HEAD", LIST)

    assert (answer.status_code, answer.content) == (200, b"")


def test_no_more_is_made_for_whoever_has_hung_up(large: Api) -> None:
    request, hang_up = {"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}

    whole = messages(large)
    cut = [messages(large, hang_up), messages(large, request, hang_up)]

    assert whole[-1] == {"type": "http.response.body", "body": b""}
    assert len(whole) > 20
    assert [len(sent) < 5 for sent in cut] == [True, True]


def test_no_piece_of_a_long_list_is_long(large: Api) -> None:
    pieces = [len(message["body"]) for message in messages(large)[1:]]

    # One entry is some 50 kB.
    assert max(pieces) < 200_000


@pytest.mark.subprocess
def test_whoever_reads_slowly_holds_up_nobody_who_writes_or_reads(cast_template: Path, tmp_path: Path) -> None:
    # Some 11 MB: more than the sockets on both sides take in.
    count, member = 240, "/1.0/groups/acme/designers/members/dora"
    db = cast.copy(cast_template, tmp_path)
    fill(db, count)
    db.close()

    with Live(tmp_path) as running, closing(HTTPConnection("127.0.0.1", running.port, timeout=60)) as slow:
        before = running("alice", "GET", f"/1.0{LIST}")
        slow.sock = socket.socket()
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sock.connect(("127.0.0.1", running.port))
        slow.request("GET", f"/1.0{LIST}", headers=dict(basic("alice")))
        answer = slow.getresponse()
        read = answer.read(100)

        came = []
        with running.client("alice") as writer, running.client("bob") as reader:
            for _ in range(100):
                came += [writer.put(member), reader.get("/1.0/groups/acme/designers"), writer.delete(member)]
        read += answer.read()

    assert [each.status_code for each in came] == [200, 200, 204] * 100
    assert sum("dora" in [one["username"] for one in each.json()["members"]] for each in came[1::3]) == 100
    # It is of one moment: what has been written since is not in it.
    assert read == before.content
    assert len(read) > 11_000_000
