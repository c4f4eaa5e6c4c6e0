"""Strikes a deleted person out of the journals of all accounts, and records in each that it was done."""

from collections.abc import Iterator
from itertools import groupby

import msgspec

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import striking
from onebucket.domain.accounts import SITE, Account
from onebucket.domain.events import Event
from onebucket.domain.striking import StoredEntry, Strike, Traces
from onebucket.store import account_rows, journal_chain, journal_strikes
from onebucket.store.engine import timestamps

# Entries that are read at once, and that one entry says were struck out.
_AT_ONCE, _IN_ONE = 2000, 250

_FIRST_ID = "00000000-0000-0000-0000-000000000000"


def strike_out(work: UnitOfWork, person: Account) -> int:
    """Strike a person's names and addresses out of all entries; return of how many. For site administrators.

    The person is deleted already. Each touched account gets entries that say which of its entries were changed, and
    the hash of what each reads now: without these, the change would be a fault of the chain.
    """
    access.site(work)
    traces = _traces(work, person)
    strike = Strike(traces)
    total = 0
    for account_id, entries in groupby(_all(work, _FIRST_ID, -1), key=lambda entry: entry.account_id):
        changed: list[tuple[int, str]] = []
        name = ""
        for entry in entries:
            struck = strike.strike(entry)
            name = struck.account
            if struck is not entry:
                journal_strikes.store(work.tx, struck)
                changed.append((struck.number, journal_chain.content_hash(struck)))
        if changed:
            _record(work, _owner(work, account_id, name), traces, changed)
        total += len(changed)
    for span in traces.usernames[-1:]:
        journal_strikes.replace_name(work.tx, span.name, traces.word)
    return total


def _record(work: UnitOfWork, owner: Account, traces: Traces, changed: list[tuple[int, str]]) -> None:
    account_rows.bump_revision(work.tx, owner.id, work.at)
    for start in range(0, len(changed), _IN_ONE):
        facts = {"person": traces.person_id, "entries": changed[start : start + _IN_ONE]}
        work.record_attempt(Event.JOURNAL_STRUCK_OUT, owner, traces.word, after=facts)


def _all(work: UnitOfWork, account_id: str, number: int, *, only: bool = False) -> Iterator[StoredEntry]:
    """Yield the entries after one, of that account only or of the following ones too, a few thousand at a time."""
    while page := journal_strikes.following(work.tx, account_id, number, most=_AT_ONCE):
        for entry in page:
            if only and entry.account_id != account_id:
                return
            yield entry
        account_id, number = page[-1].account_id, page[-1].number


def _traces(work: UnitOfWork, person: Account) -> Traces:
    """Collect what the person's own journal knows them by."""
    names, emails = {person.display_name, person.nickname}, set[str]()
    changes: list[tuple[int, str | None, str | None]] = []
    for entry in _all(work, person.id, -1, only=True):
        noun, _, _ = entry.event.partition(".")
        if noun not in ("user", "email"):
            continue
        before, after = (msgspec.json.decode(facts) if facts else {} for facts in (entry.before, entry.after))
        for facts in (before, after):
            names |= {facts.get("display_name"), facts.get("nickname")}
            emails |= {facts.get("email"), *facts.get("emails", ())}
        if noun == "user":
            changes.append((entry.at, before.get("username"), after.get("username")))
    # The last of them is `user.deleted`, after which there is no name.
    last = timestamps.to_number(work.at)
    usernames = striking.spans(changes, last=last)
    return Traces(person.id, usernames, frozenset(filter(None, emails)), frozenset(filter(None, names)))


def _owner(work: UnitOfWork, account_id: str, name: str) -> Account:
    """Return the account of a journal, which may be deleted: then with the name that its last entry has."""
    found = SITE if account_id == SITE.id else account_rows.by_id(work.tx, account_id)
    return found or Account(account_id, name, name, None, None, is_team=False, is_active=False, site_admin=False)
