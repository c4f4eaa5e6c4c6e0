"""Loads what decides about access in an account now, and the journal entries to take it back in time with."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from heapq import merge

from sqlalchemy import bindparam, literal_column, select

from onebucket.domain import access_state
from onebucket.domain.access_events import OF_NO_ACCESS, OF_PEOPLE
from onebucket.domain.access_state import AccessState, PastGroup, PastPlace, PastProject, PastRepository
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.journal_entry import Entry
from onebucket.store import (
    account_rows,
    account_summaries,
    directory_rows,
    group_rows,
    level_rows,
    project_rows,
    repository_rows,
)
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.journal_rows import ENTRY
from onebucket.store.tables import EVENTS_OF_PEOPLE, journal

_entries = select(*ENTRY.columns)
_OF_ACCOUNT = Statement(
    _entries.where(
        journal.c.account_id == bindparam("account_id"), journal.c.event.not_in(values_of("left_out"))
    ).order_by(journal.c.number.desc()),
    ENTRY,
)
# The condition is that of an index, in the same words: no database could prove it for parameters.
_OF_PEOPLE = Statement(
    _entries.where(literal_column(EVENTS_OF_PEOPLE), journal.c.at >= bindparam("since")).order_by(journal.c.at.desc()),
    ENTRY,
)

# Who had invited somebody is told where they accept.
_LEFT_OUT = sorted(event.value for event in (OF_NO_ACCESS | OF_PEOPLE) - {Event.INVITATION_ACCEPTED})


def load(tx: Transaction, owner: Account) -> AccessState:
    """Load what decides about access in an account now."""
    state = AccessState(owner, by_id=partial(account_rows.by_id, tx), by_username=partial(account_rows.by_username, tx))
    for account in account_summaries.people(tx, owner.id, with_site=True):
        state.add_person(account)
    rows = level_rows.of_account(tx, owner)
    labels = {directory.id: directory.label for directory in directory_rows.of_account(tx, owner.id)}
    groups: dict[str, PastGroup] = {}
    for group in group_rows.of_account(tx, owner.id):
        administers = group.account_privilege is AccountPrivilege.ADMIN
        label = labels.get(group.directory_id) if group.directory_id else None
        past = PastGroup(group.slug, group.permission, administers=administers, directory=label)
        groups[group.id] = state.groups[group.slug] = past
        for person_id in rows.members.get(group.id, ()):
            access_state.set_member(past, state.people[person_id], is_member=True)

    places: dict[str, PastPlace] = {}
    projects: dict[str, PastProject] = {}
    for project in project_rows.of_account(tx, owner.id):
        places[project.id] = projects[project.id] = state.projects[project.key] = PastProject(project.key)
    for each in repository_rows.of_account(tx, owner.id):
        home = projects[each.project_id]
        repository = PastRepository(each.slug, home, is_private=each.is_private)
        places[each.id] = state.repositories[each.slug] = repository
        home.repositories[repository] = None
    for place_id, of_groups in rows.of_groups.items():
        for group_id, level in of_groups.items():
            access_state.set_level(places[place_id], groups[group_id], level)
    for place_id, of_people in rows.of_people.items():
        for person_id, level in of_people.items():
            access_state.set_level(places[place_id], state.people[person_id], level)
    return state


def entries(tx: Transaction, owner: Account, *, since: datetime | None) -> Iterator[Entry]:
    """Yield the entries that may tell of access in an account, newest first: its own, and those of people.

    Those of people end at `since`; the account's own go on.
    """
    earliest = timestamps.to_number(since) if since else 0
    return merge(
        tx.stream(_OF_ACCOUNT, account_id=owner.id, left_out=_LEFT_OUT),
        tx.stream(_OF_PEOPLE, since=earliest),
        key=lambda entry: entry.at,
        reverse=True,
    )
