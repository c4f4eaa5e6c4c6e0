"""The journal, which is the audit log: read it, verify its hash chain, record refused changes and failed sign-ins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import OF_THE_PERSON_ALONE, Event
from onebucket.domain.journal_cursor import JournalPosition
from onebucket.domain.journal_entry import Entry, Facts
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.store import journal_rows, journal_search, journal_verification
from onebucket.store.journal_chain import ChainHead, VerifiedChain

# Entries examined per page: a filter that matches few of them takes several short requests instead of one long one.
MAX_EXAMINED = 2000


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Criteria for entries: not before `since`, of one event, by one actor; None means any.

    `about` is a group, repository, person or address that the entry has as its subject or in its facts.
    """

    since: datetime | None = None
    event: Event | None = None
    actor: str | None = None
    about: str | None = None


def _mentioned_names(entry: Entry) -> set[str]:
    """Return the names in an entry's subject and facts, in lower case."""
    facts = [fields for fields in (entry.before, entry.after) if fields]
    values = [fields.get(key) for fields in facts for key in ("member", "user", "group", "email", "name", "slug")]
    return {str(value).lower() for value in (entry.subject, *values) if value}


@dataclass(frozen=True, slots=True)
class JournalPage:
    """A page of entries, newest first; `next_cursor` is where the next page starts, None on the last page."""

    entries: list[Entry]
    next_cursor: JournalPosition | None


def entries(work: UnitOfWork, account_name: str | None = None, *, since: datetime | None = None) -> Iterator[Entry]:
    """Return the entries of an account, or of all, oldest first; deleted accounts can be named too."""
    return journal_rows.entries(work.tx, account_id=_account_id(work, account_name), since=since)


def page(
    work: UnitOfWork,
    account_name: str | None = None,
    *,
    wanted: JournalFilter = JournalFilter(),
    after: JournalPosition | None = None,
    at_most: int,
) -> JournalPage:
    """Return a page of the entries of an account, or of all, newest first.

    A page can hold fewer than `at_most` entries, even none, without being the last: check `next_cursor`.
    """
    account_id = _account_id(work, account_name)
    is_others = not work.actor.is_site_admin and account_id != work.actor.id
    # A team has such entries only for failed sign-ins with its name.
    hidden = OF_THE_PERSON_ALONE if is_others else frozenset()
    events = {wanted.event} if wanted.event else {*Event}
    search = journal_search.Search(account_id, after, wanted.since, events - hidden, wanted.actor)

    end = journal_search.window_end(work.tx, search, size=MAX_EXAMINED)
    if wanted.about is None:
        found = journal_search.find(work.tx, search, until=end, most=at_most)
    else:
        # Not in SQL: names are compared without case in every script, and facts are JSON.
        about = wanted.about.lower()
        among = journal_search.find(work.tx, search, until=end, most=MAX_EXAMINED)
        found = [entry for entry in among if about in _mentioned_names(entry)][:at_most]

    if len(found) == at_most:
        next_cursor: JournalPosition | None = journal_search.position_of(found[-1])
    else:
        # Entries are in order of time unless the clock was set back, so one entry before `since` isn't the end.
        next_cursor = end if end and journal_search.is_recent(work.tx, search, until=end) else None
    return JournalPage([redacted(entry) if is_others else entry for entry in found], next_cursor)


def examine(work: UnitOfWork, account_name: str, *, at_most: int) -> VerifiedChain | None:
    """Verify the hash chain of an account's journal; return None when it has more than `at_most` entries."""
    account_id = _account_id(work, account_name)
    assert account_id is not None
    return journal_verification.verify_short(work.tx, account_id, at_most=at_most)


def verify(
    work: UnitOfWork, account_name: str | None = None, *, expected: Mapping[str, ChainHead] | None = None
) -> Iterator[VerifiedChain]:
    """Verify the hash chain of an account's journal, or of all; yield for each its faults and its head.

    `expected` maps account ids to heads recorded earlier: a chain must still contain those entries.
    """
    return journal_verification.verify(work.tx, account_id=_account_id(work, account_name), expected=expected or {})


def latest(work: UnitOfWork) -> datetime | None:
    """Return the time of the newest entry of the site; for site administrators."""
    access.site(work)
    return journal_rows.latest_events(work.tx)


def latest_of(work: UnitOfWork, account_names: Sequence[str], *, at_most: int) -> list[Entry]:
    """Return the latest entries of several accounts together, newest first. Raises NotFound, Forbidden."""
    owners = [access.account(work, name, to=To.READ_JOURNAL) for name in account_names]
    found = journal_rows.latest_of(work.tx, [owner.id for owner in owners], each_at_most=2 * at_most)
    if work.actor.is_site_admin:
        return found[:at_most]
    return [
        entry if entry.account_id == work.actor.id else redacted(entry)
        for entry in found
        if entry.account_id == work.actor.id or entry.event not in OF_THE_PERSON_ALONE
    ][:at_most]


def redacted(entry: Entry) -> Entry:
    """Return an entry for other readers: without the network address of the account's own owner."""
    return entry._replace(address=None) if entry.actor_id == entry.account_id else entry


def change_refused(work: UnitOfWork, account_name: str | None, attempt: str, facts: Facts) -> None:
    """Record that the actor was refused a change of the named account, or of their own if there is no such account.

    Changes nothing that the actor can observe.
    """
    account = access.attempted(work, account_name)
    if account is not None:
        work.record_attempt(Event.CHANGE_REFUSED, account, attempt, after=facts)


def sign_in_failed(work: UnitOfWork, account: Account, facts: Facts) -> None:
    """Record a failed sign-in to an account.

    `work` must be anonymous. The caller must not reveal to the client that the account exists.
    """
    access.nobody(work)
    work.record_attempt(Event.SIGN_IN_FAILED, account, account.username, after=facts)


def _account_id(work: UnitOfWork, name: str | None) -> str | None:
    """Return the id of the account whose journal to read, None for all. Raises NotFound, Forbidden."""
    if name is None:
        access.site(work)
        return None
    try:
        return access.account(work, name, to=To.READ_JOURNAL).id
    except NotFound:
        deleted = journal_rows.id_of_deleted(work.tx, name) if work.actor.is_site_admin else None
        if deleted is None:
            raise
        return deleted
