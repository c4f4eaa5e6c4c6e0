"""What is loaded when: a start waits for nothing that nobody has asked for yet."""

import subprocess
import sys
from pathlib import Path

import pytest

import live

pytestmark = pytest.mark.subprocess

# What takes long to load, and what it is for.
FOR_COMMANDS = {"sqlalchemy", "starlette", "granian", "msgspec", "structlog", "argon2", "psycopg"}
FOR_FIRST_USE = {
    "alembic": "a database that isn't up to date",
    "authlib": "OAuth",
    "jinja2": "letters and pages",
    "onebucket.surfaces.web.core.rendering": "pages",
    "onebucket.transfer": "documents",
    "psycopg": "PostgreSQL",
    "sqlalchemy.dialects.postgresql": "PostgreSQL",
    "yaml": "answers in YAML",
}
# It runs a command, and says in the end what was loaded meanwhile.
_TELL = """
import atexit, sys
from onebucket.cli import main
atexit.register(lambda: print("loaded", *sys.modules))
main()
"""
TELLING = (sys.executable, "-P", "-c", _TELL)


def loaded(output: str) -> set[str]:
    """The modules that a command said it had loaded."""
    told = next(line for line in output.splitlines() if line.startswith("loaded "))
    return {*told.split()[1:]}


def test_a_server_that_starts_and_answers_its_first_question_has_loaded_nothing_for_others(
    cast_template: Path, tmp_path: Path
) -> None:
    with live.with_the_cast(cast_template, tmp_path, wrapped=TELLING) as running:
        assert running("alice", "GET", "/1.0/groups/acme/designers").status_code == 200
        running.stop()

    assert FOR_FIRST_USE.keys() & loaded(running.output()) == set()


def test_what_was_not_loaded_is_loaded_when_it_is_asked_for(cast_template: Path, tmp_path: Path) -> None:
    with live.with_the_cast(cast_template, tmp_path, wrapped=TELLING) as running:
        assert running("alice", "GET", "/1.0/groups/acme/designers?format=yaml").text.startswith("name:")
        assert running(None, "GET", "/").status_code == 200
        assert running(None, "GET", "/openapi.json").json()["openapi"] == "3.1.0"
        running.stop()

    assert {"yaml", "jinja2"} <= loaded(running.output())


@pytest.mark.parametrize(("argument", "more"), [("--version", {"rich"}), ("--help", set())])
def test_the_command_line_says_what_it_is_without_loading_what_does_it(argument: str, more: set[str]) -> None:
    told = subprocess.run([*TELLING, argument], env=live.environment(), capture_output=True, text=True, check=True)

    assert (FOR_COMMANDS | more) & loaded(told.stdout) == set()
