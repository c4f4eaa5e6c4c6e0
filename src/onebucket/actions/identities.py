"""Who signs in with a provider: by the identity that is linked, or the first time by a verified address.

An address that the provider hasn't verified, or that isn't in one of its domains, finds nobody: the person proves
their account here first, and then the identity is linked to it.
"""

from onebucket.actions import access, accounts, invitation_acceptance, kept_groups
from onebucket.actions.sessions import SignIn
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account, Actor, suggest_username
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NotFound, Refusal
from onebucket.domain.second_factors import SignInMethod
from onebucket.domain.sign_in_providers import ProvenIdentity, SignInRefused
from onebucket.store import account_rows, identity_rows, session_rows
from onebucket.store.identity_rows import LinkedIdentity

# How many usernames are tried for a new person: the name itself, then with a number.
_TRIED_NAMES = 50


class NotLinked(SignInRefused):
    """Nobody here is known by this identity yet."""


def sign_in(work: UnitOfWork, identity: ProvenIdentity) -> SignIn | Refusal:
    """Find whose identity this is, link it the first time, and let them join and leave the groups that it keeps.

    Returns the refusal, after an entry in the journal, for a disabled person. Raises NotLinked.
    """
    linked = identity_rows.by_subject(work.tx, identity.issuer, identity.subject)
    person = account_rows.by_id(work.tx, linked.account_id) if linked else _by_address(work, identity)
    if person is not None and not person.is_active:
        facts = {"provider": identity.provider, "identity": identity.shown}
        with work.on_behalf(_provider(identity)):
            work.record_attempt(Event.SIGN_IN_FAILED, person, person.username, after=facts)
        return SignInRefused("your account here is disabled: ask an administrator of this server")

    if person is None:
        person = _add_person(work, identity)
    if linked is None:
        with work.on_behalf(_as(person, identity)):
            linked = _link(work, person, identity)
    identity_rows.store_use(work.tx, linked, provider=identity.provider, shown=identity.shown, at=work.at)
    kept_groups.follow(work, person, identity)
    method = SignInMethod.PROVIDER if identity.is_fresh else SignInMethod.PROVIDER_SESSION
    return SignIn(_as(person, identity), method, identity.provider, identity.session or None)


def confirm(work: UnitOfWork, identity: ProvenIdentity) -> SignIn | Refusal:
    """Sign the actor in again with who they are at a provider. Raises as `sign_in` does, and for somebody else."""
    signed_in = sign_in(work, identity)
    if isinstance(signed_in, SignIn) and work.actor.id not in (None, signed_in.actor.id):
        raise SignInRefused(f"{identity.shown} is somebody else here: sign out first")
    return signed_in


def link(work: UnitOfWork, identity: ProvenIdentity) -> LinkedIdentity:
    """Link an identity to the actor, who has just proved who they are here. Raises Conflict, Forbidden."""
    person = access.oneself(work, to=To.CHANGE_PERSON)
    earlier = identity_rows.by_subject(work.tx, identity.issuer, identity.subject)
    if earlier is not None and earlier.account_id != person.id:
        raise Conflict("that identity is linked to another account here")
    return earlier or _link(work, person, identity)


def of_person(work: UnitOfWork, name: str) -> tuple[Account, list[LinkedIdentity]]:
    """Return a person with their linked identities. Raises NotFound, Forbidden."""
    person = access.account(work, name, to=To.CHANGE_PERSON)
    return person, identity_rows.of_person(work.tx, person.id)


def unlink(work: UnitOfWork, name: str, id: str) -> LinkedIdentity:
    """Unlink an identity of a person, and end their sessions with its provider but the present one. Raises NotFound."""
    person, linked = of_person(work, name)
    found = next((each for each in linked if each.id == id), None)
    if found is None or not identity_rows.remove(work.tx, found):
        raise NotFound(f"{person.username} has no such identity")
    kind, _, own = work.actor.credential.partition(":")
    but = {"but": own} if kind == "session" else {}
    session_rows.end_of_provider(work.tx, person.id, found.provider, until=work.at, **but)

    work.record(Event.IDENTITY_UNLINKED, person, person.username, before=_facts(found))
    return found


# -- parts -----------------------------------------------------------------------------------------


def _provider(identity: ProvenIdentity) -> Actor:
    return Actor(None, f"oidc:{identity.provider}", is_operator=True)


def _as(person: Account, identity: ProvenIdentity) -> Actor:
    return Actor(person, f"oidc:{identity.provider}")


def _by_address(work: UnitOfWork, identity: ProvenIdentity) -> Account | None:
    """Return the person whose verified address it is, None if nobody has it. Raises NotLinked if it doesn't count."""
    if not identity.is_verified:
        raise NotLinked(f"{identity.shown} isn't linked to an account here yet")
    person = account_rows.by_email(work.tx, identity.email)
    if person is not None and not identity.links_by_address:
        raise NotLinked(f"{identity.shown} isn't linked to an account here yet")
    return person


def _add_person(work: UnitOfWork, identity: ProvenIdentity) -> Account:
    """Add a person with the verified address. Raises NotLinked when `sign_up` doesn't allow it."""
    sign_up = work.site_limits.sign_up
    if sign_up == "off" or (sign_up == "invited" and not invitation_acceptance.is_invited(work, identity.email)):
        raise NotLinked(f"nobody here has the address {identity.email}, and it isn't invited")
    with work.on_behalf(_provider(identity)):
        try:
            return accounts.add_user(
                work, _free_username(work, identity), email=identity.email, display_name=identity.name or None
            )
        except (Conflict, Invalid) as refusal:
            raise NotLinked(f"no account can be made for {identity.shown}: {refusal.sentence}") from None


def _free_username(work: UnitOfWork, identity: ProvenIdentity) -> str:
    wanted = suggest_username(identity.username or identity.email)
    for number in range(1, _TRIED_NAMES):
        name = wanted if number == 1 else f"{wanted[:58]}-{number}"
        if account_rows.by_username(work.tx, name) is None:
            return name
    raise Conflict(f"too many people are called {wanted}")


def _link(work: UnitOfWork, person: Account, identity: ProvenIdentity) -> LinkedIdentity:
    if not person.is_active:
        raise Forbidden(f"{person.username} is disabled")
    at = work.next_timestamp()
    linked = LinkedIdentity(
        person.id, work.new_id(), identity.issuer, identity.subject, identity.provider, identity.shown, at, at
    )
    if not identity_rows.add(work.tx, linked):
        raise Conflict("that identity was linked to an account just now: begin again")

    work.record(Event.IDENTITY_LINKED, person, person.username, after=_facts(linked))
    return linked


def _facts(linked: LinkedIdentity) -> dict[str, str]:
    return {
        "id": linked.id,
        "provider": linked.provider,
        "identity": linked.shown,
        "issuer": linked.issuer,
        "subject": linked.subject,
    }
