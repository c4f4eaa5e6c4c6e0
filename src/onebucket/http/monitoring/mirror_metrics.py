"""The metrics of mirrors, which `/metrics` reads from the database: the same in every process."""

import math
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from onebucket.domain.accounts import Account
from onebucket.domain.mirrors import MirrorState, MirrorStatus

_LABELS = ("account", "mirror")
_TOTALS: tuple[tuple[str, str, Callable[[MirrorStatus], int]], ...] = (
    ("carried", "Permissions that a mirror has set or removed at its host", lambda each: each.carried),
    ("requests", "Requests that a mirror has sent to its host", lambda each: each.requests),
    ("throttled", "Responses 429 of a mirror's host", lambda each: each.throttled),
)


def families(mirrors: Iterable[tuple[Account, MirrorStatus]], at: datetime) -> list[Metric]:
    """Return the metrics of these mirrors; none without a mirror."""
    found = [((owner.username, each.name), each) for owner, each in mirrors]
    if not found:
        return []
    state = GaugeMetricFamily("onebucket_mirror_state", "1 for the state of a mirror", labels=[*_LABELS, "state"])
    drift = GaugeMetricFamily(
        "onebucket_mirror_drift", "What differs at a mirror's host, by kind", labels=[*_LABELS, "kind"]
    )
    followed = GaugeMetricFamily("onebucket_mirror_followed", "1 if a process follows a mirror", labels=_LABELS)
    age = GaugeMetricFamily(
        "onebucket_mirror_comparison_age_seconds", "Time since a mirror compared everything", labels=_LABELS
    )
    for labels, each in found:
        for possible in MirrorState:
            state.add_metric([*labels, possible.value], each.state is possible)
        counts = each.counts
        for kind, number in (
            ("difference", counts.differences),
            ("removal", counts.removals),
            ("foreign", counts.foreign),
            ("inherited", counts.inherited),
            ("stranger", counts.strangers),
        ):
            drift.add_metric([*labels, kind], number)
        followed.add_metric(labels, bool(each.holder_at(at)))
        compared_at = each.last_compared_at
        age.add_metric(labels, (at - compared_at).total_seconds() if compared_at else math.nan)
    return [state, drift, followed, age, *(_total(name, about, value, found) for name, about, value in _TOTALS)]


def _total(
    name: str, about: str, value: Callable[[MirrorStatus], int], found: Iterable[tuple[tuple[str, str], MirrorStatus]]
) -> Metric:
    family = CounterMetricFamily(f"onebucket_mirror_{name}", about, labels=_LABELS)
    for labels, each in found:
        family.add_metric(labels, value(each))
    return family
