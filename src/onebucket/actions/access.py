"""The only door to stored things: you say which one and what you want it for, and hold it only if you may."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import policy
from onebucket.domain.accounts import NOBODY, Account
from onebucket.domain.groups import Group
from onebucket.domain.policy import Standing, To
from onebucket.domain.privileges import Level, strongest
from onebucket.domain.refusals import Forbidden, Invalid, NoSuchGroup, NotFound, Refusal, UnknownEmail
from onebucket.domain.repositories import Repository
from onebucket.domain.text import quote_text
from onebucket.store import access_inputs, account_rows, group_rows, repository_rows

# How ids begin that nothing has.
_NO_ID = "00000000-0000-0000-0000-"


def account(work: UnitOfWork, name: str, *, to: To) -> Account:
    """The account called `name` (contract/api-1.0.md#1.2). Raises NotFound, Forbidden."""
    found = _account(work, name)

    _permit(_standing(work, found, is_self=found.id == work.actor.id), to)

    return found


def oneself(work: UnitOfWork, *, to: To) -> Account:
    """The account of the person who asks. Raises Forbidden when nobody has signed in."""
    if work.actor.id is None:
        raise Forbidden("sign in first")
    return account(work, work.actor.id, to=to)


def group(
    work: UnitOfWork, account_name: str, slug: str, *, to: To, member: str | None = None
) -> tuple[Account, Group]:
    """The account's group of that slug, and the account. Raises NotFound, NoSuchGroup, Forbidden.

    `member` names the person in it who is meant, where `to` is something one may do with oneself.
    """
    owner = _account(work, account_name)
    found = group_rows.find(work.tx, owner.id, slug)
    if found is None:
        raise NoSuchGroup

    himself = member is not None and _is_actor(work, member)
    _permit(_standing(work, owner, found, is_self=himself), to)

    return owner, found


def repository(work: UnitOfWork, account_name: str, slug: str, *, to: To) -> tuple[Account, Repository]:
    """The account's repository of that slug, and the account. Raises NotFound, Forbidden.

    A private repository that the actor can't see is not found (contract/api-1.0.md#1.10).
    """
    owner = _account(work, account_name)
    found = repository_rows.find(work.tx, owner.id, slug)
    standing = _standing(work, owner)
    levels = _levels(work, owner, standing, [found or _made_up(owner)])

    return owner, _held(owner, slug, found, standing, levels, to)


def each_repository(
    work: UnitOfWork, account_name: str, wanted: Iterable[tuple[str, Account]], *, to: To
) -> tuple[Account, list[Repository | Refusal]]:
    """What `repository` gives or raises for each of several slugs; and the account. Raises NotFound.

    With each slug comes the person in question, where `to` is something one may ask about oneself.
    """
    owner = _account(work, account_name)
    asked = [(slug, person.id == work.actor.id) for slug, person in wanted]
    found = repository_rows.among(work.tx, owner.id, {slug for slug, _ in asked})
    standing = _standing(work, owner)
    missing = len({slug for slug, _ in asked} - found.keys())
    levels = _levels(work, owner, standing, [*found.values(), *(_made_up(owner, each) for each in range(missing))])

    standings = {is_self: replace(standing, is_self=is_self) for is_self in (False, True)}
    given: dict[tuple[str, bool], Repository | Refusal] = {}
    for slug, is_self in set(asked):
        try:
            given[slug, is_self] = _held(owner, slug, found.get(slug), standings[is_self], levels, to)
        except (NotFound, Forbidden) as refusal:
            given[slug, is_self] = refusal
    return owner, [given[each] for each in asked]


def group_of(work: UnitOfWork, owner: Account, owner_name: str, slug: str) -> Group:
    """The group that is named by account and slug, of an account that is held already. Raises NotFound, NoSuchGroup.

    A group of another account is not found (contract/api-1.0.md#1.3).
    """
    if _account(work, owner_name).id != owner.id:
        raise NotFound(f"the group is not one of {owner.username}")
    found = group_rows.find(work.tx, owner.id, slug)
    if found is None:
        raise NoSuchGroup
    return found


def person(work: UnitOfWork, name: str, *, to: To | None = None) -> Account:
    """The person called `name`; anybody may be named, unless he is wanted for something of his own.

    Raises UnknownEmail, NotFound, Invalid for a team, Forbidden.
    """
    found = _person(name, account_rows.named(work.tx, name))

    if to is not None:
        _permit(_standing(work, found, is_self=found.id == work.actor.id), to)

    return found


def each_person(work: UnitOfWork, names: Iterable[str]) -> dict[str, Account | Refusal]:
    """What `person` gives or raises for each of several names, by the name."""
    wanted = set(names)
    found = account_rows.find_many(work.tx, wanted)

    given: dict[str, Account | Refusal] = {}
    for name in wanted:
        try:
            given[name] = _person(name, found.get(name))
        except (NotFound, Invalid) as refusal:
            given[name] = refusal
    return given


def administers(work: UnitOfWork, owner: Account) -> bool:
    """Whether the actor administers an account he holds already: what he sees of it may depend on that."""
    return _standing(work, owner).administers


def seen(work: UnitOfWork, owner: Account, found: Sequence[Repository]) -> frozenset[str]:
    """Which repositories of an account he holds already the actor can see (contract/api-1.0.md#1.10), by their ids."""
    actor = work.actor.account
    if actor is None or administers(work, owner):
        return frozenset(each.id for each in found)
    known = access_inputs.load(work.tx, owner, found, [actor])
    alike = (
        bunch for bunch in known.group_equivalent_repositories(found)(actor) if strongest(known.ways(actor, bunch[0]))
    )
    return frozenset(each.id for bunch in alike for each in bunch)


def site(work: UnitOfWork) -> None:
    """Nothing but the permission to run the site. Raises Forbidden."""
    _permit(Standing(is_site_admin=work.actor.is_site_admin), To.RUN_SITE)


def attempted(work: UnitOfWork, name: str | None) -> Account | None:
    """The account that a refused attempt was made on: the one so named, otherwise the actor's own.

    For the journal alone: the actor may hear nothing of it.
    """
    found = account_rows.named(work.tx, name) if name else None
    return found or work.actor.account


def nobody(work: UnitOfWork) -> None:
    """Nothing but that nobody is asking: what is done then is for the journal alone. Raises Forbidden."""
    if work.actor != NOBODY:
        raise Forbidden("somebody is signed in")


def _account(work: UnitOfWork, name: str) -> Account:
    found = account_rows.named(work.tx, name)
    if found is None:
        raise NotFound(f"there is no account {quote_text(name)}")
    return found


def _person(name: str, found: Account | None) -> Account:
    if found is None and "@" in name:
        raise UnknownEmail
    if found is None:
        raise NotFound(f"there is no user {quote_text(name)}")
    if found.is_team:
        raise Invalid(f"{found.username} is a team, not a person")
    return found


def _levels(
    work: UnitOfWork, owner: Account, standing: Standing, found: Collection[Repository]
) -> Mapping[str, Level] | None:
    """What the actor may do on these repositories, by their ids; None when he administers them all."""
    actor = work.actor.account
    if actor is None or standing.administers:
        return None
    known = access_inputs.load_pairs(work.tx, owner, [(actor, repository) for repository in found])
    return {repository.id: strongest(known.ways(actor, repository)) for repository in found}


def _made_up(owner: Account, number: int = 0) -> Repository:
    """What is asked about in the place of a repository that isn't there: as much as about one that may not be seen.

    Otherwise the time that it takes to say "not found" would tell which of the two it is.
    """
    return Repository(owner.id, f"{_NO_ID}{number:012x}", "", "")


def _held(
    owner: Account, slug: str, found: Repository | None, standing: Standing, levels: Mapping[str, Level] | None, to: To
) -> Repository:
    if found is None or (levels is not None and levels[found.id] is Level.NONE):
        raise NotFound(f"{owner.username} has no repository {quote_text(slug)}")
    _permit(replace(standing, level=levels[found.id]) if levels is not None else standing, to)
    return found


def _is_actor(work: UnitOfWork, name: str) -> bool:
    found = account_rows.named(work.tx, name)
    return found is not None and found.id == work.actor.id


def _standing(work: UnitOfWork, owner: Account, group: Group | None = None, *, is_self: bool = False) -> Standing:
    actor = work.actor
    if actor.is_site_admin or actor.id == owner.id:
        return Standing(is_site_admin=actor.is_site_admin, administers=True, is_self=is_self)

    if actor.id is None:
        return Standing(is_self=is_self)
    administers, in_account, in_group = group_rows.membership_standing(
        work.tx, owner.id, actor.id, group.id if group else None
    )
    return Standing(administers=administers, in_account=in_account, in_group=in_group, is_self=is_self)


def _permit(standing: Standing, to: To) -> None:
    if not policy.may(standing, to):
        raise Forbidden(f"you may not {to.value}")
