"""A remembered answer equals the one that would be worked out now, always."""

import random
import shutil
from pathlib import Path

import pytest

import cast
from onebucket.actions import accounts, groups, tokens
from onebucket.store import database

_READS = (
    "/groups",
    "/groups/acme",
    "/groups/acme/designers",
    "/groups/acme/designers?format=yaml",
    "/groups/acme/designers/members",
    "/groups/acme/designers/members/bob",
    "/groups?group=acme/designers",
    "/groups/acme?exclude_members=true",
    "/users/acme/invitations",
    "POST /api/access",
)
_QUESTIONS = [{"user": name, "repository": "acme/rocket", "level": "write"} for name in ("alice", "bob", "dora")]
_CHANGES = (
    ("PUT", "/groups/acme/designers/members/dora"),
    ("DELETE", "/groups/acme/designers/members/dora"),
    ("PUT", "/groups/acme/administrators/members/bob"),
    ("DELETE", "/groups/acme/administrators/members/bob"),
    ("POST", "/groups/acme?name"),
    ("DELETE", "/groups/acme/night-crew"),
)


def _disagreements(api: cast.Api, fresh: cast.Api, elsewhere: database.Database, steps: int) -> int:
    """Read and change at random, through the server and behind its back; how often memory and truth differed."""
    choose = random.Random(steps)
    differing = 0
    for _ in range(steps):
        deed = choose.random()
        if deed < 0.1:
            method, path = choose.choice(_CHANGES)
            api("alice", method, path.removesuffix("?name"), data={"name": "Night Crew"} if "?" in path else None)
        elif deed < 0.15:
            with elsewhere.writing() as tx:
                accounts.change_user(cast.operator(tx), "bob", display_name=f"Bob {choose.random()}")
        elif deed < 0.2:
            with elsewhere.writing() as tx:
                accounts.set_active(cast.operator(tx), "dora", choose.random() < 0.5)
        who, path = choose.choice(("alice", "bob", "dora", "mallory")), choose.choice(_READS)
        remembered, true = _read(api, who, path), _read(fresh, who, path)
        fresh.server.app._memory._version = None
        differing += (remembered.status_code, remembered.content) != (true.status_code, true.content)
    return differing


def _read(api: cast.Api, who: str, path: str):
    if path.startswith("POST"):
        return api(who, *path.split(), json=_QUESTIONS)
    return api(who, "GET", path)


@pytest.fixture
def fresh(api, tmp_path):
    """A second server on the same database, made to forget before every question."""
    server = cast.Api(database.at(api.db.url))
    yield server
    server.close()


@pytest.fixture
def elsewhere(api):
    """The same database as another process would open it."""
    opened = database.at(api.db.url)
    yield opened
    opened.close()


def test_a_remembered_answer_equals_the_one_worked_out_now(api, fresh, elsewhere):
    assert _disagreements(api, fresh, elsewhere, steps=600) == 0

    assert api.server.app._memory.hits > 10


def test_the_comparison_notices_a_memory_that_does_not_forget(api, fresh, elsewhere, monkeypatch):
    monkeypatch.setattr(api.server.app._memory._database, "version", lambda: 7)

    assert _disagreements(api, fresh, elsewhere, steps=600) > 0


def test_memory_is_bounded(api):
    api.server.app._memory._limit = 20_000

    for number in range(100):
        api("alice", "GET", f"/groups/acme?limit={number}")

    assert 0 < api.server.app._memory.size <= 20_000


def test_a_token_that_ends_by_itself_ends_in_memory_too(api, elsewhere):
    from datetime import timedelta

    from onebucket import hashing

    with elsewhere.writing() as tx:
        work = cast.operator(tx)
        tokens.add(
            work,
            "bob",
            secret_hash=hashing.secret_hash("short-lived"),
            scopes=frozenset({"account"}),
            expires_at=work.at + timedelta(hours=1),
        )
    now = api.server.app._clock
    statuses = [api(("bob", "short-lived"), "GET", "/groups/acme").status_code for _ in range(2)]

    api.server.app._clock = lambda: now() + timedelta(hours=2)
    statuses.append(api(("bob", "short-lived"), "GET", "/groups/acme").status_code)

    assert statuses == [200, 200, 401]


def test_a_restored_backup_is_seen_at_once(api, elsewhere, tmp_path: Path):
    elsewhere.copy_to(tmp_path / "backup.db", lambda done, of: None)
    with elsewhere.writing() as tx:
        groups.delete(cast.operator(tx), "acme", "designers")
    deleted = api("alice", "GET", "/groups/acme/designers").status_code
    shutil.copyfile(tmp_path / "backup.db", tmp_path / "copy.db")

    backup = database.at(f"sqlite:///{tmp_path / 'copy.db'}")
    elsewhere.restore_from(backup, lambda done, of: None)
    backup.close()

    assert (deleted, api("alice", "GET", "/groups/acme/designers").status_code) == (404, 200)
