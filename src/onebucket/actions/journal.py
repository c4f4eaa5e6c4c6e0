"""The journal: reading it, showing that it is whole, and what it is told of attempts that came to nothing."""

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

# A page is looked for among so many entries, and no more: a question that few of them answer takes several pages, but
# keeps nobody waiting.
MAX_EXAMINED = 2000


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which entries are wanted: from a moment on, of one event, by one actor; None for any.

    `about` is a group, a repository, a person or an address that an entry names, be it as its subject.
    """

    since: datetime | None = None
    event: Event | None = None
    actor: str | None = None
    about: str | None = None

    def has(self, entry: Entry) -> bool:
        """Whether an entry is one of them."""
        return (
            (self.since is None or entry.at >= self.since)
            and (self.event is None or entry.event is self.event)
            and (self.actor is None or username_key(entry.actor) == username_key(self.actor))
            and (self.about is None or self.about.lower() in _named(entry))
        )


def _named(entry: Entry) -> set[str]:
    """Whom and what an entry names, in lower case."""
    facts = [each for each in (entry.before, entry.after) if each]
    told = [each.get(key) for each in facts for key in ("member", "user", "group", "email", "name", "slug")]
    return {str(each).lower() for each in (entry.subject, *told) if each}


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Some entries, newest first; the next page goes on after `end`, where that is not None."""

    entries: list[Entry]
    next_cursor: JournalPosition | None


def entries(work: UnitOfWork, account_name: str | None = None, *, since: datetime | None = None) -> Iterator[Entry]:
    """What happened to an account, or to all of them, oldest first; deleted accounts can be named too."""
    return journal_rows.entries(work.tx, account_id=_filtered(work, account_name), since=since)


def page(
    work: UnitOfWork,
    account_name: str | None = None,
    *,
    wanted: JournalFilter = JournalFilter(),
    after: JournalPosition | None = None,
    at_most: int,
) -> JournalPage:
    """What happened to an account, or to all of them, newest first, a page at a time.

    A page may hold fewer entries than it could, even none, and yet not be the last.
    """
    found: list[Entry] = []
    is_recent = False
    account_id = _filtered(work, account_name)
    is_others = not work.actor.is_site_admin and account_id != work.actor.id
    newest_first = journal_rows.newest_first(work.tx, account_id=account_id, after=after, since=wanted.since)
    for examined, entry in enumerate(newest_first, start=1):
        is_recent = is_recent or wanted.since is None or entry.at >= wanted.since
        # Teams have no such entries of their own, but for attempts to be them.
        if wanted.has(entry) and not (is_others and entry.event in OF_THE_PERSON_ALONE):
            found.append(_of_others(entry) if is_others else entry)
        if len(found) == at_most:
            return JournalPage(found, journal_rows.position_of(entry))
        if examined == MAX_EXAMINED:
            # Entries are written in the order of their moments, but for a clock that was set back.
            return JournalPage(found, journal_rows.position_of(entry) if is_recent else None)
    return JournalPage(found, None)


def examine(work: UnitOfWork, account_name: str, *, at_most: int) -> VerifiedChain | None:
    """What came of examining an account's journal; None where it is longer than whoever waits for it should wait."""
    account_id = _filtered(work, account_name)
    assert account_id is not None
    newest = next(journal_rows.newest_first(work.tx, account_id=account_id, after=None, since=None), None)
    if newest is not None and newest.number > at_most:
        return None
    return next(journal_rows.verify(work.tx, account_id=account_id, expected={}))


def verify(
    work: UnitOfWork, account_name: str | None = None, *, expected: Mapping[str, ChainHead] | None = None
) -> Iterator[VerifiedChain]:
    """Examine the journal of an account, or of all: what is wrong with each, and what it ends with.

    `expected` are heads, by account id, that were so at an earlier time: a journal must still have those entries.
    """
    return journal_rows.verify(work.tx, account_id=_filtered(work, account_name), expected=expected or {})


def latest(work: UnitOfWork) -> datetime | None:
    """When anything last happened."""
    access.site(work)
    return journal_rows.latest_events(work.tx)


def change_refused(work: UnitOfWork, account_name: str | None, attempt: str, facts: journal_rows.Facts) -> None:
    """Tell the journal that the actor was refused a change: of the account so named, or else of his own.

    It is for whoever reads the journal, and changes nothing that the actor could notice.
    """
    account = access.attempted(work, account_name)
    if account is not None:
        work.record_attempt(Event.CHANGE_REFUSED, account, attempt, after=facts)


def sign_in_failed(work: UnitOfWork, account: Account, facts: journal_rows.Facts) -> None:
    """Tell the journal that somebody gave this account's name and did not prove to be its holder.

    `work` is nobody's. The caller holds the account because its name was given, and must not tell that there is one.
    """
    access.nobody(work)
    work.record_attempt(Event.SIGN_IN_FAILED, account, account.username, after=facts)


def _of_others(entry: Entry) -> Entry:
    """An entry as it is told to others: without the network address of whoever's account it is."""
    return msgspec.structs.replace(entry, address=None) if entry.actor_id == entry.account_id else entry


def _filtered(work: UnitOfWork, name: str | None) -> str | None:
    """The id of the account whose journal may be read; None for all. Raises NotFound, Forbidden."""
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
