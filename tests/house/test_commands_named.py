"""Every command that a page, a document, a letter or a message names exists, with its options; and is named rightly."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from checkout import TOP
from commands import Command, runner
from onebucket.cli.root import root

COMMAND = typer.main.get_command(root)

# Words that follow the name of the product where no command is meant.
PROSE = frozenset(
    {
        "is",
        "has",
        "answers",
        "and",
        "version",
        "package",
        "consumer",
        "server",
        "there",
        "in",
        "doubled",
        "needs",
        "find",
        "metrics",
    }
)


def written(file: Path) -> Iterator[str]:
    """The places of a file where a command may stand: code in documents and pages, strings in modules."""
    text = file.read_text()
    if file.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    elif file.suffix == ".md":
        yield from re.findall(r"`([^`\n]+)`", text)
        yield from re.findall(r"^    (.+)$", text, re.MULTILINE)
        yield from (line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines())
    else:
        yield from re.findall(r"<code>(.*?)</code>", text, re.DOTALL) if file.suffix == ".html" else [text]


def named() -> Iterator[tuple[str, str]]:
    """Where a command is named, and its words from the first one on."""
    files = [*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("src/onebucket/**/*.py")]
    files += [*TOP.glob("src/onebucket/**/*.html"), *TOP.glob("src/onebucket/**/*.txt")]
    for file in files:
        if file.name == "CHANGELOG.md":
            continue
        for text in written(file):
            for found in re.finditer(r"(?<!-u )(?<!--owner )(?<!-o )(?<![\w./@-])onebucket ([a-z-][^\n`;|&#]*)", text):
                yield str(file.relative_to(TOP)), found[1]


def trouble(words: str) -> str:
    """What is wrong with a command as it is written, if anything is."""
    command: Any = COMMAND
    words = words.removeprefix("onebucket ")  # after the container or person of that name
    rest = re.sub(r"[\[\]().,:…<>'\"]", " ", words).split()
    if not rest or rest[0] in PROSE or not re.fullmatch("[a-z]+|--[a-z-]+", rest[0]):
        return ""
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    if command is COMMAND and not rest[0].startswith("-"):
        return f"there is no command {rest[0]!r}"
    if hasattr(command, "commands") and command is not COMMAND and rest and re.fullmatch("[a-z]{3,}", rest[0]):
        return f"{command.name} has no command {rest[0]!r}"
    options = {"--help", "-h", "--install-completion", "--show-completion"}
    options |= {option for each in command.params for option in each.opts}
    unknown = [word for word in rest if re.fullmatch("--[a-z-]+", word) and word not in options]
    return f"{command.name} has no option {', '.join(unknown)}" if unknown else ""


def test_every_command_that_is_named_exists_with_its_options() -> None:
    places = list(named())
    assert len(places) > 50

    assert [(where, words, wrong) for where, words in places if (wrong := trouble(words))] == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert trouble("team change") == "team has no command 'change'"
    assert trouble("frobnicate FILE") == "there is no command 'frobnicate'"
    assert trouble("user add NAME --colour red") == "add has no option --colour"
    assert trouble("user add NAME --admin") == ""


# -- what it is called -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "program"),
    [({}, "python -m onebucket"), ({"_ONEBUCKET_PROGRAM": "./dev onebucket"}, "./dev onebucket")],
)
@pytest.mark.subprocess
def test_usage_names_the_program_as_it_was_started(environment: dict[str, str], program: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "onebucket", *arguments]
        without = {name: value for name, value in os.environ.items() if name != "_ONEBUCKET_PROGRAM"}
        return subprocess.run(line, env=without | environment, capture_output=True, text=True, timeout=120)

    assert f"Usage: {program} user add " in run("user", "add", "--help").stdout
    for option in ("--install-completion", "--show-completion"):
        refused = run(option)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            f"onebucket: shell completion needs a command of one word, not {program!r}: install the package first\n"
        )


def test_dev_says_what_was_typed() -> None:
    script = (TOP / "dev").read_text()

    started = re.findall(r"^.*-m onebucket.*$", script, re.MULTILINE)
    assert len(started) == 2
    assert all('_ONEBUCKET_PROGRAM="$0 onebucket" exec' in line for line in started)


# -- what the exit code says -----------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return runner(tmp_path, monkeypatch, capsys)


def test_check_tells_no_from_a_question_that_has_no_answer(run: Command) -> None:
    run("user", "add", "bob", "--email", "bob@example.com")
    run("user", "add", "ann", "--email", "ann@example.com")
    run("team", "add", "acme", "--admin", "bob")
    run("repo", "add", "acme/rocket")

    assert run("check", "bob", "acme/rocket", "admin").code == 0
    assert run("check", "ann", "acme/rocket", "read").code == 1
    for question in (
        ("bbo", "acme/rocket", "read"),
        ("bob", "acme/rokcet", "read"),
        ("bob", "acm/rocket", "read"),
        ("bob", "rocket", "read"),
        ("bob", "acme/rocket", "raed"),
        ("bob", "acme/rocket", "read", "--database", "mysql://x"),
    ):
        done = run("check", *question)
        assert (done.code, done.out) == (2, ""), question
        assert done.err
