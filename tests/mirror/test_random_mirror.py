"""Random changes on both sides of a mirror: after each settling, everybody may do there what they may do here.

Meanwhile the host is busy, fails, does what it doesn't answer and cuts responses off, the mirror is killed and its
credential revoked. What everybody may do is worked out slowly from documents of both sides, without the mirror's code.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import commands
import live
import mirrored
import sizes
from mirrored import Mirrored
from onebucket.remote.bitbucket_cloud import BitbucketCloud
from onebucket.remote.connector import RemotePlace
from onebucket.remote.json_client import JsonClient
from onebucket.testing import Double
from pg import Postgres

pytestmark = [
    pytest.mark.subprocess,
    # A mirror that is killed closes no connection.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SETTLINGS = sizes.either(quick=3, long=30)
KILLS = sizes.either(quick=1, long=5)
HERE_AT_ONCE, THERE_AT_ONCE = 10, 2
SETTLING_SECONDS = 120.0

POSTGRESQL = pytest.param("PostgreSQL", marks=pytest.mark.postgresql)

Make = Callable[..., Mirrored]


@pytest.fixture(params=["SQLite", POSTGRESQL])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that isn't there yet, or is empty."""
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'here.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.url(postgres.create())


@pytest.fixture
def make(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Make]:
    """Makes a mirror of a small workspace, which was imported from the host."""
    command = commands.runner(tmp_path, monkeypatch, capsys)
    with Double(seed=[mirrored.write(tmp_path, mirrored.small())]) as host:
        token = host.api_token("boss")
        monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
        monkeypatch.setenv("BITBUCKET_TOKEN", token.password)
        assert command("import", "bitbucket", "acme", "--api", host.url, "--database", url).code == 0
        with mirrored.database(url) as db, ExitStack() as made:

            def mirror(kind: type[Mirrored] = Mirrored, **settings: object) -> Mirrored:
                both = kind(db, host, "acme", service="service", boss="boss", chance=random.Random(0), **settings)
                made.callback(both.close)
                return both

            yield mirror


def change(both: Mirrored) -> None:
    for _ in range(HERE_AT_ONCE):
        both.change_here()
    for _ in range(THERE_AT_ONCE):
        both.change_there()


def test_after_each_settling_everybody_may_do_there_what_they_may_do_here(make: Make) -> None:
    both = make(max_split=10)
    both.trouble(0.2)
    ended = 0

    assert both.here() == both.there() != {}
    for settling in range(SETTLINGS):
        change(both)
        ended += both.settle(kills=0.01, revoked=settling % 3 == 0)
        assert both.there() == both.here(), f"after settling {settling}"

    assert ended
    assert both.taken_out


class Forgetful(Mirrored):
    """A mirror that takes nothing away at the host."""

    def connector(self, client: JsonClient) -> BitbucketCloud:
        class Connector(BitbucketCloud):
            async def unset(self, place: RemotePlace) -> None:
                """Do nothing."""

        return Connector(client, "acme")


@pytest.mark.parametrize("url", ["SQLite"], indirect=True)
def test_a_mirror_that_forgets_removals_is_caught(make: Make) -> None:
    both = make(Forgetful)

    def is_equal() -> bool:
        change(both)
        both.settle()
        return both.there() == both.here()

    assert not all(is_equal() for _ in range(5))


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SETTLING_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize("url", sizes.either(quick=["SQLite"], long=["SQLite", POSTGRESQL]), indirect=True)
def test_a_follower_that_is_killed_goes_on_where_it_was(make: Make, url: str, tmp_path: Path) -> None:
    both, chance = make(), random.Random(1)
    (tmp_path / "onebucket.toml").write_text(both.settings)
    environment = {**os.environ, "BITBUCKET_TOKEN": both.token, "ONEBUCKET_DATABASE": url}

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*live.COMMAND, "mirror", "follow"], cwd=tmp_path, env=environment)

    for _ in range(KILLS):
        change(both)
        seen = len(both.host.requests)
        follower = start()
        few = chance.randrange(15, 40)
        wait_until(lambda: len(both.host.requests) > seen + few or both.there() == both.here(), "it asks nothing")  # noqa: B023
        follower.send_signal(signal.SIGKILL)
        follower.wait()
        both.release()
    follower = start()
    try:
        wait_until(lambda: both.there() == both.here(), "it does not settle after it was killed")
        # The next changes are carried without reading the host again.
        for _ in range(HERE_AT_ONCE):
            both.change_here()
        wait_until(lambda: both.there() == both.here(), "it does not settle after changes here")
    finally:
        follower.kill()
        follower.wait()
