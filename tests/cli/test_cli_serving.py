"""Commands beside a server: what they change counts from its next request on, and copies are whole under load."""

import json
import re
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import cast
import commands
import live
from commands import Command
from live import Live

pytestmark = pytest.mark.subprocess

COPIES = 10


@pytest.fixture
def beside(served: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands on the database that is being served; the server is another process."""
    return commands.runner(served.folder, monkeypatch, capsys)


def test_a_disabled_person_is_nobody_at_once_and_somebody_again_when_enabled(served: Live, beside: Command) -> None:
    secrets = [("dora", cast.password("dora")), ("dora", cast.token("dora"))]
    statuses = []
    for step in ("enable", "disable", "enable"):
        beside("user", step, "dora")
        statuses.append([served(secret, "GET", "/1.0/groups/acme").status_code for secret in secrets])

    assert statuses == [[200, 200], [401, 401], [200, 200]]


def test_a_password_that_was_replaced_ends_at_once(served: Live, beside: Command) -> None:
    old, new = ("gina", cast.password("gina")), ("gina", "gina was here")
    assert served(old, "GET", "/1.0/groups").status_code == 200

    beside("user", "password", "gina", "--password-stdin", given="gina was here\n")
    after = [served(each, "GET", "/1.0/groups").status_code for each in (old, new)]
    beside("user", "password", "gina", "--password-stdin", given=cast.password("gina"))

    assert after == [401, 200]


def test_an_app_password_works_when_it_is_printed_and_not_when_it_is_revoked(served: Live, beside: Command) -> None:
    made = beside("token", "add", "alice", "--scope", "account:write", "--json").json
    as_password = {"Authorization": cast.basic("alice", made["secret"])}
    as_bearer = {"Authorization": f"Bearer {made['secret']}"}

    def statuses() -> list[int]:
        asked = [("GET", "/1.0/groups/acme"), ("PUT", "/1.0/groups/acme/designers")]
        return [
            served(None, method, path, headers=header).status_code
            for header in (as_password, as_bearer)
            for method, path in asked
        ]

    assert statuses() == [200] * 4
    beside("token", "revoke", made["id"])
    assert statuses() == [401] * 4


def test_an_app_password_for_reading_may_not_write(served: Live, beside: Command) -> None:
    made = beside("token", "add", "alice", "--json").json

    assert served(("alice", made["secret"]), "GET", "/1.0/groups/acme").status_code == 200
    refused = served(("alice", made["secret"]), "PUT", "/1.0/groups/acme/designers")
    assert (refused.status_code, refused.json()["error"]["detail"]["required"]) == (403, ["account:write"])


def test_a_team_that_is_renamed_or_deleted_is_so_for_the_next_request(served: Live, beside: Command) -> None:
    def found(name: str) -> int:
        return served("root", "GET", f"/1.0/groups/{name}").status_code

    beside("team", "add", "initech", "--admin", "bob")
    seen = [(found("initech"), found("initrode"))]
    beside("team", "rename", "initech", "initrode")
    seen.append((found("initech"), found("initrode")))
    beside("team", "delete", "initrode", "--yes")
    seen.append((found("initech"), found("initrode")))

    assert seen == [(200, 404), (404, 200), (404, 404)]


def test_a_document_that_is_applied_counts_for_the_next_request(served: Live, beside: Command) -> None:
    def members() -> list[str]:
        return [user["username"] for user in served("alice", "GET", "/1.0/groups/acme/designers/members").json()]

    before = members()
    document = (
        "onebucket: 1\nteams:\n  - username: acme\n    groups:\n      - {name: Designers, members: [bob, mallory]}\n"
    )
    assert beside("apply", "-", given=document).code == 0
    applied = members()
    served("alice", "DELETE", "/1.0/groups/acme/designers/members/mallory")

    assert (before, applied, members()) == (["bob"], ["bob", "mallory"], ["bob"])


def test_the_journal_tells_of_both(served: Live, beside: Command) -> None:
    answer = served("alice", "POST", "/1.0/groups/acme", data={"name": "Journalled"}, headers={"User-Agent": "x"})
    served("alice", "DELETE", "/1.0/groups/acme/journalled")
    beside("repo", "add", "acme/journalled")

    told = [json.loads(line) for line in beside("journal", "--json", "--account", "acme").out.splitlines()[-3:]]

    assert [(entry["actor"], entry["event"], entry["subject"]) for entry in told] == [
        ("alice", "group.added", "journalled"),
        ("alice", "group.deleted", "journalled"),
        ("operator", "repository.added", "journalled"),
    ]
    assert told[0]["request_id"] == answer.headers["x-request-id"]
    assert told[0]["credential"].startswith("token:")
    assert (told[0]["address"], told[2]["address"]) == ("127.0.0.1", None)


# -- backup and restore under load ------------------------------------------------------------------


class Busy(threading.Thread):
    """Makes and deletes groups with a member until it is told to stop; whatever is restored meanwhile."""

    def __init__(self, running: Live, name: str) -> None:
        super().__init__()
        self.statuses: set[int] = set()
        self.done = 0
        self.stopping = threading.Event()
        self._running = running
        self._name = name
        self.start()

    def run(self) -> None:
        with self._running.client("alice") as client:
            while not self.stopping.is_set():
                path = f"/1.0/groups/acme/{self._name}-{self.done}"
                self.statuses |= {
                    client.post("/1.0/groups/acme", data={"name": f"{self._name} {self.done}"}).status_code,
                    client.put(f"{path}/members/bob").status_code,
                    client.get("/1.0/groups/acme").status_code,
                }
                if self.done % 2:
                    self.statuses.add(client.delete(path).status_code)
                self.done += 1


@contextmanager
def busy(running: Live, name: str) -> Iterator[list[Busy]]:
    """Several who write, for as long as the test goes on."""
    threads = [Busy(running, f"{name}{number}") for number in range(3)]
    try:
        yield threads
    finally:
        for thread in threads:
            thread.stopping.set()
        for thread in threads:
            thread.join()


def is_whole(file: Path) -> bool:
    """Whether a database is sound, and its groups and memberships are those that its journal tells of."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        groups = {row[0] for row in connection.execute("SELECT slug FROM groups WHERE slug GLOB '*[0-9]-[0-9]*'")}
        members = connection.execute(
            "SELECT slug FROM groups JOIN memberships ON group_id = groups.id WHERE slug GLOB '*[0-9]-[0-9]*'"
        ).fetchall()
        told: dict[str, list[str]] = {"group.added": [], "group.deleted": [], "member.added": []}
        for event, subject in connection.execute("SELECT event, subject FROM journal WHERE request_id <> 'test'"):
            told.setdefault(event, []).append(subject)
    alive = set(told["group.added"]) - set(told["group.deleted"])
    return groups == alive and {slug for (slug,) in members} == set(told["member.added"]) & alive


def test_a_backup_taken_under_load_is_one_state_and_can_be_restored_under_load(
    cast_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = commands.runner(tmp_path, monkeypatch, capsys)
    with live.with_the_cast(cast_template, tmp_path) as running:
        with busy(running, "a") as early:
            for number in range(COPIES):
                assert command("backup", f"{number}.db").code == 0
                assert is_whole(tmp_path / f"{number}.db")
        assert set.union(*(each.statuses for each in early)) == {200, 204}

        with busy(running, "b") as late:
            for number in range(COPIES):
                assert command("restore", f"{number}.db").code == 0
        # What they had just made may be gone again; more must not happen to them.
        assert set.union(*(each.statuses for each in late)) <= {200, 204, 400, 404, 409}
        assert is_whole(running.database)

        for number in (0, COPIES - 1):
            assert command("restore", f"{number}.db").code == 0
            with closing(sqlite3.connect(tmp_path / f"{number}.db")) as backup:
                slugs = [row[0] for row in backup.execute(OF_ACME)]
            assert [group["slug"] for group in running("alice", "GET", "/1.0/groups/acme").json()] == slugs
        assert min(each.done for each in [*early, *late]) > 0


OF_ACME = "SELECT slug FROM groups JOIN accounts ON accounts.id = account_id WHERE username = 'acme' ORDER BY slug"


def test_a_backup_is_for_its_owner_only_and_does_not_change_what_is_there(served: Live, beside: Command) -> None:
    done = beside("backup", "mine.db")

    file = served.folder / "mine.db"
    assert done.out == f"wrote mine.db ({file.stat().st_size:,} bytes)\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(served.folder.glob("mine.db?*"))
    with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone()[0] > 0


# -- at once ----------------------------------------------------------------------------------------


def test_commands_that_start_at_once_on_nothing_all_succeed(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [*live.COMMAND, "user", "add", name, "--email", f"{name}@example.com", "--data", "new"],
            cwd=tmp_path,
            env=live.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("ann", "ben", "cat")
    ]
    told = [(*process.communicate(timeout=60), process.returncode) for process in processes]

    assert [(out, code) for out, _, code in told] == [
        (f"added {name}, without a password\n", 0) for name in ("ann", "ben", "cat")
    ]
    assert all(re.fullmatch(r"(made|in) the database new/onebucket\.db\n", err) for _, err, _ in told), told
    people = live.run("user", "list", "--json", "--data", "new", folder=tmp_path).stdout
    assert [person["username"] for person in json.loads(people)] == ["ann", "ben", "cat"]
    shutil.rmtree(tmp_path / "new")


def test_of_two_commands_that_want_the_same_one_gets_it(cast_template: Path, tmp_path: Path) -> None:
    cast.copy(cast_template, tmp_path).close()
    line = [*live.COMMAND, "team", "add", "initech", "--admin", "bob", "--data", str(tmp_path)]
    processes = [
        subprocess.Popen(line, cwd=tmp_path, env=live.environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {process.communicate(timeout=60)[1]: process.returncode for process in processes}

    assert told == {
        f"in the database {tmp_path / 'onebucket.db'}\n": 0,
        "onebucket: there is an account 'initech' already\n": 1,
    }
