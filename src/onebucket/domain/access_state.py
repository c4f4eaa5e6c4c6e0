"""Who was in which group of an account, and what was set where, at a moment; and the levels that followed from it.

`access_undo` takes it back in time, one journal entry after the other.
"""

from collections.abc import Callable, Iterable
from typing import Any

from onebucket.domain.accounts import Account, username_key
from onebucket.domain.privileges import AccessInput, GroupInput, Level, ProjectGrant, Reason, Through, why


class PastPerson:
    """A person as they were; `places` are the repositories and projects where something was set for themselves."""

    __slots__ = ("groups", "id", "is_active", "places", "site_admin", "username")

    def __init__(self, id: str, username: str, *, is_active: bool, site_admin: bool) -> None:
        self.id, self.username = id, username
        self.is_active, self.site_admin = is_active, site_admin
        self.groups: dict[PastGroup, None] = {}
        self.places: dict[PastPlace, Level] = {}


class PastGroup:
    """A group as it was; `directory` is the label of the directory that keeps it, None if none does or it is gone."""

    __slots__ = ("administers", "directory", "members", "permission", "places", "slug")

    def __init__(self, slug: str, permission: Level | None, *, administers: bool, directory: str | None = None) -> None:
        self.slug, self.permission = slug, permission
        self.administers, self.directory = administers, directory
        self.members: dict[PastPerson, None] = {}
        self.places: dict[PastPlace, Level] = {}

    @property
    def reaches_all(self) -> bool:
        """Whether it gives something on every repository where nothing else is set for it."""
        return self.administers or bool(self.permission)

    @property
    def reach(self) -> "dict[PastRepository, None] | None":
        """The repositories on which it may give something; None for all."""
        return None if self.reaches_all else repositories_in(self.places)


class PastPlace:
    """What was set for groups and people on a repository or a project; of a project, the level on its repositories."""

    __slots__ = ("groups", "name", "people")

    def __init__(self, name: str) -> None:
        self.name = name
        self.groups: dict[PastGroup, Level] = {}
        self.people: dict[PastPerson, Level] = {}


class PastRepository(PastPlace):
    """A repository as it was; `name` is its slug."""

    __slots__ = ("exists", "is_private", "project")

    def __init__(self, slug: str, project: "PastProject", *, is_private: bool, exists: bool = True) -> None:
        super().__init__(slug)
        self.project, self.is_private, self.exists = project, is_private, exists


class PastProject(PastPlace):
    """A project as it was; `name` is its key."""

    __slots__ = ("repositories",)

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.repositories: dict[PastRepository, None] = {}


def repositories_in(places: Iterable[PastPlace]) -> dict[PastRepository, None]:
    """Return the repositories among places, and those in the projects among them."""
    found: dict[PastRepository, None] = {}
    for place in places:
        if isinstance(place, PastRepository):
            found[place] = None
        elif isinstance(place, PastProject):
            found |= place.repositories
    return found


# Looks an account up as it is now, by its id or its username.
Lookup = Callable[[str], Account | None]


class AccessState:
    """The access inputs of everybody in an account at a moment.

    People are loaded when somebody first asks for them: `by_id` and `by_username` find them as they are now. A state
    that is `only` about the person with that id knows nobody else.
    """

    def __init__(self, owner: Account, *, by_id: Lookup, by_username: Lookup, only: str | None = None) -> None:
        self.owner = owner
        self._only = only
        self.groups: dict[str, PastGroup] = {}
        self.projects: dict[str, PastProject] = {}
        self.repositories: dict[str, PastRepository] = {}
        self.people: dict[str, PastPerson] = {}
        self._by_id, self._by_username = by_id, by_username
        self._ids: dict[str, str] = {}
        # The holders of usernames that have changed since; None if nobody had one then.
        self._names: dict[str, str | None] = {}

    # -- people

    def add_person(self, account: Account) -> PastPerson:
        """Add a person as they are now."""
        person = PastPerson(account.id, account.username, is_active=account.is_active, site_admin=account.site_admin)
        self.people[account.id] = person
        self._ids[username_key(account.username)] = account.id
        return person

    def person(self, id: str) -> PastPerson | None:
        """Return the person with this id as they were; None if there is nobody."""
        found = self.people.get(id)
        if found is None and (account := self._by_id(id)) is not None and not account.is_team:
            found = self.add_person(account)
        return found

    def person_named(self, username: str) -> PastPerson | None:
        """Return the person who had this username."""
        key = username_key(username)
        if key in self._names:
            id = self._names[key]
            return None if id is None else self.person(id)
        if key in self._ids:
            return self.people[self._ids[key]]
        account = self._by_username(username)
        return None if account is None else self.person(account.id)

    def leaves_out(self, id: str) -> bool:
        """Return whether the state isn't about the person with this id."""
        return self._only is not None and id != self._only

    def leaves_out_named(self, username: str) -> bool:
        """Return whether the state isn't about the person who had this username."""
        if self._only is None:
            return False
        key = username_key(username)
        return self._names.get(key, self._ids.get(key)) != self._only

    def rename_person(self, person: PastPerson, username: str | None) -> None:
        """Give a person the username that they had; None for somebody who didn't exist yet."""
        self._names[username_key(person.username)] = None
        if username is not None:
            person.username = username
            self._names[username_key(username)] = person.id

    def bring_back(self, id: str, username: str, *, site_admin: bool) -> None:
        """Add a person who was disabled and then deleted."""
        self.people[id] = PastPerson(id, username, is_active=False, site_admin=site_admin)
        self._names[username_key(username)] = id

    # -- levels

    def reasons(self, person: PastPerson, repository: PastRepository) -> tuple[Reason, ...]:
        """List why the person had a level on the repository, the strongest reason first."""
        if not repository.exists:
            return ()
        project = repository.project
        groups = [
            self._group_input(group, repository, project)
            for group in person.groups
            if group.reaches_all or group in repository.groups or group in project.groups
        ]
        direct = repository.people.get(person)
        return why(
            AccessInput(
                person.is_active,
                person.site_admin,
                person.id == self.owner.id,
                Reason(direct, Through.DIRECT) if direct else None,
                tuple(groups),
                not repository.is_private,
                self._on_project(project, project.people.get(person)),
            )
        )

    def usual_reasons(self, person: PastPerson, *, is_private: bool) -> tuple[Reason, ...]:
        """List why the person had a level on each repository on which nothing was set for them or their groups."""
        groups = [self._group_input(group, None, None) for group in person.groups if group.reaches_all]
        return why(
            AccessInput(
                person.is_active,
                person.site_admin,
                person.id == self.owner.id,
                groups=tuple(groups),
                is_public=not is_private,
            )
        )

    def special_repositories(self, person: PastPerson) -> dict[PastRepository, None]:
        """Return the repositories on which something was set for the person or their groups, or on their projects."""
        found = repositories_in(person.places)
        for group in person.groups:
            found |= repositories_in(group.places)
        return found

    def holders(self, repository: PastRepository) -> dict[PastPerson, None]:
        """Return everybody who may have a level on the repository that not everybody has."""
        project = repository.project
        found = dict.fromkeys((*repository.people, *project.people))
        for group in (*repository.groups, *project.groups):
            found |= group.members
        for group in self.groups.values():
            if group.reaches_all:
                found |= group.members
        found |= {person: None for person in self.people.values() if person.site_admin or person.id == self.owner.id}
        return found

    def kind(self, person: PastPerson) -> object:
        """Return a key: people with equal ones have the same levels on every repository."""
        if person.places or person.id == self.owner.id:
            return person
        return person.is_active, person.site_admin, *person.groups

    def _group_input(
        self, group: PastGroup, repository: PastRepository | None, project: PastProject | None
    ) -> GroupInput:
        return GroupInput(
            f"{self.owner.username}/{group.slug}",
            group.permission,
            repository.groups.get(group) if repository else None,
            group.administers,
            on_project=self._on_project(project, project.groups.get(group)) if project else None,
            directory=group.directory,
        )

    def _on_project(self, project: PastProject, level: Level | None) -> ProjectGrant | None:
        return ProjectGrant(level, f"{self.owner.username}/{project.name}") if level else None


# -- what changes in it --------------------------------------------------------------------------------


def set_member(group: PastGroup, person: PastPerson, *, is_member: bool) -> None:
    """Put a person into a group, or take them out."""
    if is_member:
        group.members[person] = person.groups[group] = None
    else:
        del group.members[person], person.groups[group]


def levels_set(place: PastPlace, holder: PastGroup | PastPerson) -> dict[Any, Level]:
    """Return what is set in a place for all groups, or all people, depending on what the holder is."""
    return place.groups if isinstance(holder, PastGroup) else place.people


def set_level(place: PastPlace, holder: PastGroup | PastPerson, level: Level | None) -> None:
    """Set the level of a group or a person in a place; None takes it away. `NONE` is a level of its own."""
    levels = levels_set(place, holder)
    if level is None:
        del levels[holder], holder.places[place]
    else:
        levels[holder] = holder.places[place] = level
