"""Taking away what an account has and the documents that name it haven't; never accounts or repositories."""

from onebucket.actions import groups, invitations, privileges
from onebucket.domain.accounts import email_key
from onebucket.transfer.contents import groups_of, invitations_of, repositories_of
from onebucket.transfer.job import Job, Subject, about
from onebucket.transfer.parts import Repository, given


def prune(task: Job, subject: Subject) -> None:
    """Remove invitations, groups, members and privileges that the documents leave out of lists they do have."""
    _invitations(task, subject)
    _groups(task, subject)
    _members(task, subject)
    _privileges(task, subject)


def _invitations(task: Job, subject: Subject) -> None:
    if given(subject.wanted.invitations) is None:
        return
    kept = {key for _, key, _ in invitations_of(subject)}
    for invitation in subject.had.invitations:
        if (email_key(invitation.email), invitation.repository_slug) not in kept:
            with about(f"{subject.where} invitations/{invitation.email}"):
                invitations.withdraw(task.work, invitation.id)


def _groups(task: Job, subject: Subject) -> None:
    for slug in sorted(_groups_leaving(subject)):
        with about(f"{subject.where} groups/{slug}"):
            groups.delete(task.work, subject.name, slug)


def _groups_leaving(subject: Subject) -> set[str]:
    if given(subject.wanted.groups) is None:
        return set()
    return subject.rosters.keys() - {slug for _, slug, _ in groups_of(subject)}


def _members(task: Job, subject: Subject) -> None:
    rosters = subject.rosters
    for where, slug, group in groups_of(subject):
        names = given(group.members)
        if names is None or slug not in rosters:
            continue
        kept = {task.person(name).id for name in names}
        for member in rosters[slug].members or ():
            if member.id not in kept:
                with about(f"{where} members/{member.username}"):
                    groups.remove_member(task.work, subject.name, slug, member.username)


def _privileges(task: Job, subject: Subject) -> None:
    if given(subject.wanted.repositories) is None:
        return
    gone = _groups_leaving(subject)
    named = {repository.slug: repository for _, repository in repositories_of(subject)}
    for slug, grants in subject.had.grants.items():
        wanted = named.get(slug, Repository(slug=slug, privileges={}, users={}))
        kept_groups, kept_names = given(wanted.privileges), given(wanted.users)
        for group in grants.groups:
            if kept_groups is not None and group not in kept_groups and group not in gone:
                privileges.unset_for_group(task.work, subject.name, slug, group)
        kept_people = {task.person(name).username for name in kept_names or ()}
        for name in grants.people:
            if kept_names is not None and name not in kept_people:
                privileges.unset_for_person(task.work, subject.name, slug, name)
