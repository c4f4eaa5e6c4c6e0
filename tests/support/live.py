"""A real server in its own process, and commands beside it: what users start, called over real sockets."""

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
from checkout import TOP

SOURCE = TOP / "src"
COMMAND = (sys.executable, "-P", "-m", "onebucket")

# Created once: loading the machine's certificates takes longer than most requests.
_TRUSTING = ssl.create_default_context()

# No rate limits, except in tests about them.
UNLIMITED = {"rate_limit": "0", "failures_per_address": "0"}

# Generous, for a busy machine with two test workers and several servers each.
STARTING_SECONDS = 60
STOPPING_SECONDS = 20


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with these settings of onebucket and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEBUCKET_")}
    paths = filter(None, [str(SOURCE), kept.get("PYTHONPATH")])
    given = {f"ONEBUCKET_{name.upper()}": value for name, value in settings.items()}
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1", "COLUMNS": "200"} | given


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(
    *arguments: object, folder: Path, given: str = "", seconds: float = 60, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command in `folder` until it ends, with `given` on its standard input."""
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
    """`onebucket serve` on a database in `folder`; `settings` are environment variables without their prefix."""

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
            # Another process may have taken the port after `free_port` returned it.
            if "can't listen" not in self.log():
                break
        raise AssertionError(f"it does not answer; it said:\n{self.output()}\n{self.log()}")

    def _spawn(self) -> None:
        self.port = free_port()
        self.base = f"{'https' if self._secure else 'http'}://127.0.0.1:{self.port}"
        arguments = [*self._wrapped, "serve", "--port", str(self.port), "--database", self.url, *self._arguments]
        with (self.folder / "stdout").open("wb") as stdout, (self.folder / "stderr").open("ab") as stderr:
            self._is_stopping = False
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
            # Printed once the server listens: then the port is surely its own.
            if " answers at " in self.output():
                return True
            time.sleep(0.005)
        self.kill()
        return False

    def __call__(self, who: str | tuple[str, str] | None, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request as `who`: a name of the cast, a (login, secret) pair, or None for anonymous."""
        auth = (who, cast.token(who)) if isinstance(who, str) else who
        return httpx.request(method, self.base + path, auth=auth, **{"timeout": 30, "verify": _TRUSTING, **how})

    def client(self, who: str | None, **how: Any) -> httpx.Client:
        """Return a client that keeps its connection and signs in as `who`."""
        auth = (who, cast.token(who)) if who else None
        return httpx.Client(base_url=self.base, auth=auth, **{"timeout": 30, "verify": _TRUSTING, **how})

    def run(self, *arguments: object, **how: Any) -> "subprocess.CompletedProcess[str]":
        """Run another command on the same database."""
        return run(*arguments, "--database", self.url, folder=self.folder, **{"data": str(self.folder), **how})

    def output(self) -> str:
        """Return what it has printed since its last start."""
        return (self.folder / "stdout").read_text()

    def log(self) -> str:
        """Return what it has logged since its first start."""
        return (self.folder / "stderr").read_text()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query the database from outside the server."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql, values).fetchall()

    def begin_stopping(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal to stop, and don't wait."""
        self._is_stopping = True
        self.process.send_signal(with_signal)

    def stop(self, with_signal: signal.Signals | None = None) -> int:
        """Stop it with a signal and wait; return its exit code.

        One that is stopping already is only waited for, unless a signal is named: a second one may reach it when the
        interpreter has given its handlers up, and end it with another exit code.
        """
        if self.process.poll() is None and (with_signal is not None or not self._is_stopping):
            self.begin_stopping(with_signal or signal.SIGTERM)
        try:
            return self.process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop in {STOPPING_SECONDS} s; it said:\n{self.log()}") from None

    def kill(self) -> None:
        """Kill it, as a power failure would."""
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
    """Start a server with the cast on a database of its own."""
    cast.copy(template, folder).close()
    return Live(folder, *arguments, **settings)


def basic(who: str) -> Mapping[str, str]:
    """Return the Authorization header of a member of the cast."""
    return {"Authorization": cast.basic(who, cast.token(who))}


def wait_until(so: Callable[[], object]) -> None:
    """Wait until a condition is true; fail after 30 seconds."""
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
