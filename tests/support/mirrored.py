"""A workspace on both sides of a mirror, random changes to both, and slowly: what everybody may do on each."""

import asyncio
import json
import random
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx

import published
from onebucket.actions import accounts, groups, mirrors, privileges, project_privileges, projects, repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Refusal
from onebucket.mirror import configuration
from onebucket.mirror.comparison import Comparison
from onebucket.mirror.sync import MirrorSync, Outcome
from onebucket.remote.bitbucket_cloud import BitbucketCloud
from onebucket.remote.errors import CredentialRefused, Unreachable
from onebucket.remote.json_client import JsonClient, Timing
from onebucket.store.engine.database import Database
from onebucket.testing import Double
from onebucket.transfer import document, export

LEVELS = ("none", "read", "write", "admin")
MOST_IN_GROUP = 200
_GIVES_ON_REPOSITORIES = {"create-repo": "write"}
# What the double answers in place of the original, which no description has.
_FAULTS = (401, 429, 500)

# By account_id and repository.
Effective = dict[tuple[str, str], str]


def small() -> dict[str, Any]:
    """Return a made-up workspace; everybody is in a group that gives nothing, so that they stay members."""
    people = [f"person-{number}" for number in range(9)]
    repositories = [f"repo-{number}" for number in range(5)]
    team = {
        "username": "acme",
        "groups": [
            {"name": "administrators", "account_privilege": "admin", "members": ["service", "boss"]},
            {"name": "everybody", "members": people},
            {"name": "developers", "permission": "read", "members": people[:5]},
            {"name": "night-crew", "members": people[3:]},
            {"name": "nobody"},
        ],
        "projects": [
            {"key": "OPS", "repositories": repositories[:3], "privileges": {"night-crew": "write"}},
            {"key": "WEB", "repositories": repositories[3:]},
        ],
        "repositories": [{"slug": slug, "users": {people[-1]: "admin"}} for slug in repositories],
    }
    users = [{"username": name, "email": f"{name}@example.com"} for name in ("service", "boss", *people)]
    return {"onebucket": 1, "users": users, "teams": [team]}


def effective(state: Mapping[str, Any], *, without: frozenset[str] = frozenset()) -> Effective:
    """Return everybody's strongest level in an account document: of one way after the other, and of nothing else.

    `without` are account_ids that are left out. What a public repository gives to everybody doesn't count.
    """
    [team] = state["teams"]
    ids = {
        user["username"]: user["account_id"].lower()
        for user in state["users"]
        if user.get("is_active", True) and user["account_id"].lower() not in without
    }
    found: Effective = {}

    def give(person: str, slug: str, level: str | None) -> None:
        level = _GIVES_ON_REPOSITORIES.get(level or "none", level or "none")
        if person in ids and LEVELS.index(level) > LEVELS.index(found.get((ids[person], slug), "none")):
            found[ids[person], slug] = level

    project_of = {slug: each for each in team.get("projects", []) for slug in each.get("repositories", [])}
    for repository in team["repositories"]:
        slug, project = repository["slug"], project_of.get(repository["slug"], {})
        for each in team["groups"]:
            name = each.get("slug") or each["name"].lower().replace(" ", "-")
            levels = [
                repository.get("privileges", {}).get(name, each.get("permission", "none")),
                project.get("privileges", {}).get(name, "none"),
                "admin" if each.get("account_privilege") == "admin" else "none",
            ]
            for member in each.get("members", []):
                for level in levels:
                    give(member, slug, level)
        for people in repository.get("users", {}), project.get("users", {}):
            for person, level in people.items():
                give(person, slug, level)
    return found


class Killed(BaseException):
    """The mirror's process ended in the middle of a request."""


class CheckedTransport(httpx.AsyncHTTPTransport):
    """Checks each response against the published description, if it isn't `checked`; ends the mirror as `dies` says.

    `before` is called before each request is sent.
    """

    def __init__(
        self, dies: Callable[[], bool], checked: set[tuple[str, str, bytes]], before: Callable[[], object]
    ) -> None:
        # To read the certificates of this machine takes longer than a short run.
        super().__init__(verify=False)
        self._dies = dies
        self._checked = checked
        self._before = before

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        self._before()
        if self._dies():
            raise Killed
        response = await super().handle_async_request(request)
        content = await response.aread()
        if self._dies():
            raise Killed
        seen = (request.method, str(request.url), content)
        if response.status_code not in _FAULTS and seen not in self._checked:
            self._checked.add(seen)
            published.check(request.method, str(request.url), response)
        return response


class Mirrored:
    """An account on a database here, its workspace at `host`, and a mirror between them that may do everything.

    The mirror acts there as `service`; `boss` makes the changes there. `names` are those of the team's groups,
    repositories, projects and people that may change.
    """

    def __init__(
        self,
        db: Database,
        host: Double,
        account: str,
        *,
        service: str,
        boss: str,
        chance: random.Random,
        **settings: Any,
    ) -> None:
        self.db = db
        self.host = host
        self._chance = chance
        self._service = service
        self._token = host.api_token(service)
        login = b64encode(":".join(host.api_token(boss)).encode()).decode()
        self._boss = httpx.Client(base_url=host.url, headers={"Authorization": f"Basic {login}"}, timeout=60)
        table = {
            "account": account, "workspace": account, "api": host.url, "username": self._token.username,
            "token_env": "BITBUCKET_TOKEN", "mode": "apply", "max_removals": "100%", "take_over": "on", "groups": "on",
        } | settings  # fmt: skip
        [self.configuration] = configuration.read_all({"cloud": table}, source="the test")
        self.settings = "\n".join(["[mirror.cloud]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())])
        [team] = host.state()["teams"]
        self._account = account
        administering = [each for each in team["groups"] if each.get("account_privilege") == "admin"]
        administrators = {name for each in administering for name in each["members"]}
        self._people = [each["username"] for each in host.state()["users"] if each["username"] not in administrators]
        self._ids = {each["username"]: each["account_id"].lower() for each in host.state()["users"]}
        self._owners = frozenset(self._ids[name] for name in administrators)
        self._groups = [
            each["name"] for each in team["groups"] if each not in administering and each["name"] != "everybody"
        ]
        self._repositories = [each["slug"] for each in team["repositories"]]
        self._projects = [each["key"] for each in team["projects"]]
        # To lose one of these there costs a permission for each of its people and repositories.
        self._large = {each["name"] for each in team["groups"] if len(each.get("members", ())) > MOST_IN_GROUP}
        self._made = 0
        self._seconds = self._ahead = 0.0
        # Sent by the mirror.
        self.requests = 0
        # People whom the mirror named, because they had more through a group there.
        self.taken_out = 0
        self._checked: set[tuple[str, str, bytes]] = set()

    @property
    def token(self) -> str:
        """The mirror's credential now."""
        return self._token.password

    def close(self) -> None:
        """Close the connection of the boss."""
        self._boss.close()

    @contextmanager
    def work(self) -> Iterator[UnitOfWork]:
        with self.db.writing() as tx:
            yield common.work(tx)

    def release(self) -> None:
        """Let another process have the mirror, as if the time had passed for which a killed one keeps it."""
        with self.work() as work:
            status = mirrors.state_of(work, self._account, "cloud")
            mirrors.release(work, status, holder=status.holder)

    # -- both sides

    def here(self) -> Effective:
        """What everybody may do here, on repositories that are there too."""
        with self.db.reading() as tx:
            exported = export.export(common.work(tx), [self._account], with_secrets=False)
        state = json.loads(document.write(exported, "json"))
        return self._mirrored(effective(state, without=self._owners))

    def there(self) -> Effective:
        """What everybody may do there."""
        return self._mirrored(effective(self.host.state(), without=self._owners))

    def _mirrored(self, levels: Effective) -> Effective:
        return {place: level for place, level in levels.items() if place[1] in self._repositories}

    # -- changes

    def change_here(self) -> None:
        """Do one random thing here; one that is refused doesn't count."""
        chance, account = self._chance, self._account
        person, slug, key = (chance.choice(each) for each in (self._people, self._repositories, self._projects))
        group, level, other = chance.choice(self._groups), Level(chance.randrange(4)), ProjectLevel(chance.randrange(5))
        self._made += 1
        deeds: list[tuple[int, Callable[[UnitOfWork], object]]] = [
            (8, lambda work: groups.add_member(work, account, group, person)),
            (8, lambda work: groups.remove_member(work, account, group, person)),
            (1, lambda work: groups.change(work, account, group, permission=level)),
            (6, lambda work: privileges.set_for_group(work, account, slug, group, level)),
            (2, lambda work: privileges.unset_for_group(work, account, slug, group)),
            (6, lambda work: privileges.grant_direct(work, account, slug, person, level or Level.READ)),
            (4, lambda work: privileges.revoke_direct(work, account, slug, person)),
            (2, lambda work: project_privileges.set_for_group(work, account, key, group, other)),
            (2, lambda work: project_privileges.set_for_person(work, account, key, person, other)),
            (2, lambda work: repositories.change(work, account, slug, project=key)),
            (2, lambda work: repositories.change(work, account, slug, is_private=chance.random() < 0.5)),
            (2, lambda work: accounts.set_active(work, person, chance.random() < 0.8)),
            (1, lambda work: groups.create(work, account, name=f"new-{self._made}", permission=level)),
            (0 if group in self._large else 1, lambda work: groups.delete(work, account, group)),
            (
                0 if group in self._large else 1,
                lambda work: groups.change(work, account, group, name=f"renamed-{self._made}"),
            ),
            (1, lambda work: repositories.add(work, account, f"new-{self._made}", is_private=True)),
            (1, lambda work: projects.create(work, account, f"NEW{self._made}", name="New", is_private=True)),
        ]
        [deed] = chance.choices([each for _, each in deeds], [weight for weight, _ in deeds])
        try:
            with self.work() as work:
                deed(work)
        except Refusal:
            self.change_here()

    def change_there(self) -> None:
        """Do one random thing there, beside the mirror."""
        chance, workspace = self._chance, self._account
        person, slug, key = (chance.choice(each) for each in (self._people, self._repositories, self._projects))
        group, level = chance.choice(self._groups), chance.choice(LEVELS[1:])
        on_it = f"/2.0/repositories/{workspace}/{slug}/permissions-config"
        in_it = f"/2.0/workspaces/{workspace}/projects/{key}/permissions-config"
        method, address = chance.choice(
            [
                ("PUT", f"{on_it}/users/{self._ids[person]}"),
                ("DELETE", f"{on_it}/users/{self._ids[person]}"),
                ("PUT", f"{on_it}/groups/{group}"),
                ("DELETE", f"{on_it}/groups/{group}"),
                ("PUT", f"{in_it}/groups/{group}"),
                ("PUT", f"/1.0/groups/{workspace}/{group}/members/{person}"),
                ("DELETE", f"/1.0/groups/{workspace}/{group}/members/{person}"),
            ]
        )
        body = None if method == "DELETE" else {} if address.startswith("/1.0") else {"permission": level}
        answer = self._boss.request(method, address, json=body)
        assert answer.status_code < 500, answer.text

    def _take_out_there(self, group: str, person: str) -> None:
        self._boss.delete(f"/1.0/groups/{self._account}/{group}/members/{self._ids[person]}").raise_for_status()

    # -- trouble

    def trouble(self, probability: float) -> None:
        """Let that part of the mirror's requests fail: too many, failures, and responses that are lost after commit."""
        each, user = probability / 4, self._service
        self.host.fail("", "/?.0/*", status=429, headers={"Retry-After": "0"}, probability=each, user=user)
        self.host.fail("", "/?.0/*", status=500, probability=each, user=user)
        self.host.fail("", "/?.0/*", close=True, probability=each, user=user)
        self.host.fail("", "/2.0/*", after_commit=500, probability=each, user=user)

    # -- the mirror

    def settle(self, *, kills: float = 0.0, revoked: bool = False) -> int:
        """Run the mirror until a whole run succeeds; return how many ended before.

        Each request ends it with the probability `kills`, and a new one begins with what is in the database. `revoked`
        revokes its credential there before some request; when it has ended for that, it gets another one. People whom
        it names are taken out of groups there, as its documentation says.
        """
        left = self._chance.randrange(1, 20) if revoked else 0

        def count_down() -> None:
            nonlocal left
            self.requests += 1
            left -= 1
            if left == 0:
                self.host.revoke(self._token)

        for ended in count():
            try:
                compared, outcome = asyncio.run(self._run(kills if ended < 20 else 0.0, count_down))
            except (Killed, Unreachable):
                continue
            except CredentialRefused:
                assert left <= 0
                self._token = self.host.api_token(self._service)
                continue
            assert outcome.refused == []
            assert left <= 0
            if not compared.unsplit:
                return ended
            for group in compared.unsplit:
                self.taken_out += len(group.people)
                for person in group.people:
                    self._take_out_there(group.slug, person)
        raise AssertionError

    async def _run(self, kills: float, before: Callable[[], object]) -> tuple[Comparison, Outcome]:
        transport = CheckedTransport(lambda: self._chance.random() < kills, self._checked, before)
        timing = Timing(sleep=self._sleep, monotonic=lambda: self._seconds)
        async with JsonClient(self.host.url, tuple(self._token), timing=timing, transport=transport) as client:
            sync = MirrorSync(self.configuration, self.connector(client), reading=self.work, writing=self.work)
            return await sync.run()

    async def _sleep(self, seconds: float) -> None:
        """Let the time pass without waiting, on both sides."""
        self._seconds += seconds
        self._ahead += seconds
        # The host counts requests by its own clock. If that stood still, it would ask for the same short wait for ever.
        if self._ahead >= 1:
            self.host.advance(timedelta(seconds=self._ahead))
            self._ahead = 0.0
        await asyncio.sleep(0)

    def connector(self, client: JsonClient) -> BitbucketCloud:
        """Return what carries changes to the host; a test may forget some of them."""
        return BitbucketCloud(client, self._account)


@contextmanager
def database(url: str) -> Iterator[Database]:
    """Open a database that a command has made."""
    from onebucket.store.connect import connect

    opened = connect(url)
    try:
        yield opened
    finally:
        opened.close()


def write(folder: Path, seed: Mapping[str, Any]) -> Path:
    """Write an account document; return its file."""
    path = folder / "seed.json"
    path.write_text(json.dumps(seed))
    return path
