"""Privileges: setting what groups and people may do on repositories."""

from onebucket.actions import access
from onebucket.actions.work import Work
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid, NoSuchGroup
from onebucket.store import groups, privileges


def set_for_group(work: Work, account_name: str, repository_slug: str, group_slug: str, level: Level) -> None:
    """Set what a group may do on a repository; `NONE` overrides the group's permission (spec 1.14)."""
    owner, repository = access.repository(work, account_name, repository_slug, to=To.GRANT_PRIVILEGE)
    group = groups.find(work.tx, owner.id, group_slug)
    if group is None:
        raise NoSuchGroup
    before = privileges.of_group(work.tx, owner.id, group.id).get(repository.slug)
    if before is level:
        return

    privileges.set_for_group(work.tx, owner.id, repository.id, group.id, level, by=work.actor.id, at=work.at)

    work.tell(
        Event.GROUP_PRIVILEGE_SET,
        owner,
        repository.slug,
        before={"group": group.slug, "privilege": before.word} if before is not None else None,
        after={"group": group.slug, "privilege": level.word},
    )


def unset_for_group(work: Work, account_name: str, repository_slug: str, group_slug: str) -> None:
    """Forget what was set for a group on a repository, so that the group's permission holds there again."""
    owner, repository = access.repository(work, account_name, repository_slug, to=To.GRANT_PRIVILEGE)
    group = groups.find(work.tx, owner.id, group_slug)
    if group is None:
        raise NoSuchGroup
    before = privileges.of_group(work.tx, owner.id, group.id).get(repository.slug)

    if before is not None and privileges.remove_for_group(work.tx, owner.id, repository.id, group.id):
        facts = {"group": group.slug, "privilege": before.word}
        work.tell(Event.GROUP_PRIVILEGE_REMOVED, owner, repository.slug, before=facts)


def set_for_person(work: Work, account_name: str, repository_slug: str, name: str, level: Level) -> None:
    """Set what a person may do on a repository by himself. Raises Invalid for `NONE`: that is taking it away."""
    owner, repository = access.repository(work, account_name, repository_slug, to=To.GRANT_PRIVILEGE)
    person = access.person(work, name)
    if level is Level.NONE:
        raise Invalid("the permission must be read, write or admin")
    before = privileges.of_person(work.tx, owner.id, repository.id, person.id)
    if before is level:
        return

    privileges.set_for_person(work.tx, owner.id, repository.id, person.id, level, by=work.actor.id, at=work.at)

    work.tell(
        Event.PRIVILEGE_SET,
        owner,
        repository.slug,
        before={"user": person.username, "privilege": before.word} if before is not None else None,
        after={"user": person.username, "privilege": level.word},
    )


def unset_for_person(work: Work, account_name: str, repository_slug: str, name: str) -> None:
    """Take what a person had on a repository by himself."""
    owner, repository = access.repository(work, account_name, repository_slug, to=To.GRANT_PRIVILEGE)
    person = access.person(work, name)
    before = privileges.of_person(work.tx, owner.id, repository.id, person.id)

    if before is not None and privileges.remove_for_person(work.tx, owner.id, repository.id, person.id):
        facts = {"user": person.username, "privilege": before.word}
        work.tell(Event.PRIVILEGE_REMOVED, owner, repository.slug, before=facts)
