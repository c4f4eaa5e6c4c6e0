"""Starting servers, putting load on them, and looking at what they cost. Loopback only, bounded, stopped at the end."""

import http.client
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SECONDS = 2
CONNECTIONS = 32

# Another query each time: what the server remembers of one request doesn't serve the next.
_VARYING = """
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, wrk.path .. "?limit=" .. n)
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
def started(module: str, *arguments: str, at: int) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """A Python module as a process that listens on the port `at`; and how many seconds its first answer took."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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


def milliseconds(at: int, asks: list[tuple[str, str]], headers: Mapping[str, str], times: int) -> list[float]:
    """The median time of each of several requests, asked in turn on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    taken: list[list[float]] = [[] for _ in asks]
    for _ in range(times):
        for slot, (method, path) in zip(taken, asks, strict=True):
            begun = time.perf_counter()
            connection.request(method, path, headers=dict(headers))
            connection.getresponse().read()
            slot.append((time.perf_counter() - begun) * 1000)
    connection.close()
    return [statistics.median(slot) for slot in taken]


def resident_mib(process: "subprocess.Popen[bytes]") -> float:
    """The memory a process holds now, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
