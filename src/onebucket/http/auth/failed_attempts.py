"""Record failures in the audit log (journal): refused changes and failed sign-ins.

At most `MAX_PER_HOUR` of a kind are recorded for each account, so that failures cannot fill the disk. The last of them
says until when further ones are left out.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from onebucket import hashing
from onebucket.actions import directories, journal
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, Account
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, LastAdministrator, NotFound, Refusal
from onebucket.domain.tokens import AppPassword
from onebucket.http import errors
from onebucket.http.auth import authorization_header
from onebucket.http.limits import counters
from onebucket.http.limits.counters import RateLimitStore, StampCounter
from onebucket.http.request import Request
from onebucket.store import account_rows, app_password_rows
from onebucket.store.engine.transaction import Transaction
from onebucket.surfaces.core.router import RouteMatch

# Refused changes by one account; failed sign-ins to one account.
MAX_PER_HOUR = 100

_HOUR = timedelta(hours=1)
_MAX_REASON_LENGTH = 300

# Only these are refused changes; other errors mean that the request was not understood.
_REFUSED = (Forbidden, NotFound, Conflict, Invalid)


class HourlyQuota:
    """A quota of `limit` an hour for each key; `taken` stores each key's count and the start of its hour."""

    def __init__(self, limit: int, taken: StampCounter) -> None:
        self._limit = limit
        self._taken = taken

    def take(self, key: str, at: datetime) -> tuple[bool, datetime | None]:
        """Use one unit; return whether it was available and, if it was the last, when the quota starts again."""
        taken, since = self._taken.get(key) or (0, at.timestamp())
        begun = datetime.fromtimestamp(since, UTC)
        if at - begun >= _HOUR:
            begun, taken = at, 0
        self._taken.set(key, taken + 1, begun.timestamp())
        return taken < self._limit, begun + _HOUR if taken + 1 == self._limit else None


class FailureAudit:
    """Write failures to the journal. Call it inside a write transaction: there is only one at a time."""

    def __init__(self, new_id: Callable[[], str], counts: RateLimitStore | None = None) -> None:
        counts = counts or counters.in_memory()
        self._new_id = new_id
        self._refused = HourlyQuota(MAX_PER_HOUR, counts.refused)
        self._failed = HourlyQuota(MAX_PER_HOUR, counts.failed)

    def record_refused_change(self, tx: Transaction, request: Request, match: RouteMatch, error: Exception) -> None:
        """Record a change that was refused to an authenticated user; other errors are ignored."""
        if request.state.actor is None or request.is_malformed or not isinstance(error, _REFUSED):
            return
        actor = request.state.actor
        work = UnitOfWork(actor, tx, request.at, request.id, self._new_id, request.address)
        reason = error.reason[:_MAX_REASON_LENGTH]
        if actor.directory is not None and isinstance(error, LastAdministrator):
            directories.tell_of_refusal(work, reason)
        allowed, omitted_until = self._refused.take(
            actor.directory.id if actor.directory else actor.id or "", request.at
        )
        if not allowed:
            return

        facts = {"status": errors.status_of(error, match.surface.statuses), "reason": reason}
        attempt = f"{request.method} {request.path}"
        journal.change_refused(work, match.account_name, attempt, facts | _omission(omitted_until))

    def record_failed_sign_in(self, tx: Transaction, request: Request) -> None:
        """Record an invalid credential in the journal of the account it names, if there is such an account."""
        try:
            login, secret = authorization_header.basic_credentials(request.headers[b"authorization"])
        except Refusal:
            return
        token = app_password_rows.by_hash(tx, hashing.secret_hash(secret))
        work = UnitOfWork(NOBODY, tx, request.at, request.id, self._new_id, request.address)
        self._record_failure(work, _intended_account(tx, login, token), token)

    def record_refused_password(self, work: UnitOfWork, login: str) -> None:
        """Record a wrong password from the sign-in page; `work` has no actor yet (`NOBODY`)."""
        self._record_failure(work, _intended_account(work.tx, login, None), None)

    def _record_failure(self, work: UnitOfWork, account: Account | None, token: AppPassword | None) -> None:
        if account is None:
            return
        allowed, omitted_until = self._failed.take(account.id, work.at)
        if not allowed:
            return

        facts = {
            "credential": f"token:{token.id}" if token else "password",
            "reason": _failure_reason(account, token),
        }
        journal.sign_in_failed(work, account, facts | _omission(omitted_until))


def _intended_account(tx: Transaction, login: str | None, token: AppPassword | None) -> Account | None:
    if login is None:
        return account_rows.by_id(tx, token.account_id) if token else None
    return account_rows.by_email(tx, login) if "@" in login else account_rows.by_username(tx, login)


def _failure_reason(account: Account, token: AppPassword | None) -> str:
    if not account.is_active:
        return "the person is disabled"
    if token is None:
        also = ", or a password without the second factor" if account.has_second_factor else ""
        return f"wrong password or app password{also}"
    return "somebody else's app password" if token.account_id != account.id else "the app password has ended"


def _omission(until: datetime | None) -> dict[str, Any]:
    return {"further_left_out_until": until.isoformat(timespec="seconds")} if until else {}
