"""`tofu plan` on a real organisation: OpenTofu itself, and its calls replayed over as many connections as it uses."""

import http.client
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

import opentofu
from bench import pages, running
from bench.report import note, row
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


def _grants(at: int) -> Iterator[tuple[str, str, str]]:
    """Yield the repository, the group and the level of each permission."""
    for grant in _found(at, f"/1.0/group-privileges/{_ACCOUNT}?exclude_members=1"):
        yield grant["repository"]["slug"], grant["group"]["slug"], grant["privilege"]


def calls(at: int) -> dict[str, list[str]]:
    """Return what the provider in `tests/support/tofu_provider` reads of each resource, by the kind of resource."""
    groups = _found(at, f"/1.0/groups/{_ACCOUNT}")
    repositories = [each["slug"] for each in _pages(at, f"/2.0/repositories/{_ACCOUNT}")]
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
            f"{where}/{repository}/permissions-config/groups/{group}" for repository, group, _ in _grants(at)
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


class Configuration:
    """The whole organisation as OpenTofu's resources: `resources` by kind and name, `ids` by address."""

    def __init__(self, at: int) -> None:
        self.resources: dict[str, dict[str, dict[str, Any]]] = {}
        self.ids: dict[str, str] = {}
        for group in _found(at, f"/1.0/groups/{_ACCOUNT}"):
            slug = group["slug"]
            about = {name: group[name] for name in ("name", "auto_add", "email_forwarding_disabled", "permission")}
            self._add("group", f"{_ACCOUNT}/{slug}", workspace=_ACCOUNT, **about)
            for member in group["members"]:
                id = f"{_ACCOUNT}/{slug}/{member['uuid']}"
                self._add("group_membership", id, workspace=_ACCOUNT, group_slug=slug, uuid=member["uuid"])
        for repository in _pages(at, f"/2.0/repositories/{_ACCOUNT}"):
            flags = {name: repository[name] for name in ("slug", "name", "is_private", "has_wiki", "has_issues")}
            texts = {name: repository[name] for name in ("description", "language", "fork_policy")}
            about = {"owner": _ACCOUNT, "project_key": repository["project"]["key"], **flags, **texts}
            self._add("repository", f"{_ACCOUNT}/{repository['slug']}", **about)
        for slug, group, level in _grants(at):
            about = {"workspace": _ACCOUNT, "repo_slug": slug, "group_slug": group, "permission": level}
            self._add("repository_group_permission", f"{_ACCOUNT}:{slug}:{group}", **about)

    def _add(self, kind: str, id: str, **attributes: Any) -> None:
        of_kind = self.resources.setdefault(f"bitbucket_{kind}", {})
        # Two ids may differ in nothing but what a name can't hold.
        name = f"{re.sub('[^a-z0-9_-]', '_', id.lower())}-{len(of_kind)}"
        of_kind[name] = attributes
        self.ids[f"bitbucket_{kind}.{name}"] = id


def with_opentofu(folder: Path, at: int, server: int) -> None:
    """Import the whole organisation into a state, and measure `tofu plan` when everything is in place."""
    try:
        opentofu.skip_unless_built("")
    except pytest.skip.Exception as skipped:
        note(f"The plan itself was not measured: {skipped.msg}")
        return
    folder.mkdir()
    tofu, configuration = opentofu.Tofu(folder, f"http://127.0.0.1:{at}", "alice", pages.PASSWORD), Configuration(at)
    provider = {"required_providers": {"bitbucket": {"source": "drfaust92/bitbucket"}}}
    resources = configuration.resources
    tofu.configure("main", {"terraform": provider, "provider": {"bitbucket": {}}, "resource": resources})
    tofu.configure("import", {"import": [{"to": to, "id": id} for to, id in configuration.ids.items()]})
    tofu("init", "-input=false")
    tofu("apply", "-auto-approve", "-input=false", f"-parallelism={CONNECTIONS}")
    (folder / "import.tf.json").unlink()

    seconds, processor = [], []
    for _ in range(ROUNDS):
        before, begun = running.processor(server), time.perf_counter()
        # Exits with 2 where anything would be changed.
        tofu("plan", "-detailed-exitcode", "-input=false", f"-parallelism={CONNECTIONS}")
        seconds.append(time.perf_counter() - begun)
        processor.append(running.processor(server) - before)
    wall, mine = statistics.median(seconds), statistics.median(processor)
    row(f"**t** `tofu plan` of all {len(configuration.ids):,} resources with everything in place: {wall:.0f} s, "
        f"{mine:.1f} s of the server's processor time; the server's share", f"{mine / wall:.1%}", "≤ 15 %")  # fmt: skip


def measure(folder: Path) -> None:
    """Run plans on a server, then replay their calls alone."""
    path, at = pages.make(folder), running.port()
    with running.started("onebucket", "serve", "--port", str(at), "--database", f"sqlite:///{path}", at=at) as (it, _):
        with_opentofu(folder / "tofu", at, it.pid)
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
