"""Groups and their members: list, create, change and delete them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from onebucket import slugs
from onebucket.actions import access, administrators, member_ends, pending_invitations
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends, groups, sign_in_providers
from onebucket.domain.accounts import Account
from onebucket.domain.ends import EndWish
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege, Group, GroupWithMembers, group_facts
from onebucket.domain.invitations import Invitation
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import AlreadyMember, Forbidden, NotFound
from onebucket.safe_text import quote_text
from onebucket.store import (
    account_rows,
    group_members,
    group_rows,
    invitation_rows,
    kept_group_rows,
    privilege_rows,
    project_privilege_rows,
)
from onebucket.store.group_rows import Membership


def everywhere(work: UnitOfWork, *, members: bool) -> Iterable[GroupWithMembers]:
    """Return every group that the actor administers or is a member of (contract/api-1.0.md#g1)."""
    if work.actor.is_site_admin:
        return group_members.stream_groups(work.tx, members=members)
    return group_members.stream_groups(work.tx, person_id=work.actor.id, members=members)


def among(work: UnitOfWork, names: Iterable[tuple[str, str]], *, members: bool) -> list[GroupWithMembers]:
    """Return those groups of the (account, slug) pairs that the actor may see (contract/api-1.0.md#g1).

    Groups that don't exist, or that the actor neither administers nor is a member of, are left out.
    """
    by_id: dict[str, GroupWithMembers] = {}
    for account_name, slug in names:
        try:
            owner, group = access.group(work, account_name, slug, to=To.SEE_GROUP)
        except (NotFound, Forbidden):
            continue
        if group.id not in by_id:
            by_id[group.id] = _roster(work, owner, group, members=members)
    return sorted(by_id.values(), key=lambda roster: (roster.group.slug, roster.owner.username.lower()))


def of_account(work: UnitOfWork, account_name: str, *, members: bool) -> Iterable[GroupWithMembers]:
    """Return an account's groups: an administrator sees all, a member their own (contract/api-1.0.md#g2)."""
    owner = access.account(work, account_name, to=To.LIST_GROUPS)
    person_id = None if access.administers(work, owner) else work.actor.id
    return group_members.stream_groups(work.tx, account_id=owner.id, person_id=person_id, members=members)


def read(work: UnitOfWork, account_name: str, slug: str, *, members: bool) -> GroupWithMembers:
    """Return one group (contract/api-1.0.md#g4). Raises NotFound, NoSuchGroup, Forbidden."""
    owner, group = access.group(work, account_name, slug, to=To.SEE_GROUP)
    return _roster(work, owner, group, members=members)


def invited(work: UnitOfWork) -> Callable[[GroupWithMembers], Iterable[Invitation] | None]:
    """Return a function from a group to its pending invitations, oldest first.

    It returns None for a group of an account that the actor doesn't administer.
    """

    @cache
    def pending(owner: Account) -> Mapping[str, list[Invitation]] | None:
        if not access.administers(work, owner):
            return None
        by_slug: dict[str, list[Invitation]] = {}
        for invitation in invitation_rows.of_account(work.tx, owner.id):
            for slug in invitation.groups:
                by_slug.setdefault(slug, []).append(invitation)
        return by_slug

    def invitations_to(roster: GroupWithMembers) -> Iterable[Invitation] | None:
        by_slug = pending(roster.owner)
        return None if by_slug is None else by_slug.get(roster.group.slug, [])

    return invitations_to


def _roster(work: UnitOfWork, owner: Account, group: Group, *, members: bool) -> GroupWithMembers:
    return GroupWithMembers(group, owner, group_members.members(work.tx, group) if members else None)


def create(
    work: UnitOfWork,
    account_name: str,
    *,
    name: str,
    permission: Level = Level.NONE,
    auto_add: bool = False,
    email_forwarding_disabled: bool = False,
) -> GroupWithMembers:
    """Create an empty group; its slug is derived from its name (contract/api-1.0.md#g3).

    Raises Invalid, GroupExists.
    """
    owner = access.account(work, account_name, to=To.CREATE_GROUP)
    name = groups.check_name(name)
    group = Group(
        account_id=owner.id,
        id=work.new_id(),
        name=name,
        slug=slugs.slugify(name),
        permission=permission or None,
        auto_add=auto_add,
        email_forwarding_disabled=email_forwarding_disabled,
    )

    group_rows.add(work.tx, group, at=work.at)

    work.record(Event.GROUP_ADDED, owner, group.slug, after=group_facts(group))
    return GroupWithMembers(group, owner, ())


def change(
    work: UnitOfWork,
    account_name: str,
    slug: str,
    *,
    name: str | None = None,
    permission: Level | None = None,
    auto_add: bool | None = None,
    email_forwarding_disabled: bool | None = None,
) -> GroupWithMembers:
    """Change the given fields of a group; `Level.NONE` clears its permission (contract/api-1.0.md#g5).

    A new name changes the slug, and the old slug stops resolving (contract/api-1.0.md#1.4).
    Raises Invalid, GroupExists.
    """
    owner, before = access.group(work, account_name, slug, to=To.CHANGE_GROUP)
    after = before
    if name is not None:
        cleaned = groups.check_name(name)
        # The same name keeps the stored slug: it may be older than the transliteration of other scripts.
        if cleaned != before.name:
            access.check_not_kept(work, before)
            after = replace(after, name=cleaned, slug=slugs.slugify(cleaned))
    if permission is not None:
        after = replace(after, permission=permission or None)
    if auto_add is not None:
        after = replace(after, auto_add=auto_add)
    if email_forwarding_disabled is not None:
        after = replace(after, email_forwarding_disabled=email_forwarding_disabled)

    _store(work, owner, before, after)

    return _roster(work, owner, after, members=True)


def set_account_privilege(work: UnitOfWork, account_name: str, slug: str, privilege: AccountPrivilege | None) -> None:
    """Set a group's privilege on the account that owns it (contract/api-1.0.md#1.12). Raises LastAdministrator."""
    owner, before = access.group(work, account_name, slug, to=To.SET_ACCOUNT_PRIVILEGE)
    if privilege is not AccountPrivilege.ADMIN:
        administrators.keep_one(work, owner, before, deed=f"remove the privilege of {before.slug}")

    _store(work, owner, before, replace(before, account_privilege=privilege))


def keeper(work: UnitOfWork, account_name: str, slug: str) -> str | None:
    """Return the name of the provider whose sign-ins keep a group. Raises NotFound, NoSuchGroup, Forbidden."""
    _, group = access.group(work, account_name, slug, to=To.SEE_GROUP)
    return kept_group_rows.keeper(work.tx, group)


def set_keeper(work: UnitOfWork, account_name: str, slug: str, provider: str | None) -> Group:
    """Let sign-ins with a provider keep a group: whoever signs in joins or leaves it as the provider says.

    None ends it; the members stay. Raises NotFound, NoSuchGroup, Forbidden (also where a directory keeps it), Invalid.
    """
    owner, group = access.group(work, account_name, slug, to=To.CHANGE_GROUP)
    if provider is not None:
        sign_in_providers.check_name(provider)
        access.check_not_kept(work, group)
    before = kept_group_rows.keeper(work.tx, group)
    if before != provider:
        kept_group_rows.set_keeper(work.tx, group, provider)
        was, now = {"kept_by_sign_in": before}, {"kept_by_sign_in": provider}
        work.record(Event.GROUP_CHANGED, owner, group.slug, before=was, after=now)
    return group


def _store(work: UnitOfWork, owner: Account, before: Group, after: Group) -> None:
    if after == before:
        return
    with pending_invitations.settling(work, owner, group=before):
        group_rows.change(work.tx, after)
        work.record(Event.GROUP_CHANGED, owner, before.slug, before=group_facts(before), after=group_facts(after))


def delete(work: UnitOfWork, account_name: str, slug: str) -> None:
    """Delete a group with its memberships and privileges (contract/api-1.0.md#g6).

    Pending invitations lose the group, and are withdrawn when no group is left in them. Raises LastAdministrator.
    """
    owner, group = access.group(work, account_name, slug, to=To.DELETE_GROUP)
    administrators.keep_one(work, owner, group, deed=f"delete {group.slug}")

    lost = group_facts(group) | {
        "members": [member.username for member in group_members.members(work.tx, group)],
        "privileges": {
            repository: level.word for repository, level in privilege_rows.of_group(work.tx, owner.id, group.id).items()
        },
    }
    if on_projects := project_privilege_rows.of_group(work.tx, owner.id, group.id):
        lost["projects"] = {key: level.word for key, level in on_projects.items()}
    for invitation in invitation_rows.remove_group_of_invitation(work.tx, owner.id, group.id, group.slug):
        event = Event.INVITATION_CHANGED if invitation.groups else Event.INVITATION_WITHDRAWN
        if not invitation.groups:
            invitation_rows.remove(work.tx, invitation)
        before = {"groups": sorted((*invitation.groups, group.slug))}
        work.record(event, owner, invitation.email, before=before, after={"groups": sorted(invitation.groups)})
    with pending_invitations.settling(work, owner, group=group):
        privilege_rows.remove_of_group(work.tx, owner.id, group.id)
        project_privilege_rows.remove_of_group(work.tx, owner.id, group.id)
        group_rows.delete_group(work.tx, group)

        work.record(Event.GROUP_DELETED, owner, group.slug, before=lost)


def members(work: UnitOfWork, account_name: str, slug: str) -> Iterable[Account]:
    """Return a group's members, in the order they were added (contract/api-1.0.md#g7)."""
    _, group = access.group(work, account_name, slug, to=To.SEE_GROUP)
    return group_members.members(work.tx, group)


def member(work: UnitOfWork, account_name: str, slug: str, name: str) -> Account:
    """Return one member of a group (contract/api-1.0.md#g8). Raises NotFound when `name` isn't a member."""
    _, group = access.group(work, account_name, slug, to=To.SEE_GROUP)
    return _member(work, group, name)[0]


def _member(work: UnitOfWork, group: Group, name: str) -> tuple[Account, Membership]:
    person = account_rows.named(work.tx, name)
    membership = group_rows.membership(work.tx, group, person.id) if person else None
    if person is None or membership is None:
        raise NotFound(f"{quote_text(name)} is not a member of {group.slug}")
    return person, membership


def add_member(work: UnitOfWork, account_name: str, slug: str, name: str, until: EndWish = None) -> Account:
    """Add a person to a group, until a moment if one is given (contract/api-1.0.md#g9).

    With `until`, a member stays one until then, or for good.
    Raises AlreadyMember, UnknownEmail, NotFound, LastAdministrator, Invalid for a team and for an end that has passed.
    """
    owner, group = access.group(work, account_name, slug, to=To.ADD_MEMBER)
    person = access.person(work, name)
    end = ends.settled(until, None, at=work.at)

    with pending_invitations.settling(work, owner, person=person):
        at = work.next_timestamp()
        if not group_rows.add_member(work.tx, group, person.id, by=work.actor.id, at=at, until=end):
            if until is None:
                raise AlreadyMember
            member_ends.move(work, owner, group, person, end)
        else:
            work.record(Event.MEMBER_ADDED, owner, group.slug, after=groups.member_facts(person, end))
    return person


def remove_member(work: UnitOfWork, account_name: str, slug: str, name: str) -> None:
    """Remove a person from a group (contract/api-1.0.md#g10). Raises NotFound, LastAdministrator."""
    owner, group = access.group(work, account_name, slug, to=To.REMOVE_MEMBER, member=name)
    person = account_rows.named(work.tx, name)
    if person is not None:
        pending_invitations.look_ahead(work, owner, person=person, also=group_rows.member_query(group, person.id))
    person, membership = _member(work, group, name)
    administrators.keep_one(work, owner, group, deed=f"remove {person.username} from {group.slug}", person=person)

    with pending_invitations.settling(work, owner, person=person):
        group_rows.remove_member(work.tx, group, person.id)

        work.record(Event.MEMBER_REMOVED, owner, group.slug, before=groups.member_facts(person, membership.until))
