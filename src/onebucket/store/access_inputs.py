"""What decides who may do what, loaded for any users and repositories of one account, in one query or a few."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import (
    AccessInput,
    GroupInput,
    Level,
    ProjectGrant,
    Provenance,
    Reason,
    Through,
    strongest,
    why,
)
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.repositories import Repository
from onebucket.lru_cache import LruCache
from onebucket.store import access_rows, combined_access_rows
from onebucket.store.access_rows import MembershipRow, PrivilegeRow
from onebucket.store.engine import timestamps
from onebucket.store.engine.transaction import Transaction

# What is set for groups in one place: rows by the group's id.
_ByGroup: TypeAlias = Mapping[str, PrivilegeRow]
# What was set on a repository and on its project: for a user's groups there and there, for the user there and there.
_Given: TypeAlias = tuple[_ByGroup, _ByGroup, PrivilegeRow | None, PrivilegeRow | None]


@dataclass(frozen=True, slots=True)
class AccessInputs:
    """The access inputs of some users on some repositories of one account.

    Holds rows, which become an AccessInput on demand: `memberships` by user, `set_there` by repository or project, then
    group, `direct` by repository or project, and user; all by id.
    """

    owner: Account
    memberships: Mapping[str, Sequence[MembershipRow]]
    set_there: Mapping[str, _ByGroup]
    direct: Mapping[tuple[str, str], PrivilegeRow]
    # Cache for the last user: rows by group, and the groups that give something on every repository.
    _groups_of_last: LruCache[str, tuple[Mapping[str, MembershipRow], Mapping[str, None]]] = field(
        default_factory=lambda: LruCache(1), compare=False
    )
    # Cache of `ways` on repositories without a privilege of the user's own or of their groups: by user, and by project
    # where one gives them something.
    _default_ways: LruCache[tuple[str, bool, bool, str | None], tuple[Reason, ...]] = field(
        default_factory=lambda: LruCache(MOST_USUAL), compare=False
    )

    def input_for(self, person: Account, repository: Repository, *, without: str | None = None) -> AccessInput:
        """Return everything that decides what a user may do on a repository.

        `without` is the id of a group to leave out. Groups that give nothing there are skipped.
        """
        return self._input(person, repository, self._given(person, repository), without)

    def ways(self, person: Account, repository: Repository) -> tuple[Reason, ...]:
        """Return every way in which a user has a level on a repository.

        Repositories that are alike for the user get the same tuple.
        """
        given = set_here, on_project, direct, direct_on_project = self._given(person, repository)
        if set_here or direct:
            return why(self._input(person, repository, given))
        project = repository.project_id if on_project or direct_on_project else None
        key = (person.id, person.is_active, repository.is_private, project)
        reasons = self._default_ways.get(key)
        if reasons is None:
            reasons = self._default_ways[key] = why(self._input(person, repository, given))
        return reasons

    def _given(self, person: Account, repository: Repository) -> _Given:
        """Return what was set for a user and their groups on a repository and its project."""
        memberships, _ = self._groups_of(person)
        set_here, on_project = (self._set_in(place, memberships) for place in (repository.id, repository.project_id))
        if not self.direct:
            return set_here, on_project, None, None
        direct = self.direct.get((repository.id, person.id))
        return set_here, on_project, direct, self.direct.get((repository.project_id, person.id))

    def _input(self, person: Account, repository: Repository, given: _Given, without: str | None = None) -> AccessInput:
        memberships, with_default = self._groups_of(person)
        set_here, on_project, direct, direct_on_project = given
        ids = dict.fromkeys((*with_default, *set_here, *on_project)) if set_here or on_project else with_default
        if without in ids:
            ids = dict.fromkeys(id for id in ids if id != without)
        return AccessInput(
            person.is_active,
            person.site_admin,
            person.id == self.owner.id,
            self._direct(direct),
            tuple([self._group_input(memberships[id], set_here.get(id), on_project.get(id)) for id in ids]),
            not repository.is_private,
            self._project_grant(direct_on_project),
        )

    def _groups_of(self, person: Account) -> tuple[Mapping[str, MembershipRow], Mapping[str, None]]:
        cached = self._groups_of_last.get(person.id)
        if cached is None:
            rows = {row.group_id: row for row in self.memberships.get(person.id, ())}
            cached = rows, dict.fromkeys(id for id, row in rows.items() if row.permission or row.account_privilege)
            self._groups_of_last[person.id] = cached
        return cached

    def _set_in(self, place_id: str, memberships: Mapping[str, MembershipRow]) -> _ByGroup:
        """Return the levels of some groups in one place, by iterating over the shorter of the two lists."""
        by_group = self.set_there.get(place_id)
        if not by_group or not memberships:
            return _NO_PRIVILEGES
        if len(by_group) < len(memberships):
            return {id: row for id, row in by_group.items() if id in memberships}
        return {id: by_group[id] for id in memberships if id in by_group}

    def level(self, person: Account, repository: Repository, *, without: str | None = None) -> Level:
        """Return the strongest level that a user has on a repository."""
        return strongest(why(self.input_for(person, repository, without=without)))

    def kinds(self) -> Callable[[Account], object]:
        """Return a key function: users with equal keys have equal access inputs on every repository."""
        alone = {self.owner.id, *(person_id for _, person_id in self.direct)}

        def kind(person: Account) -> object:
            if person.id in alone:
                return person.id
            group_ids = tuple([row.group_id for row in self.memberships.get(person.id, ())])
            return person.is_active, person.site_admin, group_ids

        return kind

    def group_equivalent_repositories(
        self, repositories: Sequence[Repository]
    ) -> Callable[[Account], list[list[Repository]]]:
        """Return a function that groups these repositories for a user.

        Repositories in one group have equal access inputs for the user; no group is empty.
        """
        by_holder: dict[str, set[str]] = {}
        for place_id, by_group in self.set_there.items():
            for group_id in by_group:
                by_holder.setdefault(group_id, set()).add(place_id)
        for place_id, person_id in self.direct:
            by_holder.setdefault(person_id, set()).add(place_id)
        # Each result holds every repository, so only a few are cached.
        cache: LruCache[frozenset[str], list[list[Repository]]] = LruCache(MOST_BUNCHED)

        def grouped(person: Account) -> list[list[Repository]]:
            of_groups = [by_holder.get(row.group_id, ()) for row in self.memberships.get(person.id, ())]
            special = frozenset().union(by_holder.get(person.id, ()), *of_groups)
            cached = cache.get(special)
            if cached is not None:
                return cached
            by_kind: dict[object, list[Repository]] = {}
            for repository in repositories:
                project = repository.project_id if repository.project_id in special else None
                kind = repository.id if repository.id in special else (repository.is_private, project)
                by_kind.setdefault(kind, []).append(repository)
            equivalent = cache[special] = [*by_kind.values()]
            return equivalent

        return grouped

    def _group_input(
        self, row: MembershipRow, privilege: PrivilegeRow | None, on_project: PrivilegeRow | None
    ) -> GroupInput:
        return GroupInput(
            f"{self.owner.username}/{row.slug}",
            None if row.permission is None else _LEVELS[row.permission],
            _LEVELS[privilege.level] if privilege else None,
            row.account_privilege == _ADMIN,
            (timestamps.from_number(row.added_at), row.added_by),
            _granted(privilege) if privilege else (None, None),
            self._project_grant(on_project),
            row.directory,
            timestamps.optional_from_number(row.ends_at),
            _until(privilege) if privilege else None,
        )

    def _direct(self, row: PrivilegeRow | None) -> Reason | None:
        if row is None:
            return None
        return Reason(_LEVELS[row.level], Through.DIRECT, None, *_granted(row), until=_until(row))

    def _project_grant(self, row: PrivilegeRow | None) -> ProjectGrant | None:
        if row is None:
            return None
        project = f"{self.owner.username}/{row.project}"
        return ProjectGrant(_ON_REPOSITORIES[row.level], project, _granted(row), _until(row))


def _granted(row: PrivilegeRow) -> Provenance:
    return timestamps.from_number(row.granted_at), row.granted_by


def _until(row: PrivilegeRow) -> datetime | None:
    return timestamps.optional_from_number(row.ends_at)


_NO_PRIVILEGES: _ByGroup = {}

# Access inputs that are decided in the time it takes to read a row.
CASES_OF_A_ROW = 4

# Cached groupings of repositories.
MOST_BUNCHED = 50

# Cached results of `ways`; each may hold as many reasons as the user has groups.
MOST_USUAL = 100

# So many pairs of a user and a repository are looked up in one query, whether or not they are asked about.
FEW_PAIRS = 16

# A user paired with more repositories than this is looked up by groups and repositories, not by each pair.
FEW_REPOSITORIES = 8

_LEVELS = {int(level): level for level in Level}
_ON_REPOSITORIES = {int(level): level.on_repositories for level in ProjectLevel}
_ADMIN = AccountPrivilege.ADMIN.value


def load(
    tx: Transaction, owner: Account, repositories: Iterable[Repository], people: Collection[Account]
) -> AccessInputs:
    """Load the access inputs of each of these users on each of these repositories of an account."""
    repository_ids, project_ids = _places(repositories)
    tx.spend(len(people) * len(repository_ids) // CASES_OF_A_ROW)
    rows = combined_access_rows.whole(tx, owner, [person.id for person in people], repository_ids, project_ids)
    return _access_inputs(owner, rows.memberships, rows.for_groups, rows.for_people)


def load_pairs(tx: Transaction, owner: Account, pairs: Collection[tuple[Account, Repository]]) -> AccessInputs:
    """Load the access inputs of each of these users on the repository paired with them.

    Only the privileges of these users' groups are read: any number of other groups may have some there. The queries
    grow with the number of groups and repositories, not with their product.
    """
    people = {person.id: person for person, _ in pairs}
    places = {repository.id: repository for _, repository in pairs}
    if len(people) * len(places) <= FEW_PAIRS:
        rows = combined_access_rows.few(tx, owner, people, *_places(places.values()))
        return _access_inputs(owner, rows.memberships, rows.for_groups, rows.for_people)
    memberships = access_rows.memberships_of(tx, owner, people.values())
    by_person: dict[str, dict[str, Repository]] = {}
    for person, repository in pairs:
        by_person.setdefault(person.id, {})[repository.id] = repository
    groups_on, people_on = _Pairs(), _Pairs()
    set_there: list[PrivilegeRow] = []
    for person_id, repositories in by_person.items():
        people_on.add(repositories.values(), [person_id])
        groups = [row.group_id for row in memberships.get(person_id, ())]
        if len(repositories) <= FEW_REPOSITORIES:
            groups_on.add(repositories.values(), groups)
        elif groups:
            set_there += access_rows.set_for_these_groups(tx, owner, groups, *_places(repositories.values()))
    if groups_on.on_repositories:
        set_there += access_rows.set_for_pairs(tx, owner, groups_on.on_repositories, groups_on.on_projects)
    direct = access_rows.given_to_pairs(tx, owner, people_on.on_repositories, people_on.on_projects)
    return _access_inputs(owner, memberships, set_there, direct)


def _places(repositories: Iterable[Repository]) -> tuple[list[str], list[str]]:
    """Return the ids of repositories and of their projects."""
    projects: dict[str, None] = {}
    ids = []
    for repository in repositories:
        ids.append(repository.id)
        projects[repository.project_id] = None
    return ids, [*projects]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Groups or users to look up, by repository and by project."""

    on_repositories: dict[str, dict[str, None]] = field(default_factory=dict)
    on_projects: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, repositories: Iterable[Repository], holders: Sequence[str]) -> None:
        for repository in repositories:
            self.on_repositories.setdefault(repository.id, {}).update(dict.fromkeys(holders))
            self.on_projects.setdefault(repository.project_id, {}).update(dict.fromkeys(holders))


def _access_inputs(
    owner: Account,
    memberships: Mapping[str, Sequence[MembershipRow]],
    set_there: Iterable[PrivilegeRow],
    direct: Iterable[PrivilegeRow],
) -> AccessInputs:
    by_place: dict[str, dict[str, PrivilegeRow]] = {}
    for row in set_there:
        by_place.setdefault(row.place_id, {})[row.holder_id] = row
    return AccessInputs(owner, memberships, by_place, {(row.place_id, row.holder_id): row for row in direct})
