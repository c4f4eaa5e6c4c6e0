"""Undoes what somebody has just done: the opposite of each entry that their request has left in a journal."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from onebucket.actions import (
    access,
    account_names,
    groups,
    invitations,
    member_ends,
    privileges,
    project_privileges,
    projects,
    repositories,
    webhooks,
)
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.ends import NEVER, EndWish
from onebucket.domain.events import Event
from onebucket.domain.groups import group_facts, member_facts, parse_account_privilege
from onebucket.domain.journal_entry import Entry, Facts
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level, facts, parse_level
from onebucket.domain.projects import ProjectLevel, parse_project_level, project_facts
from onebucket.domain.refusals import Conflict, NotFound
from onebucket.domain.repositories import repository_facts
from onebucket.store import group_rows, invitation_rows, journal_search, privilege_rows

# How long after a change its author may undo it.
RECENT = timedelta(minutes=10)

# The most entries of one request that are undone together.
MOST = 100


def recent(work: UnitOfWork, account_id: str, number: int) -> list[Entry]:
    """Return the actor's own entry of that number, if it is recent, and those of the same request after it.

    Empty otherwise, also for an entry of somebody else. One more than `MOST` at most.
    """
    if work.actor.id is None:
        return []
    since = work.at - RECENT
    return journal_search.of_request(work.tx, account_id, number, actor_id=work.actor.id, since=since, most=MOST + 1)


def find(work: UnitOfWork, account_name: str, number: int) -> list[Entry]:
    """Return what `recent` does, of the named account. Raises NotFound if that is nothing."""
    owner = access.account(work, account_name, to=To.SEE_PROFILE)
    entries = recent(work, owner.id, number)
    if not entries:
        minutes = RECENT // timedelta(minutes=1)
        raise NotFound(
            f"you have made no such change in the last {minutes} minutes: later than that, nothing is undone"
        )
    return entries


def has_opposite(entries: Sequence[Entry]) -> bool:
    """Return True if all of these entries of one request can be undone, as far as the entries alone tell."""
    return 0 < len(entries) <= MOST and all(
        entry.event in _OPPOSITES and entry.account_id == entries[0].account_id and _is_whole(entry)
        for entry in entries
    )


def _is_whole(entry: Entry) -> bool:
    """Return False for a change of an account's other fields, such as the username, which are not undone."""
    return entry.event not in _RENAMED or {*(entry.before or {})} == {"display_name"}


def undo(work: UnitOfWork, account_name: str, number: int) -> list[Entry]:
    """Undo the actor's own recent entry of that number, and those of the same request; return these, oldest first.

    The actor must be allowed to do the opposite. Raises NotFound, Conflict when it can't be undone or something else
    has changed it since, and what the opposite raises.
    """
    entries = find(work, account_name, number)
    if not has_opposite(entries):
        raise Conflict("this can't be undone")
    for entry in reversed(entries):
        try:
            _OPPOSITES[entry.event](work, entry)
        except NotFound:
            raise _changed_since() from None
    return entries


def _changed_since() -> Conflict:
    return Conflict("this has been changed since, so it can't be undone")


def _require(holds: bool) -> None:
    if not holds:
        raise _changed_since()


def _only(found: Facts | None) -> Facts:
    assert found is not None
    return found


def _end(before: Facts) -> EndWish:
    return ends.parse(before["until"]) if "until" in before else NEVER


# -- members -------------------------------------------------------------------------------------------


def _member_added(work: UnitOfWork, entry: Entry) -> None:
    member = _check_member(work, entry)
    groups.remove_member(work, entry.account_id, entry.subject, member)


def _member_removed(work: UnitOfWork, entry: Entry) -> None:
    member = _check_member(work, entry)
    groups.add_member(work, entry.account_id, entry.subject, member, _end(_only(entry.before)))


def _member_changed(work: UnitOfWork, entry: Entry) -> None:
    member = _check_member(work, entry)
    member_ends.set_end(work, entry.account_id, entry.subject, member, _end(_only(entry.before)))


def _check_member(work: UnitOfWork, entry: Entry) -> str:
    """Check that the membership is as the entry has left it; return the person's id."""
    _, group = access.group(work, entry.account_id, entry.subject, to=To.SEE_GROUP)
    person = access.person(work, _only(entry.after or entry.before)["id"])
    found = group_rows.membership(work.tx, group, person.id)
    _require((member_facts(person, found.until) if found else None) == entry.after)
    return person.id


# -- what is set on repositories and projects --------------------------------------------------------------


def _group_privilege(work: UnitOfWork, entry: Entry) -> None:
    slug = _only(entry.after or entry.before)["group"]
    owner, repository = access.repository(work, entry.account_id, entry.subject, to=To.GRANT_PRIVILEGE)
    group = access.group_of(work, owner, owner.id, slug)
    _require(facts("group", slug, *privilege_rows.set_level(work.tx, owner.id, repository.id, group.id)) == entry.after)
    if entry.before is None:
        privileges.unset_for_group(work, owner.id, repository.slug, slug)
    else:
        level = parse_level(entry.before["privilege"], none=True)
        privileges.set_for_group(work, owner.id, repository.slug, slug, level, _end(entry.before))


def _privilege(work: UnitOfWork, entry: Entry) -> None:
    name = _only(entry.after or entry.before)["user"]
    there = privileges.of_person_there(work, entry.account_id, entry.subject, name)
    _require(facts("user", there.person.username, there.level or None, there.until) == entry.after)
    place = entry.account_id, entry.subject, there.person.id
    if entry.before is None:
        privileges.revoke_direct(work, *place)
    else:
        privileges.grant_direct(work, *place, parse_level(entry.before["privilege"]), _end(entry.before))


def _project_group_privilege(work: UnitOfWork, entry: Entry) -> None:
    slug = _only(entry.after or entry.before)["group"]
    there = project_privileges.of_group(work, entry.account_id, entry.subject, slug)
    _require(facts("group", slug, there.level or None, there.until) == entry.after)
    project_privileges.set_for_group(work, entry.account_id, entry.subject, slug, *_project_level(entry.before))


def _project_privilege(work: UnitOfWork, entry: Entry) -> None:
    name = _only(entry.after or entry.before)["user"]
    there = project_privileges.of_person(work, entry.account_id, entry.subject, name)
    _require(facts("user", there.person.username, there.level or None, there.until) == entry.after)
    place = entry.account_id, entry.subject, there.person.id
    project_privileges.set_for_person(work, *place, *_project_level(entry.before))


def _project_level(before: Facts | None) -> tuple[ProjectLevel, EndWish]:
    if before is None:
        return ProjectLevel.NONE, None
    return parse_project_level(before["privilege"]), _end(before)


# -- invitations -----------------------------------------------------------------------------------------


def _invited(work: UnitOfWork, entry: Entry) -> None:
    slug = _only(entry.after).get("repository")
    if slug is None:
        owner = access.account(work, entry.account_id, to=To.INVITE)
        found = invitation_rows.pending(work.tx, owner.id, entry.subject, repository_id=None)
    else:
        owner, repository = access.repository(work, entry.account_id, slug, to=To.INVITE_TO_REPOSITORY)
        found = invitation_rows.pending(work.tx, owner.id, entry.subject, repository_id=repository.id)
    if found is None or found.facts != entry.after:
        raise _changed_since()
    invitations.withdraw(work, found.id)


# -- groups, projects, repositories, webhooks and names ----------------------------------------------------


def _differing(entry: Entry) -> dict[str, Any]:
    """Return the facts of before that differ, by name."""
    before, after = _only(entry.before), _only(entry.after)
    return {name: value for name, value in before.items() if after.get(name) != value}


def _group_changed(work: UnitOfWork, entry: Entry) -> None:
    before, after = _only(entry.before), _only(entry.after)
    account = entry.account_id
    if "kept_by_sign_in" in after:
        _require(groups.keeper(work, account, entry.subject) == after["kept_by_sign_in"])
        groups.set_keeper(work, account, entry.subject, before["kept_by_sign_in"])
        return
    _require(group_facts(groups.read(work, account, after["slug"], members=False).group) == after)
    was = _differing(entry)
    if "account_privilege" in was:
        word = was.pop("account_privilege")
        groups.set_account_privilege(work, account, after["slug"], parse_account_privilege(word) if word else None)
    if "permission" in was:
        was["permission"] = parse_level(was["permission"]) if was["permission"] else Level.NONE
    was.pop("slug", None)
    changed = groups.change(work, account, after["slug"], **was).group
    # A slug that an older version made of the name can't be made again.
    _require(changed.slug == before["slug"])


def _project_changed(work: UnitOfWork, entry: Entry) -> None:
    key = _only(entry.after)["key"]
    _require(project_facts(projects.read(work, entry.account_id, key).project) == entry.after)
    was = _differing(entry)
    projects.change(work, entry.account_id, key, new_key=was.pop("key", None), **was)


def _repository_moved(work: UnitOfWork, entry: Entry) -> None:
    slug = _only(entry.after)["slug"]
    now = repositories.read(work, entry.account_id, slug)
    _require(repository_facts(now.repository, now.project) == entry.after)
    was = _differing(entry)
    repositories.change(work, entry.account_id, slug, new_slug=was.pop("slug", None), **was)


def _webhook_changed(work: UnitOfWork, entry: Entry) -> None:
    before, after = _only(entry.before), _only(entry.after)
    _, webhook = webhooks.find(work, entry.account_id, after["id"])
    _require({"id": webhook.id} | webhook.facts == after)
    webhooks.change(
        work,
        entry.account_id,
        webhook.id,
        url=before["url"],
        events=before["events"],
        label=before["label"],
        is_active=before["active"],
    )


def _renamed(work: UnitOfWork, entry: Entry) -> None:
    account = access.account(work, entry.account_id, to=To.CHANGE_ACCOUNT)
    _require({"display_name": account.display_name} == entry.after)
    account_names.rename(work, account.id, _only(entry.before)["display_name"])


_RENAMED = frozenset({Event.TEAM_CHANGED, Event.USER_CHANGED})

_OPPOSITES: Mapping[Event, Callable[[UnitOfWork, Entry], None]] = {
    Event.MEMBER_ADDED: _member_added,
    Event.MEMBER_REMOVED: _member_removed,
    Event.MEMBER_CHANGED: _member_changed,
    Event.GROUP_PRIVILEGE_SET: _group_privilege,
    Event.GROUP_PRIVILEGE_REMOVED: _group_privilege,
    Event.PRIVILEGE_SET: _privilege,
    Event.PRIVILEGE_REMOVED: _privilege,
    Event.PROJECT_GROUP_PRIVILEGE_SET: _project_group_privilege,
    Event.PROJECT_GROUP_PRIVILEGE_REMOVED: _project_group_privilege,
    Event.PROJECT_PRIVILEGE_SET: _project_privilege,
    Event.PROJECT_PRIVILEGE_REMOVED: _project_privilege,
    Event.GROUP_CHANGED: _group_changed,
    Event.PROJECT_CHANGED: _project_changed,
    Event.REPOSITORY_CHANGED: _repository_moved,
    Event.INVITATION_ADDED: _invited,
    Event.WEBHOOK_CHANGED: _webhook_changed,
    Event.TEAM_CHANGED: _renamed,
    Event.USER_CHANGED: _renamed,
}
