"""What groups and people may do on a project and its repositories: list, read, set and take away."""

from typing import NamedTuple

from onebucket.actions import access, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.groups import Group
from onebucket.domain.policy import To
from onebucket.domain.privileges import facts
from onebucket.domain.projects import Project, ProjectLevel
from onebucket.store import project_privilege_rows


class ProjectGroupGrant(NamedTuple):
    """A group's level on a project; `NONE` if nothing is set."""

    owner: Account
    project: Project
    group: Group
    level: ProjectLevel


class ProjectPersonGrant(NamedTuple):
    """A level on a project that a person was given themselves; `NONE` if nothing was."""

    owner: Account
    project: Project
    person: Account
    level: ProjectLevel


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
    return ProjectGroupGrant(
        owner, project, group, project_privilege_rows.for_group(work.tx, owner.id, project.id, group.id)
    )


def of_group_everywhere(work: UnitOfWork, account_name: str, group_slug: str) -> dict[str, ProjectLevel]:
    """Return what a group has on each project where it has something, by the project's key. For administrators.

    Raises NotFound, NoSuchGroup, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    group = access.group_of(work, owner, owner.id, group_slug)
    return project_privilege_rows.of_group(work.tx, owner.id, group.id)


def set_for_group(
    work: UnitOfWork, account_name: str, key: str, group_slug: str, level: ProjectLevel
) -> ProjectGroupGrant:
    """Set a group's level on a project; `NONE` takes it away. Raises NotFound, NoSuchGroup, Forbidden."""
    owner, project, group, before = of_group(work, account_name, key, group_slug)
    if before is level:
        return ProjectGroupGrant(owner, project, group, level)

    with pending_invitations.settling(work, owner, group=group):
        if level:
            at = work.next_timestamp()
            project_privilege_rows.set_for_group(
                work.tx, owner.id, project.id, group.id, level, by=work.actor.id, at=at
            )
        else:
            project_privilege_rows.remove_for_group(work.tx, owner.id, project.id, group.id)
        event = Event.PROJECT_GROUP_PRIVILEGE_SET if level else Event.PROJECT_GROUP_PRIVILEGE_REMOVED
        work.record(
            event,
            owner,
            project.key,
            before=facts("group", group.slug, before or None),
            after=facts("group", group.slug, level or None),
        )
    return ProjectGroupGrant(owner, project, group, level)


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
    return ProjectPersonGrant(
        owner, project, person, project_privilege_rows.for_person(work.tx, owner.id, project.id, person.id)
    )


def set_for_person(work: UnitOfWork, account_name: str, key: str, name: str, level: ProjectLevel) -> ProjectPersonGrant:
    """Give a person a level on a project; `NONE` takes it away. Raises NotFound, UnknownEmail, Invalid, Forbidden."""
    owner, project, person, before = of_person(work, account_name, key, name)
    if before is level:
        return ProjectPersonGrant(owner, project, person, level)

    with pending_invitations.settling(work, owner, person=person):
        if level:
            at = work.next_timestamp()
            project_privilege_rows.set_for_person(
                work.tx, owner.id, project.id, person.id, level, by=work.actor.id, at=at
            )
        else:
            project_privilege_rows.remove_for_person(work.tx, owner.id, project.id, person.id)
        event = Event.PROJECT_PRIVILEGE_SET if level else Event.PROJECT_PRIVILEGE_REMOVED
        work.record(
            event,
            owner,
            project.key,
            before=facts("user", person.username, before or None),
            after=facts("user", person.username, level or None),
        )
    return ProjectPersonGrant(owner, project, person, level)


def unset_for_person(work: UnitOfWork, account_name: str, key: str, name: str) -> None:
    """Take away what a person was given on a project themselves; does nothing if nothing was."""
    set_for_person(work, account_name, key, name, ProjectLevel.NONE)
