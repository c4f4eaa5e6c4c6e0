"""The outbox: letters that wait, handed to whoever carries them, and what has become of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onebucket import hashing
from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.invitations import Invitation
from onebucket.domain.letters import NOTICE_MATTERS, Kind, Letter, next_attempt
from onebucket.store import accounts, groups, invitations, journal, letters, links, sessions
from onebucket.store.journal import Entry

# Whoever takes a letter has so long to say what became of it; then somebody else may take it.
LEASE = timedelta(minutes=10)

# What is finished is kept so long, to be shown; budgets look back a day.
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A letter to be carried now, and all that stands in it.

    `secret` is what its link ends with; `owner` the account that invites or, for other letters, the person himself;
    `until` when the link's time is over. `group_names` go with an invitation to groups. A notice tells of an `entry`
    of the journal; it has no secret, and its time is never over.
    """

    letter: Letter
    secret: str
    owner: Account
    until: datetime
    invitation: Invitation | None = None
    group_names: tuple[str, ...] = ()
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many letters are still to be sent (`waiting`), how many of these failed before, how many were given up."""

    waiting: int
    failing: int
    undeliverable: int


def take(work: Work, secret_for: Callable[[str], str], *, most: int = 20) -> list[Parcel]:
    """Letters that are due, for whoever calls to carry; nobody else is given them for `LEASE`.

    `secret_for` makes the secret of a link from its id, always the same; here only its hash is kept. A letter whose
    invitation or link is over is left out, and finished.
    """
    access.site(work)
    parcels = []
    for letter in letters.due(work.tx, work.at, most=most):
        secret = secret_for(letter.link_id)
        parcel = _packed(work, letter, secret)
        if parcel is None:
            letters.settle(work.tx, replace(letter, due_at=None, trouble=None))
            continue
        taken = replace(letter, due_at=work.at + LEASE, attempts=letter.attempts + 1)
        letters.settle(work.tx, taken)
        parcels.append(replace(parcel, letter=taken))
    return parcels


def next_due(work: Work) -> datetime | None:
    """When the next letter is to be tried; None when none waits."""
    access.site(work)
    return letters.next_due(work.tx)


def put_back(work: Work, letter: Letter) -> None:
    """Let a letter that was taken, and not tried, be taken again now."""
    access.site(work)
    letters.settle(work.tx, replace(letter, due_at=work.at, attempts=letter.attempts - 1))


def carried(work: Work, letter: Letter) -> None:
    """Keep that a letter was handed to the mail server."""
    access.site(work)
    letters.settle(work.tx, replace(letter, due_at=None, sent_at=work.at, trouble=None))


def failed(work: Work, letter: Letter, trouble: str, *, for_good: bool) -> None:
    """Keep that a letter could not be handed over, and why; it is tried again later unless it failed `for_good`."""
    access.site(work)
    due_at = None if for_good else next_attempt(letter.attempts, work.at)
    letters.settle(work.tx, replace(letter, due_at=due_at, trouble=trouble[:500]))


def try_again(work: Work, account_id: str, id: str) -> Letter | None:
    """Let a letter that failed be tried now; None when there is none to try."""
    access.site(work)
    letter = letters.one(work.tx, account_id, id)
    if letter is None or letter.sent_at is not None or not letter.trouble:
        return None
    letters.settle(work.tx, replace(letter, due_at=work.at, attempts=0))
    return letter


def troubled(work: Work) -> list[tuple[Account, Letter]]:
    """Letters that failed and were not sent since, with the account in whose name they are; the newest first.

    Those are left out whose invitation or link is over, or was sent again: nobody waits for them.
    """
    access.site(work)
    return _with_accounts(work, [each for each in letters.troubled(work.tx) if _matters(work, each)])


def newest(work: Work, *, most: int = 100) -> list[tuple[Account, Letter]]:
    """The latest letters, with the account in whose name they are; the newest first."""
    access.site(work)
    return _with_accounts(work, letters.newest(work.tx, most=most))


def waiting(work: Work) -> tuple[int, datetime | None]:
    """How many letters are still to be sent, and since when the oldest of them waits."""
    access.site(work)
    return letters.waiting(work.tx)


def counts(work: Work) -> Counts:
    """How many letters wait, fail and were given up."""
    access.site(work)
    return Counts(*letters.counts(work.tx))


def tidy(work: Work) -> None:
    """Forget letters that have been finished for long, links whose time was over long ago, and ended sessions.

    A letter that was given up is no trouble any more when what it is about is over.
    """
    access.site(work)
    for letter in letters.troubled(work.tx):
        if letter.due_at is None and not _matters(work, letter):
            letters.settle(work.tx, replace(letter, trouble=None))
    letters.forget(work.tx, before=work.at - KEPT)
    links.forget(work.tx, before=work.at - KEPT)
    sessions.forget(work.tx, before=work.at)


def _with_accounts(work: Work, found: list[Letter]) -> list[tuple[Account, Letter]]:
    return [(owner, each) for each in found if (owner := accounts.by_id(work.tx, each.account_id))]


def _matters(work: Work, letter: Letter) -> bool:
    if letter.is_notice:
        return letter.created_at > work.at - NOTICE_MATTERS
    if letter.kind is Kind.INVITATION:
        invitation = invitations.by_id(work.tx, letter.about)
        return invitation is not None and invitation.link_id == letter.link_id and invitation.expires_at > work.at
    link = links.one(work.tx, letter.account_id, letter.about)
    return link is not None and link.expires_at > work.at


def _packed(work: Work, letter: Letter, secret: str) -> Parcel | None:
    """A letter with all that stands in it; None when what it is about is over."""
    owner = accounts.by_id(work.tx, letter.account_id)
    hash = hashing.secret_hash(secret)
    if owner is None:
        return None
    if letter.is_notice:
        entry = journal.one(work.tx, owner.id, letter.entry_number)
        return Parcel(letter, "", owner, letter.created_at, entry=entry) if entry else None
    if letter.kind is not Kind.INVITATION:
        link = links.one(work.tx, owner.id, letter.about)
        if link is None or link.expires_at <= work.at or not links.seal(work.tx, owner.id, link.id, secret_hash=hash):
            return None
        return Parcel(letter, secret, owner, link.expires_at)

    sealed = invitations.seal(work.tx, owner.id, letter.about, link_id=letter.link_id, secret_hash=hash)
    invitation = invitations.by_id(work.tx, letter.about)
    if not sealed or invitation is None or invitation.expires_at <= work.at:
        return None
    names = {group.slug: group.name for group in groups.of_account(work.tx, owner.id)} if invitation.groups else {}
    named = tuple(names[slug] for slug in invitation.groups)
    return Parcel(letter, secret, owner, invitation.expires_at, invitation, named)
