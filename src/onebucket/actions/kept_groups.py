"""Groups that sign-ins with a provider keep: at each one, the person joins and leaves them as its claim says."""

from onebucket.actions import groups
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


_ATTEMPT = {True: "removing a member of {}", False: "adding a member to {}"}
