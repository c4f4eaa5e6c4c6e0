"""Applies and prunes an account's projects: what they are, which repositories they hold, and what is set on them."""

from collections.abc import Iterator, Mapping
from functools import partial

from onebucket.actions import account_snapshot, project_privileges, projects, repositories
from onebucket.domain.ends import EndKind
from onebucket.domain.projects import ProjectGrants, ProjectLevel, normal_key
from onebucket.domain.refusals import Invalid
from onebucket.transfer.apply_context import ApplyContext, Subject, describe
from onebucket.transfer.apply_grants import GrantActions, prune_grants, set_grants
from onebucket.transfer.model import Project, given_fields


def apply_projects(subject: Subject) -> Iterator[tuple[str, Project]]:
    """Yield the projects of the documents as (place in the documents, project)."""
    for project in given_fields(subject.after.projects) or ():
        yield f"{subject.where} projects/{project.key}", project


def homes(subject: Subject) -> Mapping[str, str]:
    """Return the key of the project that the documents put each repository into, by slug. Raises Invalid."""
    keys: dict[str, str] = {}
    for where, project in apply_projects(subject):
        for slug in given_fields(project.repositories) or ():
            if keys.setdefault(slug, project.key) != project.key:
                with describe(where):
                    raise Invalid(f"the repository {slug} is also in the project {keys[slug]}")
    return keys


def add_and_change(task: ApplyContext, subject: Subject) -> None:
    """Create and change projects, without what is in them."""
    present = {project.key for project in subject.before.projects}
    for where, project in apply_projects(subject):
        name, is_private = given_fields(project.name), given_fields(project.is_private)
        description = given_fields(project.description)
        with describe(where):
            if project.key in present:
                projects.change(
                    task.work, subject.name, project.key, name=name, description=description, is_private=is_private
                )
            else:
                projects.create(
                    task.work,
                    subject.name,
                    project.key,
                    name=name or project.key,
                    description=description or "",
                    is_private=is_private is not False,
                )
        task.progress.advance()


def move_repositories(task: ApplyContext, subject: Subject) -> None:
    """Move repositories that were there before into the projects that the documents put them into."""
    keys = {project.id: project.key for project in subject.before.projects}
    present = {repository.slug: keys[repository.project_id] for repository in subject.before.repositories}
    added = {each.slug for each in given_fields(subject.after.repositories) or ()} - present.keys()
    for slug, key in homes(subject).items():
        if slug not in added and present.get(slug) != key:
            with describe(f"{subject.where} projects/{key} repositories/{slug}"):
                repositories.change(task.work, subject.name, slug, project=key)


def set_privileges(task: ApplyContext, subject: Subject) -> None:
    """Set what groups and people have on projects."""
    for where, project in apply_projects(subject):
        present = subject.before.project_grants.get(project.key, ProjectGrants())
        ends = subject.ends(EndKind.PROJECT_GROUP_PRIVILEGE, EndKind.PROJECT_PRIVILEGE, project.key)
        set_grants(task, where, project, present, ends, _grant_actions(task, subject, project.key))


def _grant_actions(task: ApplyContext, subject: Subject, key: str) -> GrantActions[ProjectLevel]:
    place = task.work, subject.name, key
    return GrantActions(
        set_group=partial(project_privileges.set_for_group, *place),
        set_person=partial(project_privileges.set_for_person, *place),
        unset_group=partial(project_privileges.unset_for_group, *place),
        unset_person=partial(project_privileges.unset_for_person, *place),
    )


def prune(task: ApplyContext, subject: Subject, *, deleted_groups: set[str]) -> None:
    """Remove what is set on projects and left out by the documents, then the projects left out that hold nothing.

    A project with repositories stays, without what was set on it.
    """
    if given_fields(subject.after.projects) is None:
        return
    listed = {normal_key(project.key): project for _, project in apply_projects(subject)}
    for key, grants in subject.before.project_grants.items():
        project = listed.get(key, Project(key=key, privileges={}, users={}))
        prune_grants(task, project, grants, _grant_actions(task, subject, key), deleted_groups=deleted_groups)

    left_out = [project for project in subject.before.projects if project.key not in listed]
    if left_out:
        now = account_snapshot.snapshot_of(task.work, subject.name)
        holding = {repository.project_id for repository in now.repositories}
        for each in left_out:
            if each.id not in holding:
                projects.delete(task.work, subject.name, each.key)
