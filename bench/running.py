"""Starting servers, putting load on them, and looking at what they cost. Loopback only, bounded, stopped at the end."""

import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS = 2
UNLIMITED = {"rate_limit": "0", "failures_per_address": "0"}
CONNECTIONS = 32
ROUNDS = 5

# The secret of alice's app password.
SECRET = "a-token-for-measuring"

# Another query each time: what the server remembers of one request doesn't serve the next.
_VARYING = """
local n = 0
local mark = string.find(wrk.path, "?", 1, true) and "&" or "?"
request = function()
  n = n + 1
  return wrk.format(nil, wrk.path .. mark .. "limit=" .. n)
end
"""


class Missing(Exception):
    """Something that measuring needs isn't there."""


def port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    module: str, *arguments: str, at: int, **settings: str
) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """A Python module as a process that listens on the port `at`; and how many seconds its first answer took.

    Nothing is limited, unless `settings` say so.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {f"ONEBUCKET_{name.upper()}": value for name, value in (UNLIMITED | settings).items()},
    )
    try:
        while process.poll() is None and time.perf_counter() - begun < 20:
            try:
                ask(at, "GET", "/healthz", {})
                break
            except OSError:
                time.sleep(0.002)
        yield process, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(10)


def basic(login: str, secret: str) -> dict[str, str]:
    """The header that signs in."""
    return {"Authorization": "Basic " + b64encode(f"{login}:{secret}".encode()).decode()}


ALICE = basic("alice", SECRET)


def ask(at: int, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """One request on a connection of its own; its status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    connection.request(method, path, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def per_second(at: int, path: str, headers: Mapping[str, str], *, varying: bool = False) -> float:
    """Requests answered in a second under load from wrk."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Missing("wrk is not installed (Debian: apt-get install wrk)")

    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if varying:
            script.write(_VARYING)
            script.flush()
            command += ["-s", script.name]
        told = subprocess.run(
            [*command, f"http://127.0.0.1:{at}{path}"], capture_output=True, text=True, check=True
        ).stdout
    if "Non-2xx" in told:
        raise Missing(f"not every answer was a good one:\n{told}")
    return float(next(line for line in told.splitlines() if "Requests/sec" in line).split()[1])


def paired(ours: tuple[int, str, dict[str, str]], ceiling: int, *, varying: bool = False) -> tuple[float, float, float]:
    """Requests per second of ours and of the ceiling, and the ratio: medians of runs in turn."""
    pairs = []
    for _ in range(ROUNDS):
        mine = per_second(*ours, varying=varying)
        pairs.append((mine, per_second(ceiling, "/", {})))
    return (
        statistics.median(mine for mine, _ in pairs),
        statistics.median(bare for _, bare in pairs),
        statistics.median(mine / bare for mine, bare in pairs),
    )


def row(what: str, figure: str, target: str) -> None:
    """Print one line of the table."""
    print(f"| {what} | {figure} | {target} |", flush=True)


def milliseconds(
    at: int, asks: Sequence[tuple[str, str] | tuple[str, str, bytes]], headers: Mapping[str, str], times: int
) -> list[float]:
    """The median time of each of several requests (method, path, body), asked in turn on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    taken: list[list[float]] = [[] for _ in asks]
    for _ in range(times):
        for slot, (method, path, *body) in zip(taken, asks, strict=True):
            begun = time.perf_counter()
            connection.request(method, path, *body, headers=dict(headers))
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 300:
                raise Missing(f"{method} {path} was answered {answer.status}")
            slot.append((time.perf_counter() - begun) * 1000)
    connection.close()
    return [statistics.median(slot) for slot in taken]


def processor_seconds(process: "subprocess.Popen[bytes]") -> float:
    """The processor time that a process has taken so far, in all its threads."""
    times = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: "subprocess.Popen[bytes]", *, most: bool = False) -> float:
    """The memory a process holds now, in MiB; or the `most` it has held since `forget_most`."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    named = "VmHWM" if most else "VmRSS"
    return int(next(line for line in status.splitlines() if line.startswith(named)).split()[1]) / 1024


def forget_most(process: "subprocess.Popen[bytes]") -> None:
    """Begin anew with the most memory that a process has held."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
