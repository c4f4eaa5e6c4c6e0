"""What is counted, for Prometheus."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counts requests by route, method and status, and how long they take; each server has its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "onebucket_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "onebucket_request_seconds", "Time to an answer", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        self._counters: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def counter(self, route: str, method: str, status: int) -> Callable[[float], None]:
        """What counts one answer of that kind when it is told how many seconds it took.

        `route` is a route's name, empty where there was none; made-up methods count as one.
        """
        key = (route, method if method in _METHODS else "other", status)
        found = self._counters.get(key)
        if found is None:
            found = self._counters[key] = self._new_counter(*key)
        return found

    def _new_counter(self, route: str, method: str, status: int) -> Callable[[float], None]:
        answered, took = self._requests.labels(route, method, str(status)).inc, self._seconds.labels(route).observe

        def count(seconds: float) -> None:
            answered()
            took(seconds)

        return count

    def watch(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Show a figure that something else keeps."""
        Gauge(name, about, registry=self.registry).set_function(value)

    def watch_each(self, name: str, about: str, label: str, values: Mapping[str, Callable[[], float]]) -> None:
        """Show a figure of several things, each by its own name."""
        gauge = Gauge(name, about, [label], registry=self.registry)
        for each, value in values.items():
            gauge.labels(each).set_function(value)

    def page(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"})
