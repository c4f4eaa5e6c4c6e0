"""What is counted, for Prometheus: by one process, or by several that serve together."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from onebucket.http.monitoring.shared_metrics import ProcessMetrics

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REQUESTS = ("onebucket_requests", "Requests answered", ["route", "method", "status"])
_SECONDS = ("onebucket_request_seconds", "Time to an answer", ["route"])

# How late the others hear of figures that something else in a process keeps.
PUBLISH_SECONDS = 0.5

# Counts one answer: how many seconds it took.
Count = Callable[[float], None]


class Metrics:
    """Counts requests by route, method and status, and how long they take; each server has its own.

    With a `tally` several servers count together, and each shows what all of them have counted.
    """

    def __init__(self, tally: ProcessMetrics | None = None) -> None:
        self.registry = CollectorRegistry()
        self._counting = _SingleProcess(self.registry) if tally is None else _MultiProcess(self.registry, tally)
        self._counters: dict[tuple[str, str, int], Count] = {}

    def counter(self, route: str, method: str, status: int) -> Count:
        """What counts one answer of that kind when it is told how many seconds it took.

        `route` is a route's name, empty where there was none; made-up methods count as one.
        """
        key = (route, method if method in _METHODS else "other", status)
        found = self._counters.get(key)
        if found is None:
            found = self._counters[key] = self._counting.counter(*key)
        return found

    def watch(self, name: str, about: str, value: Callable[[], float], *, grows: bool = True) -> None:
        """Show a figure that something in this process keeps; the sum of all of them where several serve together.

        One that `grows` never shrinks: it goes on when another process takes the place of one.
        """
        self._counting.watch(name, about, value, grows=grows)

    def count_request(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Show a figure that is the same whichever process is asked."""
        Gauge(name, about, registry=self.registry).set_function(value)

    def show_each(self, name: str, about: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Show a figure of several things, each by its own name, as the process that is asked sees it."""
        gauge = Gauge(name, about, [label], registry=self.registry)
        for each, value in values.items():
            gauge.labels(each).set_function(value)

    def start(self) -> None:
        """Tell the others from now on, where there are others."""
        self._counting.start()

    def exposition(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"})


class _SingleProcess:
    """Counting in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._requests = Counter(*_REQUESTS, registry=registry)
        self._seconds = Histogram(*_SECONDS, buckets=_BUCKETS, registry=registry)

    def counter(self, route: str, method: str, status: int) -> Count:
        answered, took = self._requests.labels(route, method, str(status)).inc, self._seconds.labels(route).observe

        def count(seconds: float) -> None:
            answered()
            took(seconds)

        return count

    def watch(self, name: str, about: str, value: Callable[[], float], *, grows: bool) -> None:
        Gauge(name, about, registry=self._registry).set_function(value)

    def start(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _WatchedGauge:
    """A figure of this process: where it is told, and what those had counted whose place it has taken."""

    name: str
    about: str
    value: Callable[[], float]
    offset: int
    last_value: float


class _MultiProcess(Collector):
    """Counting in several processes."""

    def __init__(self, registry: CollectorRegistry, tally: ProcessMetrics) -> None:
        self._process_metrics = tally
        self._watched: list[_WatchedGauge] = []
        registry.register(self)

    def counter(self, route: str, method: str, status: int) -> Count:
        numbers = self._process_metrics.numbers
        answered = self._process_metrics.offset(f"requests {route} {method} {status}")
        buckets = self._process_metrics.offset(f"seconds {route}", len(_BUCKETS) + 2)
        total = buckets + len(_BUCKETS) + 1

        def count(seconds: float) -> None:
            numbers[answered] += 1
            numbers[buckets + bisect_left(_BUCKETS, seconds)] += 1
            numbers[total] += seconds

        return count

    def watch(self, name: str, about: str, value: Callable[[], float], *, grows: bool) -> None:
        place = self._process_metrics.offset(f"figure {name}")
        self._watched.append(
            _WatchedGauge(name, about, value, place, self._process_metrics.numbers[place] if grows else 0)
        )

    def start(self) -> None:
        """Tell the others in a thread of its own: what keeps the figures counts them without us."""

        def tell() -> None:
            while True:
                waiting.wait(PUBLISH_SECONDS)
                self._publish()

        waiting = threading.Event()
        threading.Thread(target=tell, name="figures", daemon=True).start()

    def _publish(self) -> None:
        for each in self._watched:
            self._process_metrics.numbers[each.offset] = each.last_value + each.value()

    def collect(self) -> Iterable[Metric]:
        """What all processes have counted."""
        self._publish()
        requests = CounterMetricFamily(*_REQUESTS[:2], labels=_REQUESTS[2])
        seconds = HistogramMetricFamily(*_SECONDS[:2], labels=_SECONDS[2])
        sums = self._process_metrics.shared.sums()
        for name, numbers in sums.items():
            kind, *words = name.split(" ")
            if kind == "requests":
                requests.add_metric(words, numbers[0])
            elif kind == "seconds":
                seconds.add_metric(words, [*zip(_BOUNDS, accumulate(numbers[:-1]), strict=True)], numbers[-1])
        yield requests
        yield seconds
        for each in self._watched:
            yield GaugeMetricFamily(each.name, each.about, sums[f"figure {each.name}"][0])


_BOUNDS = [*(str(float(bound)) for bound in _BUCKETS), "+Inf"]
