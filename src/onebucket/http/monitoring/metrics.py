"""Prometheus metrics of one process, or of several workers together."""

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
_SECONDS = ("onebucket_request_seconds", "Time to the response", ["route"])

# How often a worker publishes the values of its watched gauges to the others, in seconds.
PUBLISH_SECONDS = 0.5

# Counts one response, given its duration in seconds.
Count = Callable[[float], None]


class Metrics:
    """Counts requests by route, method and status, and measures how long they take.

    With `process_metrics`, the row of one worker in the shared metrics, each worker shows the sums of all.
    """

    def __init__(self, process_metrics: ProcessMetrics | None = None) -> None:
        self.registry = CollectorRegistry()
        self._counting = (
            _SingleProcess(self.registry) if process_metrics is None else _MultiProcess(self.registry, process_metrics)
        )
        self._counters: dict[tuple[str, str, int], Count] = {}

    def counter(self, route: str, method: str, status: int) -> Count:
        """Return the function that counts one response of this kind.

        `route` is the name of a route, empty when none matched. Unknown methods share the label `other`.
        """
        key = (route, method if method in _METHODS else "other", status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._counting.counter(*key)
        return counter

    def watch(self, name: str, about: str, value: Callable[[], float], *, grows: bool = True) -> None:
        """Export a value that another object of this process keeps; with several workers, the sum of their values.

        `grows` says that the value never decreases; then a worker that replaces another continues from its value.
        """
        self._counting.watch(name, about, value, grows=grows)

    def show(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Export a value that is the same in every worker."""
        Gauge(name, about, registry=self.registry).set_function(value)

    def show_each(self, name: str, about: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Export one value per name under `label`, as the worker that is asked sees it."""
        gauge = Gauge(name, about, [label], registry=self.registry)
        for name_of_value, value in values.items():
            gauge.labels(name_of_value).set_function(value)

    def show_families(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """Export what `collect` returns whenever metrics are asked for: values whose labels aren't known before."""
        self.registry.register(_Families(collect))

    def start(self) -> None:
        """Start publishing watched values to the other workers, if there are any."""
        self._counting.start()

    def exposition(self) -> bytes:
        """Return all metrics in the Prometheus text format. May read the database."""
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"})


class _Families(Collector):
    """Metrics that a function makes."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


class _SingleProcess:
    """Metrics of a single process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._requests = Counter(*_REQUESTS, registry=registry)
        self._seconds = Histogram(*_SECONDS, buckets=_BUCKETS, registry=registry)

    def counter(self, route: str, method: str, status: int) -> Count:
        count_request = self._requests.labels(route, method, str(status)).inc
        observe_seconds = self._seconds.labels(route).observe

        def count(seconds: float) -> None:
            count_request()
            observe_seconds(seconds)

        return count

    def watch(self, name: str, about: str, value: Callable[[], float], *, grows: bool) -> None:
        Gauge(name, about, registry=self._registry).set_function(value)

    def start(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _WatchedGauge:
    """A watched value: its offset in the shared metrics, and the last value of the worker that this one replaces."""

    name: str
    about: str
    value: Callable[[], float]
    offset: int
    last_value: float


class _MultiProcess(Collector):
    """Metrics of several workers, in shared memory."""

    def __init__(self, registry: CollectorRegistry, process_metrics: ProcessMetrics) -> None:
        self._process_metrics = process_metrics
        self._watched: list[_WatchedGauge] = []
        registry.register(self)

    def counter(self, route: str, method: str, status: int) -> Count:
        numbers = self._process_metrics.numbers
        requests_offset = self._process_metrics.offset(f"requests {route} {method} {status}")
        buckets_offset = self._process_metrics.offset(f"seconds {route}", len(_BUCKETS) + 2)
        sum_offset = buckets_offset + len(_BUCKETS) + 1

        def count(seconds: float) -> None:
            numbers[requests_offset] += 1
            numbers[buckets_offset + bisect_left(_BUCKETS, seconds)] += 1
            numbers[sum_offset] += seconds

        return count

    def watch(self, name: str, about: str, value: Callable[[], float], *, grows: bool) -> None:
        offset = self._process_metrics.offset(f"figure {name}")
        self._watched.append(
            _WatchedGauge(name, about, value, offset, self._process_metrics.numbers[offset] if grows else 0)
        )

    def start(self) -> None:
        """Publish the watched values from a thread, because their owners don't announce changes."""

        def publish() -> None:
            while True:
                waiting.wait(PUBLISH_SECONDS)
                self._publish()

        waiting = threading.Event()
        threading.Thread(target=publish, name="figures", daemon=True).start()

    def _publish(self) -> None:
        for gauge in self._watched:
            self._process_metrics.numbers[gauge.offset] = gauge.last_value + gauge.value()

    def collect(self) -> Iterable[Metric]:
        """Add up the metrics of all workers."""
        self._publish()
        requests = CounterMetricFamily(*_REQUESTS[:2], labels=_REQUESTS[2])
        seconds = HistogramMetricFamily(*_SECONDS[:2], labels=_SECONDS[2])
        sums = self._process_metrics.shared.sums()
        for name, numbers in sums.items():
            kind, *labels = name.split(" ")
            if kind == "requests":
                requests.add_metric(labels, numbers[0])
            elif kind == "seconds":
                seconds.add_metric(labels, [*zip(_BOUNDS, accumulate(numbers[:-1]), strict=True)], numbers[-1])
        yield requests
        yield seconds
        for gauge in self._watched:
            yield GaugeMetricFamily(gauge.name, gauge.about, sums[f"figure {gauge.name}"][0])


_BOUNDS = [*(str(float(bound)) for bound in _BUCKETS), "+Inf"]
