"""What `onebucket run` adds to a request: curl asks a server over HTTPS, and the same through the proxy, in turn."""

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import making, running
from bench.report import row
from bench.running import ALICE, QUICK, Missing, in_turn

PATH = "/1.0/groups/acme/ten"
# The first request of each run makes the connection; it isn't counted.
TIMES = 100 if QUICK else 500
_COMMAND = (sys.executable, "-m", "onebucket")


def _took(curl: Sequence[str], env: dict[str, str]) -> float:
    """Return the median milliseconds of curl's requests on its one connection."""
    urls = [word for _ in range(TIMES) for word in ("-o", os.devnull, f"https://api.bitbucket.org{PATH}")]
    header = f"Authorization: {ALICE['Authorization']}"
    told = subprocess.run(
        [*curl, "-sSf", "-H", header, "-w", "%{num_connects} %{time_total}\n", *urls],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line.split() for line in told.stdout.splitlines()]
    if told.returncode or len(lines) != TIMES or any(made != "0" for made, _ in lines[1:]):
        raise Missing(f"curl's requests were not answered on one connection:\n{told.stderr[-1000:]}")
    return statistics.median(float(seconds) for _, seconds in lines[1:]) * 1000


@contextmanager
def _as_bitbucket(url: str, env: dict[str, str]) -> Iterator[int]:
    """Serve a database over HTTPS for Bitbucket's names; yield the port."""
    at = running.port()
    command = [*_COMMAND, "serve", "--as-bitbucket", "--port", str(at), "--database", url]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            if not any("answers at" in line for line in server.stdout):
                raise Missing("serve --as-bitbucket does not answer")
            yield at
        finally:
            server.terminate()


def measure(folder: Path) -> None:
    """Measure both versions of HTTP on a connection that is kept, direct and through the proxy."""
    if shutil.which("curl") is None:
        raise Missing("curl is not installed")
    making.make(f"sqlite:///{folder / 'plain.db'}", people=100)
    shutil.copyfile(folder / "plain.db", folder / "secure.db")
    settings = {"ONEBUCKET_CA": str(folder / "ca"), "ONEBUCKET_DATA": str(folder)}
    env = {**os.environ, "ONEBUCKET_RATE_LIMIT": "0", **settings}
    at = running.port()
    with (
        running.started("onebucket", "serve", "--port", str(at), "--database", f"sqlite:///{folder}/plain.db", at=at),
        _as_bitbucket(f"sqlite:///{folder}/secure.db", env) as secure,
    ):
        for version in ("1.1", "2"):
            curl = ["curl", f"--http{version}"]
            direct = [*curl, "--cacert", str(folder / "ca" / "ca.pem"), "--connect-to", f"::127.0.0.1:{secure}"]
            through = [*_COMMAND, "run", "--server", f"http://127.0.0.1:{at}", "--", *curl]
            found = in_turn({"direct": lambda way=direct: _took(way, env), "run": lambda way=through: _took(way, env)})  # type: ignore[misc]
            added = statistics.median(a - b for a, b in zip(found.found["run"], found.found["direct"], strict=True))
            row(
                f"HTTP/{version} on a kept connection, `GET` one group with 10 members: {found.median('run'):.2f} ms, "
                f"straight over HTTPS {found.median('direct'):.2f} ms, in times of that "
                f"{found.ratio('run', 'direct'):.2f}; the proxy adds",
                f"{added:.2f} ms",
                "≤ 0.3 ms",
            )
