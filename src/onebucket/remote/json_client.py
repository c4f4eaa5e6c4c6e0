"""An HTTP client for JSON APIs elsewhere: retries, waits that the host asks for, a budget of requests, errors by kind.

Every request to another host goes through `JsonClient.request`, so no caller has a retry of its own.
"""

import asyncio
import importlib.util
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from onebucket.remote.errors import (
    CredentialRefused,
    NotPermitted,
    NotThere,
    PlanLimit,
    Rejected,
    RemoteError,
    UnexpectedResponse,
    Unreachable,
)
from onebucket.remote.request_budget import RequestBudget

# Requests under way at once. Bitbucket Cloud counts requests an hour, not at once; more were not faster.
CONCURRENT = 10
ATTEMPTS = 6
# The longest pause before a retry, and the longest that the host may ask for: Bitbucket's limits last an hour.
MAX_BACKOFF_SECONDS = 60.0
MAX_WAIT_SECONDS = 3700.0
# The pause before each request while the host says that its limit is near.
NEAR_LIMIT_SECONDS = 1.0
CONNECT_SECONDS, RESPONSE_SECONDS = 10.0, 60.0
# API 1.0 has no pages: the groups of a workspace with all their members are one response.
MAX_RESPONSE_BYTES = 64 << 20

# httpcore imports sniffio with every request and lock, to ask which event loop runs. Where it isn't installed, each
# import searches all folders of packages again: a third of the time of a request. So it is said once for all.
if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})

# Called with a sentence when the client has to wait, so that a person knows why nothing happens.
Notify = Callable[[str], None]


@dataclass(slots=True)
class RequestCounts:
    """What the client has done: requests sent, how many of them were repeats, and seconds waited as the host asked.

    `throttled` counts the responses 429.
    """

    sent: int = 0
    retried: int = 0
    throttled: int = 0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks and pauses of a client; tests replace them."""

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=random.random)


class JsonClient:
    """Sends requests to one API with one credential; an async context manager.

    `api` is the API's URL without a path, `credential` a username and a token. `requests_per_hour` is a limit of our
    own, None for none. The credential goes to `api` only, whatever address a response names.
    """

    def __init__(
        self,
        api: str,
        credential: tuple[str, str],
        *,
        requests_per_hour: int | None = None,
        notify: Notify = lambda sentence: None,
        timing: Timing = Timing(),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.api = api.rstrip("/")
        self._origin = httpx.URL(self.api)
        self._notify = notify
        self._timing = timing
        self._budget = RequestBudget(requests_per_hour, timing.monotonic)
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._is_near_limit = False
        # The monotonic second until which the host has asked every request to wait.
        self._held_until = 0.0
        self.counts = RequestCounts()
        self._client = httpx.AsyncClient(
            auth=httpx.BasicAuth(*credential),
            headers={"Accept": "application/json", "User-Agent": "onebucket"},
            timeout=httpx.Timeout(RESPONSE_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=CONCURRENT, max_keepalive_connections=CONCURRENT),
            follow_redirects=False,
            transport=transport,
        )

    def use_credential(self, credential: tuple[str, str]) -> None:
        """Send the next requests with another credential."""
        self._client.auth = httpx.BasicAuth(*credential)

    async def __aenter__(self) -> "JsonClient":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def get(self, address: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the decoded JSON of a GET; `address` is a path, or a URL of the API. Raises RemoteError."""
        return await self.request("GET", address, params=params)

    async def request(
        self, method: str, address: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Any:
        """Send a request and return the decoded JSON, None for an empty response. Raises RemoteError.

        Repeats it when the host is busy, fails or can't be reached. A POST is repeated only after a 429: it may have
        been done although its response was lost.
        """
        url = self._url(address, params)
        failure = ""
        async with self._slots:
            for attempt in range(ATTEMPTS):
                if attempt:
                    self.counts.retried += 1
                await self._wait_for_turn()
                self.counts.sent += 1
                try:
                    response = await self._send(method, url, json)
                except httpx.HTTPError as error:
                    failure = str(error) or type(error).__name__
                    if method == "POST":
                        break
                    await self._back_off(attempt)
                    continue
                self._is_near_limit = response.headers.get("X-RateLimit-NearLimit", "").lower() == "true"
                if response.status_code not in _RETRIED:
                    return _decoded(method, url, response)
                self.counts.throttled += response.status_code == 429
                failure = f"it answers {response.status_code}"
                if method == "POST" and response.status_code != 429:
                    break
                await self._wait_as_told(attempt, response)
        raise Unreachable(f"{self.api} doesn't do {method} {url.path}: {failure}")

    async def _send(self, method: str, url: httpx.URL, json: Any) -> httpx.Response:
        """Send one request and read the response, up to MAX_RESPONSE_BYTES. Raises httpx.HTTPError."""
        async with self._client.stream(method, url, json=json) as response:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_RESPONSE_BYTES:
                    raise UnexpectedResponse(f"{method} {url.path} answers more than {MAX_RESPONSE_BYTES >> 20} MiB")
        headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
        return httpx.Response(response.status_code, headers=headers, content=bytes(content))

    def _url(self, address: str, params: Mapping[str, str] | None) -> httpx.URL:
        """Return the URL of a path, or check that a URL is of this API. Raises UnexpectedResponse."""
        url = httpx.URL(f"{self.api}{address}" if address.startswith("/") else address)
        if (url.scheme, url.host, url.port) != (self._origin.scheme, self._origin.host, self._origin.port):
            raise UnexpectedResponse(
                f"{self.api} leads to {url.scheme}://{url.host}, and the credential isn't sent to another host"
            )
        return url.copy_merge_params(dict(params)) if params else url

    async def _wait_for_turn(self) -> None:
        """Wait until the host, its limit and our budget let the next request go."""
        if self._is_near_limit:
            await self._timing.sleep(NEAR_LIMIT_SECONDS)
        while (pause := max(self._held_until - self._timing.monotonic(), self._budget.wait_seconds())) > 0:
            await self._timing.sleep(pause)
        self._budget.take()

    async def _wait_as_told(self, attempt: int, response: httpx.Response) -> None:
        """Wait as the response says with Retry-After, for all requests; otherwise back off with this one."""
        # The host's date is by the host's clock, which may not be ours.
        now = _date(response.headers.get("Date", "")) or self._timing.now()
        seconds = retry_after_seconds(response.headers.get("Retry-After", ""), now)
        if seconds is None:
            await self._back_off(attempt)
            return
        if seconds > MAX_WAIT_SECONDS:
            raise Unreachable(f"{self.api} asks to wait {seconds:,.0f} seconds")
        self.counts.waited += seconds
        self._held_until = max(self._held_until, self._timing.monotonic() + seconds)
        if seconds >= 1:
            self._notify(f"{self.api} asks to wait {seconds:,.0f} seconds")

    async def _back_off(self, attempt: int) -> None:
        """Pause before the next attempt: twice as long each time, with jitter; not after the last one."""
        if attempt + 1 < ATTEMPTS:
            await self._timing.sleep(min(2.0**attempt, MAX_BACKOFF_SECONDS) * (0.5 + self._timing.jitter() / 2))


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date; None without one (RFC 9110, 10.2.3).

    >>> retry_after_seconds("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    >>> retry_after_seconds("Thu, 01 Jan 2026 00:00:05 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    5.0
    """
    if value.strip().isdigit():
        return float(value)
    at = _date(value)
    return None if at is None else max(0.0, (at - now).total_seconds())


def _date(value: str) -> datetime | None:
    """Return the moment of a date as HTTP has it, None if it is none."""
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return None if at.tzinfo is None else at


def _decoded(method: str, url: httpx.URL, response: httpx.Response) -> Any:
    """Return the JSON of a successful response; turn any other into an error."""
    status, called = response.status_code, f"{method} {url.path}"
    if 200 <= status < 300:
        if not response.content:
            return None
        try:
            return msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            kind = response.headers.get("Content-Type", "nothing that says what it is").partition(";")[0]
            if kind.endswith("json"):
                raise UnexpectedResponse(f"{called} answers JSON that is broken or ends in the middle") from None
            raise UnexpectedResponse(
                f"{called} answers {kind} where JSON is expected; is {url.host} the API?"
            ) from None
    raise _error(called, status, response)


def _error(called: str, status: int, response: httpx.Response) -> RemoteError:
    said = _message(response)
    reason = f"{called} answers {status}" + (f": {said}" if said else "")
    match status:
        case 401:
            return CredentialRefused(f"the credential is refused; {reason}")
        case 402:
            return PlanLimit(f"the plan there doesn't allow it; {reason}")
        case 403:
            missing = _missing_scopes(response)
            needed = f"the credential needs {', '.join(missing)}; " if missing else ""
            return NotPermitted(f"{needed}{reason}", missing=missing)
        case 404 | 410:
            return NotThere(reason)
        case 301 | 302 | 303 | 307 | 308:
            return UnexpectedResponse(
                f"{called} leads to {response.headers.get('Location', 'nowhere')}, not to an answer"
            )
    return Rejected(reason, status=status)


def _error_document(response: httpx.Response) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return {}
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _message(response: httpx.Response) -> str:
    """Return the sentence of an error: in API 2.0's envelope, or a short line of text."""
    said = _error_document(response).get("message")
    if isinstance(said, str):
        return said[:300]
    kind = response.headers.get("Content-Type", "")
    return (
        response.text.strip().splitlines()[0][:300] if kind.startswith("text/plain") and response.text.strip() else ""
    )


def _missing_scopes(response: httpx.Response) -> tuple[str, ...]:
    """Return the scopes that a 403 of API 2.0 says are required and not granted."""
    detail = _error_document(response).get("detail")
    if not isinstance(detail, dict):
        return ()
    required, granted = detail.get("required"), detail.get("granted")
    granted = granted if isinstance(granted, list) else []
    return tuple(str(scope) for scope in required if scope not in granted) if isinstance(required, list) else ()
