"""Registers the metrics that `/metrics` shows besides request counts."""

import math
from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client.metrics_core import Metric

from onebucket.actions import mirrors, outbox, webhook_deliveries
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.http.auth.authentication import Authentication
from onebucket.http.auth.login_throttle import LoginThrottle
from onebucket.http.cache.response_cache import ResponseCache
from onebucket.http.execution.replica_router import FALLBACK_REASONS, ReplicaRouter
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.limits.anonymous_limits import AnonymousLimits
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.monitoring import mirror_metrics
from onebucket.http.monitoring.metrics import Metrics
from onebucket.http.services import Services
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable

_LETTERS = {
    "waiting": "E-mails that wait to be sent",
    "failing": "Waiting e-mails whose last attempt failed",
    "undeliverable": "E-mails given up whose invitation or link is still open",
}
_WEBHOOKS = {
    "waiting": "Webhook deliveries that wait to be sent",
    "failing": "Webhooks of which nothing was delivered since their last failure",
}


def watch(
    metrics: Metrics,
    services: Services,
    cache: ResponseCache,
    login_throttle: LoginThrottle | None,
    anonymous_limits: AnonymousLimits,
    replicas: ReplicaRouter,
) -> None:
    """Register everything that `/metrics` shows besides request counts and what the command line adds."""
    _watch_counts(metrics, services)
    _watch_mirrors(metrics, services)
    _watch_execution(metrics, services.write_queue, services.authentication, cache)
    _watch_rate_limits(metrics, services.rate_limiter, login_throttle, anonymous_limits)
    _watch_replicas(metrics, replicas)


def _watch_counts(metrics: Metrics, services: Services) -> None:
    """Export numbers of letters in the outbox and of webhooks; NaN while the database is unavailable."""

    def counter(counts: Callable[[UnitOfWork], object], name: str) -> Callable[[], float]:
        def count() -> float:
            try:
                with services.database.reading() as tx:
                    found = counts(UnitOfWork(OPERATOR, tx, services.clock(), "metrics", services.new_id))
            except (DatabaseUnavailable, DatabaseUnusable):
                return math.nan
            return float(getattr(found, name))

        return count

    for name, about in _LETTERS.items():
        metrics.show(f"onebucket_letters_{name}", about, counter(outbox.counts, name))
    for name, about in _WEBHOOKS.items():
        metrics.show(f"onebucket_webhooks_{name}", about, counter(webhook_deliveries.counts, name))


def _watch_mirrors(metrics: Metrics, services: Services) -> None:
    """Export how each mirror is doing; nothing while the database is unavailable."""

    def collect() -> Iterable[Metric]:
        try:
            with services.database.reading() as tx:
                work = UnitOfWork(OPERATOR, tx, services.clock(), "metrics", services.new_id)
                return mirror_metrics.families(mirrors.states(work), work.at)
        except (DatabaseUnavailable, DatabaseUnusable):
            return ()

    metrics.show_families(collect)


def _watch_execution(
    metrics: Metrics, write_queue: WriteQueue, authentication: Authentication, cache: ResponseCache
) -> None:
    """Export commits, password checks, and the size and hits of the response cache."""
    metrics.watch("onebucket_commits", "Transactions committed", lambda: write_queue.batches)
    metrics.watch("onebucket_changes", "Requests with committed changes", lambda: write_queue.changes)
    metrics.watch("onebucket_passwords_checked", "Passwords compared", lambda: authentication.passwords_checked)
    metrics.watch("onebucket_answers_remembered_bytes", "Size of the response cache", lambda: cache.size, grows=False)
    metrics.watch("onebucket_answers_recalled", "Requests answered from the response cache", lambda: cache.hits)
    metrics.watch(
        "onebucket_answers_confirmed",
        "Cached responses checked again after another process' commit",
        lambda: cache.revalidated,
    )
    metrics.watch(
        "onebucket_answers_worked_out", "Read requests not answered from the response cache", lambda: cache.misses
    )


def _watch_replicas(metrics: Metrics, replicas: ReplicaRouter) -> None:
    """Export reads on replicas, reads left to the primary by reason, and the lag of each replica."""
    if not replicas.states:
        return
    metrics.watch("onebucket_reads_on_replicas", "Reads from replicas", lambda: replicas.served)
    for reason, about in FALLBACK_REASONS.items():
        metrics.watch(f"onebucket_reads_kept_{reason}", about, partial(replicas.fallbacks.__getitem__, reason))
    lags = {state.database.name: partial(replicas.lag, state) for state in replicas.states}
    metrics.show_each("onebucket_replica_lag_seconds", "Upper bound of a replica's lag", "replica", lags)


def _watch_rate_limits(
    metrics: Metrics,
    rate_limiter: RateLimiter | None,
    login_throttle: LoginThrottle | None,
    anonymous_limits: AnonymousLimits,
) -> None:
    """Export calls and anonymous requests over their limits, wrong credentials, and logins refused by the throttle."""
    metrics.watch(
        "onebucket_anonymous_refused",
        "Sign-ups and e-mails refused by a limit for people who are not signed in",
        lambda: anonymous_limits.refused,
    )
    if rate_limiter is not None:
        metrics.watch("onebucket_calls_refused", "Calls refused by the rate limit", lambda: rate_limiter.refused)
    if login_throttle is not None:
        metrics.watch("onebucket_credentials_wrong", "Wrong passwords and tokens", lambda: login_throttle.wrong)
        metrics.watch(
            "onebucket_guesses_refused",
            "Passwords refused unchecked after many wrong ones",
            lambda: login_throttle.refused,
        )
