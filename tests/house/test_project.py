"""The checkout itself: the scripts that set it up, and the locks they install from."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checkout import TOP

LOCKS = ["requirements.lock", "requirements-dev.lock"]
BESIDE = "tests/support/canaille/requirements.lock"
PIN = re.compile(
    r"^([a-z0-9-]+)==([^ ;]+)(?: ; [^\\\n]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n", flags=re.MULTILINE
)


def pins(lock: str) -> set[tuple[str, str]]:
    """Give name and version of every package that LOCK pins by hash."""
    return set(PIN.findall((TOP / lock).read_text()))


@pytest.mark.parametrize(("shell", "script"), [("sh", "dev"), ("bash", ".ci/run")])
@pytest.mark.subprocess
def test_scripts_parse_and_may_be_run(shell: str, script: str) -> None:
    parsed = subprocess.run([shell, "-n", TOP / script], capture_output=True, text=True, check=False)

    assert (parsed.returncode, parsed.stderr) == (0, "")
    assert os.access(TOP / script, os.X_OK)


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
@pytest.mark.subprocess
def test_dev_lists_its_commands_when_asked_for_nothing_else(arguments: list[str]) -> None:
    page = subprocess.run([TOP / "dev", *arguments], capture_output=True, text=True, check=True)

    listed = re.findall(r"^  ([a-z]+) ", page.stdout, flags=re.MULTILINE)
    assert listed == ["serve", "onebucket", "test", "test", "lint", "bench", "lock", "help"]


@pytest.mark.subprocess
def test_dev_answers_an_unknown_command_with_its_page_and_2() -> None:
    refused = subprocess.run([TOP / "dev", "tset"], capture_output=True, text=True, check=False)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("usage: ./dev")


@pytest.mark.parametrize("lock", [*LOCKS, BESIDE])
def test_locks_name_no_address_and_no_folder(lock: str) -> None:
    lines = [line for line in (TOP / lock).read_text().splitlines() if not line.startswith("    --hash=sha256:")]

    assert [line for line in lines if re.search(r"://|file:|^ *-|# via -|/[a-z]+/", line)] == []


@pytest.mark.parametrize("lock", [*LOCKS, BESIDE])
def test_locks_pin_every_package_by_hash(lock: str) -> None:
    named = re.findall(r"^[^ #\n]\S*", (TOP / lock).read_text(), flags=re.MULTILINE)

    assert sorted(set(named)) == sorted(f"{name}=={version}" for name, version in pins(lock))


def test_the_development_lock_holds_everything_the_other_one_does() -> None:
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_what_the_project_depends_on(lock: str) -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    if lock == "requirements-dev.lock":
        wanted += project["optional-dependencies"]["dev"]

    held = pins(lock)

    def is_held(need: Requirement) -> bool:
        return any(name == canonicalize_name(need.name) and need.specifier.contains(version) for name, version in held)

    assert [line for line in wanted if not is_held(Requirement(line))] == [], "run ./dev lock"


@pytest.mark.subprocess
@pytest.mark.parametrize(("codes", "is_good"), [("0", True), ("1 0", True), ("1 1", False), ("2 0", False)])
def test_ci_tries_what_failed_once_more_and_alone(tmp_path: Path, codes: str, is_good: bool) -> None:
    """Run `.ci/run` with a `./dev` that exits with these codes, one for each time it is to run tests."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(TOP / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "codes").write_text("\n".join(codes.split()) + "\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    # Nobody but root installs packages.
    for path, script in (
        (programs / "id", "echo 1000"),
        (
            tmp_path / "dev",
            '[ "$1" = test ] || exit 0\necho "tried $*"\nn=$(head -n1 codes); sed -i 1d codes; exit "$n"',
        ),
    ):
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )

    # There is no wheel to build here.
    assert done.stdout.splitlines()[-1] == ("failed: wheel" if is_good else "failed: test, wheel")
    assert done.stdout.count("tried test -n0 -x -v --last-failed") == (codes[0] == "1")
