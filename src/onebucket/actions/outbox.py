"""The outbox: letters that wait, handed to whoever carries them, and what has become of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onebucket import hashing
from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.invitations import Invitation
from onebucket.domain.letters import NOTICE_MATTERS, MailKind, OutboxMail, next_attempt
from onebucket.store import (
    account_rows,
    group_rows,
    invitation_rows,
    journal_rows,
    one_time_link_rows,
    outbox_rows,
    session_rows,
)
from onebucket.store.journal_rows import Entry

# Whoever takes a letter has so long to say what became of it; then somebody else may take it.
LEASE_TIME = timedelta(minutes=10)

# What is finished is kept so long, to be shown; budgets look back a day.
RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A letter to be carried now, and all that stands in it.

    `secret` is what its link ends with; `owner` the account that invites or, for other letters, the person himself;
    `until` when the link's time is over. `group_names` go with an invitation to groups. A notice tells of an `entry`
    of the journal; it has no secret, and its time is never over.
    """

    letter: OutboxMail
    secret: str
    owner: Account
    until: datetime
    invitation: Invitation | None = None
    group_names: tuple[str, ...] = ()
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many letters are still to be sent (`waiting`), how many of these failed before, how many were given up."""

    waiting: int
    failing: int
    undeliverable: int


def claim(work: UnitOfWork, secret_for: Callable[[str], str], *, most: int = 20) -> list[OutgoingMail]:
    """Letters that are due, for whoever calls to carry; nobody else is given them for `LEASE_TIME`.

    `secret_for` makes the secret of a link from its id, always the same; here only its hash is kept. A letter whose
    invitation or link is over is left out, and finished.
    """
    access.site(work)
    parcels = []
    for letter in outbox_rows.due(work.tx, work.at, most=most):
        secret = secret_for(letter.link_id)
        parcel = _prepare(work, letter, secret)
        if parcel is None:
            outbox_rows.record_outcome(work.tx, replace(letter, due_at=None, last_error=None))
            continue
        taken = replace(letter, due_at=work.at + LEASE_TIME, attempts=letter.attempts + 1)
        outbox_rows.record_outcome(work.tx, taken)
        parcels.append(replace(parcel, letter=taken))
    return parcels


def next_due(work: UnitOfWork) -> datetime | None:
    """When the next letter is to be tried; None when none waits."""
    access.site(work)
    return outbox_rows.next_due(work.tx)


def release(work: UnitOfWork, letter: OutboxMail) -> None:
    """Let a letter that was taken, and not tried, be taken again now."""
    access.site(work)
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=work.at, attempts=letter.attempts - 1))


def mark_sent(work: UnitOfWork, letter: OutboxMail) -> None:
    """Keep that a letter was handed to the mail server."""
    access.site(work)
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=None, sent_at=work.at, last_error=None))


def mark_failed(work: UnitOfWork, letter: OutboxMail, trouble: str, *, for_good: bool) -> None:
    """Keep that a letter could not be handed over, and why; it is tried again later unless it failed `for_good`."""
    access.site(work)
    due_at = None if for_good else next_attempt(letter.attempts, work.at)
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=due_at, last_error=trouble[:500]))


def retry(work: UnitOfWork, account_id: str, id: str) -> OutboxMail | None:
    """Let a letter that failed be tried now; None when there is none to try."""
    access.site(work)
    letter = outbox_rows.one(work.tx, account_id, id)
    if letter is None or letter.sent_at is not None or not letter.last_error:
        return None
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=work.at, attempts=0))
    return letter


def list_failing(work: UnitOfWork) -> list[tuple[Account, OutboxMail]]:
    """Letters that failed and were not sent since, with the account in whose name they are; the newest first.

    Those are left out whose invitation or link is over, or was sent again: nobody waits for them.
    """
    access.site(work)
    return _with_accounts(work, [each for each in outbox_rows.list_failing(work.tx) if _is_still_relevant(work, each)])


def newest(work: UnitOfWork, *, most: int = 100) -> list[tuple[Account, OutboxMail]]:
    """The latest letters, with the account in whose name they are; the newest first."""
    access.site(work)
    return _with_accounts(work, outbox_rows.newest(work.tx, most=most))


def waiting(work: UnitOfWork) -> tuple[int, datetime | None]:
    """How many letters are still to be sent, and since when the oldest of them waits."""
    access.site(work)
    return outbox_rows.waiting(work.tx)


def counts(work: UnitOfWork) -> OutboxCounts:
    """How many letters wait, fail and were given up."""
    access.site(work)
    return OutboxCounts(*outbox_rows.counts(work.tx))


def delete_old(work: UnitOfWork) -> None:
    """Forget letters that have been finished for long, links whose time was over long ago, and ended sessions.

    A letter that was given up is no trouble any more when what it is about is over.
    """
    access.site(work)
    for letter in outbox_rows.list_failing(work.tx):
        if letter.due_at is None and not _is_still_relevant(work, letter):
            outbox_rows.record_outcome(work.tx, replace(letter, last_error=None))
    outbox_rows.delete_old(work.tx, before=work.at - RETENTION)
    one_time_link_rows.delete_expired(work.tx, before=work.at - RETENTION)
    session_rows.delete_expired(work.tx, before=work.at)


def _with_accounts(work: UnitOfWork, found: list[OutboxMail]) -> list[tuple[Account, OutboxMail]]:
    return [(owner, each) for each in found if (owner := account_rows.by_id(work.tx, each.account_id))]


def _is_still_relevant(work: UnitOfWork, letter: OutboxMail) -> bool:
    if letter.is_notice:
        return letter.created_at > work.at - NOTICE_MATTERS
    if letter.kind is MailKind.INVITATION:
        invitation = invitation_rows.by_id(work.tx, letter.about)
        return invitation is not None and invitation.link_id == letter.link_id and invitation.expires_at > work.at
    link = one_time_link_rows.one(work.tx, letter.account_id, letter.about)
    return link is not None and link.expires_at > work.at


def _prepare(work: UnitOfWork, letter: OutboxMail, secret: str) -> OutgoingMail | None:
    """A letter with all that stands in it; None when what it is about is over."""
    owner = account_rows.by_id(work.tx, letter.account_id)
    hash = hashing.secret_hash(secret)
    if owner is None:
        return None
    if letter.is_notice:
        entry = journal_rows.one(work.tx, owner.id, letter.entry_number)
        return OutgoingMail(letter, "", owner, letter.created_at, entry=entry) if entry else None
    if letter.kind is not MailKind.INVITATION:
        link = one_time_link_rows.one(work.tx, owner.id, letter.about)
        if (
            link is None
            or link.expires_at <= work.at
            or not one_time_link_rows.store_link_hash(work.tx, owner.id, link.id, secret_hash=hash)
        ):
            return None
        return OutgoingMail(letter, secret, owner, link.expires_at)

    sealed = invitation_rows.store_link_hash(work.tx, owner.id, letter.about, link_id=letter.link_id, secret_hash=hash)
    invitation = invitation_rows.by_id(work.tx, letter.about)
    if not sealed or invitation is None or invitation.expires_at <= work.at:
        return None
    names = {group.slug: group.name for group in group_rows.of_account(work.tx, owner.id)} if invitation.groups else {}
    named = tuple(names[slug] for slug in invitation.groups)
    return OutgoingMail(letter, secret, owner, invitation.expires_at, invitation, named)
