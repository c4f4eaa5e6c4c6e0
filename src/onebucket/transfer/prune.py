"""Removes what an account has and its documents leave out; never accounts or repositories."""

from onebucket.actions import groups, invitations
from onebucket.domain.accounts import email_key
from onebucket.transfer import apply_projects, apply_webhooks
from onebucket.transfer.apply_contents import apply_groups, apply_invitations, apply_repositories, grant_actions
from onebucket.transfer.apply_context import ApplyContext, Subject, describe
from onebucket.transfer.apply_grants import prune_grants
from onebucket.transfer.model import Repository, given_fields


def prune(task: ApplyContext, subject: Subject) -> None:
    """Remove what the documents' lists leave out: of projects the empty ones, never repositories."""
    _invitations(task, subject)
    _groups(task, subject)
    _members(task, subject)
    _privileges(task, subject)
    apply_projects.prune(task, subject, deleted_groups=_deleted_groups(subject))
    apply_webhooks.prune(task, subject)


def _invitations(task: ApplyContext, subject: Subject) -> None:
    if given_fields(subject.after.invitations) is None:
        return
    kept = {key for _, key, _ in apply_invitations(subject)}
    for invitation in subject.before.invitations:
        if (email_key(invitation.email), invitation.repository_slug) not in kept:
            with describe(f"{subject.where} invitations/{invitation.email}"):
                invitations.withdraw(task.work, invitation.id)


def _groups(task: ApplyContext, subject: Subject) -> None:
    for slug in sorted(_deleted_groups(subject)):
        with describe(f"{subject.where} groups/{slug}"):
            groups.delete(task.work, subject.name, slug)


def _deleted_groups(subject: Subject) -> set[str]:
    if given_fields(subject.after.groups) is None:
        return set()
    return subject.rosters.keys() - {slug for _, slug, _ in apply_groups(subject)}


def _members(task: ApplyContext, subject: Subject) -> None:
    rosters = subject.rosters
    for where, slug, group in apply_groups(subject):
        names = given_fields(group.members)
        if names is None or slug not in rosters:
            continue
        kept = {task.person(name).id for name in names}
        for member in rosters[slug].members or ():
            if member.id not in kept:
                with describe(f"{where} members/{member.username}"):
                    groups.remove_member(task.work, subject.name, slug, member.username)


def _privileges(task: ApplyContext, subject: Subject) -> None:
    if given_fields(subject.after.repositories) is None:
        return
    deleted_groups = _deleted_groups(subject)
    listed = {repository.slug: repository for _, repository in apply_repositories(subject)}
    for slug, grants in subject.before.grants.items():
        repository = listed.get(slug, Repository(slug=slug, privileges={}, users={}))
        prune_grants(task, repository, grants, grant_actions(task, subject, slug), deleted_groups=deleted_groups)
