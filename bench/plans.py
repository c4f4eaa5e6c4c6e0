"""What `tofu plan` asks of the server: the calls of a refresh, replayed over as many connections as OpenTofu uses."""

import http.client
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from bench import pages, running
from bench.report import row
from bench.running import Missing

# OpenTofu's default for `-parallelism`.
CONNECTIONS = 10
ROUNDS = 1 if running.QUICK else 3
_ACCOUNT = pages.NAME
_ALICE = running.basic("alice", pages.PASSWORD)


def _found(at: int, path: str) -> Any:
    status, body = running.ask(at, "GET", path, _ALICE)
    if status != 200:
        raise Missing(f"GET {path} was answered {status}")
    return msgspec.json.decode(body)


def _pages(at: int, path: str) -> Iterator[Any]:
    url = f"{path}?pagelen=100"
    while url:
        page = _found(at, url)
        yield from page["values"]
        url = page.get("next", "").partition(f":{at}")[2]


def calls(at: int) -> dict[str, list[str]]:
    """Return what the provider in `tests/support/tofu_provider` reads of each resource, by the kind of resource."""
    groups = _found(at, f"/1.0/groups/{_ACCOUNT}")
    repositories = [each["slug"] for each in _pages(at, f"/2.0/repositories/{_ACCOUNT}")]
    grants = _found(at, f"/1.0/group-privileges/{_ACCOUNT}?exclude_members=1")
    where = f"/2.0/repositories/{_ACCOUNT}"
    return {
        "groups": [f"/1.0/groups/{_ACCOUNT}/{group['slug']}" for group in groups],
        "memberships": [
            f"/1.0/groups/{_ACCOUNT}/{group['slug']}/members" for group in groups for _ in group["members"]
        ],
        "repositories": [
            f"{where}/{slug}{what}" for slug in repositories for what in ("", "/pipelines_config", "/override-settings")
        ],
        "permissions": [
            f"{where}/{grant['repository']['slug']}/permissions-config/groups/{grant['group']['slug']}"
            for grant in grants
        ],
    }


def replayed(at: int, paths: Sequence[str]) -> float:
    """Return the seconds in which all are answered, over several connections."""

    def ask(some: Sequence[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
        for path in some:
            connection.request("GET", path, headers=_ALICE)
            answer = connection.getresponse()
            answer.read()
            # A repository without pipelines is not found there.
            if answer.status not in (200, 404):
                raise Missing(f"GET {path} was answered {answer.status}")
        connection.close()

    begun = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(ask, [paths[number::CONNECTIONS] for number in range(CONNECTIONS)]))
    return time.perf_counter() - begun


def measure(folder: Path) -> None:
    """Replay the calls of a plan on a server that was just started, and again."""
    path, at = pages.make(folder), running.port()
    with running.started("onebucket", "serve", "--port", str(at), "--database", f"sqlite:///{path}", at=at) as (it, _):
        asked = calls(at)
        every = [path for paths in asked.values() for path in paths]
        counted = ", ".join(f"{len(paths):,} for {kind}" for kind, paths in asked.items())
        seconds, processor = [], []
        for _ in range(ROUNDS):
            # A change of each account, so that nothing is answered from the cache before it was worked out again.
            running.ask(at, "PUT", f"{every[0]}/members/alice", _ALICE)
            before = running.processor(it.pid)
            seconds.append(replayed(at, every))
            processor.append(running.processor(it.pid) - before)
            running.ask(at, "DELETE", f"{every[0]}/members/alice", _ALICE)
        row(f"**t** the {len(every):,} calls of a plan ({counted}) over {CONNECTIONS} connections, without OpenTofu: "
            f"{statistics.median(seconds):.1f} s; the server's processor time for a call",
            f"{statistics.median(processor) / len(every) * 1e6:,.0f} µs")  # fmt: skip
        row("all of it", f"{statistics.median(processor):.2f} s")
