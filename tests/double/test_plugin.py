"""The pytest plugin as strangers use it: in a folder of their own, also with xdist; and the examples."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import live
from checkout import TOP

TEST = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_begins_empty(bitbucket, number):
    assert bitbucket.state().get("teams", []) == []
    bitbucket.team("acme", groups={"developers": ["alice"]})
    assert bitbucket.members("acme/developers") == ["alice"]

def test_fails(bitbucket):
    bitbucket.fail("DELETE", "/1.0/nothing", status=500)
    import urllib.request, urllib.error
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(bitbucket.url + "/1.0/groups/nobody")
    assert False
"""
APART = """
import pathlib, time, pytest

@pytest.mark.parametrize("number", range(8))
def test_sees_its_own_data_alone(bitbucket, worker_id, number):
    bitbucket.team(worker_id, groups={"developers": ["alice"]})
    bitbucket.fail(path="/nowhere", status=500)
    time.sleep(0.1)
    assert [team["username"] for team in bitbucket.state()["teams"]] == [worker_id]
    assert len(bitbucket.faults) == 1 and bitbucket.requests.count == 0
    with pathlib.Path("urls").open("a") as file:
        file.write(f"{worker_id} {bitbucket.url}\\n")
"""
ASYNC = """
import asyncio
from onebucket.testing import AsyncDouble

def test_awaited():
    async def steer():
        async with AsyncDouble() as bitbucket:
            await bitbucket.team("acme", groups={"developers": ["alice"]})
            await bitbucket.advance("1 day")
            return await bitbucket.members("acme/developers"), (await bitbucket.requests()).count
    assert asyncio.run(steer()) == (["alice"], 0)
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest with the plugin alone, as after `pip install onebucket[testing]`."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "onebucket.testing.plugin", "-q", *arguments],
        cwd=folder,
        env=live.environment() | {"PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
@pytest.mark.subprocess
def test_each_test_begins_empty_and_a_failed_one_shows_its_requests(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_tool.py").write_text(TEST)

    done = run(tmp_path, *workers)

    assert "6 passed" in done.stdout and "1 failed" in done.stdout, done.stdout + done.stderr
    assert "GET /1.0/groups/nobody, nobody: 401" in done.stdout
    assert "faults that no request has matched" in done.stdout
    assert '{"method": "DELETE", "path": "/1.0/nothing"}' in done.stdout


@pytest.mark.subprocess
def test_two_workers_never_see_each_others_data(tmp_path: Path) -> None:
    (tmp_path / "test_tool.py").write_text(APART)

    done = run(tmp_path, "-n", "2")

    assert "8 passed" in done.stdout, done.stdout + done.stderr
    servers = {tuple(line.split()) for line in (tmp_path / "urls").read_text().splitlines()}
    assert len(servers) == len({url for _, url in servers}) == 2


@pytest.mark.subprocess
def test_the_double_can_be_awaited(tmp_path: Path) -> None:
    (tmp_path / "test_tool.py").write_text(ASYNC)

    done = run(tmp_path)

    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.subprocess
def test_the_examples_pass(tmp_path: Path) -> None:
    for name in ("onboard.py", "test_onboard.py", "test_public_clients.py"):
        (tmp_path / name).write_text((TOP / "examples" / name).read_text())

    done = run(tmp_path)

    assert "9 passed" in done.stdout, done.stdout + done.stderr


def test_the_extra_installs_nothing_that_a_server_does_not_need_but_pytest() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]

    extra = {each.partition(">")[0] for each in project["optional-dependencies"]["testing"]}
    assert extra - {each.partition(">")[0].partition("[")[0] for each in project["dependencies"]} == {"pytest"}


@pytest.mark.subprocess
def test_the_client_side_needs_nothing_but_pythons_own_library() -> None:
    program = """
import sys, onebucket.testing
print({name.partition(".")[0] for name in sys.modules} - {*sys.stdlib_module_names})
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env=live.environment(), capture_output=True, text=True, check=True
    )

    assert eval(done.stdout) - {"__main__"} == {"onebucket"}


def test_the_plugin_is_an_entry_point() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["pytest11"] == {"onebucket": "onebucket.testing.plugin"}
