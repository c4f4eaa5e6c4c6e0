"""Workspaces as API 2.0 shows them: who one is, which workspaces one is in, and who else is."""

from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.filters import ListQuery
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, NotFound
from onebucket.domain.suggestions import Kind, Sought
from onebucket.domain.workspaces import DatedAccount, Membership, Role
from onebucket.safe_text import quote_text
from onebucket.store import email_rows, workspace_people, workspace_rows
from onebucket.store.email_rows import Email

# A page of memberships, and how many there are on all pages.
MembershipPage = tuple[list[Membership], int]


def oneself(work: UnitOfWork) -> DatedAccount:
    """Return the actor's own account. Raises Forbidden when the caller is anonymous."""
    return workspace_rows.dated(work.tx, access.oneself(work, to=To.SEE_PROFILE))


def own_emails(work: UnitOfWork) -> list[Email]:
    """Return the actor's addresses, the primary one first."""
    return email_rows.of_person(work.tx, access.oneself(work, to=To.SEE_PROFILE).id)


def person(work: UnitOfWork, name: str) -> DatedAccount:
    """Return a person. Raises NotFound, also for a team."""
    return workspace_rows.dated(work.tx, _profile(work, name))


def shows_factor(work: UnitOfWork, name: str) -> bool:
    """Return whether the actor may know if a person has a second factor: themselves, and site administrators."""
    try:
        access.account(work, name, to=To.HANDLE_SECOND_FACTORS)
    except Forbidden:
        return False
    return True


def _profile(work: UnitOfWork, name: str) -> Account:
    try:
        account = access.account(work, name, to=To.SEE_PROFILE)
    except NotFound:
        raise NotFound(f"there is no user {quote_text(name)}", Sought(Kind.PERSON, name)) from None
    if account.is_team:
        raise NotFound(f"there is no user {quote_text(name)}: it is a team")
    return account


def workspace(work: UnitOfWork, name: str) -> DatedAccount:
    """Return an account, a person's or a team's. Raises NotFound."""
    return workspace_rows.dated(work.tx, access.account(work, name, to=To.SEE_PROFILE))


def members(work: UnitOfWork, name: str, query: ListQuery, *, with_collaborators: bool = False) -> MembershipPage:
    """List the members of a workspace whom a query wants; addresses for administrators only.

    Raises NotFound, Forbidden for everybody who isn't in it, and for others than administrators who ask by address.
    """
    found = access.account(work, name, to=To.LIST_GROUPS)
    administers = access.administers(work, found)
    if "email_key" in query.fields and not administers:
        raise Forbidden(f"only who administers {found.username} may look for people by their addresses")
    list_people = workspace_people.everybody if with_collaborators else workspace_people.members
    page, size = list_people(work.tx, found, query)
    return [_shown(membership, administers) for membership in page], size


def member(work: UnitOfWork, name: str, member_name: str) -> Membership:
    """Return one member of a workspace. Raises NotFound, Forbidden."""
    account, profile = access.account(work, name, to=To.LIST_GROUPS), _profile(work, member_name)
    found = workspace_rows.dated(work.tx, account)
    membership = workspace_rows.person(work.tx, found, profile.id)
    if membership is None or membership.role is Role.COLLABORATOR:
        raise NotFound(f"{quote_text(member_name)} is not a member of {found.account.username}")
    return _shown(membership, access.administers(work, found.account))


def _shown(membership: Membership, administers: bool) -> Membership:
    """Keep the address and whether they have a second factor from everybody who doesn't administer the workspace."""
    return replace(membership, email=membership.email if administers else None, shows_factor=administers)


def own_membership(work: UnitOfWork, name: str) -> Membership:
    """Return what the actor is in a workspace. Raises NotFound if they are nothing there."""
    found, actor = workspace(work, name), access.oneself(work, to=To.SEE_PROFILE)
    membership = workspace_rows.person(work.tx, found, actor.id)
    if membership is None:
        raise NotFound(f"you are not a member of {found.account.username}")
    return membership


def own_workspaces(work: UnitOfWork, query: ListQuery, *, least: Role) -> MembershipPage:
    """List the workspaces in which the actor has at least that role that a query wants."""
    return workspace_rows.workspaces(work.tx, oneself(work), query, least=least)
