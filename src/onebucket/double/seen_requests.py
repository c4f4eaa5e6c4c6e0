"""The requests that the double has answered, for tests to look at."""

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote_plus

from onebucket.domain import ssh_keys

MOST_KEPT = 10_000
_LONGEST_BODY = 64 * 1024

# Headers that hold credentials; their values are struck out.
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
# Parameters that hold credentials, in the address and in forms.
_SECRET_PARAMETERS = ("access_token", "client_secret", "password", "refresh_token", "code", "assertion")
STRUCK_OUT = "…"


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request and how it was answered; `user` is the username that asked, or empty, `ms` how long it took."""

    number: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    user: str
    status: int
    ms: float


class SeenRequests:
    """The latest requests, at most `MOST_KEPT`, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[SeenRequest] = deque(maxlen=MOST_KEPT)
        self._last = 0

    def add(
        self,
        *,
        method: str,
        path: str,
        query: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        user: str,
        status: int,
        ms: float,
    ) -> None:
        """Keep a request, without the credentials in it."""
        self._last += 1
        shown = {name: STRUCK_OUT if name in _CREDENTIALS else value for name, value in headers}
        text = body[:_LONGEST_BODY].decode("utf-8", "replace")
        if ssh_keys.has_private_key(unquote_plus(text)):
            text = STRUCK_OUT
        is_form = shown.get("content-type", "").startswith("application/x-www-form-urlencoded")
        self._requests.append(
            SeenRequest(
                self._last,
                method,
                path,
                _without_secrets(query),
                shown,
                _without_secrets(text) if is_form else text,
                user,
                status,
                round(ms, 3),
            )
        )

    def clear(self) -> None:
        """Forget them all; numbers begin at 1 again."""
        self._requests.clear()
        self._last = 0

    def matching(self, *, method: str = "", path: str = "", user: str = "", status: str = "") -> list[dict[str, Any]]:
        """Return those that match; patterns are globs, and empty ones match all."""
        return [
            asdict(each)
            for each in self._requests
            if (not method or fnmatchcase(each.method, method.upper()))
            and (not path or fnmatchcase(each.path, path))
            and (not user or each.user == user)
            and (not status or fnmatchcase(str(each.status), status))
        ]


def _without_secrets(parameters: str) -> str:
    """Strike out the values of parameters that hold credentials.

    >>> _without_secrets("a=1&access_token=secret&b")
    'a=1&access_token=…&b'
    """
    pairs = (pair.partition("=") for pair in parameters.split("&"))
    return "&".join(
        f"{name}={STRUCK_OUT}" if is_pair and name in _SECRET_PARAMETERS else f"{name}{is_pair}{value}"
        for name, is_pair, value in pairs
    )
