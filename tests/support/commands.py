"""Runs commands as `onebucket` does, in this process; captures their output and exit code."""

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from onebucket import cli
from onebucket.cli import common


@dataclass(frozen=True)
class Done:
    """The result of a command; `database` holds the lines that name the database it created or changed."""

    code: int
    out: str
    err: str
    database: str = field(default="", compare=False)

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


def done(out: str, err: str = "") -> Done:
    return Done(0, out, err)


def refused(sentence: str) -> Done:
    return Done(1, "", f"onebucket: {sentence}\n")


def runner(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs commands in `folder`, on the database in it."""
    for name in [name for name in os.environ if name.startswith("ONEBUCKET_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ONEBUCKET_DATA", str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(folder)

    def run(*arguments: object, given: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["onebucket", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        lines = told.err.splitlines(keepends=True)
        named = [line for line in lines if line.startswith((common.MADE, common.CHANGED))]
        err = "".join(line for line in lines if line not in named)
        return Done(int(ended.value.code or 0), told.out, err, "".join(named))

    return run
