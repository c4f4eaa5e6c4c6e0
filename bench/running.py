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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# A first look takes a fifth of the time, and says less.
QUICK = "--quick" in sys.argv
SECONDS = 1 if QUICK else 2
ROUNDS = 2 if QUICK else 5
CONNECTIONS = 32
STARTING_SECONDS = 20
UNLIMITED = {"rate_limit": "0", "failures_per_address": "0"}

# The secret of alice's app password.
SECRET = "a-token-for-measuring"
PASSWORD = "alice's own password"

# Another query each time: what the server remembers of one request doesn't serve the next.
_VARYING = """
local n = 0
local mark = string.find(wrk.path, "?", 1, true) and "&" or "?"
request = function()
  n = n + 1
  return wrk.format(nil, wrk.path .. mark .. "limit=" .. n)
end
"""

# So many are put in one after the other, then taken out again, and so on. What is under way at once never meets itself.
CHANGED = 1000
# The first request that is made is not sent: wrk looks at it.
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


# The processes that listen, by their ports.
_listening: dict[int, int] = {}


class Missing(Exception):
    """Something that measuring needs isn't there."""


def port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Question:
    """What one asks again and again: an address with headers; `varying` makes each a question of its own."""

    path: str
    headers: Mapping[str, str]
    varying: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Putting somebody in and taking him out: methods and addresses in which, as in the body, %d is his number."""

    headers: Mapping[str, str]
    put: tuple[str, str]
    delete: tuple[str, str]
    body: str = ""


@contextmanager
def started(
    module: str, *arguments: str, at: int, **settings: str
) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """A Python module as a process that listens on the port `at`; and how many seconds its first answer took.

    Nothing is limited, unless `settings` say so.
    """
    env = {f"ONEBUCKET_{name.upper()}": value for name, value in (UNLIMITED | settings).items()}
    with listening([sys.executable, "-m", module, *arguments], at=at, env=env) as found:
        yield found


@contextmanager
def listening(
    command: Sequence[str | Path], *, at: int, env: Mapping[str, str], folder: Path | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """A process that listens on the port `at`; and how many seconds its first answer took. Raises Missing."""
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
    """The header that signs in."""
    return {"Authorization": "Basic " + b64encode(f"{login}:{secret}".encode()).decode()}


ALICE = basic("alice", SECRET)


def ask(at: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, bytes]:
    """One request on a connection of its own; its status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    connection.request(method, path, body, headers=dict(headers))
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


def per_second(at: int, path: str, headers: Mapping[str, str], *, varying: bool = False) -> float:
    """Requests answered in a second under load from wrk."""
    return _load(at, path, headers, _VARYING if varying else "")


def answered(at: int, question: Question) -> float:
    """How many times in a second a question is answered."""
    return per_second(at, question.path, question.headers, varying=question.varying)


def changed(at: int, change: Change, *, first: int, connections: int = CONNECTIONS) -> float:
    """How many changes are made in a second; those of numbers from `first` on, of which none has been put in yet."""
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
    """The figures of our server that have no labels, by their names."""
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
    """What several did in the same rounds, by their names: how much, and microseconds of processor for each time."""

    found: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """What one did."""
        return statistics.median(self.found[name])

    def ratio(self, name: str, other: str) -> float:
        """What one did in times of what another did in the same round."""
        return statistics.median(a / b for a, b in zip(self.found[name], self.found[other], strict=True))


def in_turn(runs: Mapping[str, Callable[[], float]], *, at: Mapping[str, int] | None = None) -> Measured:
    """Each of several in every round, so that a machine whose speed drifts favours none.

    Where it is said at which port each is asked, what is found is a rate, and the processor time of each is looked at.
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
    """Requests per second of ours and of the ceiling, and the ratio: medians of runs in turn."""
    measured = in_turn(
        {"ours": lambda: per_second(*ours, varying=varying), "ceiling": lambda: per_second(ceiling, "/", {})}
    )
    return measured.median("ours"), measured.median("ceiling"), measured.ratio("ours", "ceiling")


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


def processor(pid: int) -> float:
    """The seconds of processor that a process and its children have taken so far, in all their threads."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for each in (pid, *children):
        # Its own, and those of children that have ended.
        words = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, words[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mib(process: "subprocess.Popen[bytes]", *, most: bool = False) -> float:
    """The memory a process holds now, in MiB; or the `most` it has held since `forget_most`."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    named = "VmHWM" if most else "VmRSS"
    return int(next(line for line in status.splitlines() if line.startswith(named)).split()[1]) / 1024


def forget_most(process: "subprocess.Popen[bytes]") -> None:
    """Begin anew with the most memory that a process has held."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
