"""Loads what decides about access in an account now, and the journal entries to take it back in time with."""

from collections.abc import Callable, Iterator
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Boolean,
    Integer,
    SmallInteger,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
)

from onebucket.domain import access_state
from onebucket.domain.access_events import OF_NO_ACCESS, OF_PEOPLE, people_in
from onebucket.domain.access_state import AccessState, PastGroup, PastPlace, PastProject, PastRepository
from onebucket.domain.accounts import Account, username_key
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.journal_entry import Entry
from onebucket.domain.privileges import Level
from onebucket.store import account_summaries, level_rows
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.journal_rows import ENTRY
from onebucket.store.tables import (
    EVENTS_OF_PEOPLE,
    Id,
    accounts,
    directories,
    groups,
    journal,
    projects,
    repositories,
)

# Entries that are read at once: few at first, because a page may need no more.
_FIRST, _MOST = 200, 2000

# After every entry.
_END, _LAST_ID = (1 << 62), "ffffffff-ffff-ffff-ffff-ffffffffffff"

_PROJECT, _REPOSITORY, _GROUP = range(3)


def _named(kind: int, table: Any, name: Any, *columns: Any) -> Any:
    of_account = table.c.account_id == bindparam("account_id")
    return select(literal(kind, Integer).label("kind"), table.c.id, name.label("name"), *columns).where(of_account)


# Projects, repositories and groups: where one is, whether it is private or administers, and what is kept of a group.
_NAMED = Statement(
    union_all(
        _named(
            _PROJECT,
            projects,
            projects.c.key,
            cast(null(), Id).label("home_id"),
            literal(False, Boolean).label("is_so"),
            cast(null(), SmallInteger).label("permission"),
            cast(null(), Text).label("directory"),
        ),
        _named(
            _REPOSITORY,
            repositories,
            repositories.c.slug,
            repositories.c.project_id,
            repositories.c.is_private,
            cast(null(), SmallInteger),
            cast(null(), Text),
        ),
        _named(
            _GROUP,
            groups,
            groups.c.slug,
            cast(null(), Id),
            groups.c.account_privilege.is_not_distinct_from(AccountPrivilege.ADMIN.value),
            groups.c.permission,
            directories.c.label,
        ).select_from(
            groups.outerjoin(
                directories,
                and_(directories.c.account_id == groups.c.account_id, directories.c.id == groups.c.directory_id),
            )
        ),
    )
)

_entries = select(*ENTRY.columns)
_most = bindparam("most", type_=Integer)
_own_entries = (
    _entries.where(
        journal.c.account_id == bindparam("account_id"),
        journal.c.number < bindparam("number"),
        journal.c.event.not_in(values_of("left_out")),
    )
    .order_by(journal.c.number.desc())
    .limit(_most)
)
_OF_ACCOUNT = Statement(_own_entries, ENTRY)
_person_id = bindparam("person_id", type_=Id)
_facts = func.coalesce(journal.c.after, journal.c.before)
_position = (journal.c.at, journal.c.account_id, journal.c.number)
# The condition is that of an index, in the same words: no database could prove it for parameters.
_entries_of_people = (
    _entries.where(
        literal_column(EVENTS_OF_PEOPLE),
        journal.c.at >= bindparam("since"),
        tuple_(*_position) < tuple_(*(bindparam(column.name, type_=column.type) for column in _position)),
    )
    .order_by(*(column.desc() for column in _position))
    .limit(_most)
)
_OF_PEOPLE = Statement(_entries_of_people, ENTRY)
# Without those that are about the memberships or the account of other people alone.
_OF_ACCOUNT_FOR_ONE = Statement(
    _own_entries.where(or_(journal.c.event.not_in(values_of("of_members")), _facts.contains(bindparam("person")))),
    ENTRY,
)
_OF_PERSON = Statement(
    _entries_of_people.where(or_(journal.c.account_id == _person_id, journal.c.event == Event.SITE_RESTORED.value)),
    ENTRY,
)
# Who had invited somebody is told where they accept.
_LEFT_OUT = sorted(event.value for event in (OF_NO_ACCESS | OF_PEOPLE) - {Event.INVITATION_ACCEPTED})

_OF_MEMBERS = [event.value for event in (Event.MEMBER_ADDED, Event.MEMBER_REMOVED, Event.MEMBER_ENDED)]

_AMONG = Statement(
    select(*ACCOUNT.columns).where(
        or_(accounts.c.id.in_(values_of("ids", Id)), accounts.c.username_key.in_(values_of("names")))
    ),
    ACCOUNT,
)

_LEVELS = {int(level): level for level in Level}


class AccessHistory:
    """What decides about access in an account now (`state`), and the entries of the journal that it is taken back with.

    With `person` it is only about them. Whoever entries name that isn't in the account now is looked up together with
    the others in what was read at once.
    """

    def __init__(self, tx: Transaction, owner: Account, person: Account | None = None) -> None:
        self._tx, self._owner, self._person = tx, owner, person
        self._found: dict[str, Account | None] = {}
        self._ahead: dict[object, list[Entry]] = {}
        only = person.id if person else None
        self.state = AccessState(owner, by_id=self._by_id, by_username=self._by_username, only=only)
        for each in [person] if person else account_summaries.people(tx, owner.id, with_site=True):
            self.state.add_person(each)
        _load(tx, self.state)

    def entries(self, *, since: datetime | None) -> Iterator[Entry]:
        """Yield the entries that may tell of access in the account, newest first: its own, and those of people.

        Those of people end at `since`; the account's own go on.
        """
        earliest = timestamps.to_number(since) if since else 0

        def own(last: Entry | None, most: int) -> list[Entry]:
            number = last.number if last else _END
            where = {"account_id": self._owner.id, "number": number, "left_out": _LEFT_OUT, "most": most}
            if self._person is None:
                return self._tx.rows(_OF_ACCOUNT, **where)
            return self._tx.rows(_OF_ACCOUNT_FOR_ONE, **where, of_members=_OF_MEMBERS, person=self._person.id)

        def of_people(last: Entry | None, most: int) -> list[Entry]:
            at, id, number = (timestamps.to_number(last.at), *last[:2]) if last else (_END, _LAST_ID, _END)
            where = {"since": earliest, "at": at, "account_id": id, "number": number, "most": most}
            if self._person is None:
                return self._tx.rows(_OF_PEOPLE, **where)
            return self._tx.rows(_OF_PERSON, **where, person_id=self._person.id)

        return merge(self._read(own), self._read(of_people), key=lambda entry: entry.at, reverse=True)

    def _read(self, read: Callable[[Entry | None, int], list[Entry]]) -> Iterator[Entry]:
        last, most = None, _FIRST
        while found := read(last, most):
            self._ahead[read] = found
            yield from found
            if len(found) < most:
                return
            last, most = found[-1], _MOST

    def _by_id(self, id: str) -> Account | None:
        return self._found[id] if id in self._found else self._look_up(id, {id}, set())

    def _by_username(self, name: str) -> Account | None:
        key = username_key(name)
        return self._found[key] if key in self._found else self._look_up(key, set(), {key})

    def _look_up(self, wanted: str, ids: set[str], names: set[str]) -> Account | None:
        for entries in self._ahead.values():
            for entry in entries:
                ids_in, names_in = people_in(entry)
                ids.update(ids_in)
                names.update(map(username_key, names_in))
        self._ahead.clear()
        self._found |= dict.fromkeys((*ids, *names))
        for account in self._tx.rows(_AMONG, ids=ids, names=names):
            self._found |= {account.id: account, username_key(account.username): account}
        return self._found[wanted]


def _load(tx: Transaction, state: AccessState) -> None:
    """Put into a state what decides now about its people."""
    places: dict[str, PastPlace] = {}
    projects: dict[str, PastProject] = {}
    groups: dict[str, PastGroup] = {}
    for kind, id, name, home_id, is_so, permission, directory in sorted(
        tx.rows(_NAMED, account_id=state.owner.id), key=itemgetter(0, 2)
    ):
        if kind == _PROJECT:
            places[id] = projects[id] = state.projects[name] = PastProject(name)
        elif kind == _REPOSITORY:
            home = projects[home_id]
            places[id] = repository = state.repositories[name] = PastRepository(name, home, is_private=bool(is_so))
            home.repositories[repository] = None
        else:
            level = None if permission is None else _LEVELS[permission]
            groups[id] = state.groups[name] = PastGroup(name, level, administers=bool(is_so), directory=directory)

    rows = level_rows.of_account(tx, state.owner)
    for group_id, group in groups.items():
        for person_id in rows.members.get(group_id, ()):
            if (person := state.people.get(person_id)) is not None:
                access_state.set_member(group, person, is_member=True)
    for place_id, of_groups in rows.of_groups.items():
        for group_id, level in of_groups.items():
            access_state.set_level(places[place_id], groups[group_id], level)
    for place_id, of_people in rows.of_people.items():
        for person_id, level in of_people.items():
            if (person := state.people.get(person_id)) is not None:
                access_state.set_level(places[place_id], person, level)
