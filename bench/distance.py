"""What a request waits for when PostgreSQL is on another machine: a relay makes each round trip take a millisecond."""

import http.client
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, cycle, islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from bench import figures, making, postgres, relay, running
from bench.relay import Relay
from bench.report import note, row
from bench.running import ALICE, QUICK, Missing

SECONDS = 0.001
TIMES = 30 if QUICK else 200
_PRIVILEGE = "/1.0/group-privileges/acme/rocket/acme/ten"
_MEMBER = figures.CHANGE.put[1] % 7

# Method, path, body.
Asked = tuple[str, str, bytes]


@contextmanager
def far(url: str) -> Iterator[tuple[str, Relay]]:
    """Run a relay in front of a server that is reached over a Unix socket; yield the URL through it."""
    parts, at = urlsplit(url), running.port()
    socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
    with relay.relaying(socket, SECONDS, at) as relayed:
        yield f"postgresql://postgres@127.0.0.1:{at}{parts.path}?sslmode=disable&gssencmode=disable", relayed


def round_trip(url: str) -> float:
    """Return the milliseconds that the shortest query takes, median."""
    taken = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(TIMES):
            begun = time.perf_counter()
            connection.execute("SELECT 1")
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def waits(at: int, asks: Sequence[Asked], relayed: Relay) -> tuple[float, float]:
    """Return the milliseconds and the round trips of a request, medians; requests are sent one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
    taken, trips = [], []
    for method, path, body in asks:
        before, begun = relayed.round_trips, time.perf_counter()
        connection.request(method, path, body or None, headers=dict(ALICE))
        answer = connection.getresponse()
        answer.read()
        taken.append((time.perf_counter() - begun) * 1000)
        trips.append(relayed.round_trips - before)
        if answer.status >= 300:
            raise Missing(f"{method} {path} was answered {answer.status}")
    connection.close()
    return statistics.median(taken), statistics.median(trips)


def _jobs() -> Mapping[str, tuple[str, list[Asked]]]:
    numbers = count()

    def worked_out(path: str, mark: str) -> list[Asked]:
        # Another query each time, so that no cached response serves it.
        return [("GET", f"{path}{mark}limit={next(numbers)}", b"") for _ in range(TIMES)]

    privileges = [("PUT", _PRIVILEGE, level) for level in (b"read", b"write")]
    members = [(method, _MEMBER, b"") for method in ("PUT", "DELETE")]
    return {
        "`GET` one group with 10 members, worked out": ("≤ 4", worked_out(figures.READ, "?")),
        "`GET /api/access/…`, worked out": ("≤ 4", worked_out(figures.CHECK, "&")),
        "`PUT` of a privilege": ("≤ 5", [*islice(cycle(privileges), TIMES)]),
        "`PUT` and `DELETE` of a member": ("≤ 5", [*islice(cycle(members), TIMES)]),
    }


def measure(folder: Path) -> None:
    """Measure requests on a PostgreSQL behind the relay."""
    with postgres.durable() as (url, _):
        making.make(url, people=1000)
        with far(url) as (distant, relayed), figures.serving(distant) as at:
            for what, (target, asks) in _jobs().items():
                taken, trips = waits(at, asks, relayed)
                row(f"**f′** {what}: {taken:.1f} ms; round trips", f"{trips:g}", target)
            note(f"The shortest query takes {round_trip(distant):.2f} ms through the relay, "
                 f"{round_trip(url):.2f} ms without it.")  # fmt: skip
