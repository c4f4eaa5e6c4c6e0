"""Work: one actor, one transaction, one moment; the telling of what was done, and the letters about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from onebucket.actions import letter_budgets
from onebucket.domain import site_limits as house
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.letters import MOST_NOTICES, NOTICES, MailKind, OutboxMail, id_of_entry
from onebucket.domain.site_limits import SiteLimits
from onebucket.store import account_rows, email_rows, journal_rows, outbox_rows
from onebucket.store.engine.database import Transaction
from onebucket.store.journal_rows import Entry

_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(slots=True)
class UnitOfWork:
    """Everything an action is handed: who asks, in which transaction, when, and where new ids come from.

    `address` is the caller's network address, None at the command line; `terms` are those of the house; `told` the
    journal entries written so far.
    """

    actor: Actor
    tx: Transaction
    at: datetime
    request_id: str
    new_id: Callable[[], str]
    address: str | None = None
    site_limits: SiteLimits = house.DEFAULT_LIMITS
    entries: list[Entry] = field(default_factory=list)

    def next_timestamp(self) -> datetime:
        """A moment later than any this work has handed out, so that what it adds keeps its order."""
        self.at += _MICROSECOND
        return self.at

    def record(
        self,
        event: Event,
        account: Account,
        subject: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Write into the account's journal what was done to `subject`, in this transaction; its revision grows.

        What could hand the account to somebody else is told by letter too.
        """
        account_rows.bump_revision(self.tx, account.id, self.at)
        self.record_attempt(event, account, subject, before=before, after=after)
        self._notify(account, self.entries[-1])

    def record_attempt(
        self,
        event: Event,
        account: Account,
        subject: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Write into the account's journal what was attempted in vain: nothing of the account is another for it."""
        entry = journal_rows.add(
            self.tx,
            account,
            self.actor,
            event,
            subject,
            before=before,
            after=after,
            at=self.next_timestamp(),
            address=self.address,
            request_id=self.request_id,
        )
        self.entries.append(entry)

    def _notify(self, account: Account, entry: Entry) -> None:
        """Put notices of what has happened into the outbox; not of what is done at the command line."""
        kind = NOTICES.get(entry.event)
        if kind is None or (self.actor.is_operator and not self.actor.account):
            return
        about, since = id_of_entry(entry.number), self.at - _DAY
        for email in self._concerned(account, entry):
            if outbox_rows.count_of_account(self.tx, kind, since=since, address=email)[0] < MOST_NOTICES:
                outbox_rows.add(
                    self.tx, OutboxMail(account.id, self.new_id(), kind, about, about, email, self.at, self.at)
                )

    def _concerned(self, account: Account, entry: Entry) -> list[str]:
        """Where whoever should know of it reads letters: the primary address, and one that is given up."""
        before, after = entry.before or {}, entry.after or {}
        # What is made for a team is told to whoever has made it; and to whom it acts for.
        whose = [self.actor.account if account.is_team else account]
        if after.get("acts_as"):
            whose.append(account_rows.named(self.tx, after["acts_as"]))
        primary = [
            email.address
            for id in dict.fromkeys(each.id for each in whose if each)
            for email in email_rows.of_person(self.tx, id)
            if email.is_primary and email.validated
        ]
        # The first address of somebody is no news to them.
        is_new = entry.event is Event.EMAIL_ADDED
        wanted = [*primary, before.get("email")]
        return [each for each in dict.fromkeys(wanted) if each and not (is_new and each == after.get("email"))]

    def queue_mail(self, kind: MailKind, account: Account, *, about: str, link_id: str, email: str) -> OutboxMail:
        """Put a letter into the outbox, in this transaction; it is sent after the commit.

        Raises TooManyRequests when more letters were asked for in a day than the terms allow; not for the operator.
        """
        if self.actor.account or not self.actor.is_operator:
            letter_budgets.check(self.tx, self.site_limits, kind, account=account, email=email, at=self.at)
        letter = OutboxMail(account.id, self.new_id(), kind, about, link_id, email, created_at=self.at, due_at=self.at)

        outbox_rows.add(self.tx, letter)
        return letter

    @contextmanager
    def on_behalf(self, actor: Actor) -> Iterator[None]:
        """Let somebody else be the actor for a while: what he may not do is refused, what he does is his."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before
