"""The only door to stored things: you say which one and what you want it for, and hold it only if you may."""

from onebucket.actions.work import Work
from onebucket.domain import policy
from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.domain.policy import Standing, To
from onebucket.domain.refusals import Forbidden, Invalid, NoSuchGroup, NotFound, UnknownEmail
from onebucket.domain.repositories import Repository
from onebucket.domain.text import shown
from onebucket.store import accounts, groups, repositories


def account(work: Work, name: str, *, to: To) -> Account:
    """The account called `name` (spec 1.2). Raises NotFound, Forbidden."""
    found = _account(work, name)

    _permit(_standing(work, found), to)

    return found


def group(work: Work, account_name: str, slug: str, *, to: To, member: str | None = None) -> tuple[Account, Group]:
    """The account's group of that slug, and the account. Raises NotFound, NoSuchGroup, Forbidden.

    `member` names the person in it who is meant, where `to` is something one may do with oneself.
    """
    owner = _account(work, account_name)
    found = groups.find(work.tx, owner.id, slug)
    if found is None:
        raise NoSuchGroup

    himself = member is not None and _is_actor(work, member)
    _permit(_standing(work, owner, found, is_himself=himself), to)

    return owner, found


def repository(work: Work, account_name: str, slug: str, *, to: To) -> tuple[Account, Repository]:
    """The account's repository of that slug, and the account. Raises NotFound, Forbidden."""
    owner = _account(work, account_name)
    found = repositories.find(work.tx, owner.id, slug)
    if found is None:
        raise NotFound(f"{owner.username} has no repository {shown(slug)}")

    _permit(_standing(work, owner), to)

    return owner, found


def person(work: Work, name: str) -> Account:
    """The person called `name`; anybody may be named. Raises UnknownEmail, NotFound, Invalid for a team."""
    found = accounts.named(work.tx, name)
    if found is None and "@" in name:
        raise UnknownEmail
    if found is None:
        raise NotFound(f"there is no user {shown(name)}")
    if found.is_team:
        raise Invalid(f"{found.username} is a team, not a person")

    return found


def administers(work: Work, owner: Account) -> bool:
    """Whether the actor administers an account he holds already: what he sees of it may depend on that."""
    return _standing(work, owner).administers


def site(work: Work) -> None:
    """Nothing but the permission to run the site. Raises Forbidden."""
    _permit(Standing(runs_site=work.actor.runs_site), To.RUN_SITE)


def _account(work: Work, name: str) -> Account:
    found = accounts.named(work.tx, name)
    if found is None:
        raise NotFound(f"there is no account {shown(name)}")
    return found


def _is_actor(work: Work, name: str) -> bool:
    found = accounts.named(work.tx, name)
    return found is not None and found.id == work.actor.id


def _standing(work: Work, owner: Account, group: Group | None = None, *, is_himself: bool = False) -> Standing:
    actor = work.actor
    if actor.runs_site or actor.id == owner.id:
        return Standing(runs_site=actor.runs_site, administers=True, is_himself=is_himself)

    assert actor.id is not None
    administers, in_account, in_group = groups.standing(work.tx, owner.id, actor.id, group.id if group else None)
    return Standing(administers=administers, in_account=in_account, in_group=in_group, is_himself=is_himself)


def _permit(standing: Standing, to: To) -> None:
    if not policy.may(standing, to):
        raise Forbidden(f"you may not {to.value}")
