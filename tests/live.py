"""A real server in a process of its own, and commands beside it: what users start, asked over real sockets."""

import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

import cast

SOURCE = Path(__file__).parents[1] / "src"
COMMAND = (sys.executable, "-P", "-m", "onebucket")

# Made once: reading the machine's certificates takes longer than most answers.
_TRUSTING = ssl.create_default_context()

# Tests ask more than anybody may, unless that is what they are about.
UNLIMITED = {"rate_limit": "0", "failures_per_address": "0"}

# Generous: two workers of a busy machine, each with several servers.
STARTING_SECONDS = 20
STOPPING_SECONDS = 20


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings of onebucket, and none of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEBUCKET_")}
    paths = filter(None, [str(SOURCE), kept.get("PYTHONPATH")])
    given = {f"ONEBUCKET_{name.upper()}": value for name, value in settings.items()}
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1", "COLUMNS": "200"} | given


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(
    *arguments: object, folder: Path, given: str = "", seconds: float = 60, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, in `folder`, with `given` on its standard input."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(**settings),
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


class Live:
    """`onebucket serve`, running on a database in `folder`; `settings` are environment variables less their prefix."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        wrapped: Sequence[str] = COMMAND,
        secure: bool = False,
        url: str = "",
        **settings: str,
    ) -> None:
        self.folder = folder
        self.database = folder / "onebucket.db"
        self.url = url or f"sqlite:///{self.database}"
        self._arguments = arguments
        self._wrapped = wrapped
        self._secure = secure
        self._settings = settings
        self.start()

    def start(self) -> None:
        """Start it, or start it again on the same database, and wait until it answers."""
        for _ in range(3):
            self._spawn()
            if self._answers():
                return
            # Somebody else may have taken the port between our looking and its listening.
            if "can't listen" not in self.log():
                break
        raise AssertionError(f"it does not answer; it said:\n{self.output()}\n{self.log()}")

    def _spawn(self) -> None:
        self.port = free_port()
        self.base = f"{'https' if self._secure else 'http'}://127.0.0.1:{self.port}"
        arguments = [*self._wrapped, "serve", "--port", str(self.port), "--database", self.url, *self._arguments]
        with (self.folder / "stdout").open("wb") as stdout, (self.folder / "stderr").open("ab") as stderr:
            self.process = subprocess.Popen(
                arguments,
                cwd=self.folder,
                env=environment(**{"data": str(self.folder), **UNLIMITED, **self._settings}),
                stdout=stdout,
                stderr=stderr,
            )

    def _answers(self) -> bool:
        deadline = time.monotonic() + STARTING_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            # Its own words come after its first connection: with them the port is surely ours.
            if " answers at " in self.output():
                return True
            time.sleep(0.005)
        self.kill()
        return False

    def __call__(self, who: str | tuple[str, str] | None, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask once, as `who`: a name of the cast, a (login, secret) pair, or None for nobody."""
        auth = (who, cast.token(who)) if isinstance(who, str) else who
        return httpx.request(method, self.base + path, auth=auth, **{"timeout": 30, "verify": _TRUSTING, **how})

    def client(self, who: str | None, **how: Any) -> httpx.Client:
        """A client that keeps its connection and asks as `who`."""
        auth = (who, cast.token(who)) if who else None
        return httpx.Client(base_url=self.base, auth=auth, **{"timeout": 30, "verify": _TRUSTING, **how})

    def run(self, *arguments: object, **how: Any) -> "subprocess.CompletedProcess[str]":
        """Run another command on the database that is being served."""
        return run(*arguments, "--database", self.url, folder=self.folder, **{"data": str(self.folder), **how})

    def output(self) -> str:
        """What it has printed since it was started last."""
        return (self.folder / "stdout").read_text()

    def log(self) -> str:
        """What it has logged since it was started first."""
        return (self.folder / "stderr").read_text()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What is in the database, seen from outside."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql, values).fetchall()

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait until it has; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop in {STOPPING_SECONDS} s; it said:\n{self.log()}") from None

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        assert "Traceback" not in self.log(), self.log()


def with_the_cast(template: Path, folder: Path, *arguments: str, **settings: Any) -> Live:
    """A server with the cast on stage, on a database of its own."""
    cast.copy(template, folder).close()
    return Live(folder, *arguments, **settings)


def basic(who: str) -> Mapping[str, str]:
    """The header with which somebody of the cast signs in."""
    return {"Authorization": cast.basic(who, cast.token(who))}


def wait_until(so: Callable[[], object]) -> None:
    """Wait until something is so, which it must be in half a minute."""
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
