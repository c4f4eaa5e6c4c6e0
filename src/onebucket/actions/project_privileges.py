"""What groups and people may do on a project and its repositories: list, read, set and take away."""

from datetime import datetime
from typing import NamedTuple

from onebucket.actions import access, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.accounts import Account
from onebucket.domain.ends import EndWish
from onebucket.domain.events import Event
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import facts
from onebucket.domain.projects import Project, ProjectLevel
from onebucket.store import project_privilege_rows
from onebucket.store.set_levels import Grant


class ProjectGroupGrant(NamedTuple):
    """A group's level on a project, and when it ends; `NONE` if nothing is set."""

    owner: Account
    project: Project
    group: Group
    level: ProjectLevel
    until: datetime | None = None


class ProjectPersonGrant(NamedTuple):
    """A level on a project that a person was given themselves, and when it ends; `NONE` if nothing was."""

    owner: Account
    project: Project
    person: Account
    level: ProjectLevel
    until: datetime | None = None


def of_all(work: UnitOfWork, account_name: str, key: str) -> list[ProjectGroupGrant | ProjectPersonGrant]:
    """List the groups that have something on a project, by slug, and then the people. Raises NotFound, Forbidden."""
    owner, project = access.project(work, account_name, key, to=To.GRANT_ON_PROJECT)
    found = project_privilege_rows.holders_on(work.tx, owner.id, project.id)
    groups = [ProjectGroupGrant(owner, project, group, level, until) for group, _, level, until in found if group]
    people = [ProjectPersonGrant(owner, project, each, level, until) for _, each, level, until in found if each]
    return [*groups, *people]


# -- for groups ------------------------------------------------------------------------------------


def of_groups(work: UnitOfWork, account_name: str, key: str) -> list[ProjectGroupGrant]:
    """List the groups that have something on a project, by slug. Raises NotFound, Forbidden."""
    owner, project = access.project(work, account_name, key, to=To.GRANT_ON_PROJECT)
    return [
        ProjectGroupGrant(owner, project, *each)
        for each in project_privilege_rows.groups_on(work.tx, owner.id, project.id)
    ]


def of_group(work: UnitOfWork, account_name: str, key: str, group_slug: str) -> ProjectGroupGrant:
    """Return the level that a group of the account has on a project. Raises NotFound, NoSuchGroup, Forbidden."""
    owner, project = access.project(work, account_name, key, to=To.GRANT_ON_PROJECT)
    group = access.group_of(work, owner, owner.id, group_slug)
    found = project_privilege_rows.for_group(work.tx, owner.id, project.id, group.id)
    return ProjectGroupGrant(owner, project, group, ProjectLevel(found.level), found.until)


def of_group_everywhere(work: UnitOfWork, account_name: str, group_slug: str) -> dict[str, ProjectLevel]:
    """Return what a group has on each project where it has something, by the project's key. For administrators.

    Raises NotFound, NoSuchGroup, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    group = access.group_of(work, owner, owner.id, group_slug)
    return project_privilege_rows.of_group(work.tx, owner.id, group.id)


def set_for_group(
    work: UnitOfWork, account_name: str, key: str, group_slug: str, level: ProjectLevel, until: EndWish = None
) -> ProjectGroupGrant:
    """Set a group's level on a project; `NONE` takes it away. Without `until`, what ends keeps its end.

    Raises NotFound, NoSuchGroup, Forbidden, Invalid for an end that has passed.
    """
    owner, project, group, before, ended = of_group(work, account_name, key, group_slug)
    end = ends.settled(until, ended, at=work.at) if level else None
    if (before, ended) == (level, end):
        return ProjectGroupGrant(owner, project, group, level, end)

    with pending_invitations.settling(work, owner, group=group):
        if level:
            granted = Grant(work.actor.id, work.next_timestamp(), end)
            project_privilege_rows.set_for_group(work.tx, owner.id, project.id, group.id, level, granted)
        else:
            project_privilege_rows.remove_for_group(work.tx, owner.id, project.id, group.id)
        event = Event.PROJECT_GROUP_PRIVILEGE_SET if level else Event.PROJECT_GROUP_PRIVILEGE_REMOVED
        work.record(
            event,
            owner,
            project.key,
            before=facts("group", group.slug, before or None, ended),
            after=facts("group", group.slug, level or None, end),
        )
    return ProjectGroupGrant(owner, project, group, level, end)


def unset_for_group(work: UnitOfWork, account_name: str, key: str, group_slug: str) -> None:
    """Remove a group's level on a project, if it has one."""
    set_for_group(work, account_name, key, group_slug, ProjectLevel.NONE)


# -- for people ------------------------------------------------------------------------------------


def of_people(work: UnitOfWork, account_name: str, key: str) -> list[ProjectPersonGrant]:
    """List the people who were given something on a project themselves, by username. Raises NotFound, Forbidden."""
    owner, project = access.project(work, account_name, key, to=To.GRANT_ON_PROJECT)
    return [
        ProjectPersonGrant(owner, project, *each)
        for each in project_privilege_rows.people_on(work.tx, owner.id, project.id)
    ]


def of_person(work: UnitOfWork, account_name: str, key: str, name: str) -> ProjectPersonGrant:
    """Return what a person was given on a project themselves. Raises NotFound, UnknownEmail, Invalid, Forbidden."""
    owner, project = access.project(work, account_name, key, to=To.GRANT_ON_PROJECT)
    person = access.person(work, name)
    found = project_privilege_rows.for_person(work.tx, owner.id, project.id, person.id)
    return ProjectPersonGrant(owner, project, person, ProjectLevel(found.level), found.until)


def set_for_person(
    work: UnitOfWork, account_name: str, key: str, name: str, level: ProjectLevel, until: EndWish = None
) -> ProjectPersonGrant:
    """Give a person a level on a project; `NONE` takes it away. Without `until`, what ends keeps its end.

    Raises NotFound, UnknownEmail, Forbidden, Invalid, also for an end that has passed.
    """
    owner, project, person, before, ended = of_person(work, account_name, key, name)
    end = ends.settled(until, ended, at=work.at) if level else None
    if (before, ended) == (level, end):
        return ProjectPersonGrant(owner, project, person, level, end)

    with pending_invitations.settling(work, owner, person=person):
        if level:
            granted = Grant(work.actor.id, work.next_timestamp(), end)
            project_privilege_rows.set_for_person(work.tx, owner.id, project.id, person.id, level, granted)
        else:
            project_privilege_rows.remove_for_person(work.tx, owner.id, project.id, person.id)
        event = Event.PROJECT_PRIVILEGE_SET if level else Event.PROJECT_PRIVILEGE_REMOVED
        work.record(
            event,
            owner,
            project.key,
            before=facts("user", person.username, before or None, ended),
            after=facts("user", person.username, level or None, end),
        )
    return ProjectPersonGrant(owner, project, person, level, end)


def unset_for_person(work: UnitOfWork, account_name: str, key: str, name: str) -> None:
    """Take away what a person was given on a project themselves; does nothing if nothing was."""
    set_for_person(work, account_name, key, name, ProjectLevel.NONE)
