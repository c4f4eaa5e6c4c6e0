"""Applies what an account owns: groups, members, projects, repositories, privileges, invitations and webhooks."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec import UNSET

from onebucket import slugs
from onebucket.actions import account_snapshot, groups, invitations, member_ends, privileges, repositories
from onebucket.actions.account_snapshot import AccountSnapshot
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain import groups as domain
from onebucket.domain.accounts import email_key
from onebucket.domain.ends import EndKind, EndWish
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.repositories import RepositoryGrants
from onebucket.transfer import apply_grants, apply_projects, apply_webhooks
from onebucket.transfer.apply_context import ApplyContext, Subject, describe
from onebucket.transfer.apply_grants import GrantActions, set_grants
from onebucket.transfer.model import Group, Invitation, Repository, Team, User, given_fields


def apply_groups(subject: Subject) -> Iterator[tuple[str, str, Group]]:
    """Yield the groups of the documents as (place in the documents, slug, group)."""
    slug_of = _slugs(subject)
    for group in given_fields(subject.after.groups) or ():
        with describe(f"{subject.where} groups"):
            slug = slug_of(group.name)
        yield f"{subject.where} groups/{slug}", slug, group


def apply_repositories(subject: Subject) -> Iterator[tuple[str, Repository]]:
    """Yield the repositories of the documents as (place in the documents, repository)."""
    for repository in given_fields(subject.after.repositories) or ():
        yield f"{subject.where} repositories/{repository.slug}", repository


def apply_invitations(subject: Subject) -> Iterator[tuple[str, tuple[str, str | None], Invitation]]:
    """Yield the invitations of the documents as (place, (e-mail key, repository slug or None), invitation)."""
    for invitation in given_fields(subject.after.invitations) or ():
        where = f"{subject.where} invitations/{invitation.email}"
        with describe(where):
            key = email_key(invitation.email), given_fields(invitation.repository)
        yield where, key, invitation


def renamed(task: ApplyContext, requested: User | Team, before: AccountSnapshot) -> AccountSnapshot:
    """Rename groups that the documents list with an earlier name (`previously`); return the account's new snapshot.

    Does nothing for a group that exists under its new name, and never renames a group whose present name is that of
    another group in the documents.
    """
    subject = Subject(f"{'teams' if before.account.is_team else 'users'}/{requested.username}", requested, before)
    listed = {slug: (where, group) for where, slug, group in apply_groups(subject)}
    unlisted = subject.rosters.keys() - listed.keys()
    is_changed = False
    for slug, (where, group) in listed.items():
        if slug in subject.rosters:
            continue
        with describe(where):
            old_slug = next(
                (slug for slug in map(_slugs(subject), given_fields(group.previously) or ()) if slug in unlisted), None
            )
            if old_slug is not None:
                unlisted.discard(old_slug)
                groups.change(task.work, subject.name, old_slug, name=group.name)
                is_changed = True

    return account_snapshot.snapshot_of(task.work, subject.name) if is_changed else before


def _slugs(subject: Subject) -> Callable[[str], str]:
    """Return a function from a group's name to its slug; an existing group keeps its stored slug.

    That slug may differ from the one derived now, if it is older than the transliteration of other scripts.
    """
    by_name = {roster.group.name: slug for slug, roster in subject.rosters.items()}

    def slug_of(name: str) -> str:
        cleaned = domain.check_name(name)
        derived = slugs.slugify(cleaned)
        return derived if derived in subject.rosters else by_name.get(cleaned, derived)

    return slug_of


def _groups(task: ApplyContext, subject: Subject) -> None:
    rosters = subject.rosters
    for where, slug, group in apply_groups(subject):
        with describe(where):
            privilege = None
            if slug in rosters:
                privilege = rosters[slug].group.account_privilege
                _change_group(task.work, subject.name, rosters[slug].group, group)
            else:
                _add_group(task.work, subject.name, group)
            if group.kept_by_sign_in is not UNSET:
                groups.set_keeper(task.work, subject.name, slug, group.kept_by_sign_in)
            if group.account_privilege is AccountPrivilege.ADMIN and privilege is not AccountPrivilege.ADMIN:
                groups.set_account_privilege(task.work, subject.name, slug, AccountPrivilege.ADMIN)
        task.progress.advance()


def _add_group(work: UnitOfWork, account: str, group: Group) -> None:
    groups.create(
        work,
        account,
        name=group.name,
        permission=given_fields(group.permission) or Level.NONE,
        auto_add=given_fields(group.auto_add) or False,
        email_forwarding_disabled=given_fields(group.email_forwarding_disabled) or False,
    )


def _change_group(work: UnitOfWork, account: str, before: domain.Group, group: Group) -> None:
    requested = (
        domain.check_name(group.name),
        given_fields(group.permission),
        given_fields(group.auto_add),
        given_fields(group.email_forwarding_disabled),
    )
    present = (before.name, before.permission or Level.NONE, before.auto_add, before.email_forwarding_disabled)
    if all(new is None or new == old for new, old in zip(requested, present, strict=True)):
        return

    name, permission, auto_add, forwarding_disabled = requested
    groups.change(
        work,
        account,
        before.slug,
        name=name,
        permission=permission,
        auto_add=auto_add,
        email_forwarding_disabled=forwarding_disabled,
    )


def _members(task: ApplyContext, subject: Subject) -> None:
    rosters = subject.rosters
    for where, slug, group in apply_groups(subject):
        present = {member.id for member in rosters[slug].members or ()} if slug in rosters else set()
        until, listed = given_fields(group.members_until) or {}, given_fields(group.members) or ()
        apply_grants.check_named(f"{where} members_until", until, listed)
        for name in listed:
            with describe(f"{where} members/{name}"):
                person, wish = task.person(name), apply_grants.wish_for(until, name)
                if person.id not in present:
                    # What has ended meanwhile isn't given again.
                    if not apply_grants.has_passed(task, wish):
                        present.add(person.id)
                        groups.add_member(task.work, subject.name, slug, person.username, wish)
                elif ends.moves(wish, subject.end(EndKind.MEMBERSHIP, slug, person.username)):
                    member_ends.set_end(task.work, subject.name, slug, person.username, wish)
            task.progress.advance()


def _repositories(task: ApplyContext, subject: Subject) -> None:
    present = {repository.slug for repository in subject.before.repositories}
    homes = apply_projects.homes(subject)
    for where, repository in apply_repositories(subject):
        slug, fields = repository.slug, _fields(repository)
        with describe(where):
            if slug in present:
                repositories.change(task.work, subject.name, slug, **fields)
            else:
                repositories.add(task.work, subject.name, slug, project=homes.get(slug), **fields)
        task.progress.advance()


def _fields(repository: Repository) -> repositories.RepositoryFields:
    return {
        "name": given_fields(repository.name),
        "is_private": given_fields(repository.is_private),
        "description": given_fields(repository.description),
        "fork_policy": given_fields(repository.fork_policy),
        "language": given_fields(repository.language),
        "has_issues": given_fields(repository.has_issues),
        "has_wiki": given_fields(repository.has_wiki),
        "mainbranch": given_fields(repository.mainbranch),
        "has_inherited_merge_strategy": given_fields(repository.has_inherited_merge_strategy),
        "has_inherited_branching_model": given_fields(repository.has_inherited_branching_model),
    }


def _privileges(task: ApplyContext, subject: Subject) -> None:
    for where, repository in apply_repositories(subject):
        present = subject.before.grants.get(repository.slug, RepositoryGrants())
        until = subject.ends(EndKind.GROUP_PRIVILEGE, EndKind.PRIVILEGE, repository.slug)
        set_grants(task, where, repository, present, until, grant_actions(task, subject, repository.slug))


def grant_actions(task: ApplyContext, subject: Subject, slug: str) -> GrantActions[Level]:
    """Return how grants on a repository are set and removed."""
    place = task.work, subject.name, slug
    return GrantActions(
        set_group=partial(privileges.set_for_group, *place),
        set_person=partial(privileges.grant_direct, *place),
        unset_group=partial(privileges.unset_for_group, *place),
        unset_person=partial(privileges.unset_for_person, *place),
    )


def _invitations(task: ApplyContext, subject: Subject) -> None:
    present = {(email_key(each.email), each.repository_slug): each for each in subject.before.invitations}
    for where, key, invitation in apply_invitations(subject):
        with describe(where):
            inviter = task.person(invitation.invited_by).username
            slugs = tuple(sorted(set(given_fields(invitation.groups) or ())))
            permission = given_fields(invitation.permission)
            before, until = present.get(key), given_fields(invitation.until)
            wish = None if until is None else ends.parse(until)
            facts = (invitation.email, inviter, slugs, permission)
            is_same = before and facts == (before.email, before.invited_by.username, before.groups, before.permission)
            has_ended = before is None and apply_grants.has_passed(task, wish)
            if has_ended or (before and is_same and not ends.moves(wish, before.until)):
                pass
            elif slugs:
                invitations.set_groups(
                    task.work,
                    subject.name,
                    invitation.email,
                    slugs,
                    inviter=inviter,
                    letter=task.sends_letters,
                    until=wish,
                )
            else:
                _invite_to_repository(task, subject.name, invitation, inviter, wish)
        task.progress.advance()


def _invite_to_repository(
    task: ApplyContext, account: str, invitation: Invitation, inviter: str, until: EndWish
) -> None:
    slug, permission = given_fields(invitation.repository), given_fields(invitation.permission)
    if slug is None or permission is None:
        raise Invalid("an invitation is either to groups, or to a repository with a permission")
    invitations.set_repository(
        task.work,
        account,
        invitation.email,
        slug,
        permission,
        inviter=inviter,
        letter=task.sends_letters,
        until=until,
    )


def _demotions(task: ApplyContext, subject: Subject) -> None:
    """Remove account privileges, after all new administrators have theirs."""
    rosters = subject.rosters
    for where, slug, group in apply_groups(subject):
        requested = group.account_privilege
        present = rosters[slug].group.account_privilege if slug in rosters else None
        if requested is UNSET or requested is AccountPrivilege.ADMIN or requested is present:
            continue
        with describe(where):
            groups.set_account_privilege(task.work, subject.name, slug, given_fields(requested))


# Steps of an apply; each runs for all accounts before the next one.
IN_ORDER: Sequence[Callable[[ApplyContext, Subject], None]] = (
    _groups,
    _members,
    apply_projects.add_and_change,
    _repositories,
    apply_projects.move_repositories,
    apply_projects.set_privileges,
    _privileges,
    _invitations,
    _demotions,
    apply_webhooks.add_and_change,
)
