"""Groups that sign-ins with a provider keep: at each one, the person joins and leaves them as its claim says."""

from collections.abc import Collection

from onebucket.actions import access, groups
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.refusals import Refusal
from onebucket.domain.sign_in_providers import ProvenIdentity
from onebucket.store import kept_group_rows


def follow(work: UnitOfWork, person: Account, identity: ProvenIdentity) -> None:
    """Let the person join the provider's groups whose slugs it names, and leave the others, with it as the actor.

    What a rule forbids, such as removing a team's last administrator, isn't done, and the journal says so.
    """
    if identity.groups is None:
        return
    named = set(identity.groups)
    with work.on_behalf(Actor(None, f"oidc:{identity.provider}", is_operator=True)):
        for owner, group, is_member in kept_group_rows.kept_by_sign_in(work.tx, identity.provider, person.id):
            if (group.slug in named) is is_member:
                continue
            change = groups.remove_member if is_member else groups.add_member
            try:
                change(work, owner.id, group.slug, person.id)
            except Refusal as refusal:
                facts = {"member": person.username, "reason": refusal.reason}
                work.record_attempt(Event.CHANGE_REFUSED, owner, _ATTEMPT[is_member].format(group.slug), after=facts)


def kept_by_others(work: UnitOfWork, providers: Collection[str]) -> dict[str, list[str]]:
    """Return groups that are kept by sign-ins with none of these providers, as `account/slug`, by provider."""
    access.site(work)
    found: dict[str, list[str]] = {}
    for owner, slug, provider in kept_group_rows.kept_anywhere(work.tx):
        if provider not in providers:
            found.setdefault(provider, []).append(f"{owner}/{slug}")
    return found


_ATTEMPT = {True: "removing a member of {}", False: "adding a member to {}"}
