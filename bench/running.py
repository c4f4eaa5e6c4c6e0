"""Start servers, put load on them with wrk, measure CPU and memory. Loopback only; all is stopped at the end."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# `--quick` takes a fifth of the time, with less precise results.
QUICK = "--quick" in sys.argv
SECONDS = 1 if QUICK else 2
ROUNDS = 2 if QUICK else 5
CONNECTIONS = 32
STARTING_SECONDS = 20
UNLIMITED = {"rate_limit": "0", "failures_per_address": "0"}

# The secret of alice's app password.
SECRET = "a-token-for-measuring"
PASSWORD = "alice's own password"

# A different query string each time, so that a cached response never serves the next request.
_VARYING = """
local n = 0
local mark = string.find(wrk.path, "?", 1, true) and "&" or "?"
request = function()
  n = n + 1
  return wrk.format(nil, wrk.path .. mark .. "limit=" .. n)
end
"""

# Add this many members, remove them, and repeat. Many enough that concurrent requests never touch the same member.
CHANGED = 1000
# wrk calls `request` once before the run and doesn't send the result.
_CHANGING = """
local n = -1
request = function()
  local step = math.max(n, 0) %% (2 * %(many)d)
  local who = %(first)d + step %% %(many)d
  n = n + 1
  if step < %(many)d then
    return wrk.format("%(put)s", string.format([[%(put_path)s]], who), nil,
      string.format([[%(body)s]], who, who, who))
  end
  return wrk.format("%(delete)s", string.format([[%(delete_path)s]], who))
end
"""


# Ids of the running servers by their ports.
_listening: dict[int, int] = {}


class Missing(Exception):
    """A benchmark can't run because something it needs isn't there."""


def port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Question:
    """A repeated read request; with `varying`, each has a different query string, so that no cache entry serves it."""

    path: str
    headers: Mapping[str, str]
    varying: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A pair of requests that add and remove a member; `%d` in paths and body is the member's number."""

    headers: Mapping[str, str]
    put: tuple[str, str]
    delete: tuple[str, str]
    body: str = ""


@contextmanager
def started(
    module: str, *arguments: str, at: int, **settings: str
) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """Run a Python module as a server on the port `at`; yield the process and the seconds until its first response.

    Rate limits are off unless `settings` turn them on.
    """
    env = {f"ONEBUCKET_{name.upper()}": value for name, value in (UNLIMITED | settings).items()}
    with listening([sys.executable, "-m", module, *arguments], at=at, env=env) as found:
        yield found


@contextmanager
def listening(
    command: Sequence[str | Path], *, at: int, env: Mapping[str, str], folder: Path | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """Run a server on the port `at`; yield the process and the seconds until its first response. Raises Missing."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | env, cwd=folder
    )
    try:
        while True:
            try:
                ask(at, "GET", "/healthz", {})
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - begun > STARTING_SECONDS:
                    raise Missing(f"{Path(command[0]).name} {command[1]} {command[2]} does not answer") from None
                time.sleep(0.002)
        _listening[at] = process.pid
        yield process, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(20)


def basic(login: str, secret: str) -> dict[str, str]:
    """Return the header of Basic authentication."""
    return {"Authorization": "Basic " + b64encode(f"{login}:{secret}".encode()).decode()}


ALICE = basic("alice", SECRET)


def ask(at: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, bytes]:
    """Send one request on a connection of its own; return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    connection.request(method, path, body, headers=dict(headers))
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


def per_second(at: int, path: str, headers: Mapping[str, str], *, varying: bool = False) -> float:
    """Return the requests answered per second under load from wrk."""
    return _load(at, path, headers, _VARYING if varying else "")


def answered(at: int, question: Question) -> float:
    """Return how many times per second a question is answered."""
    return per_second(at, question.path, question.headers, varying=question.varying)


def changed(at: int, change: Change, *, first: int, connections: int = CONNECTIONS) -> float:
    """Return the changes per second; they use the member numbers from `first` on, none of which is a member yet."""
    script = _CHANGING % {
        "many": CHANGED,
        "first": first,
        "put": change.put[0],
        "put_path": change.put[1],
        "body": change.body,
        "delete": change.delete[0],
        "delete_path": change.delete[1],
    }
    return _load(at, "/", change.headers, script, connections)


def told_by_metrics(at: int) -> dict[str, float]:
    """Return the server's metrics that have no labels, by name."""
    page = ask(at, "GET", "/metrics", basic("alice", PASSWORD))[1].decode()
    named = (line.split() for line in page.splitlines() if line[0] != "#" and "{" not in line)
    return {name: float(value) for name, value in named}


def _load(at: int, path: str, headers: Mapping[str, str], script: str, connections: int = CONNECTIONS) -> float:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Missing("wrk is not installed (Debian: apt-get install wrk)")

    command = [wrk, "-t1", f"-c{connections}", f"-d{SECONDS}"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script:
            file.write(script)
            file.flush()
            command += ["-s", file.name]
        told = subprocess.run(
            [*command, f"http://127.0.0.1:{at}{path}"], capture_output=True, text=True, check=True
        ).stdout
    if "Non-2xx" in told:
        raise Missing(f"not every answer was a good one:\n{told}")
    return float(next(line for line in told.splitlines() if "Requests/sec" in line).split()[1])


@dataclass(frozen=True, slots=True)
class Measured:
    """Results by name: the values of all rounds (`found`), and CPU microseconds per request (`processor`)."""

    found: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Return the median of all rounds."""
        return statistics.median(self.found[name])

    def ratio(self, name: str, other: str) -> float:
        """Return the median of the ratios of `name` to `other` in the same round."""
        return statistics.median(a / b for a, b in zip(self.found[name], self.found[other], strict=True))


def in_turn(runs: Mapping[str, Callable[[], float]], *, at: Mapping[str, int] | None = None) -> Measured:
    """Run each of several benchmarks once per round, so that a machine whose speed drifts favours none of them.

    With `at`, the port of each, values are rates and CPU times are measured too.
    """
    measured = Measured({name: [] for name in runs}, {name: [] for name in at or ()})
    for _ in range(ROUNDS):
        for name, run in runs.items():
            before = processor(_listening[at[name]]) if at else 0
            measured.found[name].append(run())
            if at:
                taken = processor(_listening[at[name]]) - before
                measured.processor[name].append(taken / (measured.found[name][-1] * SECONDS) * 1e6)
    return measured


def paired(ours: tuple[int, str, dict[str, str]], ceiling: int, *, varying: bool = False) -> tuple[float, float, float]:
    """Return the medians of our rate, the ceiling's rate and their ratio, measured in turn."""
    measured = in_turn(
        {"ours": lambda: per_second(*ours, varying=varying), "ceiling": lambda: per_second(ceiling, "/", {})}
    )
    return measured.median("ours"), measured.median("ceiling"), measured.ratio("ours", "ceiling")


def milliseconds(
    at: int, asks: Sequence[tuple[str, str] | tuple[str, str, bytes]], headers: Mapping[str, str], times: int
) -> list[float]:
    """Return the median time of each of several requests (method, path, body), sent in turn on one connection."""
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


def processor(pid: int) -> float:
    """Return the CPU seconds that a process and its children have used so far, in all threads."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for each in (pid, *children):
        # utime, stime, and the same of ended children.
        words = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, words[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def processor_ms(at: int, pid: int, path: str, headers: Mapping[str, str], times: int) -> float:
    """Return the milliseconds of its own processor time that a server takes for one of several like requests."""
    milliseconds(at, [("GET", path)], headers, 2)
    before = processor(pid)
    milliseconds(at, [("GET", path)], headers, times)
    return (processor(pid) - before) * 1000 / times


def resident_mib(process: "subprocess.Popen[bytes]", *, most: bool = False) -> float:
    """Return the resident memory of a process in MiB; with `most`, its peak since `forget_most`."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    named = "VmHWM" if most else "VmRSS"
    return int(next(line for line in status.splitlines() if line.startswith(named)).split()[1]) / 1024


def forget_most(process: "subprocess.Popen[bytes]") -> None:
    """Reset the peak memory of a process."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
