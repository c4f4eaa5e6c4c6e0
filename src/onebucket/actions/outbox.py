"""The outbox: queued mail, claimed by the outbox worker, with its outcomes and retries."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onebucket import hashing
from onebucket.actions import access
from onebucket.actions.end_letters import EndingAccess, EndingDays
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.invitations import Invitation
from onebucket.domain.journal_entry import Entry
from onebucket.domain.letters import NOTICE_MATTERS, MailKind, OutboxMail, next_attempt
from onebucket.store import (
    access_request_rows,
    account_rows,
    group_rows,
    invitation_rows,
    journal_rows,
    one_time_link_rows,
    outbox_rows,
    session_rows,
)

# How long a worker that has claimed a letter may take to report its outcome; then another may claim it.
LEASE_TIME = timedelta(minutes=10)

# How long finished letters are kept to be shown. Letter budgets count those of the last day.
RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A claimed letter with everything that its template needs.

    `secret` is the end of its link; `owner` the account that invites or, for other letters, the recipient's own;
    `until` when the link expires. `group_names` belong to an invitation to groups. A notice reports the journal entry
    `entry`; its secret is empty, and it has no link to expire. `ending` is what a letter about access that ends is
    about, and `others` are invitations that go with `invitation`.
    """

    letter: OutboxMail
    secret: str
    owner: Account
    until: datetime
    invitation: Invitation | None = None
    group_names: tuple[str, ...] = ()
    entry: Entry | None = None
    ending: EndingAccess | None = None
    others: tuple[Invitation, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """Numbers of letters: `waiting` to be sent, `failing` among those after a failed attempt, and given up."""

    waiting: int
    failing: int
    undeliverable: int


def claim(work: UnitOfWork, secret_for: Callable[[str], str], *, most: int = 20) -> list[OutgoingMail]:
    """Claim up to `most` letters that are due; no other worker gets them for `LEASE_TIME`.

    `secret_for` derives the secret of a link from its id, always the same one; only its hash is stored. A letter whose
    invitation or link is over is marked as finished and not returned.
    """
    access.site(work)
    claimed, days = [], EndingDays(work)
    for letter in outbox_rows.due(work.tx, work.at, most=most):
        secret = secret_for(letter.link_id)
        mail = _prepare(work, letter, secret, days)
        if mail is None:
            outbox_rows.record_outcome(work.tx, replace(letter, due_at=None, last_error=None))
            continue
        leased = replace(letter, due_at=work.at + LEASE_TIME, attempts=letter.attempts + 1)
        outbox_rows.record_outcome(work.tx, leased)
        claimed.append(replace(mail, letter=leased))
    return claimed


def next_due(work: UnitOfWork) -> datetime | None:
    """Return when the next letter is due; None when none is waiting."""
    access.site(work)
    return outbox_rows.next_due(work.tx)


def release(work: UnitOfWork, letter: OutboxMail) -> None:
    """Give back a letter that was claimed but not tried, so that it can be claimed again at once."""
    access.site(work)
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=work.at, attempts=letter.attempts - 1))


def mark_sent(work: UnitOfWork, letter: OutboxMail) -> None:
    """Record that the mail server has accepted a letter."""
    access.site(work)
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=None, sent_at=work.at, last_error=None))


def mark_failed(work: UnitOfWork, letter: OutboxMail, error: str, *, for_good: bool) -> None:
    """Record a failed attempt and its reason; schedule a retry with backoff unless it failed `for_good`."""
    access.site(work)
    due_at = None if for_good else next_attempt(letter.attempts, work.at)
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=due_at, last_error=error[:500]))


def retry(work: UnitOfWork, account_id: str, id: str) -> OutboxMail | None:
    """Make a letter that failed due now and reset its attempts; return None if there is no such letter."""
    access.site(work)
    letter = outbox_rows.one(work.tx, account_id, id)
    if letter is None or letter.sent_at is not None or not letter.last_error:
        return None
    outbox_rows.record_outcome(work.tx, replace(letter, due_at=work.at, attempts=0))
    return letter


def list_failing(work: UnitOfWork) -> list[tuple[Account, OutboxMail]]:
    """List letters that failed and weren't sent since, with the account that they were sent for, newest first.

    Leaves out letters whose invitation or link is over or was replaced: nobody is waiting for them.
    """
    access.site(work)
    found = outbox_rows.list_failing(work.tx, at=work.at)
    return [(owner, each) for owner, each, is_open in found if _is_still_relevant(work, each, is_open=is_open)]


def newest(work: UnitOfWork, *, most: int = 100) -> list[tuple[Account, OutboxMail]]:
    """List the latest letters with the account that they were sent for, newest first."""
    access.site(work)
    return outbox_rows.newest(work.tx, most=most)


def waiting(work: UnitOfWork) -> tuple[int, datetime | None]:
    """Return how many letters are waiting, and since when the oldest one is."""
    access.site(work)
    return outbox_rows.waiting(work.tx)


def counts(work: UnitOfWork) -> OutboxCounts:
    """Return how many letters are waiting, failing and given up."""
    access.site(work)
    return OutboxCounts(*outbox_rows.counts(work.tx))


def delete_old(work: UnitOfWork) -> None:
    """Delete letters finished, and links expired, more than `RETENTION` ago, and expired sessions.

    Also clears the error of letters that were given up once their invitation or link is over.
    """
    access.site(work)
    for _, letter, is_open in outbox_rows.list_failing(work.tx, at=work.at):
        if letter.due_at is None and not _is_still_relevant(work, letter, is_open=is_open):
            outbox_rows.record_outcome(work.tx, replace(letter, last_error=None))
    outbox_rows.delete_old(work.tx, before=work.at - RETENTION)
    one_time_link_rows.delete_expired(work.tx, before=work.at - RETENTION)
    session_rows.delete_expired(work.tx, before=work.at)


def _is_still_relevant(work: UnitOfWork, letter: OutboxMail, *, is_open: bool) -> bool:
    return letter.created_at > work.at - NOTICE_MATTERS if letter.is_notice else is_open


def _waits_for_answer(work: UnitOfWork, owner: Account) -> bool:
    return bool(access_request_rows.waiting_counts(work.tx, [owner.id], work.at))


def _prepare(work: UnitOfWork, letter: OutboxMail, secret: str, days: EndingDays) -> OutgoingMail | None:
    """Load what a letter's template needs and store the hash of its secret; None when its subject is over."""
    owner = account_rows.by_id(work.tx, letter.account_id)
    hash = hashing.secret_hash(secret)
    if owner is None:
        return None
    if letter.kind is MailKind.ACCESS_ENDS:
        ending = days.of(owner, letter)
        return OutgoingMail(letter, "", owner, letter.created_at, ending=ending) if ending else None
    if letter.is_notice:
        if letter.kind is MailKind.REQUEST_ADDED and not _waits_for_answer(work, owner):
            return None
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

    invited = _invited(work, letter)
    if not invited:
        return None
    invitation_rows.store_link_hash(work.tx, owner.id, link_id=letter.link_id, secret_hash=hash)
    invitation, *others = invited
    names = {group.slug: group.name for group in group_rows.of_account(work.tx, owner.id)} if invitation.groups else {}
    group_names = tuple(names[slug] for slug in invitation.groups)
    return OutgoingMail(letter, secret, owner, invitation.expires_at, invitation, group_names, others=tuple(others))


def _invited(work: UnitOfWork, letter: OutboxMail) -> list[Invitation]:
    """Return the invitations that a letter is about, except those that are over or have another link by now."""
    found = invitation_rows.of_link(work.tx, letter.account_id, letter.link_id)
    return [each for each in found if each.expires_at > work.at]
