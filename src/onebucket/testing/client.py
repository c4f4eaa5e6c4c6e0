"""`Double`: starts the server, and steers it over `/double/…`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from onebucket.testing.records import Credential, Letter, Requests, SeenRequest

_STARTING_SECONDS = 60
_ANSWERING_SECONDS = 60.0


class DoubleError(Exception):
    """The double didn't start, or refused what was ordered; the message is its sentence."""


class Double:
    """A server of its own process on a free port; `url` is where it answers.

    `demo` begins with a made-up company, `seed` with account documents; otherwise it is empty.
    """

    def __init__(self, *, demo: bool = False, seed: Sequence[Path | str] = (), python: str = sys.executable) -> None:
        command = [python, "-P", "-m", "onebucket", "double"]
        command += ["--demo"] if demo else []
        for file in seed:
            command += ["--seed", str(file)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.stdout.close()
            raise DoubleError(f"the double ended with {self._process.wait(_STARTING_SECONDS)}; its output is above")
        started = json.loads(line)
        self.url: str = started["url"]
        self.passwords: dict[str, str] = started["users"]
        self._connection = HTTPConnection(urlsplit(self.url).netloc, timeout=_ANSWERING_SECONDS)
        self._token_ids: dict[Credential, str] = {}

    def close(self) -> None:
        """Stop the server and delete its data."""
        self._connection.close()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- data

    def reset(self, *, seed: int = 0) -> None:
        """Put everything back to the start; faults with a `probability` draw from `seed`."""
        self._ask("POST", "/reset", {"seed": seed})

    def snapshot(self, name: str) -> None:
        """Keep the data under a name."""
        self._ask("POST", "/snapshots", {"name": name})

    def restore(self, name: str) -> None:
        """Put the data back as they were in a snapshot."""
        self._ask("POST", f"/snapshots/{quote(name, safe='')}/restore")

    def apply(self, document: Mapping[str, Any]) -> None:
        """Add what an account document describes."""
        self._ask("PATCH", "/state", {"onebucket": 1, **document})

    def state(self) -> dict[str, Any]:
        """Return everything as an account document."""
        state: dict[str, Any] = self._ask("GET", "/state")
        return state

    def user(self, name: str, *, email: str = "", password: str = "correct horse") -> Credential:  # noqa: S107 - of a test
        """Add a person; the credential returned holds their own password."""
        self.apply({"users": [{"username": name, "email": email or f"{name}@example.com", "password": password}]})
        return Credential(name, password)

    def team(
        self,
        name: str,
        *,
        groups: Mapping[str, Sequence[str]] | None = None,
        repositories: Sequence[str] = (),
        administrators: Sequence[str] = (),
    ) -> str:
        """Add a team with its groups (members by the group's name) and private repositories; return its name.

        People are made where they aren't there. Without `administrators` the first of all members administers it, or
        `admin` if there are none.
        """
        groups = dict(groups or {})
        members = [member for group in groups.values() for member in group]
        groups.setdefault("administrators", list(administrators) or members[:1] or ["admin"])
        everybody = {member for group in groups.values() for member in group}
        strangers = sorted(everybody - {user["username"] for user in self.state().get("users", [])})
        team = {
            "username": name,
            "groups": [_group(title, members) for title, members in groups.items()],
            "repositories": [{"slug": slug} for slug in repositories],
        }
        people = [{"username": person, "email": f"{person}@example.com"} for person in strangers]
        self.apply({"users": people, "teams": [team]})
        return name

    def token(self, user: str, *scopes: str) -> Credential:
        """Make an app password of a person; without scopes it may do everything with groups and repositories."""
        return self._token(user, scopes, "app_password")

    def api_token(self, user: str, *scopes: str) -> Credential:
        """Make an API token of a person, which goes with their e-mail address; scopes as for `token`."""
        return self._token(user, scopes, "api_token")

    def revoke(self, credential: Credential) -> None:
        """Revoke a credential that `token` or `api_token` has made: from now on it gets 401."""
        self._ask("DELETE", f"/tokens/{self._token_ids[credential]}")

    def members(self, group: str) -> list[str]:
        """Return who is in a group, `account/slug`, by username and in order."""
        account, _, slug = group.partition("/")
        members: list[str] = self._ask("GET", f"/members/{quote(account, safe='')}/{quote(slug, safe='')}")
        return members

    # -- steering

    def advance(self, span: timedelta | str) -> None:
        """Let time pass, such as `8 days`."""
        self._ask("PUT", "/clock", {"advance": span.total_seconds() if isinstance(span, timedelta) else span})

    def set_time(self, moment: datetime) -> None:
        """Go to a moment that has not passed yet."""
        self._ask("PUT", "/clock", {"now": moment.isoformat()})

    def freeze_time(self, frozen: bool = True) -> None:
        """Let the time stand still, or go on."""
        self._ask("PUT", "/clock", {"frozen": frozen})

    def now(self) -> datetime:
        """Return the time there."""
        return datetime.fromisoformat(self._ask("GET", "/clock")["now"])

    def fail(
        self,
        method: str = "",
        path: str = "",
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        after_commit: int | None = None,
        close: bool = False,
        delay_ms: int = 0,
        user: str = "",
        nth: int | None = None,
        probability: float = 1,
        times: int | None = None,
    ) -> int:
        """Let requests fail that match method and path (glob patterns); return the fault's number.

        One of `status` (with headers and body) in place of the answer, `after_commit` (a status after the request was
        carried out) and `close` (the answer is cut off), or a delay.
        """
        order: dict[str, Any] = {
            "match": {"method": method, "path": path, "user": user, "nth": nth, "probability": probability},
            "after_commit": after_commit,
            "close": close,
            "delay_ms": delay_ms,
            "times": times,
        }
        if status is not None:
            order["answer"] = {"status": status, "headers": dict(headers or {}), "body": body}
        number: int = self._ask("POST", "/faults", order)["id"]
        return number

    def heal(self) -> None:
        """End all faults."""
        self._ask("DELETE", "/faults")

    @property
    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, as they were ordered, with how many requests `matched` and how often each `applied`."""
        listed: list[dict[str, Any]] = self._ask("GET", "/faults")
        return listed

    def behave(self, as_of: str = "", **switches: str | int) -> None:
        """Set switches, or all of them as the original was on a day, such as `2026-07-28`."""
        self._ask("PUT", "/behaviour", {**({"as_of": as_of} if as_of else {}), **switches})

    # -- looking

    @property
    def requests(self) -> Requests:
        """The requests that were answered since the start or the last reset."""
        return Requests(SeenRequest(**each) for each in self._ask("GET", "/requests"))

    @property
    def letters(self) -> list[Letter]:
        """The letters that were sent."""
        return [Letter(**each) for each in self._ask("GET", "/letters")]

    def accept_invitation(self, email: str, *, user: str = "") -> str:
        """Accept the newest invitation to an address, as a person who is made where needed; return the username."""
        pending = self._ask("GET", f"/invitations?email={quote(email)}")
        if not pending:
            raise DoubleError(f"nobody has invited {email}")
        name = user or email.partition("@")[0]
        self._ask("POST", f"/invitations/{pending[0]['id']}/accept", {"as": name})
        return name

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Let this process and those that it starts reach the double as https://api.bitbucket.org.

        It sets the environment, and puts it back at the end. A client that has read it before knows nothing of it.
        """
        from onebucket.redirect import background

        before = dict(os.environ)
        with background.redirecting(self.url) as variables:
            os.environ.update(variables)
            try:
                yield
            finally:
                os.environ.clear()
                os.environ.update(before)

    def _token(self, user: str, scopes: Sequence[str], kind: str) -> Credential:
        order: dict[str, Any] = {"user": user, "kind": kind}
        if scopes:
            order["scopes"] = list(scopes)
        made = self._ask("POST", "/tokens", order)
        credential = Credential(made["login"], made["secret"])
        self._token_ids[credential] = made["id"]
        return credential

    def _ask(self, method: str, path: str, order: Mapping[str, Any] | None = None) -> Any:
        body = None if order is None else json.dumps(order)
        for attempt in (1, 2):
            try:
                self._connection.request(method, f"/double{path}", body, {"Content-Type": "application/json"})
                response = self._connection.getresponse()
                content = response.read()
                break
            except (HTTPException, ConnectionError) as error:
                # The server closes connections that were idle for half a minute.
                self._connection.close()
                if attempt == 2 or self._process.poll() is not None:
                    raise DoubleError(f"the double doesn't answer: {error!r}") from None
        answer = json.loads(content) if content else None
        if response.status >= 400:
            raise DoubleError(answer["error"] if isinstance(answer, dict) else content.decode())
        return answer


def _group(name: str, members: Sequence[str]) -> dict[str, Any]:
    """Return a group for an account document; that of the administrators may do everything."""
    if name.lower() != "administrators":
        return {"name": name, "members": list(members)}
    return {"name": name, "permission": "admin", "account_privilege": "admin", "members": list(members)}
