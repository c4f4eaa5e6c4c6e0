"""What was attempted in vain, told to the journal: changes that were refused, and credentials that were no good.

Whoever may ask could fill the disk with attempts, so only so many an hour are told of each person. The last of them
says that there may have been more.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from onebucket import hashing
from onebucket.actions import journal
from onebucket.actions.work import Work
from onebucket.domain.accounts import NOBODY, Account
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NotFound, Refusal
from onebucket.domain.tokens import Token
from onebucket.http import authn, counting, errors
from onebucket.http.counting import Counts, Marks
from onebucket.http.requests import Request
from onebucket.store import accounts, tokens
from onebucket.store.database import Transaction
from onebucket.surfaces.routing import Found

# Of each kind: by one person, or on one person's account.
AN_HOUR = 100

_HOUR = timedelta(hours=1)
_LONGEST_REASON = 300

# What the rules refuse; anything else was not understood as an attempt at a change.
_REFUSED = (Forbidden, NotFound, Conflict, Invalid)


class Quota:
    """So many in an hour for each key; `taken` says how many were, and since when."""

    def __init__(self, limit: int, taken: Marks) -> None:
        self._limit = limit
        self._taken = taken

    def take(self, key: str, at: datetime) -> tuple[bool, datetime | None]:
        """Whether there is one left; and, for the last one, until when there will be no other."""
        taken, since = self._taken.of(key) or (0, at.timestamp())
        begun = datetime.fromtimestamp(since, UTC)
        if at - begun >= _HOUR:
            begun, taken = at, 0
        self._taken.mark(key, taken + 1, begun.timestamp())
        return taken < self._limit, begun + _HOUR if taken + 1 == self._limit else None


class Attempts:
    """Tells the journal of attempts, in a transaction that writes: there is only one at a time."""

    def __init__(self, new_id: Callable[[], str], counts: Counts | None = None) -> None:
        counts = counts or counting.own()
        self._new_id = new_id
        self._refused = Quota(AN_HOUR, counts.refused)
        self._failed = Quota(AN_HOUR, counts.failed)

    def change_refused(self, tx: Transaction, request: Request, found: Found, error: Exception) -> None:
        """A change was refused to somebody who proved who he is."""
        if request.actor is None or request.is_malformed or not isinstance(error, _REFUSED):
            return
        told, further = self._refused.take(request.actor.id or "", request.at)
        if not told:
            return

        reason = error.reason[:_LONGEST_REASON]
        facts = {"status": errors.status_of(error, found.surface.exceptions), "reason": reason}
        work = Work(request.actor, tx, request.at, request.id, self._new_id, request.address)
        attempt = f"{request.method} {request.path}"
        journal.change_refused(work, found.words.get("accountname"), attempt, facts | _until(further))

    def sign_in_failed(self, tx: Transaction, request: Request) -> None:
        """A credential was no good. Where it names nobody who is known, there is no journal to tell."""
        try:
            login, secret = authn.credentials(request.headers[b"authorization"])
        except Refusal:
            return
        token = tokens.by_hash(tx, hashing.secret_hash(secret))
        work = Work(NOBODY, tx, request.at, request.id, self._new_id, request.address)
        self._fail(work, _meant(tx, login, token), token)

    def password_refused(self, work: Work, login: str) -> None:
        """A password that was typed on a page was no good; `work` is nobody's."""
        self._fail(work, _meant(work.tx, login, None), None)

    def _fail(self, work: Work, account: Account | None, token: Token | None) -> None:
        if account is None:
            return
        told, further = self._failed.take(account.id, work.at)
        if not told:
            return

        facts = {"credential": f"token:{token.id}" if token else "password", "reason": _reason(account, token)}
        journal.sign_in_failed(work, account, facts | _until(further))


def _meant(tx: Transaction, login: str | None, token: Token | None) -> Account | None:
    if login is None:
        return accounts.by_id(tx, token.account_id) if token else None
    return accounts.by_email(tx, login) if "@" in login else accounts.by_username(tx, login)


def _reason(account: Account, token: Token | None) -> str:
    if not account.is_active:
        return "the person is disabled"
    if token is None:
        return "wrong password or app password"
    return "somebody else's app password" if token.account_id != account.id else "the app password has ended"


def _until(further: datetime | None) -> dict[str, Any]:
    return {"further_left_out_until": further.isoformat(timespec="seconds")} if further else {}
