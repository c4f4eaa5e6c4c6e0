"""A mirror between a database here and another server, which plays Bitbucket Cloud."""

import json
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from commands import Command
from onebucket.actions import mirrors
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.domain.mirror_settings import MirrorDefinition
from onebucket.domain.mirrors import Drift, MirrorStatus
from onebucket.domain.refusals import NotFound
from onebucket.store.connect import connect
from onebucket.testing import Double

PEOPLE = ("bob", "carol", "dave", "erin")
REPOSITORIES = ("rocket", "probe", "site")

# A mirror of acme, for servers in the test's process.
CLOUD = MirrorDefinition("cloud", "acme", "acme-inc", "https://api.example.com")

# Writes the mirror's table into onebucket.toml.
Configure = Callable[..., None]


def workspace(**repositories: dict[str, str]) -> dict[str, Any]:
    """Return a workspace with explicit permissions of people, and groups that give nothing."""
    return {
        "onebucket": 1,
        "users": [{"username": name, "email": f"{name}@example.com"} for name in ("alice", "service", *PEOPLE)],
        "teams": [
            {
                "username": "acme",
                "groups": [
                    {"name": "Administrators", "account_privilege": "admin", "members": ["alice", "service"]},
                    {"name": "Members", "members": list(PEOPLE)},
                    {"name": "Developers", "members": []},
                ],
                "repositories": [{"slug": slug, "users": repositories.get(slug, {})} for slug in REPOSITORIES],
            }
        ],
    }


def configuration(bitbucket: Double, **settings: object) -> str:
    """Return the mirror's table of onebucket.toml."""
    table = {
        "account": "acme", "workspace": "acme", "api": bitbucket.url, "username": "service@example.com",
        "token_env": "BITBUCKET_TOKEN", "mode": "apply", "max_removals": "100%",
    } | settings  # fmt: skip
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if value is not None]
    return "\n".join(["[mirror.cloud]", *lines]) + "\n"


def here(command: Command, slug: str, **people: str) -> None:
    """Set what people are given on a repository here, `none` for nothing; what others have there stays."""
    document = command("export", "acme", "--format", "json").json
    [repository] = [each for each in document["teams"][0]["repositories"] if each["slug"] == slug]
    given = repository.get("users", {}) | people
    repository["users"] = {name: level for name, level in given.items() if level != "none"}
    done = command("apply", "-", "--yes", "--prune", "--max-removals", "100%", given=json.dumps(document))
    assert done.code == 0, done


def there(bitbucket: Double) -> dict[str, dict[str, str]]:
    """Return what people were given at the host, by repository."""
    return {each["slug"]: each.get("users", {}) for each in bitbucket.state()["teams"][0]["repositories"]}


def database_of(folder: Path) -> str:
    """Return the URL of the database in a folder."""
    return f"sqlite:///{folder}/onebucket.db"


def register(work: UnitOfWork) -> MirrorStatus:
    """Store the mirror `CLOUD` as one that has never run."""
    return mirrors.register(work, CLOUD, can_change=False)


def stored(url: str) -> tuple[MirrorStatus, list[Drift]]:
    """Return what the database has about the mirror."""
    with closing(connect(url)) as database, database.reading() as tx:
        work = common.work(tx)
        return mirrors.state_of(work, "acme", "cloud"), mirrors.drift_of(work, "acme", "cloud")


def until(url: str, condition: Callable[[MirrorStatus], bool]) -> MirrorStatus:
    """Wait until the stored status of the mirror is like that, and return it."""
    status = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # A new mirror isn't stored before its process has started.
        with suppress(NotFound):
            status, _ = stored(url)
        if status is not None and condition(status):
            return status
        time.sleep(0.05)
    raise AssertionError(status)
