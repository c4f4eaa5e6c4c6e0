"""What decides who may do what: gathered for any number of people and repositories of an account in three queries."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import and_, bindparam, or_, select, tuple_, union

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Case, InGroup, Level, Reason, Through, strongest, why
from onebucket.domain.repositories import Repository
from onebucket.store import accounts as account_rows
from onebucket.store import moments
from onebucket.store.database import Transaction
from onebucket.store.hints import not_by
from onebucket.store.lists import each_of, each_pair_of
from onebucket.store.statement import Row, Statement
from onebucket.store.tables import Id, accounts, group_privileges, groups, memberships, privileges

_people, _repositories = each_of("people", Id), each_of("repositories", Id)
_by = accounts.alias("by")

# Not by the account, which SQLite would look through as a whole: there are fewer rows of these people than of it.
_theirs = and_(memberships.c.person_id.in_(_people), not_by(memberships.c.account_id) == bindparam("account_id"))
_given_to_them = and_(privileges.c.person_id.in_(_people), not_by(privileges.c.account_id) == bindparam("account_id"))

_MEMBERSHIPS = Statement(
    select(
        memberships.c.person_id,
        groups.c.id,
        groups.c.slug,
        groups.c.permission,
        groups.c.account_privilege,
        memberships.c.added_at,
        _by.c.username,
    )
    .select_from(memberships)
    .join(groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id))
    .outerjoin(_by, _by.c.id == memberships.c.added_by)
    .where(_theirs)
)
_set = (
    select(
        group_privileges.c.repository_id,
        group_privileges.c.group_id,
        group_privileges.c.level,
        group_privileges.c.granted_at,
        _by.c.username,
    )
    .outerjoin(_by, _by.c.id == group_privileges.c.granted_by)
    .where(group_privileges.c.account_id == bindparam("account_id"))
)
_SET = Statement(_set.where(group_privileges.c.repository_id.in_(_repositories)))
_SET_THERE = Statement(
    _set.where(tuple_(group_privileges.c.repository_id, group_privileges.c.group_id).in_(each_pair_of("groups", Id)))
)
_given = select(
    privileges.c.repository_id,
    privileges.c.person_id,
    privileges.c.level,
    privileges.c.granted_at,
    _by.c.username,
).outerjoin(_by, _by.c.id == privileges.c.granted_by)
_DIRECT = Statement(_given.where(_given_to_them))
_DIRECT_THERE = Statement(
    _given.where(
        privileges.c.account_id == bindparam("account_id"),
        tuple_(privileges.c.repository_id, privileges.c.person_id).in_(each_pair_of("people", Id)),
    )
)

_somewhere = union(
    select(memberships.c.account_id).where(memberships.c.person_id == bindparam("person_id")),
    select(privileges.c.account_id).where(privileges.c.person_id == bindparam("person_id")),
)
_WHERE = Statement(
    select(*account_rows.COLUMNS)
    .where(or_(accounts.c.id == bindparam("person_id"), accounts.c.id.in_(_somewhere)))
    .order_by(accounts.c.username_key)
)


@dataclass(frozen=True, slots=True)
class Cases:
    """The case of each of some people on each of some repositories of one account.

    Rows, which become a case when it is asked for: `memberships` by person, `set_there` by repository, then group,
    `direct` by repository and person; all by their ids.
    """

    owner: Account
    memberships: Mapping[str, Sequence[Row]]
    set_there: Mapping[str, Mapping[str, Row]]
    direct: Mapping[tuple[str, str], Row]

    def of(self, person: Account, repository: Repository, *, without: str | None = None) -> Case:
        """All that decides what that person may do there; `without` is the id of a group to leave out."""
        set_here = self.set_there.get(repository.id, _NOTHING)
        groups = []
        for row in self.memberships.get(person.id, ()):
            there = set_here.get(row[1])
            # Of most groups nothing is to be said here: nothing was set, and they have nothing anywhere.
            if (there or row[3] or row[4]) and row[1] != without:
                groups.append(self._in_group(row, there))
        given = self.direct.get((repository.id, person.id)) if self.direct else None
        return Case(
            person.is_active,
            person.site_admin,
            person.id == self.owner.id,
            Reason(_LEVELS[given[2]], Through.DIRECT, None, moments.moment(given[3]), given[4]) if given else None,
            tuple(groups),
            not repository.is_private,
        )

    def level(self, person: Account, repository: Repository, *, without: str | None = None) -> Level:
        """The level that all ways give that person there."""
        return strongest(why(self.of(person, repository, without=without)))

    def alike(self, people: Iterable[Account]) -> list[list[Account]]:
        """The people, those together who are in the same case on every repository; none is empty."""
        alone = {self.owner.id, *(person_id for _, person_id in self.direct)}
        together: dict[object, list[Account]] = {}
        for person in people:
            theirs = tuple([row[1] for row in self.memberships.get(person.id, ())])
            alike = person.id if person.id in alone else (person.is_active, person.site_admin, theirs)
            together.setdefault(alike, []).append(person)
        return [*together.values()]

    def bunches(self, repositories: Sequence[Repository]) -> Callable[[Account], list[list[Repository]]]:
        """For a person, these repositories, those together on which he is in the same case; none is empty."""
        by_group: dict[str, set[str]] = {}
        for repository, set_here in self.set_there.items():
            for group in set_here:
                by_group.setdefault(group, set()).add(repository)
        by_person: dict[str, set[str]] = {}
        for repository, person_id in self.direct:
            by_person.setdefault(person_id, set()).add(repository)
        found: dict[frozenset[str], list[list[Repository]]] = {}

        def of(person: Account) -> list[list[Repository]]:
            theirs = [by_group.get(row[1], ()) for row in self.memberships.get(person.id, ())]
            special = frozenset().union(by_person.get(person.id, ()), *theirs)
            if special not in found:
                bunches: dict[object, list[Repository]] = {}
                for each in repositories:
                    bunches.setdefault(each.id if each.id in special else each.is_private, []).append(each)
                found[special] = [*bunches.values()]
            return found[special]

        return of

    def supposing(self, changed: Mapping[tuple[str, str], Level | None]) -> "Cases":
        """The cases as they would be if that were set for groups, by the ids of repository and group; None: nothing."""
        set_there = {repository: dict(groups) for repository, groups in self.set_there.items()}
        for (repository, group), level in changed.items():
            there = set_there.setdefault(repository, {})
            there.pop(group, None)
            if level is not None:
                there[group] = (repository, group, int(level), 0, None)
        return replace(self, set_there=set_there)

    def _in_group(self, row: Row, there: Row | None) -> InGroup:
        _, _, slug, permission, account_privilege, added_at, added_by = row
        return InGroup(
            f"{self.owner.username}/{slug}",
            None if permission is None else _LEVELS[permission],
            _LEVELS[there[2]] if there else None,
            account_privilege == _ADMINISTERS,
            (moments.moment(added_at), added_by),
            (moments.moment(there[3]), there[4]) if there else (None, None),
        )


_NOTHING: Mapping[str, Row] = {}
_LEVELS = {int(level): level for level in Level}
_ADMINISTERS = AccountPrivilege.ADMIN.value


def accounts_with(tx: Transaction, person_id: str) -> list[Account]:
    """The accounts in which a person is something: his own, those of his groups, and where something was given to him.

    By username.
    """
    return [account_rows.account(row) for row in tx.rows(_WHERE, person_id=person_id)]


def gather(tx: Transaction, owner: Account, repositories: Iterable[Repository], people: Collection[Account]) -> Cases:
    """What decides for each of these people on each of these repositories of an account."""
    memberships = _memberships(tx, owner, people)
    where = json.dumps([repository.id for repository in repositories])
    set_there = tx.rows(_SET, account_id=owner.id, repositories=where)
    direct = tx.rows(_DIRECT, account_id=owner.id, people=json.dumps([person.id for person in people]))
    return _cases(owner, memberships, set_there, direct)


def gather_pairs(tx: Transaction, owner: Account, pairs: Collection[tuple[Account, Repository]]) -> Cases:
    """What decides for each of these people on the repository that stands beside him.

    Any number of other groups may have something there: of what is set, only what is theirs is read.
    """
    people = {person.id: person for person, _ in pairs}
    memberships = _memberships(tx, owner, people.values())
    their_groups: dict[str, list[str]] = {}
    themselves: dict[str, list[str]] = {}
    for person, repository in pairs:
        their_groups.setdefault(repository.id, []).extend([row[1] for row in memberships.get(person.id, ())])
        themselves.setdefault(repository.id, []).append(person.id)
    set_there = tx.rows(_SET_THERE, account_id=owner.id, groups=json.dumps(their_groups))
    direct = tx.rows(_DIRECT_THERE, account_id=owner.id, people=json.dumps(themselves))
    return _cases(owner, memberships, set_there, direct)


def _memberships(tx: Transaction, owner: Account, people: Collection[Account]) -> dict[str, list[Row]]:
    theirs: dict[str, list[Row]] = {}
    for row in tx.rows(_MEMBERSHIPS, account_id=owner.id, people=json.dumps([person.id for person in people])):
        theirs.setdefault(row[0], []).append(row)
    return theirs


def _cases(
    owner: Account, memberships: Mapping[str, Sequence[Row]], set_there: Iterable[Row], direct: Iterable[Row]
) -> Cases:
    by_repository: dict[str, dict[str, Row]] = {}
    for row in set_there:
        by_repository.setdefault(row[0], {})[row[1]] = row
    return Cases(owner, memberships, by_repository, {(row[0], row[1]): row for row in direct})
