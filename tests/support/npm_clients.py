"""Clients from npm, each in a process of its own: pinned with their integrity, installed once."""

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

import cache_folder

_HERE = Path(__file__).parent / "npm"
_PINNED = (_HERE / "package.json", _HERE / "package-lock.json")
NEEDED = pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js and npm")


def _install(folder: Path) -> None:
    for file in _PINNED:
        shutil.copy(file, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=True)


def folder() -> Path:
    """Return the folder that the clients are installed in."""
    return cache_folder.filled("npm", b"".join(file.read_bytes() for file in _PINNED), _install)


class NpmClient:
    """One of the clients, signed in at a server; `base` is the server's address without /2.0."""

    def __init__(self, client: str, base: str, username: str, password: str) -> None:
        self._process = subprocess.Popen(
            ["node", _HERE / "caller.mjs", client, f"{base}/2.0", username, password],
            cwd=folder(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, **call: Any) -> Any:
        """Make a call and return what `caller.mjs` says of it: status and data; without arguments, every address."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client ended; its error is on the standard error"
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)
