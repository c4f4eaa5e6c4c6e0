"""What decides who may do what, loaded for any number of users and repositories of one account in three queries."""

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
_granter = accounts.alias("by")

# Keep SQLite from scanning the whole account: these users have fewer rows than the account.
_memberships_of_people = and_(
    memberships.c.person_id.in_(_people), without_index(memberships.c.account_id) == bindparam("account_id")
)
_direct_of_people = and_(
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
        _granter.c.username,
    )
    .select_from(memberships)
    .join(groups, and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id))
    .outerjoin(_granter, _granter.c.id == memberships.c.added_by)
    .where(_memberships_of_people)
)
_group_privileges = (
    select(
        group_privileges.c.repository_id,
        group_privileges.c.group_id,
        group_privileges.c.level,
        group_privileges.c.granted_at,
        _granter.c.username,
    )
    .outerjoin(_granter, _granter.c.id == group_privileges.c.granted_by)
    .where(group_privileges.c.account_id == bindparam("account_id"))
)
_SET = Statement(_group_privileges.where(group_privileges.c.repository_id.in_(_repositories)))
_SET_THERE = Statement(
    _group_privileges.where(
        tuple_(group_privileges.c.repository_id, group_privileges.c.group_id).in_(pairs_of("groups", Id))
    )
)
_direct = select(
    privileges.c.repository_id,
    privileges.c.person_id,
    privileges.c.level,
    privileges.c.granted_at,
    _granter.c.username,
).outerjoin(_granter, _granter.c.id == privileges.c.granted_by)
# Looked up by the user's groups: any number of other groups may have privileges on each repository.
_SET_FOR_THEM = Statement(
    _group_privileges.where(
        group_privileges.c.group_id.in_(values_of("groups", Id)),
        without_index(group_privileges.c.repository_id).in_(_repositories),
    )
)
_DIRECT = Statement(_direct.where(_direct_of_people))
_DIRECT_THERE = Statement(
    _direct.where(
        privileges.c.account_id == bindparam("account_id"),
        tuple_(privileges.c.repository_id, privileges.c.person_id).in_(pairs_of("people", Id)),
    )
)


@dataclass(frozen=True, slots=True)
class AccessInputs:
    """The access inputs of some users on some repositories of one account.

    Holds rows, which become an AccessInput on demand: `memberships` by user, `set_there` by repository, then group,
    `direct` by repository and user; all by id.
    """

    owner: Account
    memberships: Mapping[str, Sequence[Row]]
    set_there: Mapping[str, Mapping[str, Row]]
    direct: Mapping[tuple[str, str], Row]
    # Cache for the last user: rows by group, and the groups that give something on every repository.
    _groups_of_last: dict[str, tuple[Mapping[str, Row], Mapping[str, None]]] = field(
        default_factory=dict, compare=False
    )
    # Cache of `ways` on repositories without a privilege of the user's own or of their groups.
    _default_ways: dict[tuple[str, bool, bool], tuple[Reason, ...]] = field(default_factory=dict, compare=False)

    def input_for(self, person: Account, repository: Repository, *, without: str | None = None) -> AccessInput:
        """Return everything that decides what a user may do on a repository.

        `without` is the id of a group to leave out. Groups that give nothing there are skipped.
        """
        memberships, with_default = self._groups_of(person)
        set_here = self._set_here(memberships, repository)
        groups = [self._group_input(memberships[id], set_here.get(id)) for id in with_default if id != without]
        groups += [
            self._group_input(memberships[id], row)
            for id, row in set_here.items()
            if id != without and id not in with_default
        ]
        direct = self.direct.get((repository.id, person.id)) if self.direct else None
        return AccessInput(
            person.is_active,
            person.site_admin,
            person.id == self.owner.id,
            Reason(_LEVELS[direct[2]], Through.DIRECT, None, timestamps.from_number(direct[3]), direct[4])
            if direct
            else None,
            tuple(groups),
            not repository.is_private,
        )

    def ways(self, person: Account, repository: Repository) -> tuple[Reason, ...]:
        """Return every way in which a user has a level on a repository.

        Repositories that are alike for the user get the same tuple.
        """
        memberships, _ = self._groups_of(person)
        if (self.direct and (repository.id, person.id) in self.direct) or self._set_here(memberships, repository):
            return why(self.input_for(person, repository))
        key = (person.id, person.is_active, repository.is_private)
        reasons = self._default_ways.get(key)
        if reasons is None:
            if len(self._default_ways) > MOST_USUAL:
                self._default_ways.clear()
            reasons = self._default_ways[key] = why(self.input_for(person, repository))
        return reasons

    def _groups_of(self, person: Account) -> tuple[Mapping[str, Row], Mapping[str, None]]:
        cached = self._groups_of_last.get(person.id)
        if cached is None:
            rows = {row[1]: row for row in self.memberships.get(person.id, ())}
            cached = rows, dict.fromkeys(id for id, row in rows.items() if row[3] or row[4])
            self._groups_of_last.clear()
            self._groups_of_last[person.id] = cached
        return cached

    def _set_here(self, memberships: Mapping[str, Row], repository: Repository) -> Mapping[str, Row]:
        """Return the privileges of some groups on a repository, by iterating over the shorter of the two lists."""
        by_group = self.set_there.get(repository.id)
        if not by_group or not memberships:
            return _NO_PRIVILEGES
        if len(by_group) < len(memberships):
            return {id: row for id, row in by_group.items() if id in memberships}
        return {id: by_group[id] for id in memberships if id in by_group}

    def level(self, person: Account, repository: Repository, *, without: str | None = None) -> Level:
        """Return the strongest level that a user has on a repository."""
        return strongest(why(self.input_for(person, repository, without=without)))

    def group_equivalent_people(self, people: Iterable[Account]) -> list[list[Account]]:
        """Group the users whose access inputs are equal on every repository; no group is empty."""
        kind = self.kinds()
        together: dict[object, list[Account]] = {}
        for person in people:
            together.setdefault(kind(person), []).append(person)
        return [*together.values()]

    def kinds(self) -> Callable[[Account], object]:
        """Return a key function: users with equal keys have equal access inputs on every repository."""
        alone = {self.owner.id, *(person_id for _, person_id in self.direct)}

        def kind(person: Account) -> object:
            if person.id in alone:
                return person.id
            group_ids = tuple([row[1] for row in self.memberships.get(person.id, ())])
            return person.is_active, person.site_admin, group_ids

        return kind

    def group_equivalent_repositories(
        self, repositories: Sequence[Repository]
    ) -> Callable[[Account], list[list[Repository]]]:
        """Return a function that groups these repositories for a user.

        Repositories in one group have equal access inputs for the user; no group is empty.
        """
        by_group: dict[str, set[str]] = {}
        for repository_id, set_here in self.set_there.items():
            for group_id in set_here:
                by_group.setdefault(group_id, set()).add(repository_id)
        by_person: dict[str, set[str]] = {}
        for repository_id, person_id in self.direct:
            by_person.setdefault(person_id, set()).add(repository_id)
        cache: dict[frozenset[str], list[list[Repository]]] = {}

        def grouped(person: Account) -> list[list[Repository]]:
            of_groups = [by_group.get(row[1], ()) for row in self.memberships.get(person.id, ())]
            special = frozenset().union(by_person.get(person.id, ()), *of_groups)
            if special not in cache:
                # Each result holds every repository, so only a few are cached.
                if len(cache) >= MOST_BUNCHED:
                    cache.clear()
                by_kind: dict[object, list[Repository]] = {}
                for repository in repositories:
                    kind = repository.id if repository.id in special else repository.is_private
                    by_kind.setdefault(kind, []).append(repository)
                cache[special] = [*by_kind.values()]
            return cache[special]

        return grouped

    def with_changes(self, changed: Mapping[tuple[str, str], Level | None]) -> "AccessInputs":
        """Return the inputs as they would be after changes of group privileges, keyed by repository and group id.

        None removes the privilege.
        """
        set_there = {repository: dict(groups) for repository, groups in self.set_there.items()}
        for (repository, group), level in changed.items():
            by_group = set_there.setdefault(repository, {})
            by_group.pop(group, None)
            if level is not None:
                by_group[group] = (repository, group, int(level), 0, None)
        return AccessInputs(self.owner, self.memberships, set_there, self.direct)

    def _group_input(self, row: Row, privilege: Row | None) -> GroupInput:
        _, _, slug, permission, account_privilege, added_at, added_by = row
        return GroupInput(
            f"{self.owner.username}/{slug}",
            None if permission is None else _LEVELS[permission],
            _LEVELS[privilege[2]] if privilege else None,
            account_privilege == _ADMIN,
            (timestamps.from_number(added_at), added_by),
            (timestamps.from_number(privilege[3]), privilege[4]) if privilege else (None, None),
        )


_NO_PRIVILEGES: Mapping[str, Row] = {}

# Access inputs that are decided in the time it takes to read a row.
CASES_OF_A_ROW = 4

# Cached groupings of repositories.
MOST_BUNCHED = 50

# Cached results of `ways`; each may hold as many reasons as the user has groups.
MOST_USUAL = 100

# A user paired with more repositories than this is looked up by groups and repositories, not by each pair.
FEW_REPOSITORIES = 8

_LEVELS = {int(level): level for level in Level}
_ADMIN = AccountPrivilege.ADMIN.value


def load(
    tx: Transaction, owner: Account, repositories: Iterable[Repository], people: Collection[Account]
) -> AccessInputs:
    """Load the access inputs of each of these users on each of these repositories of an account."""
    memberships = _memberships(tx, owner, people)
    repository_ids = [repository.id for repository in repositories]
    tx.spend(len(people) * len(repository_ids) // CASES_OF_A_ROW)
    set_there = tx.rows(_SET, account_id=owner.id, repositories=repository_ids)
    direct = tx.rows(_DIRECT, account_id=owner.id, people=[person.id for person in people])
    return _access_inputs(owner, memberships, set_there, direct)


def load_pairs(tx: Transaction, owner: Account, pairs: Collection[tuple[Account, Repository]]) -> AccessInputs:
    """Load the access inputs of each of these users on the repository paired with them.

    Only the privileges of these users' groups are read: any number of other groups may have some there. The queries
    grow with the number of groups and repositories, not with their product.
    """
    people = {person.id: person for person, _ in pairs}
    memberships = _memberships(tx, owner, people.values())
    groups_by_repository: dict[str, list[str]] = {}
    people_by_repository: dict[str, list[str]] = {}
    repositories_by_person: dict[str, set[str]] = {}
    for person, repository in pairs:
        people_by_repository.setdefault(repository.id, []).append(person.id)
        repositories_by_person.setdefault(person.id, set()).add(repository.id)
    set_there: list[Row] = []
    for person_id, repository_ids in repositories_by_person.items():
        groups = [row[1] for row in memberships.get(person_id, ())]
        if len(repository_ids) <= FEW_REPOSITORIES:
            for repository_id in repository_ids:
                groups_by_repository.setdefault(repository_id, []).extend(groups)
        elif groups:
            set_there += tx.rows(_SET_FOR_THEM, account_id=owner.id, groups=groups, repositories=repository_ids)
    if groups_by_repository:
        set_there += tx.rows(_SET_THERE, account_id=owner.id, groups=groups_by_repository)
    direct = tx.rows(_DIRECT_THERE, account_id=owner.id, people=people_by_repository)
    return _access_inputs(owner, memberships, set_there, direct)


def _memberships(tx: Transaction, owner: Account, people: Collection[Account]) -> dict[str, list[Row]]:
    by_person: dict[str, list[Row]] = {}
    for row in tx.rows(_MEMBERSHIPS, account_id=owner.id, people=[person.id for person in people]):
        by_person.setdefault(row[0], []).append(row)
    return by_person


def _access_inputs(
    owner: Account, memberships: Mapping[str, Sequence[Row]], set_there: Iterable[Row], direct: Iterable[Row]
) -> AccessInputs:
    by_repository: dict[str, dict[str, Row]] = {}
    for row in set_there:
        by_repository.setdefault(row[0], {})[row[1]] = row
    return AccessInputs(owner, memberships, by_repository, {(row[0], row[1]): row for row in direct})
