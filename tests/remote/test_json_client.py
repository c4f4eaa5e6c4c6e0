"""What the client for other hosts does when these are busy, fail, or answer something else than JSON."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from onebucket.remote import json_client
from onebucket.remote.errors import (
    CredentialRefused,
    NotPermitted,
    NotThere,
    PlanLimit,
    Rejected,
    UnexpectedResponse,
    Unreachable,
)
from onebucket.remote.json_client import JsonClient, Timing

API = "https://api.example.org"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Answer = httpx.Response | Exception


class Host:
    """A host elsewhere: gives the answers in turn, the last one again and again, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.at: list[float] = []
        self.clock = 0.0
        self.told: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.at.append(self.clock)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def client(self, **options: Any) -> JsonClient:
        timing = Timing(sleep=self.sleep, now=lambda: NOW, monotonic=lambda: self.clock, jitter=lambda: 1.0)
        return JsonClient(
            API,
            ("svc@example.org", "secret"),
            timing=timing,
            notify=self.told.append,
            transport=httpx.MockTransport(self),
            **options,
        )

    def ask(self, method: str = "GET", address: str = "/2.0/user", times: int = 1, **options: Any) -> Any:
        async def ask() -> Any:
            async with self.client(**options) as client:
                for _ in range(times):
                    answer = await client.request(method, address)
                return answer

        return asyncio.run(ask())


def ok(document: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(200, json=document if document is not None else {}, headers=headers)


def busy(status: int = 429, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_response_is_decoded_and_the_credential_is_sent_as_basic() -> None:
    host = Host(ok({"display_name": "Åsa"}))

    assert host.ask() == {"display_name": "Åsa"}
    assert host.requests[0].headers["Authorization"] == httpx.BasicAuth("svc@example.org", "secret")._auth_header


def test_nothing_is_none() -> None:
    assert Host(httpx.Response(204)).ask("DELETE") is None


@pytest.mark.parametrize("value", ["7", "Thu, 01 Jan 2026 00:00:07 GMT"])
def test_it_waits_as_long_as_the_host_asks_and_says_so(value: str) -> None:
    host = Host(busy(retry_after=value), ok({"is": "there"}))

    assert host.ask() == {"is": "there"}
    assert host.at == [0.0, 7.0]
    assert host.told == [f"{API} asks to wait 7 seconds"]


def test_the_date_it_asks_to_wait_for_is_by_the_clock_of_the_host() -> None:
    host = Host(busy(retry_after="Fri, 05 Jan 2035 00:00:07 GMT", date="Fri, 05 Jan 2035 00:00:00 GMT"), ok())

    host.ask()

    assert host.at == [0.0, 7.0]


def test_while_the_host_asks_to_wait_no_other_request_is_sent() -> None:
    host = Host(busy(retry_after="30"), ok())

    async def ask() -> None:
        async with host.client() as client:
            await asyncio.gather(*(client.get("/2.0/user") for _ in range(5)))

    asyncio.run(ask())

    # Those that were under way already when it said so can't be called back: here none was.
    assert [at for at in host.at if 0 < at < 30] == []


def test_without_a_word_of_the_host_pauses_double() -> None:
    host = Host(busy(503), busy(500), busy(429), ok())

    host.ask()

    assert host.at == [0.0, 1.0, 3.0, 7.0]


def test_it_goes_slowly_while_the_limit_is_near() -> None:
    near = {"X-RateLimit-NearLimit": "true"}
    host = Host(ok(None, **near), ok(None, **near), ok(), ok())

    host.ask(times=4)

    assert host.at == [0.0, 1.0, 2.0, 2.0]


def test_a_budget_of_our_own_is_never_exceeded() -> None:
    host = Host(ok())

    host.ask(times=7, requests_per_hour=3)

    assert host.at == [0.0] * 3 + [3600.0] * 3 + [7200.0]


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), busy(502)])
def test_what_goes_on_failing_is_unreachable_after_some_attempts(failure: Answer) -> None:
    host = Host(failure)

    with pytest.raises(Unreachable, match=r"doesn't do GET /2.0/user: (refused|slow|it answers 502)"):
        host.ask()

    assert len(host.requests) == json_client.ATTEMPTS


def test_a_response_that_ends_in_the_middle_is_asked_for_again() -> None:
    host = Host(httpx.RemoteProtocolError("incomplete"), ok({"whole": True}))

    assert host.ask() == {"whole": True}


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), busy(500)])
def test_a_post_that_may_have_been_done_is_not_repeated(failure: Answer) -> None:
    host = Host(failure, ok())

    with pytest.raises(Unreachable):
        host.ask("POST")

    assert len(host.requests) == 1


def test_a_post_that_was_refused_for_the_limit_is_repeated() -> None:
    host = Host(busy(429, retry_after="1"), ok({"made": True}))

    assert host.ask("POST") == {"made": True}


def test_a_wait_of_many_hours_is_refused() -> None:
    with pytest.raises(Unreachable, match="asks to wait 86,400 seconds"):
        Host(busy(retry_after="86400")).ask()


def envelope(status: int, message: str, detail: Any = None) -> httpx.Response:
    error = {"message": message} | ({"detail": detail} if detail else {})
    return httpx.Response(status, json={"type": "error", "error": error})


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (envelope(401, "expired"), CredentialRefused, "the credential is refused; GET /2.0/user answers 401: expired"),
        (envelope(402, "upgrade"), PlanLimit, "the plan there doesn't allow it; GET /2.0/user answers 402: upgrade"),
        (envelope(403, "no"), NotPermitted, "GET /2.0/user answers 403: no"),
        (
            envelope(403, "no", {"required": ["account", "email"], "granted": ["account"]}),
            NotPermitted,
            "the credential needs email; GET /2.0/user answers 403: no",
        ),
        (envelope(404, "gone"), NotThere, "GET /2.0/user answers 404: gone"),
        (envelope(410, "CHANGE-2770"), NotThere, "GET /2.0/user answers 410: CHANGE-2770"),
        (envelope(400, "bad"), Rejected, "GET /2.0/user answers 400: bad"),
        (httpx.Response(404, text="Not Found\nmore"), NotThere, "GET /2.0/user answers 404: Not Found"),
        (httpx.Response(403, html="<p>no</p>"), NotPermitted, "GET /2.0/user answers 403"),
        (
            httpx.Response(200, html="<h1>Sign in</h1>"),
            UnexpectedResponse,
            "GET /2.0/user answers text/html where JSON is expected; is api.example.org the API?",
        ),
        (httpx.Response(200, content=b'{"values": ['), UnexpectedResponse, "where JSON is expected"),
        (
            httpx.Response(200, content=b'{"values": [', headers={"Content-Type": "application/json; charset=utf-8"}),
            UnexpectedResponse,
            "GET /2.0/user answers JSON that is broken or ends in the middle",
        ),
        (
            httpx.Response(302, headers={"Location": "https://login.example.org"}),
            UnexpectedResponse,
            "GET /2.0/user leads to https://login.example.org",
        ),
    ],
)  # fmt: skip
def test_each_refusal_is_an_error_of_its_kind_with_what_the_host_says(
    answer: httpx.Response, error: type[Exception], sentence: str
) -> None:
    host = Host(answer)

    with pytest.raises(error) as raised:
        host.ask()

    assert sentence in str(raised.value)
    assert len(host.requests) == 1
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/2.0/user", "http://api.example.org/2.0/user", "https://api.example.org:444/2.0/user"],
)
def test_the_credential_goes_to_no_other_host(address: str) -> None:
    host = Host(ok())

    with pytest.raises(UnexpectedResponse, match="the credential isn't sent to another host"):
        host.ask(address=address)

    assert host.requests == []


def test_a_response_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_client, "MAX_RESPONSE_BYTES", 1 << 20)

    with pytest.raises(UnexpectedResponse, match="answers more than 1 MiB"):
        Host(httpx.Response(200, content=b" " * ((1 << 20) + 1))).ask()


def test_no_more_requests_are_under_way_than_allowed() -> None:
    under_way = most = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return ok()

    async def ask() -> None:
        async with JsonClient(API, ("a", "b"), transport=httpx.MockTransport(answer)) as client:
            await asyncio.gather(*(client.get("/2.0/user") for _ in range(50)))

    asyncio.run(ask())

    assert most == json_client.CONCURRENT


def test_what_was_done_is_counted() -> None:
    host = Host(busy(retry_after="5"), ok())

    async def ask() -> JsonClient:
        async with host.client() as client:
            await client.get("/2.0/user")
            return client

    counts = asyncio.run(ask()).counts
    assert (counts.sent, counts.retried, counts.waited) == (2, 1, 5.0)
