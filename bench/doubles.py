"""What tests wait for: the start of a double, resets and snapshots, and 1,000 tests with a reset each."""

import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from bench import figures, running
from bench.making import ORGANISATIONS
from bench.report import note, row
from bench.running import QUICK, ROUNDS, in_turn
from onebucket.testing import Double

TIMES = 20 if QUICK else 100
TESTS = 1000
DEMO = running.basic("alice", "wonderland")
READ = "/1.0/groups/acme/designers"

_TESTS = f"""
import urllib.request, pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_asks(bitbucket, number):
    asked = urllib.request.Request(bitbucket.url + "/1.0/groups")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(asked)
"""


def _milliseconds(function: Callable[[], object], times: int = TIMES) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        function()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def _per_second(url: str) -> float:
    """Return the requests answered per second, one after the other on one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < running.SECONDS:
        connection.request("GET", READ, headers=DEMO)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        count += 1
    connection.close()
    return count / (time.perf_counter() - begun)


def _starting() -> None:
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        with Double(demo=True) as double:
            running.ask(int(urlsplit(double.url).port or 0), "GET", READ, DEMO)
            taken.append(time.perf_counter() - begun)
    row("start to first answer, with the demo's company", f"{statistics.median(taken):.2f} s", "≤ 0.6 s")


def _putting_back(double: Double, what: str, reset_target: str) -> None:
    """Measure a reset after a change, and a snapshot with its restoration after a change."""

    def change() -> None:
        double.apply({"users": [{"username": "newcomer"}]})

    def reset() -> None:
        double.reset()

    resets, restored, taken = [], [], []
    for _ in range(TIMES):
        change()
        resets.append(_milliseconds(reset, 1))
        taken.append(_milliseconds(lambda: double.snapshot("kept"), 1))
        change()
        restored.append(_milliseconds(lambda: double.restore("kept"), 1))
    row(f"reset after a change, {what}", f"{statistics.median(resets):.1f} ms", reset_target)
    row(
        f"a snapshot {statistics.median(taken):.1f} ms, restored after a change, {what}",
        f"{statistics.median(restored):.1f} ms",
        "≤ 20 ms",
    )


def _kubernetes(folder: Path) -> Path | None:
    """Export the real organisation as an account document; None if its files aren't there."""
    if not (ORGANISATIONS / "kubernetes").is_dir():
        return None
    where = ["--database", f"sqlite:///{folder / 'kubernetes.db'}"]
    command = [sys.executable, "-m", "onebucket"]
    brought_in = [*command, "import", "peribolos", str(ORGANISATIONS / "kubernetes"), *where]
    subprocess.run(brought_in, check=True, capture_output=True)
    exported = subprocess.run([*command, "export", "--format", "json", *where], check=True, capture_output=True)
    (folder / "kubernetes.json").write_bytes(exported.stdout)
    return folder / "kubernetes.json"


def _a_thousand_tests(folder: Path) -> None:
    (folder / "test_asks.py").write_text(_TESTS)
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "onebucket.testing.plugin", "-p", "no:cacheprovider",
         "--rootdir", str(folder), str(folder / "test_asks.py")],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    row(f"{TESTS:,} tests of pytest with a reset and a request each", f"{time.perf_counter() - begun:.1f} s", "≤ 15 s")


def measure(folder: Path) -> None:
    """Run all benchmarks of this part."""
    _starting()
    with Double(demo=True) as double:
        _putting_back(double, "with the demo's company", "≤ 5 ms")
    document = _kubernetes(folder)
    if document is None:
        note("The real organisation is not measured: its files aren't here.")
    else:
        people = len(json.loads(document.read_bytes())["users"])
        with Double(seed=[document]) as double:
            _putting_back(double, f"with a real organisation of {people:,} people", "≤ 50 ms")
    _a_thousand_tests(folder)

    with ExitStack() as stack:
        double = stack.enter_context(Double(demo=True))
        double.behave(rate_limit=0)
        server = stack.enter_context(figures.serving(f"sqlite:///{folder / 'unused.db'}", "--demo"))
        rates = in_turn(
            {
                "double": lambda: _per_second(double.url),
                "server": lambda: _per_second(f"http://127.0.0.1:{server}"),
            }
        )
    row(
        f"requests one after the other: {rates.median('double'):,.0f}/s, the same server without a double around it "
        f"{rates.median('server'):,.0f}/s",
        f"{rates.ratio('double', 'server'):.2f}",
    )
