"""What happens with every response happens however it was made: computed, revalidated, by key or by fingerprint.

Two things have no path of their own here: `Date` is the listener's, and the limits of anonymous callers belong to
pages, which aren't cached.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

import cast
from cast import Api
from onebucket.actions import groups
from onebucket.http.cache.response_cache import ResponseCache

BEFORE = datetime(2026, 11, 29, 12, tzinfo=UTC)
NOW = BEFORE + timedelta(minutes=5)

# The observed request is the last one that the limit allows.
RATE_LIMIT = 5

# How each path is reached: the user agents of the requests before, and that of the observed one. A request with another
# user agent has another fingerprint and the same key.
PATHS = {
    "computed": ((), "first"),
    "revalidated": (("first",), "second"),
    "found by key": (("first",), "second"),
    "found by fingerprint": (("first", "second"), "second"),
}

# The cache's own counters, and durations: these differ.
DIFFERS = ("onebucket_answers_", "onebucket_request_seconds_sum", "onebucket_request_seconds_bucket")


@dataclass(frozen=True)
class Observed:
    """All that one response does, but for ids and durations; `refused` is the status of the call after it."""

    path: str
    status: int
    content: bytes
    headers: dict[str, str]
    log: list[dict[str, Any]]
    figures: dict[str, float]
    rows: set[tuple[Any, ...]]
    refused: int
    ids: list[str]

    def counted(self, metric: str) -> float:
        """By how much a metric has grown, all labels together."""
        return sum(value for name, value in self.figures.items() if name.startswith(metric))


@dataclass(frozen=True)
class Asked:
    """What is asked for: the headers of a request, and its method."""

    method: str
    headers: dict[str, str]


def observe(api: Api, path: str, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> Observed:
    """Answer one request on a path, and look at everything that comes of it."""
    agents, agent = PATHS[path]

    def ask(agent: str) -> Any:
        headers = asked.headers | {"user-agent": agent}
        return api("alice", asked.method, "/groups/acme", headers=headers)

    api.clock = lambda: BEFORE
    for number in range(RATE_LIMIT - 1 - len(agents)):
        api("alice", "GET", f"/groups/acme/designers?limit={number}")
    for before in agents:
        ask(before)
    if path == "revalidated":
        api.operate(lambda work: groups.create(work, "globex", name="Crew"), elsewhere=True)
    figures, rows, taken = _figures(api), _rows(api), _watch_path(monkeypatch)
    api.clock = lambda: NOW

    with capture_logs() as log:
        answer = ask(agent)

    api.server.recorders.last_used.close()
    ids = [answer.headers.pop("x-request-id"), *(line.pop("request_id") for line in log)]
    for line in log:
        assert line.pop("ms") >= 0
    return Observed(
        path=taken[-1],
        status=answer.status_code,
        content=answer.content,
        headers=dict(answer.headers),
        log=[dict(line) for line in log],
        figures={name: value - figures.get(name, 0) for name, value in _figures(api).items()
                 if value != figures.get(name, 0) and not name.startswith(DIFFERS)},
        rows=_rows(api) - rows,
        refused=ask(agent).status_code,
        ids=ids,
    )  # fmt: skip


def _watch_path(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which path each request from now on takes, the last one last."""
    taken = []
    find_repeat, find, store = ResponseCache.find_repeat, ResponseCache.find, ResponseCache.store

    async def watched_find_repeat(cache, fingerprint, at):
        found = await find_repeat(cache, fingerprint, at)
        taken.append("found by fingerprint" if found else "computed")
        return found

    async def watched_find(cache, request, verified):
        lookup = await find(cache, request, verified)
        taken.append("found by key" if lookup.is_fresh else "computed")
        return lookup

    def watched_store(cache, request, lookup, entry):
        taken.append("revalidated" if entry is lookup.entry else "computed")
        store(cache, request, lookup, entry)

    monkeypatch.setattr(ResponseCache, "find_repeat", watched_find_repeat)
    monkeypatch.setattr(ResponseCache, "find", watched_find)
    monkeypatch.setattr(ResponseCache, "store", watched_store)
    return taken


def _figures(api: Api) -> dict[str, float]:
    families = text_string_to_metric_families(api.server.metrics.exposition().decode())
    return {
        f"{sample.name} {sorted(sample.labels.items())}": sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def _rows(api: Api) -> set[tuple[Any, ...]]:
    """Every row of the database, after the name of its table."""
    with closing(sqlite3.connect(api.db.url.removeprefix("sqlite:///"))) as opened:
        tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {(table, *row) for table in tables for row in opened.execute(f'SELECT * FROM "{table}"')}


@pytest.fixture
def limited(cast_template: Path, tmp_path: Path):
    """Make servers on fresh copies of the cast, with a rate limit."""
    opened: list[Api] = []

    def make() -> Api:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(Api(cast.copy(cast_template, folder), rate_limit=RATE_LIMIT))
        return opened[-1]

    yield make
    for api in opened:
        api.close()


# Every effect of the list, and the charge that comes before the response: how each shows.
EFFECTS: dict[str, Callable[[Observed], bool]] = {
    "charge": lambda seen: seen.refused == 429,
    "record_in_access_log": lambda seen: (
        [(line["event"], line["status"], line["actor"], line["address"]) for line in seen.log]
        == [("request", seen.status, "alice", "127.0.0.1")]
        and seen.counted("onebucket_requests_total") == seen.counted("onebucket_request_seconds_count") == 1
    ),
    "record_last_use": lambda seen: (
        [(row[0], int(NOW.timestamp() * 1e6) in row, "127.0.0.1" in row) for row in seen.rows]
        == [("tokens", True, True)]
    ),
    "add_request_id": lambda seen: len(seen.ids) == 2 and len({*seen.ids}) == 1 and bool(seen.ids[0]),
    "add_rate_limit_headers": lambda seen: (
        (seen.headers.get("x-ratelimit-limit"), seen.headers.get("x-ratelimit-nearlimit")) == (str(RATE_LIMIT), "true")
    ),
}


def test_every_effect_of_the_list_is_named_here(api: Api) -> None:
    assert {effect.__name__ for effect in api.server.app.effects.effects} | {"charge"} == EFFECTS.keys()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_happens_on_every_path(limited, monkeypatch: pytest.MonkeyPatch, path: str, effect: str) -> None:
    seen = observe(limited(), path, Asked("GET", {}), monkeypatch)

    assert seen.path == path
    assert EFFECTS[effect](seen)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("path", [path for path in PATHS if path != "computed"])
def test_nothing_happens_on_one_path_only(
    limited, monkeypatch: pytest.MonkeyPatch, path: str, conditional: bool
) -> None:
    headers = {"if-none-match": limited()("alice", "GET", "/groups/acme").headers["etag"]} if conditional else {}
    asked = Asked("GET", headers)

    computed = observe(limited(), "computed", asked, monkeypatch)
    seen = observe(limited(), path, asked, monkeypatch)

    assert (computed.path, seen.path) == ("computed", path)
    assert computed.status == (304 if conditional else 200)
    assert _but_for_path(seen) == _but_for_path(computed)


@pytest.mark.parametrize("path", ["computed", "revalidated", "found by key"])
def test_a_head_is_what_a_get_is_without_its_body(limited, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    get = observe(limited(), path, Asked("GET", {}), monkeypatch)
    head = observe(limited(), path, Asked("HEAD", {}), monkeypatch)

    assert (head.path, head.content, head.status, head.headers) == (path, b"", get.status, get.headers)
    assert [line["method"] for line in head.log] == ["HEAD"]


def _but_for_path(seen: Observed) -> dict[str, Any]:
    return {name: value for name, value in vars(seen).items() if name not in ("path", "ids")}
