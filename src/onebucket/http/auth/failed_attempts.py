"""What was attempted in vain, told to the journal: changes that were refused, and credentials that were no good.

Whoever may ask could fill the disk with attempts, so only so many an hour are told of each person. The last of them
says that there may have been more.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from onebucket import hashing
from onebucket.actions import journal
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, Account
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NotFound, Refusal
from onebucket.domain.tokens import AppPassword
from onebucket.http import errors
from onebucket.http.auth import authentication
from onebucket.http.limits import counters
from onebucket.http.limits.counters import RateLimitStore, StampCounter
from onebucket.http.request import Request
from onebucket.store import account_rows, app_password_rows
from onebucket.store.engine.database import Transaction
from onebucket.surfaces.routing import RouteMatch

# Of each kind: by one person, or on one person's account.
MAX_PER_HOUR = 100

_HOUR = timedelta(hours=1)
_LONGEST_REASON = 300

# What the rules refuse; anything else was not understood as an attempt at a change.
_REFUSED = (Forbidden, NotFound, Conflict, Invalid)


class HourlyQuota:
    """So many in an hour for each key; `taken` says how many were, and since when."""

    def __init__(self, limit: int, taken: StampCounter) -> None:
        self._limit = limit
        self._taken = taken

    def take(self, key: str, at: datetime) -> tuple[bool, datetime | None]:
        """Whether there is one left; and, for the last one, until when there will be no other."""
        taken, since = self._taken.get(key) or (0, at.timestamp())
        begun = datetime.fromtimestamp(since, UTC)
        if at - begun >= _HOUR:
            begun, taken = at, 0
        self._taken.set(key, taken + 1, begun.timestamp())
        return taken < self._limit, begun + _HOUR if taken + 1 == self._limit else None


class FailureAudit:
    """Tells the journal of attempts, in a transaction that writes: there is only one at a time."""

    def __init__(self, new_id: Callable[[], str], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        self._new_id = new_id
        self._refused = HourlyQuota(MAX_PER_HOUR, counts.refused)
        self._failed = HourlyQuota(MAX_PER_HOUR, counts.failed)

    def record_refused_change(self, tx: Transaction, request: Request, found: RouteMatch, error: Exception) -> None:
        """A change was refused to somebody who proved who he is."""
        if request.actor is None or request.is_malformed or not isinstance(error, _REFUSED):
            return
        told, further = self._refused.take(request.actor.id or "", request.at)
        if not told:
            return

        reason = error.reason[:_LONGEST_REASON]
        facts = {"status": errors.status_of(error, found.surface.exceptions), "reason": reason}
        work = UnitOfWork(request.actor, tx, request.at, request.id, self._new_id, request.address)
        attempt = f"{request.method} {request.path}"
        journal.change_refused(work, found.path_parameters.get("accountname"), attempt, facts | _until(further))

    def record_failed_sign_in(self, tx: Transaction, request: Request) -> None:
        """A credential was no good. Where it names nobody who is known, there is no journal to tell."""
        try:
            login, secret = authentication.basic_credentials(request.headers[b"authorization"])
        except Refusal:
            return
        token = app_password_rows.by_hash(tx, hashing.secret_hash(secret))
        work = UnitOfWork(NOBODY, tx, request.at, request.id, self._new_id, request.address)
        self._record_failure(work, _intended_account(tx, login, token), token)

    def record_refused_password(self, work: UnitOfWork, login: str) -> None:
        """A password that was typed on a page was no good; `work` is nobody's."""
        self._record_failure(work, _intended_account(work.tx, login, None), None)

    def _record_failure(self, work: UnitOfWork, account: Account | None, token: AppPassword | None) -> None:
        if account is None:
            return
        told, further = self._failed.take(account.id, work.at)
        if not told:
            return

        facts = {
            "credential": f"token:{token.id}" if token else "password",
            "reason": _shortened_reason(account, token),
        }
        journal.sign_in_failed(work, account, facts | _until(further))


def _intended_account(tx: Transaction, login: str | None, token: AppPassword | None) -> Account | None:
    if login is None:
        return account_rows.by_id(tx, token.account_id) if token else None
    return account_rows.by_email(tx, login) if "@" in login else account_rows.by_username(tx, login)


def _shortened_reason(account: Account, token: AppPassword | None) -> str:
    if not account.is_active:
        return "the person is disabled"
    if token is None:
        return "wrong password or app password"
    return "somebody else's app password" if token.account_id != account.id else "the app password has ended"


def _until(further: datetime | None) -> dict[str, Any]:
    return {"further_left_out_until": further.isoformat(timespec="seconds")} if further else {}
