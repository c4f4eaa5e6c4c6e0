"""Takes an `AccessState` back before a journal entry: what each event did to who has access, and how to undo it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from onebucket.domain import access_state, privileges, projects
from onebucket.domain.access_events import OF_NO_ACCESS
from onebucket.domain.access_state import (
    AccessState,
    PastGroup,
    PastPerson,
    PastPlace,
    PastProject,
    PastRepository,
)
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.journal_entry import Entry, Facts
from onebucket.domain.privileges import Level

_Found = TypeVar("_Found")


class NotUndoable(Exception):
    """The journal doesn't say what was before an entry: it holds too little, or doesn't fit what came later."""


class Step(NamedTuple):
    """How to undo an entry, and whose levels it may have changed on which repositories.

    `repositories` is None for all. `of_repository` is one that was added, changed or deleted: that concerns everybody
    who has something on it, and `people` are those who had it only before.
    """

    undo: Callable[[], object]
    people: Collection[PastPerson] = ()
    repositories: Collection[PastRepository] | None = ()
    of_repository: PastRepository | None = None


def step(state: AccessState, entry: Entry) -> Step | None:
    """Return how to undo an entry; None if it changed nobody's access. Raises NotUndoable."""
    if entry.event in OF_NO_ACCESS:
        return None
    handler = EVENTS.get(entry.event)
    if handler is None:
        raise NotUndoable(f"it isn't known what {entry.event.value} changed")
    try:
        return handler(state, entry)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise NotUndoable("an entry says too little") from None


def _known(found: _Found | None) -> _Found:
    if found is None:
        raise NotUndoable("an entry names somebody or something that isn't known")
    return found


def _require(holds: object) -> None:
    if not holds:
        raise NotUndoable("an entry doesn't fit what came after it")


def _facts(facts: Facts | None) -> Facts:
    return _known(facts)


def _level(word: str | None) -> Level | None:
    return None if word is None else privileges.parse_level(word, none=True)


def _project_level(word: str | None) -> Level | None:
    return None if word is None else projects.parse_project_level(word).on_repositories


def _people(state: AccessState, usernames: Iterable[str]) -> list[PastPerson]:
    return [_known(state.person_named(name)) for name in usernames if not state.leaves_out_named(name)]


# -- people --------------------------------------------------------------------------------------------


def _user_added(state: AccessState, entry: Entry) -> Step | None:
    person = state.people.get(entry.account_id)
    if person is None:
        return None
    _require(not person.groups and not person.places)

    def undo() -> None:
        person.is_active = person.site_admin = False
        state.rename_person(person, None)

    return Step(undo, [person], None)


def _user_changed(state: AccessState, entry: Entry) -> Step | None:
    before, after = _facts(entry.before), _facts(entry.after)
    if state.leaves_out(entry.account_id):
        return None
    differing = {name for name in ("username", "is_active", "site_admin") if before.get(name) != after.get(name)}
    if not differing:
        return None
    person = _known(state.person(entry.account_id))
    _require(all(getattr(person, name) == after[name] for name in differing))

    def undo() -> None:
        person.is_active, person.site_admin = before["is_active"], before["site_admin"]
        if before["username"] != after["username"]:
            state.rename_person(person, before["username"])

    return Step(undo, [person], None)


def _user_deleted(state: AccessState, entry: Entry) -> Step:
    """Nobody has anything when they are deleted: entries of their own say what they had before."""
    lost = _facts(entry.before)
    _require(entry.account_id not in state.people)
    return Step(partial(state.bring_back, entry.account_id, lost["username"], site_admin=lost["site_admin"]))


def _site_restored(state: AccessState, entry: Entry) -> Step:
    """People whom a restored backup would have enabled again stayed disabled, without an entry of their own."""
    people = _people(state, _facts(entry.after).get("kept", {}).get("disabled", []))
    _require(not any(person.is_active for person in people))

    def undo() -> None:
        for person in people:
            person.is_active = True

    return Step(undo, people, None)


# -- groups --------------------------------------------------------------------------------------------


def _group_added(state: AccessState, entry: Entry) -> Step:
    group = state.groups[entry.subject]
    _require(not group.members and not group.places)
    return Step(partial(state.groups.pop, entry.subject))


def _group_changed(state: AccessState, entry: Entry) -> Step:
    before, after = _facts(entry.before), _facts(entry.after)
    group = state.groups[after.get("slug", entry.subject)]
    permission, administers = group.permission, group.administers
    if "permission" in after:
        _require((group.permission or None) == (_level(after["permission"]) or None))
        permission = _level(before["permission"])
    if "account_privilege" in after:
        _require(group.administers == _administers(after))
        administers = _administers(before)
    is_of_access = (permission, administers) != (group.permission, group.administers)

    def undo() -> None:
        group.permission, group.administers = permission, administers
        if group.slug != entry.subject:
            del state.groups[group.slug]
            group.slug = entry.subject
            state.groups[group.slug] = group

    return Step(undo, [*group.members], None) if is_of_access else Step(undo)


def _administers(facts: Facts) -> bool:
    return bool(facts["account_privilege"] == AccountPrivilege.ADMIN.value)


def _group_deleted(state: AccessState, entry: Entry) -> Step:
    lost = _facts(entry.before)
    _require(entry.subject not in state.groups)
    group = PastGroup(entry.subject, _level(lost["permission"]), administers=_administers(lost))
    members = _people(state, lost["members"])
    group.places = {state.repositories[slug]: _known(_level(word)) for slug, word in lost["privileges"].items()}
    group.places |= {
        state.projects[key]: _known(_project_level(word)) for key, word in lost.get("projects", {}).items()
    }

    def undo() -> None:
        state.groups[group.slug] = group
        for place, level in group.places.items():
            place.groups[group] = level
        for person in members:
            access_state.set_member(group, person, is_member=True)

    return Step(undo, members, group.reach)


def _member(state: AccessState, entry: Entry, *, was_added: bool) -> Step | None:
    facts = _facts(entry.after if was_added else entry.before)
    if state.leaves_out(facts["id"]):
        return None
    group = state.groups[entry.subject]
    person = _known(state.person(facts["id"]))
    _require((person in group.members) == was_added)
    undo = partial(access_state.set_member, group, person, is_member=not was_added)
    return Step(undo, [person], group.reach)


# -- what is set on repositories and projects ------------------------------------------------------------


def _set_in(state: AccessState, entry: Entry, *, on_project: bool) -> Step | None:
    before, after = entry.before, entry.after
    facts = _facts(after or before)
    if "group" not in facts and state.leaves_out_named(facts["user"]):
        return None
    place: PastPlace = (state.projects if on_project else state.repositories)[entry.subject]
    holder: PastGroup | PastPerson = (
        state.groups[facts["group"]] if "group" in facts else _known(state.person_named(facts["user"]))
    )
    parse = _project_level if on_project else _level
    was, now = (parse(each["privilege"]) if each else None for each in (before, after))
    _require(access_state.levels_set(place, holder).get(holder) == now)

    people = [*holder.members] if isinstance(holder, PastGroup) else [holder]
    repositories = access_state.repositories_in([place])
    return Step(partial(access_state.set_level, place, holder, was), people, repositories)


# -- projects and repositories ---------------------------------------------------------------------------


def _project_added(state: AccessState, entry: Entry) -> Step:
    project = state.projects[entry.subject]
    _require(not (project.repositories or project.groups or project.people))
    return Step(partial(state.projects.pop, entry.subject))


def _project_changed(state: AccessState, entry: Entry) -> Step:
    project = state.projects[_facts(entry.after)["key"]]

    def undo() -> None:
        del state.projects[project.name]
        project.name = entry.subject
        state.projects[project.name] = project

    return Step(undo)


def _project_deleted(state: AccessState, entry: Entry) -> Step:
    lost = _facts(entry.before)
    _require(entry.subject not in state.projects)
    project = PastProject(entry.subject)
    set_there = _holders(state, lost, _project_level)

    def undo() -> None:
        state.projects[project.name] = project
        for holder, level in set_there.items():
            access_state.set_level(project, holder, level)

    return Step(undo)


def _holders(
    state: AccessState, lost: Facts, parse: Callable[[str | None], Level | None]
) -> dict[PastGroup | PastPerson, Level]:
    found: dict[PastGroup | PastPerson, Level] = {
        state.groups[slug]: _known(parse(word)) for slug, word in lost["groups"].items()
    }
    return found | {
        _known(state.person_named(name)): _known(parse(word))
        for name, word in lost["users"].items()
        if not state.leaves_out_named(name)
    }


def _repository_added(state: AccessState, entry: Entry) -> Step:
    repository = state.repositories[entry.subject]
    _require(not (repository.groups or repository.people))

    def undo() -> None:
        repository.exists = False
        del state.repositories[repository.name], repository.project.repositories[repository]

    return Step(undo, of_repository=repository)


def _repository_changed(state: AccessState, entry: Entry) -> Step:
    before, after = _facts(entry.before), _facts(entry.after)
    repository = state.repositories[after["slug"]]
    _require(repository.is_private == after["is_private"])
    _require("project" not in after or repository.project.name == after["project"])
    project = state.projects[before["project"]] if "project" in before else repository.project

    def undo() -> None:
        del state.repositories[repository.name], repository.project.repositories[repository]
        repository.name, repository.is_private, repository.project = entry.subject, before["is_private"], project
        state.repositories[repository.name] = project.repositories[repository] = repository  # type: ignore[assignment]

    if project is repository.project and before["is_private"] == after["is_private"]:
        return Step(undo)
    return Step(undo, _people_among([*project.people, *project.groups]), of_repository=repository)


def _people_among(holders: Iterable[PastGroup | PastPerson]) -> list[PastPerson]:
    """Return these people and the members of these groups."""
    found: list[PastPerson] = []
    for holder in holders:
        found += holder.members if isinstance(holder, PastGroup) else [holder]
    return found


def _repository_deleted(state: AccessState, entry: Entry) -> Step:
    lost = _facts(entry.before)
    _require(entry.subject not in state.repositories)
    # Before there were projects, nothing was set on any.
    project = state.projects[lost["project"]] if "project" in lost else PastProject("")
    repository = PastRepository(entry.subject, project, is_private=lost["is_private"], exists=False)
    set_there = _holders(state, lost, _level)

    def undo() -> None:
        repository.exists = True
        state.repositories[repository.name] = repository
        project.repositories[repository] = None
        for holder, level in set_there.items():
            access_state.set_level(repository, holder, level)

    return Step(undo, _people_among(set_there), of_repository=repository)


_on_repository, _on_project = (partial(_set_in, on_project=on_project) for on_project in (False, True))

EVENTS: Mapping[Event, Callable[[AccessState, Entry], Step | None]] = {
    Event.USER_ADDED: _user_added,
    Event.USER_CHANGED: _user_changed,
    Event.USER_DISABLED: _user_changed,
    Event.USER_ENABLED: _user_changed,
    Event.USER_DELETED: _user_deleted,
    Event.SITE_RESTORED: _site_restored,
    Event.GROUP_ADDED: _group_added,
    Event.GROUP_CHANGED: _group_changed,
    Event.GROUP_DELETED: _group_deleted,
    Event.MEMBER_ADDED: partial(_member, was_added=True),
    Event.MEMBER_REMOVED: partial(_member, was_added=False),
    Event.MEMBER_ENDED: partial(_member, was_added=False),
    Event.PROJECT_ADDED: _project_added,
    Event.PROJECT_CHANGED: _project_changed,
    Event.PROJECT_DELETED: _project_deleted,
    Event.REPOSITORY_ADDED: _repository_added,
    Event.REPOSITORY_CHANGED: _repository_changed,
    Event.REPOSITORY_DELETED: _repository_deleted,
    Event.GROUP_PRIVILEGE_SET: _on_repository,
    Event.GROUP_PRIVILEGE_REMOVED: _on_repository,
    Event.GROUP_PRIVILEGE_ENDED: _on_repository,
    Event.PRIVILEGE_SET: _on_repository,
    Event.PRIVILEGE_REMOVED: _on_repository,
    Event.PRIVILEGE_ENDED: _on_repository,
    Event.PROJECT_GROUP_PRIVILEGE_SET: _on_project,
    Event.PROJECT_GROUP_PRIVILEGE_REMOVED: _on_project,
    Event.PROJECT_GROUP_PRIVILEGE_ENDED: _on_project,
    Event.PROJECT_PRIVILEGE_SET: _on_project,
    Event.PROJECT_PRIVILEGE_REMOVED: _on_project,
    Event.PROJECT_PRIVILEGE_ENDED: _on_project,
}
