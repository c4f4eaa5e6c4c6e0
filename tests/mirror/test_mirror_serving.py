"""`onebucket serve` follows the mirrors of its configuration, one process at a time, and says how they are doing."""

import os
import random
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import live
import pg
from commands import Command, Done
from live import Live
from mirroring import PEOPLE, REPOSITORIES, Configure, database_of, here, there, until
from onebucket.actions import outbox
from onebucket.cli import common
from onebucket.domain.letters import MailKind
from onebucket.domain.mirrors import MirrorState
from onebucket.store.connect import connect
from onebucket.testing import Double
from pg import Postgres

pytestmark = pytest.mark.subprocess

LEVELS = ("none", "read", "write", "admin")


def metrics(running: Live) -> dict[str, float]:
    """The metrics of mirrors, by name and labels."""
    text = running(None, "GET", "/metrics", headers={"Authorization": "Bearer figures"}).text
    found = re.findall(r"^(onebucket_mirror_\w+)\{([^}]*)\} (\S+)$", text, re.MULTILINE)
    return {f"{name} {re.sub('[a-z]+=', '', labels)}": float(value) for name, labels, value in found}


def letters(url: str) -> list[tuple[MailKind, str]]:
    """The letters to be sent, by address."""
    with closing(connect(url)) as database, database.reading() as tx:
        return sorted(((each.kind, each.email) for _, each in outbox.newest(common.work(tx))), key=lambda each: each[1])


def test_a_server_carries_changes_until_it_stops_and_its_metrics_and_doctor_tell(
    command: Command, bitbucket: Double, tmp_path: Path
) -> None:
    url = database_of(tmp_path)
    with Live(tmp_path, metrics_token="figures") as running:
        until(url, lambda status: status.last_compared_at is not None)
        here(command, "rocket", bob="write")
        carried = until(url, lambda status: status.carried == 1)
        shown, checked = metrics(running), command("doctor")
        beside = command("mirror", "run")
        said = running.output()
        code = running.stop()
    after = until(url, lambda status: True)

    assert there(bitbucket)["rocket"] == {"bob": "write"}
    assert carried.holder.startswith("serve on ")
    assert (code, after.holder) == (0, "")
    assert "It follows the mirror cloud of acme to acme" in said
    assert (beside.code, "cloud is followed by serve on " in beside.err) == (1, True)
    labels = '"acme","cloud"'
    assert shown[f'onebucket_mirror_state {labels},"running"'] == 1
    assert shown[f'onebucket_mirror_state {labels},"stopped"'] == 0
    assert shown[f"onebucket_mirror_followed {labels}"] == shown[f"onebucket_mirror_carried_total {labels}"] == 1
    assert shown['onebucket_mirror_drift "acme","difference","cloud"'] == 0
    assert shown[f"onebucket_mirror_requests_total {labels}"] == carried.requests
    assert 0 <= shown[f"onebucket_mirror_comparison_age_seconds {labels}"] < 600
    assert "ok     the mirror cloud is running, 0 permissions differ\n" in checked.out


def test_a_credential_that_is_revoked_there_stops_a_mirror_with_a_letter_and_another_one_lets_it_go_on(
    command: Command, bitbucket: Double, tmp_path: Path, configure: Configure
) -> None:
    file, first, second = tmp_path / "token", bitbucket.api_token("service"), bitbucket.api_token("service")
    file.write_text(first.password)
    configure(token_env=None, token_file=str(file))
    url = database_of(tmp_path)
    with Live(tmp_path):
        until(url, lambda status: status.state is MirrorState.RUNNING)
        bitbucket.revoke(first)
        here(command, "rocket", bob="write")
        stopped = until(url, lambda status: status.state is MirrorState.STOPPED)
        sent, checked = letters(url), command("doctor").out
        before = there(bitbucket)
        file.write_text(second.password)
        until(url, lambda status: status.state is MirrorState.RUNNING)
        live.wait_until(lambda: there(bitbucket)["rocket"] == {"bob": "write"})

    assert stopped.failure and stopped.failure.sentence.startswith("the credential is refused; ")
    assert before["rocket"] == {}
    assert "WRONG  the mirror cloud has stopped: the credential is refused" in checked
    assert first.password not in checked
    # Administrators get it, the mirror's own person among them.
    assert sent == letters(url) == [(MailKind.MIRROR_STOPPED, f"{name}@example.com") for name in ("alice", "service")]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"account": "nowhere"}, "WRONG  the mirror cloud: there is no account 'nowhere'"),
        ({"token_env": "NOWHERE"}, "WRONG  [mirror.cloud]: there is no API token in the environment variable NOWHERE"),
    ],
)
def test_a_server_starts_without_the_account_or_the_credential_of_a_mirror(
    command: Command, tmp_path: Path, configure: Configure, settings: dict[str, str], said: str
) -> None:
    configure(**settings)
    with Live(tmp_path) as running:
        alive = running(None, "GET", "/healthz").status_code
        live.wait_until(lambda: "mirror waits" in running.log())

    assert (alive, said in command("doctor").out) == (200, True)


def test_a_table_with_a_mistake_keeps_a_server_from_starting(
    command: Command, tmp_path: Path, configure: Configure
) -> None:
    configure(start="later")

    done = live.run("serve", "--port", live.free_port(), folder=tmp_path, data=str(tmp_path))

    assert (done.returncode, "[mirror.cloud] start is on or off" in done.stderr) == (1, True)
    assert "[mirror.cloud] start is on or off" in command("doctor").out


def test_a_mirror_that_does_not_start_with_the_server_is_left_to_follow(
    command: Command, tmp_path: Path, configure: Configure
) -> None:
    configure(start="off")
    with Live(tmp_path) as running:
        said = running.output()
        done = command("mirror", "run")

    assert ("It follows the mirror" in said, done.code) == (False, 0)


def test_a_server_that_is_killed_in_the_middle_leaves_nothing_undone(
    command: Command, bitbucket: Double, tmp_path: Path, configure: Configure
) -> None:
    configure(take_over=True)
    # Slow enough that the server is killed between two changes, and one is lost on its way back.
    bitbucket.fail("", "/2.0/repositories/acme/*/permissions-config/users/*", delay_ms=30)
    chance = random.Random(7)
    wanted: dict[str, dict[str, str]] = {}
    running = Live(tmp_path)
    for _ in range(3):
        until(database_of(tmp_path), lambda status: status.last_compared_at is not None)
        sent = len(changes(bitbucket))
        for slug in REPOSITORIES:
            wanted[slug] = {name: chance.choice(LEVELS) for name in PEOPLE}
            here(command, slug, **wanted[slug])
        live.wait_until(lambda sent=sent: len(changes(bitbucket)) > sent)  # type: ignore[misc]
        running.kill()
        # As if the time had passed in which it would have been heard of.
        with closing(sqlite3.connect(tmp_path / "onebucket.db")) as database, database:
            database.execute("UPDATE mirrors SET held_until = 1")
        running.start()
    with running:
        given = {slug: {name: level for name, level in of.items() if level != "none"} for slug, of in wanted.items()}
        live.wait_until(lambda: there(bitbucket) == given)
        running.stop()

    assert command("mirror", "diff") == Done(0, "nothing differs\n", "")


def changes(bitbucket: Double) -> list[str]:
    """The changes that were sent to the host."""
    return [each.path for each in bitbucket.requests if each.method in ("PUT", "DELETE")]


@pytest.mark.postgresql
def test_of_several_workers_one_runs_the_mirror_and_another_takes_over_when_it_is_killed(
    command: Command, bitbucket: Double, tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.url(postgres.create())
    command("import", "bitbucket", "acme", "--api", bitbucket.url, "--database", url)
    with Live(tmp_path, "--workers", "2", url=url):
        first = until(url, lambda status: status.last_compared_at is not None)
        number = re.search(r"process (\d+),", first.holder)
        assert number is not None
        os.kill(int(number[1]), signal.SIGKILL)
        # As if the time had passed in which it would have been heard of.
        pg.rows(url, "UPDATE mirrors SET held_until = 1 WHERE holder = %s", first.holder)
        compared_at = first.last_compared_at
        after = until(url, lambda status: bool(status.holder) and status.last_compared_at != compared_at)

    assert after.holder != first.holder
