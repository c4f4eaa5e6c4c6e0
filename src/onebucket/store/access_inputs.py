"""What decides who may do what: gathered for any number of people and repositories of an account in three queries."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import and_, bindparam, select, tuple_

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import AccessInput, GroupInput, Level, Reason, Through, strongest, why
from onebucket.domain.repositories import Repository
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.index_hints import without_index
from onebucket.store.engine.list_parameters import pairs_of, values_of
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import Id, accounts, group_privileges, groups, memberships, privileges

_people, _repositories = values_of("people", Id), values_of("repositories", Id)
_by = accounts.alias("by")

# Not by the account, which SQLite would look through as a whole: there are fewer rows of these people than of it.
_theirs = and_(memberships.c.person_id.in_(_people), without_index(memberships.c.account_id) == bindparam("account_id"))
_given_to_them = and_(
    privileges.c.person_id.in_(_people), without_index(privileges.c.account_id) == bindparam("account_id")
)

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
    _set.where(tuple_(group_privileges.c.repository_id, group_privileges.c.group_id).in_(pairs_of("groups", Id)))
)
_given = select(
    privileges.c.repository_id,
    privileges.c.person_id,
    privileges.c.level,
    privileges.c.granted_at,
    _by.c.username,
).outerjoin(_by, _by.c.id == privileges.c.granted_by)
# By the groups, of which one person is in some: there may be any number of others on each repository.
_SET_FOR_THEM = Statement(
    _set.where(
        group_privileges.c.group_id.in_(values_of("groups", Id)),
        without_index(group_privileges.c.repository_id).in_(_repositories),
    )
)
_DIRECT = Statement(_given.where(_given_to_them))
_DIRECT_THERE = Statement(
    _given.where(
        privileges.c.account_id == bindparam("account_id"),
        tuple_(privileges.c.repository_id, privileges.c.person_id).in_(pairs_of("people", Id)),
    )
)


@dataclass(frozen=True, slots=True)
class AccessInputs:
    """The case of each of some people on each of some repositories of one account.

    Rows, which become a case when it is asked for: `memberships` by person, `set_there` by repository, then group,
    `direct` by repository and person; all by their ids.
    """

    owner: Account
    memberships: Mapping[str, Sequence[Row]]
    set_there: Mapping[str, Mapping[str, Row]]
    direct: Mapping[tuple[str, str], Row]
    # Of the person who was asked about last: the rows by group, and the groups that have something everywhere.
    _last: dict[str, tuple[Mapping[str, Row], Mapping[str, None]]] = field(default_factory=dict, compare=False)
    # The ways of the person who was asked about last, where nothing in particular is said of a repository.
    _usual: dict[tuple[str, bool, bool], tuple[Reason, ...]] = field(default_factory=dict, compare=False)

    def input_for(self, person: Account, repository: Repository, *, without: str | None = None) -> AccessInput:
        """All that decides what that person may do there; `without` is the id of a group to leave out.

        Groups of which nothing is to be said there aren't gone through.
        """
        theirs, everywhere = self._groups_of(person)
        set_here = self._set_here(theirs, repository)
        groups = [self._in_group(theirs[id], set_here.get(id)) for id in everywhere if id != without]
        groups += [
            self._in_group(theirs[id], row) for id, row in set_here.items() if id != without and id not in everywhere
        ]
        given = self.direct.get((repository.id, person.id)) if self.direct else None
        return AccessInput(
            person.is_active,
            person.site_admin,
            person.id == self.owner.id,
            Reason(_LEVELS[given[2]], Through.DIRECT, None, timestamps.from_number(given[3]), given[4])
            if given
            else None,
            tuple(groups),
            not repository.is_private,
        )

    def ways(self, person: Account, repository: Repository) -> tuple[Reason, ...]:
        """Every way in which that person has a level there, the same tuple for all repositories that are alike."""
        theirs, _ = self._groups_of(person)
        if (self.direct and (repository.id, person.id) in self.direct) or self._set_here(theirs, repository):
            return why(self.input_for(person, repository))
        key = (person.id, person.is_active, repository.is_private)
        found = self._usual.get(key)
        if found is None:
            if len(self._usual) > MOST_USUAL:
                self._usual.clear()
            found = self._usual[key] = why(self.input_for(person, repository))
        return found

    def _groups_of(self, person: Account) -> tuple[Mapping[str, Row], Mapping[str, None]]:
        found = self._last.get(person.id)
        if found is None:
            rows = {row[1]: row for row in self.memberships.get(person.id, ())}
            found = rows, dict.fromkeys(id for id, row in rows.items() if row[3] or row[4])
            self._last.clear()
            self._last[person.id] = found
        return found

    def _set_here(self, theirs: Mapping[str, Row], repository: Repository) -> Mapping[str, Row]:
        """What is set on a repository for some groups; it takes as long as the shorter of the two lists."""
        there = self.set_there.get(repository.id)
        if not there or not theirs:
            return _NOTHING
        if len(there) < len(theirs):
            return {id: row for id, row in there.items() if id in theirs}
        return {id: there[id] for id in theirs if id in there}

    def level(self, person: Account, repository: Repository, *, without: str | None = None) -> Level:
        """The level that all ways give that person there."""
        return strongest(why(self.input_for(person, repository, without=without)))

    def group_equivalent_people(self, people: Iterable[Account]) -> list[list[Account]]:
        """The people, those together who are in the same case on every repository; none is empty."""
        kind = self.kinds()
        together: dict[object, list[Account]] = {}
        for person in people:
            together.setdefault(kind(person), []).append(person)
        return [*together.values()]

    def kinds(self) -> Callable[[Account], object]:
        """What tells people apart who aren't in the same case on every repository."""
        alone = {self.owner.id, *(person_id for _, person_id in self.direct)}

        def kind(person: Account) -> object:
            if person.id in alone:
                return person.id
            theirs = tuple([row[1] for row in self.memberships.get(person.id, ())])
            return person.is_active, person.site_admin, theirs

        return kind

    def group_equivalent_repositories(
        self, repositories: Sequence[Repository]
    ) -> Callable[[Account], list[list[Repository]]]:
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
                # Each holds every repository.
                if len(found) >= MOST_BUNCHED:
                    found.clear()
                bunches: dict[object, list[Repository]] = {}
                for each in repositories:
                    bunches.setdefault(each.id if each.id in special else each.is_private, []).append(each)
                found[special] = [*bunches.values()]
            return found[special]

        return of

    def with_changes(self, changed: Mapping[tuple[str, str], Level | None]) -> "AccessInputs":
        """The cases as they would be if that were set for groups, by the ids of repository and group; None: nothing."""
        set_there = {repository: dict(groups) for repository, groups in self.set_there.items()}
        for (repository, group), level in changed.items():
            there = set_there.setdefault(repository, {})
            there.pop(group, None)
            if level is not None:
                there[group] = (repository, group, int(level), 0, None)
        return AccessInputs(self.owner, self.memberships, set_there, self.direct)

    def _in_group(self, row: Row, there: Row | None) -> GroupInput:
        _, _, slug, permission, account_privilege, added_at, added_by = row
        return GroupInput(
            f"{self.owner.username}/{slug}",
            None if permission is None else _LEVELS[permission],
            _LEVELS[there[2]] if there else None,
            account_privilege == _ADMINISTERS,
            (timestamps.from_number(added_at), added_by),
            (timestamps.from_number(there[3]), there[4]) if there else (None, None),
        )


_NOTHING: Mapping[str, Row] = {}

# So many cases are thought through in the time that it takes to read a row.
CASES_OF_A_ROW = 4

# Of so many sets of repositories on which somebody is in a case of their own is kept how all others fall together.
MOST_BUNCHED = 50

# So many answers are kept for repositories that are alike; each may hold as many ways as its person is in groups.
MOST_USUAL = 100

# Whoever is asked about on more repositories than that is looked up by groups and repositories, not by each pair.
FEW_REPOSITORIES = 8

_LEVELS = {int(level): level for level in Level}
_ADMINISTERS = AccountPrivilege.ADMIN.value


def load(
    tx: Transaction, owner: Account, repositories: Iterable[Repository], people: Collection[Account]
) -> AccessInputs:
    """What decides for each of these people on each of these repositories of an account."""
    memberships = _memberships(tx, owner, people)
    there = [repository.id for repository in repositories]
    tx.spend(len(people) * len(there) // CASES_OF_A_ROW)
    set_there = tx.rows(_SET, account_id=owner.id, repositories=there)
    direct = tx.rows(_DIRECT, account_id=owner.id, people=[person.id for person in people])
    return _access_inputs(owner, memberships, set_there, direct)


def load_pairs(tx: Transaction, owner: Account, pairs: Collection[tuple[Account, Repository]]) -> AccessInputs:
    """What decides for each of these people on the repository that stands beside him.

    Any number of other groups may have something there: of what is set, only what is theirs is read. What is asked
    grows with groups and repositories, not with each beside each.
    """
    people = {person.id: person for person, _ in pairs}
    memberships = _memberships(tx, owner, people.values())
    their_groups: dict[str, list[str]] = {}
    themselves: dict[str, list[str]] = {}
    asked: dict[str, set[str]] = {}
    for person, repository in pairs:
        themselves.setdefault(repository.id, []).append(person.id)
        asked.setdefault(person.id, set()).add(repository.id)
    set_there: list[Row] = []
    for person_id, there in asked.items():
        groups = [row[1] for row in memberships.get(person_id, ())]
        if len(there) <= FEW_REPOSITORIES:
            for repository_id in there:
                their_groups.setdefault(repository_id, []).extend(groups)
        elif groups:
            set_there += tx.rows(_SET_FOR_THEM, account_id=owner.id, groups=groups, repositories=there)
    if their_groups:
        set_there += tx.rows(_SET_THERE, account_id=owner.id, groups=their_groups)
    direct = tx.rows(_DIRECT_THERE, account_id=owner.id, people=themselves)
    return _access_inputs(owner, memberships, set_there, direct)


def _memberships(tx: Transaction, owner: Account, people: Collection[Account]) -> dict[str, list[Row]]:
    theirs: dict[str, list[Row]] = {}
    for row in tx.rows(_MEMBERSHIPS, account_id=owner.id, people=[person.id for person in people]):
        theirs.setdefault(row[0], []).append(row)
    return theirs


def _access_inputs(
    owner: Account, memberships: Mapping[str, Sequence[Row]], set_there: Iterable[Row], direct: Iterable[Row]
) -> AccessInputs:
    by_repository: dict[str, dict[str, Row]] = {}
    for row in set_there:
        by_repository.setdefault(row[0], {})[row[1]] = row
    return AccessInputs(owner, memberships, by_repository, {(row[0], row[1]): row for row in direct})
