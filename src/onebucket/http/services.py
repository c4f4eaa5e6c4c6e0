"""The services that API, pages, OAuth and monitoring share, handed to each of them by `wiring.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from onebucket import hashing
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.auth.authentication import Authentication
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.http.options import ServerOptions
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One database and the parts that answer requests with it.

    `rate_limiter` is None without a limit. The secrets of OAuth consumers and tokens are derived from `secret_key`.
    `clock` is the wall clock; `now` is a monotonic clock in seconds.
    """

    database: Database
    write_queue: WriteQueue
    authentication: Authentication
    rate_limiter: RateLimiter | None
    options: ServerOptions
    site_limits: SiteLimits
    secret_key: bytes
    clock: Callable[[], datetime]
    now: Callable[[], float]
    new_id: Callable[[], str]
    new_secret: Callable[[], str]

    def webhook_secret(self, secret_id: str) -> str:
        """Derive the secret of a webhook."""
        return hashing.webhook_secret(self.secret_key, secret_id)

    def unit_of_work(
        self, tx: Transaction, actor: Actor, *, at: datetime, request_id: str, address: str | None
    ) -> UnitOfWork:
        """Make the unit of work of one request; `address` is the client's IP address."""
        return UnitOfWork(actor, tx, at, request_id, self.new_id, address, self.site_limits)
