"""What reaches a real server over a real connection: unusual but correct HTTP, and what it is answered."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest

import cast
from live import Live, basic

CROWD = 200
BODY = b"name=Sent+Oddly"


@pytest.fixture(autouse=True)
def _put_back(served: Live) -> None:
    """The group that some of these tests make is gone before the next."""
    served("alice", "DELETE", "/1.0/groups/acme/sent-oddly")


@pytest.fixture
def connection(served: Live) -> Iterator[HTTPConnection]:
    """A bare connection, for what well-behaved clients never do."""
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=30)) as opened:
        yield opened


def head(method: str, path: str, *lines: str, version: str = "1.1") -> bytes:
    """A request up to its body, alice's."""
    authorization = f"Authorization: {basic('alice')['Authorization']}"
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", authorization, *lines, "", ""]).encode()


def said(served: Live, *parts: bytes, pause: float = 0.05) -> bytes:
    """Everything that is answered to these bytes, sent with pauses, until the server closes as it was asked to."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_expect_100_continue_is_answered_before_the_body_is_sent(served: Live) -> None:
    asked = head("POST", "/1.0/groups/acme", "Expect: 100-continue", f"Content-Length: {len(BODY)}")
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(asked)
        interim = connection.recv(1 << 16)
        connection.sendall(BODY)
        final = connection.recv(1 << 16)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert final.startswith(b"HTTP/1.1 200 OK\r\n")


def test_expect_100_continue_without_credentials_is_refused_at_once(served: Live) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(
            b"POST /1.0/groups/acme HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n"
        )

        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


def test_a_chunked_body_is_read_whole(connection: HTTPConnection) -> None:
    connection.request("POST", "/1.0/groups/acme", iter([BODY[:4], BODY[4:]]), basic("alice"), encode_chunked=True)

    answer = connection.getresponse()

    assert (answer.status, b'"slug":"sent-oddly"' in answer.read()) == (200, True)


def test_a_body_that_trickles_in_is_read_whole(served: Live) -> None:
    asked = head("POST", "/1.0/groups/acme", f"Content-Length: {len(BODY)}", "Connection: close")

    assert b'"slug":"sent-oddly"' in said(served, asked, *(BODY[at : at + 5] for at in range(0, len(BODY), 5)))


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded; charset=UTF-8"])
def test_a_form_needs_no_content_type(connection: HTTPConnection, kind: str | None) -> None:
    connection.request(
        "POST", "/1.0/groups/acme", BODY, dict(basic("alice")) | ({"Content-Type": kind} if kind else {})
    )

    assert connection.getresponse().status == 200


def test_http_1_0_is_answered_and_closed(served: Live) -> None:
    answer = said(served, head("GET", "/1.0/groups/acme/designers", version="1.0"))

    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert answer.endswith(b"}")


def test_two_hundred_pipelined_requests_are_answered_in_order(served: Live) -> None:
    paths = [f"/1.0/groups/acme/{slug}" for slug in ("designers", "developers", "nobody", "administrators")]
    asked = [paths[number % len(paths)] for number in range(CROWD)]
    last = head("GET", "/1.0/groups/acme", "Connection: close")

    answers = said(served, b"".join(head("GET", path) for path in asked) + last).split(b"HTTP/1.1 ")[1:]

    assert len(answers) == CROWD + 1
    for path, answer in zip(asked, answers, strict=False):
        slug = path.rpartition("/")[2]
        wanted = b"No Group matches the given query." if slug == "nobody" else f'"slug":"{slug}"'.encode()
        assert wanted in answer


def test_pipelined_changes_happen_in_order(served: Live) -> None:
    member = "/1.0/groups/acme/designers/members/mallory"
    asked = [head(method, member, "Content-Length: 0") for method in ("PUT", "GET", "PUT", "DELETE", "GET", "DELETE")]
    last = head("GET", "/1.0/groups/acme/designers", "Connection: close")

    answers = said(served, b"".join([*asked, last])).split(b"HTTP/1.1 ")[1:]

    assert [int(answer[:3]) for answer in answers] == [200, 200, 409, 204, 404, 404, 200]


def test_a_delete_with_a_body_leaves_the_connection_usable(served: Live, connection: HTTPConnection) -> None:
    served("alice", "POST", "/1.0/groups/acme", content=BODY)
    connection.request("DELETE", "/1.0/groups/acme/sent-oddly", b'{"why": "because"}', basic("alice"))
    deleted = connection.getresponse()
    assert (deleted.status, deleted.read(), deleted.headers["Content-Type"]) == (204, b"", "text/plain")
    assert deleted.headers["Content-Length"] is None

    connection.request("GET", "/1.0/groups/acme/sent-oddly", headers=basic("alice"))
    assert connection.getresponse().status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/1.0/groups/acme/designers", 200),
        ("HEAD", "/1.0/groups/acme/designers", 200),
        ("GET", "/2.0/workspaces/acme", 200),
        ("DELETE", "/1.0/groups/acme/no-such-group", 404),
        ("PATCH", "/1.0/groups/acme/designers", 405),
        ("GET", "/sign-in", 200),
        ("POST", "/nowhere", 404),
        ("GET", "/api/health", 404),
    ],
)
def test_a_body_that_nothing_reads_and_comes_late_is_received_before_the_response(
    served: Live, method: str, path: str, status: int
) -> None:
    """Otherwise the server closes the connection, and the next request on it gets no answer."""
    late = head(method, path, "Content-Length: 8")
    last = head("GET", "/1.0/groups/acme/designers", "Connection: close")
    for _ in range(3):
        answers = said(served, late, b'{"a": 1}', last).split(b"HTTP/1.1 ")[1:]

        assert [int(answer[:3]) for answer in answers] == [status, 200]


def test_a_body_that_never_comes_delays_the_response_only_for_a_moment(served: Live) -> None:
    answer = said(served, head("GET", "/1.0/groups/acme/designers", "Content-Length: 8", "Connection: close"))

    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_raw_braces_and_other_unescaped_characters_in_an_address_are_read_as_they_stand(served: Live) -> None:
    uuid = served("alice", "GET", "/1.0/groups/acme/designers").json()["owner"]["uuid"]

    raw = said(served, head("GET", f"/1.0/groups/{uuid}/designers", "Connection: close"))
    odd = said(served, head("GET", '/1.0/groups/"acme"|^é', "Connection: close"))

    assert b'"slug":"designers"' in raw
    assert odd.startswith(b"HTTP/1.1 404 ")
    assert "there is no account '\"acme\"|^é'".encode() in odd


def test_an_address_with_a_host_in_it_is_answered(served: Live) -> None:
    assert b'"slug":"designers"' in said(
        served, head("GET", "http://api.bitbucket.org/1.0/groups/acme/designers", "Connection: close")
    )


@pytest.mark.parametrize("size", [(1 << 20) + 1, 2 << 20, 15 << 20])
def test_a_body_that_is_too_long_is_told_so_and_can_hear_it(connection: HTTPConnection, size: int) -> None:
    connection.request("POST", "/1.0/groups/acme", b"name=" + b"x" * (size - 5), basic("alice"))

    answer = connection.getresponse()

    assert answer.status == 413
    assert answer.read() == b"Payload Too Large: the body may be at most 1 MiB long."


def test_a_chunked_body_that_is_too_long_is_told_so(connection: HTTPConnection) -> None:
    connection.request(
        "PUT", "/1.0/groups/acme/designers", iter([b"x" * 65536] * 20), basic("alice"), encode_chunked=True
    )

    assert connection.getresponse().status == 413


def test_the_longest_body_is_read(served: Live) -> None:
    filler = b"&filler=" + b"x" * ((1 << 20) - len(BODY) - 8)

    assert served("alice", "POST", "/1.0/groups/acme", content=BODY + filler).status_code == 200


def test_wrong_credentials_are_told_to_whoever_sends_a_long_body(served: Live) -> None:
    for _ in range(20):
        with closing(HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
            connection.request("POST", "/1.0/groups/acme", b"x" * 500_000)
            assert connection.getresponse().status == 401


@pytest.mark.parametrize("path", ["/1.0/groups/acme", "/1.0/groups/acme/designers?format=yaml", "/1.0/groups/acme/no"])
def test_head_has_the_headers_of_get_and_no_body(served: Live, path: str) -> None:
    get, head = (served("alice", method, path) for method in ("GET", "HEAD"))

    own = {"date", "x-request-id"}
    assert head.content == b""
    assert head.status_code == get.status_code
    assert int(head.headers["content-length"]) == len(get.content) > 0
    assert {name: value for name, value in head.headers.items() if name not in own} == {
        name: value for name, value in get.headers.items() if name not in own
    }


@pytest.mark.parametrize("base", ["/1.0", "/api/1.0", "/!api/1.0"])
def test_a_slash_at_the_end_never_redirects(served: Live, base: str) -> None:
    with served.client("alice", follow_redirects=False) as client:
        made = client.post(f"{base}/groups/acme/", data={"name": "Sent Oddly"})
        added = client.put(f"{base}/groups/acme/sent-oddly/members/bob/", content="*")

    assert (made.status_code, added.status_code) == (200, 200)


def crowd(served: Live, asked: bytes) -> list[bytes]:
    """What each of many connections is answered that ask the same at the same time."""
    with ExitStack() as stack:
        address = ("127.0.0.1", served.port)
        sockets = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(CROWD)]
        for each in sockets:
            each.sendall(asked)
        return [everything(each) for each in sockets]


def test_many_connections_at_once_are_all_answered(served: Live) -> None:
    answers = crowd(served, head("GET", "/1.0/groups/acme/designers", "Connection: close"))

    assert {answer[:15] for answer in answers} == {b"HTTP/1.1 200 OK"}


def test_many_connections_that_sign_in_with_one_password_are_all_answered(served: Live) -> None:
    signed_in = f"Authorization: {cast.basic('dora', cast.password('dora'))}"
    asked = ["GET /1.0/groups/acme HTTP/1.1", "Host: x", signed_in, "Connection: close", "", ""]

    answers = crowd(served, "\r\n".join(asked).encode())

    assert {answer[:15] for answer in answers} == {b"HTTP/1.1 200 OK"}
