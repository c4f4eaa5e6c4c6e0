"""Registers the metrics that `/metrics` shows besides request counts."""

import math
from collections.abc import Callable
from datetime import datetime
from functools import partial

from onebucket.actions import outbox
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.http.auth.authentication import Authentication
from onebucket.http.auth.login_throttle import LoginThrottle
from onebucket.http.cache.response_cache import ResponseCache
from onebucket.http.execution.replica_router import KEPT_SECONDS, ReplicaRouter
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.monitoring.metrics import Metrics
from onebucket.store.engine.database import Database, DatabaseUnavailable, DatabaseUnusable

_LETTERS = {
    "waiting": "Letters that are still to be sent",
    "failing": "Those of them that could not be sent the last time",
    "undeliverable": "Letters that were given up, about something that is open still",
}


def watch_outbox(
    metrics: Metrics, database: Database, clock: Callable[[], datetime], new_id: Callable[[], str]
) -> None:
    """Export the number of waiting and failed letters in the outbox; NaN while the database is unavailable."""

    def counter(name: str) -> Callable[[], float]:
        def count() -> float:
            try:
                with database.reading() as tx:
                    counts = outbox.counts(UnitOfWork(OPERATOR, tx, clock(), "metrics", new_id))
            except (DatabaseUnavailable, DatabaseUnusable):
                return math.nan
            return float(getattr(counts, name))

        return count

    for name, about in _LETTERS.items():
        metrics.count_request(f"onebucket_letters_{name}", about, counter(name))


def watch_execution(
    metrics: Metrics, writer: WriteQueue, authentication: Authentication, memory: ResponseCache
) -> None:
    """Export commits, password checks, and the size and hits of the response cache."""
    metrics.watch("onebucket_commits", "Transactions committed", lambda: writer.batches)
    metrics.watch("onebucket_changes", "Requests whose changes were committed", lambda: writer.changes)
    metrics.watch("onebucket_passwords_checked", "Passwords compared", lambda: authentication.passwords_checked)
    metrics.watch(
        "onebucket_answers_remembered_bytes", "Size of the answers remembered", lambda: memory.size, grows=False
    )
    metrics.watch("onebucket_answers_recalled", "Requests answered from memory", lambda: memory.hits)
    metrics.watch(
        "onebucket_answers_confirmed", "Those of them looked at after a commit elsewhere", lambda: memory.revalidated
    )
    metrics.watch("onebucket_answers_worked_out", "Requests to read that were not", lambda: memory.misses)


def watch_replicas(metrics: Metrics, replicas: ReplicaRouter) -> None:
    """Export reads on replicas, reads left to the primary by reason, and the lag of each replica."""
    if not replicas.states:
        return
    metrics.watch("onebucket_reads_on_replicas", "Reads that a replica answered", lambda: replicas.served)
    for reason, about in KEPT_SECONDS.items():
        metrics.watch(f"onebucket_reads_kept_{reason}", about, partial(replicas.fallbacks.__getitem__, reason))
    lags = {state.database.name: partial(replicas.lag, state) for state in replicas.states}
    metrics.show_each("onebucket_replica_lag_seconds", "How far behind a replica is at most", "replica", lags)


def watch_rate_limits(metrics: Metrics, limits: RateLimiter | None, guesses: LoginThrottle | None) -> None:
    """Export calls refused by the rate limit, wrong credentials, and logins refused by the throttle."""
    if limits is not None:
        metrics.watch("onebucket_calls_refused", "Calls over somebody's limit", lambda: limits.refused)
    if guesses is not None:
        metrics.watch("onebucket_credentials_wrong", "Passwords and tokens that were wrong", lambda: guesses.wrong)
        metrics.watch("onebucket_guesses_refused", "Passwords not looked at after many wrong", lambda: guesses.refused)
