"""A clock for workers, which stands until a test moves it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.domain.site_limits import DEFAULT_LIMITS, SiteLimits
from onebucket.store.engine.transaction import Transaction


class Clock:
    """A clock that stands until it is moved, and units of work at its time."""

    def __init__(self, limits: SiteLimits = DEFAULT_LIMITS) -> None:
        self.now = datetime.now(UTC)
        self._limits = limits

    def __call__(self) -> datetime:
        return self.now

    def work(self, tx: Transaction) -> UnitOfWork:
        return UnitOfWork(OPERATOR, tx, self.now, "test", lambda: str(uuid4()), site_limits=self._limits)

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)
