"""What a double reports: credentials, requests and e-mails."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple


class Credential(NamedTuple):
    """A username and an app password: the pair that HTTP Basic wants, as most libraries take it."""

    username: str
    password: str

    @property
    def bearer(self) -> str:
        """The value of an Authorization header with the app password as a token."""
        return f"Bearer {self.password}"

    @property
    def basic(self) -> str:
        """The value of an Authorization header for HTTP Basic."""
        return "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that the double has answered, without its credential; `user` is who asked, `ms` how long it took."""

    number: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str
    user: str
    status: int
    ms: float

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was sent; `link` is the one that it asks to follow, or empty."""

    to: str
    subject: str
    text: str
    link: str


class Requests:
    """The requests that the double has answered, oldest first."""

    def __init__(self, requests: Iterable[SeenRequest]) -> None:
        self._requests = list(requests)

    def matching(self, method: str = "*", path: str = "*", *, user: str = "", status: int | None = None) -> "Requests":
        """Return those with that method and path (glob patterns; `*` matches slashes), and of that user and status."""
        return Requests(
            each
            for each in self._requests
            if fnmatchcase(each.method, method.upper())
            and fnmatchcase(each.path, path)
            and (not user or each.user == user)
            and (status is None or each.status == status)
        )

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[SeenRequest]:
        return iter(self._requests)

    def __getitem__(self, index: int) -> SeenRequest:
        return self._requests[index]

    def __repr__(self) -> str:
        return "\n".join(
            f"{each.method} {each.path}{'?' if each.query else ''}{each.query}, {each.user or 'nobody'}: {each.status}"
            for each in self._requests
        )
