"""The journal, which is the audit log: read it, verify its hash chain, record refused changes and failed sign-ins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, username_key
from onebucket.domain.events import OF_THE_PERSON_ALONE, Event
from onebucket.domain.journal_cursor import JournalPosition
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.store import journal_rows
from onebucket.store.journal_chain import ChainHead, VerifiedChain
from onebucket.store.journal_rows import Entry

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

    def has(self, entry: Entry) -> bool:
        """Return whether an entry matches all criteria."""
        return (
            (self.since is None or entry.at >= self.since)
            and (self.event is None or entry.event is self.event)
            and (self.actor is None or username_key(entry.actor) == username_key(self.actor))
            and (self.about is None or self.about.lower() in _mentioned_names(entry))
        )


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
    matching: list[Entry] = []
    is_recent = False
    account_id = _account_id(work, account_name)
    is_others = not work.actor.is_site_admin and account_id != work.actor.id
    newest_first = journal_rows.newest_first(work.tx, account_id=account_id, after=after, since=wanted.since)
    for examined, entry in enumerate(newest_first, start=1):
        is_recent = is_recent or wanted.since is None or entry.at >= wanted.since
        # A team has such entries only for failed sign-ins with its name.
        if wanted.has(entry) and not (is_others and entry.event in OF_THE_PERSON_ALONE):
            matching.append(_redacted(entry) if is_others else entry)
        if len(matching) == at_most:
            return JournalPage(matching, journal_rows.position_of(entry))
        if examined == MAX_EXAMINED:
            # Entries are in order of time unless the clock was set back, so one entry before `since` isn't the end.
            return JournalPage(matching, journal_rows.position_of(entry) if is_recent else None)
    return JournalPage(matching, None)


def examine(work: UnitOfWork, account_name: str, *, at_most: int) -> VerifiedChain | None:
    """Verify the hash chain of an account's journal; return None when it has more than `at_most` entries."""
    account_id = _account_id(work, account_name)
    assert account_id is not None
    newest = next(journal_rows.newest_first(work.tx, account_id=account_id, after=None, since=None), None)
    if newest is not None and newest.number > at_most:
        return None
    return next(journal_rows.verify(work.tx, account_id=account_id, expected={}))


def verify(
    work: UnitOfWork, account_name: str | None = None, *, expected: Mapping[str, ChainHead] | None = None
) -> Iterator[VerifiedChain]:
    """Verify the hash chain of an account's journal, or of all; yield for each its faults and its head.

    `expected` maps account ids to heads recorded earlier: a chain must still contain those entries.
    """
    return journal_rows.verify(work.tx, account_id=_account_id(work, account_name), expected=expected or {})


def latest(work: UnitOfWork) -> datetime | None:
    """Return the time of the newest entry of the site; for site administrators."""
    access.site(work)
    return journal_rows.latest_events(work.tx)


def change_refused(work: UnitOfWork, account_name: str | None, attempt: str, facts: journal_rows.Facts) -> None:
    """Record that the actor was refused a change of the named account, or of their own if there is no such account.

    Changes nothing that the actor can observe.
    """
    account = access.attempted(work, account_name)
    if account is not None:
        work.record_attempt(Event.CHANGE_REFUSED, account, attempt, after=facts)


def sign_in_failed(work: UnitOfWork, account: Account, facts: journal_rows.Facts) -> None:
    """Record a failed sign-in to an account.

    `work` must be anonymous. The caller must not reveal to the client that the account exists.
    """
    access.nobody(work)
    work.record_attempt(Event.SIGN_IN_FAILED, account, account.username, after=facts)


def _redacted(entry: Entry) -> Entry:
    """Return an entry for other readers: without the network address of the account's own owner."""
    return msgspec.structs.replace(entry, address=None) if entry.actor_id == entry.account_id else entry


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
