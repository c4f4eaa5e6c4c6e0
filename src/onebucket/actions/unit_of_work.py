"""The unit of work: one actor, one transaction, one timestamp; writes the audit log and queues mail."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from onebucket.actions import letter_budgets
from onebucket.domain import site_limits as house
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.letters import (
    ALWAYS_ANNOUNCED,
    MOST_NOTICES,
    NOTICES,
    OF_REVIEWS,
    REVOKED_BY_OTHERS,
    MailKind,
    OutboxMail,
    id_of_number,
)
from onebucket.domain.site_limits import SiteLimits
from onebucket.store import account_rows, administrator_rows, email_rows, journal_rows, outbox_rows
from onebucket.store.engine.transaction import Transaction

_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(slots=True)
class UnitOfWork:
    """Everything an action needs: the actor, the transaction, the current time and the source of new ids.

    `address` is the caller's network address, None at the command line. `entries` are the journal entries written so
    far in this unit of work.
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
        """Return a timestamp later than all earlier ones of this unit of work, so that new rows keep their order."""
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
        """Write a change of `subject` to the account's journal, in this transaction, and bump the account's revision.

        Also queues a notice by mail if the event could let somebody else take over the account (`NOTICES`).
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
        """Record in the account's journal what changes nothing here, such as a failed attempt.

        Doesn't bump the account's revision.
        """
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
        """Queue notices about an entry; of changes made at the command line only about `ALWAYS_ANNOUNCED`."""
        kind = NOTICES.get(entry.event)
        is_operator = self.actor.is_operator and not self.actor.account
        if kind is None or (is_operator and entry.event not in ALWAYS_ANNOUNCED):
            return
        self._queue_notices(kind, account, entry, self._notice_recipients(account, entry))

    def notify_administrators(self, account: Account, *, pause: timedelta | None = None) -> None:
        """Queue a notice about the entry written last, which is of the account's journal, to its administrators.

        With a `pause`, an address gets one notice of this kind about the account at once, and one more at its end about
        all that was written in the meantime.
        """
        entry = self.entries[-1]
        people = administrator_rows.people_in_charge(self.tx, account)
        self._queue_notices(NOTICES[entry.event], account, entry, self._primary_addresses(people), pause=pause)

    def notify_person(self, account: Account, person: Account) -> None:
        """Queue a notice about the entry written last, which is of the account's journal, to a person."""
        entry = self.entries[-1]
        self._queue_notices(NOTICES[entry.event], account, entry, self._primary_addresses([person.id]))

    def notify_site_administrators(self, account: Account) -> None:
        """Queue a notice about the entry written last, which is of the account's journal, to site administrators."""
        entry, people = self.entries[-1], administrator_rows.active_site_administrators(self.tx)
        self._queue_notices(NOTICES[entry.event], account, entry, self._primary_addresses(people))

    def notify_owner(self, person: Account) -> None:
        """Queue a notice to a person that somebody else has revoked a credential of theirs: the entry written last."""
        entry = self.entries[-1]
        if self.actor.id != person.id:
            addresses = self._primary_addresses([person.id])
            self._queue_notices(REVOKED_BY_OTHERS[entry.event], person, entry, addresses)

    def queue_end_letter(self, account: Account, reader: str, day: date) -> None:
        """Queue a letter to a person, given by id, about what ends in the account on a day."""
        addresses = self._primary_addresses([reader])
        self._queue(MailKind.ACCESS_ENDS, account, addresses, about=reader, link_id=id_of_number(day.toordinal()))

    def notify_reviewers(self, account: Account, people: Iterable[str]) -> None:
        """Queue a notice about an access review to people, given by id: the entry written last."""
        entry = self.entries[-1]
        self._queue_notices(OF_REVIEWS[entry.event], account, entry, self._primary_addresses(people))

    def _queue_notices(
        self,
        kind: MailKind,
        account: Account,
        entry: Entry,
        addresses: Iterable[str],
        *,
        pause: timedelta | None = None,
    ) -> None:
        about = id_of_number(entry.number)
        self._queue(kind, account, addresses, about=about, link_id=about, pause=pause)

    def _queue(
        self,
        kind: MailKind,
        account: Account,
        addresses: Iterable[str],
        *,
        about: str,
        link_id: str,
        pause: timedelta | None = None,
    ) -> None:
        """Queue a notice to each address that hasn't got `MOST_NOTICES` of the kind today."""
        since = self.at - _DAY
        for email in addresses:
            due_at = self.at if pause is None else self._due_after(kind, account, email, pause)
            if due_at is None:
                continue
            if outbox_rows.count_of_account(self.tx, kind, since=since, address=email)[0] < MOST_NOTICES:
                letter = OutboxMail(account.id, self.new_id(), kind, about, link_id, email, self.at, due_at)
                outbox_rows.add(self.tx, letter)

    def _due_after(self, kind: MailKind, account: Account, email: str, pause: timedelta) -> datetime | None:
        """Return when a notice may go to an address after the one before; None if another waits for that already."""
        since = self.at - pause
        count, first = outbox_rows.count_of_account(self.tx, kind, since=since, account_id=account.id, address=email)
        if first is None:
            return self.at
        return first + pause if count == 1 else None

    def _primary_addresses(self, people: Iterable[str]) -> list[str]:
        """Return the validated primary addresses of people, given by id."""
        return [
            email.address
            for id in dict.fromkeys(people)
            for email in email_rows.of_person(self.tx, id)
            if email.is_primary and email.validated
        ]

    def _notice_recipients(self, account: Account, entry: Entry) -> list[str]:
        """Return the addresses to notify: validated primary addresses, and the address that is being removed."""
        before, after = entry.before or {}, entry.after or {}
        # A change of a team is sent to its author, and to the person that a new consumer acts for.
        recipients = [self.actor.account if account.is_team else account]
        if after.get("acts_as"):
            recipients.append(account_rows.named(self.tx, after["acts_as"]))
        primary = self._primary_addresses(recipient.id for recipient in recipients if recipient)
        # Don't notify a person at the address that they have just added.
        is_new = entry.event is Event.EMAIL_ADDED
        addresses = dict.fromkeys([*primary, before.get("email")])
        return [address for address in addresses if address and not (is_new and address == after.get("email"))]

    def queue_mail(self, kind: MailKind, account: Account, *, about: str, link_id: str, email: str) -> OutboxMail:
        """Put a letter into the outbox, in this transaction; the outbox worker sends it after the commit.

        Raises TooManyRequests when the daily budget of `SiteLimits` is used up; the operator has no budget.
        """
        if self.actor.account or not self.actor.is_operator:
            letter_budgets.check(self.tx, self.site_limits, kind, account=account, email=email, at=self.at)
        letter = OutboxMail(account.id, self.new_id(), kind, about, link_id, email, created_at=self.at, due_at=self.at)

        outbox_rows.add(self.tx, letter)
        return letter

    @contextmanager
    def on_behalf(self, actor: Actor) -> Iterator[None]:
        """Run the block as `actor`: with their permissions, and with them as the author in the journal."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before
