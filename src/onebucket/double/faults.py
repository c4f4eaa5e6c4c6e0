"""Faults that tests order: an answer in place of the server's, a delay, a cut connection, an error after the commit."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

_MATCH_KEYS = {"method", "path", "nth", "probability", "user"}
_KEYS = {"match", "answer", "delay_ms", "close", "after_commit", "times"}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_QUERY = re.compile(r"\?\w+=")
_LONGEST_DELAY_MS = 600_000


@dataclass(slots=True)
class Fault:
    """What happens to requests that match.

    - `method` and `path`: glob patterns; empty matches all. `*` in a path matches slashes too.
    - `user`: who asks, by username; empty matches all.
    - `nth`: only the nth of those that match otherwise, from 1.
    - `probability`: the share of them that it happens to.
    - `times`: how often it happens before it ends; None for always.
    - One of `status` (with `headers` and `body`) in place of the server's answer, `after_commit` (a status that
      replaces it after the request was carried out), `close` (the answer is cut off in the middle); or `delay_ms`.
    """

    id: int
    method: str = ""
    path: str = ""
    user: str = ""
    nth: int | None = None
    probability: float = 1.0
    times: int | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    after_commit: int | None = None
    close: bool = False
    delay_ms: int = 0
    matched: int = 0
    applied: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the fault as requested, with how often it matched and was applied."""
        match: dict[str, Any] = {"method": self.method, "path": self.path, "user": self.user, "nth": self.nth}
        if self.probability < 1:
            match["probability"] = self.probability
        fields: dict[str, Any] = {"id": self.id, "match": {name: value for name, value in match.items() if value}}
        if self.status is not None:
            fields["answer"] = {"status": self.status, "headers": self.headers, "body": self.body}
        for name in ("after_commit", "close", "delay_ms", "times"):
            if value := getattr(self, name):
                fields[name] = value
        return fields | {"matched": self.matched, "applied": self.applied}


class Faults:
    """The faults in force; the first that matches a request happens to it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, seed: int = 0) -> None:
        """Forget every fault; `probability` draws from `seed` again, so that a run can be repeated."""
        self._faults: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._last_id = 0

    def add(self, order: object) -> Fault:
        """Add a fault from its JSON. Raises ValueError with a sentence."""
        self._last_id += 1
        fault = _parse(order, self._last_id)
        self._faults.append(fault)
        return fault

    def remove(self, id: int) -> bool:
        """Remove one fault; return False if there is none with that id."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.id != id]
        return len(self._faults) < before

    def clear(self) -> None:
        """Remove all."""
        self._faults.clear()

    def list(self) -> Sequence[Fault]:
        """Return them in the order in which they were ordered."""
        return self._faults

    def find(self, method: str, path: str, user: str) -> Fault | None:
        """Return the fault that happens to a request, and count it."""
        for fault in self._faults:
            if not _matches(fault, method, path, user):
                continue
            fault.matched += 1
            if fault.nth is not None and fault.matched != fault.nth:
                continue
            if fault.times is not None and fault.applied >= fault.times:
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            fault.applied += 1
            return fault
        return None


def _matches(fault: Fault, method: str, path: str, user: str) -> bool:
    return (
        (not fault.method or fnmatchcase(method, fault.method.upper()))
        and (not fault.path or fnmatchcase(path, fault.path))
        and (not fault.user or fault.user == user)
    )


def _parse(order: object, id: int) -> Fault:
    if not isinstance(order, Mapping):
        raise ValueError('a fault must be an object: {"match": {…}, "answer": {"status": 500}}')
    _check_keys(order, _KEYS, "a fault")
    match = order.get("match", {})
    if not isinstance(match, Mapping):
        raise ValueError("`match` must be an object with method, path, user, nth and probability")
    _check_keys(match, _MATCH_KEYS, "`match`")
    fault = Fault(
        id,
        method=_text(match, "method"),
        path=_text(match, "path"),
        user=_text(match, "user"),
        nth=_whole(match, "nth", 1, 10**9),
        probability=_probability(match.get("probability", 1)),
        times=_whole(order, "times", 1, 10**9),
        after_commit=_whole(order, "after_commit", 400, 599),
        close=_flag(order, "close"),
        delay_ms=_whole(order, "delay_ms", 0, _LONGEST_DELAY_MS) or 0,
    )
    if "answer" in order:
        _set_answer(fault, order["answer"])
    _check_can_match(fault)
    effects = [fault.status is not None, fault.after_commit is not None, fault.close]
    if sum(effects) > 1:
        raise ValueError("a fault can have only one of answer, after_commit and close")
    if not any(effects) and not fault.delay_ms:
        raise ValueError("a fault needs answer, after_commit, close or delay_ms")
    return fault


def _check_can_match(fault: Fault) -> None:
    """Refuse patterns that no request can match. Raises ValueError."""
    if fault.method and not any(fnmatchcase(method, fault.method.upper()) for method in _METHODS):
        raise ValueError(f"'method' {fault.method!r} matches no request: methods are {', '.join(_METHODS)}")
    if fault.path and fault.path[0] not in "/*?[":
        raise ValueError(f"'path' {fault.path!r} matches no request: a path begins with a slash")
    if _QUERY.search(fault.path):
        raise ValueError(f"'path' {fault.path!r} matches no request: the query is not part of the path")


def _set_answer(fault: Fault, answer: object) -> None:
    if not isinstance(answer, Mapping):
        raise ValueError("`answer` must be an object with status, headers and body")
    _check_keys(answer, {"status", "headers", "body"}, "`answer`")
    headers = answer.get("headers", {})
    if not isinstance(headers, Mapping) or not all(
        isinstance(name, str) and isinstance(value, str) and f"{name}{value}".isprintable()
        for name, value in headers.items()
    ):
        raise ValueError("`headers` must be an object of strings")
    fault.status = _whole(answer, "status", 200, 599)
    if fault.status is None:
        raise ValueError("`answer` needs a status")
    fault.headers, fault.body = dict(headers), _text(answer, "body")


def _check_keys(given: Mapping[str, object], known: set[str], what: str) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"{what} has no {name!r}, only {', '.join(sorted(known))}")


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name!r} must be a string")
    return value


def _whole(given: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name!r} must be a whole number from {least} to {most}")
    return value


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name!r} must be true or false")
    return value


def _probability(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("'probability' must be a number from 0 to 1")
    return float(value)
