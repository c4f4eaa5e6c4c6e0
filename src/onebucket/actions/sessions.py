"""Browser sessions: start one, list the actor's own, end them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from onebucket.actions import access, passwords, second_factors
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, NotFound
from onebucket.domain.second_factors import SignInMethod
from onebucket.store import account_rows, identity_rows, session_rows
from onebucket.store.engine.transaction import Transaction
from onebucket.store.session_rows import Session

SESSION_LIFETIME = timedelta(days=14)
# How long after sign-in the password isn't asked for again before changes that could help to take over the account.
CONFIRMED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who may start a session, and how they proved it; for a provider, its name and its id of the session there."""

    actor: Actor
    method: SignInMethod
    provider: str | None = None
    provider_session: str | None = None


def start(
    work: UnitOfWork,
    *,
    secret_hash: str,
    agent: str,
    signed_in_with: SignInMethod = SignInMethod.PASSWORD,
    instead_of: str | None = None,
    provider: str | None = None,
    provider_session: str | None = None,
) -> Session:
    """Start a session of the actor for the browser that has the secret with this hash.

    `instead_of` is the hash of the browser's previous secret: that session ends, whoever it belongs to. For a sign-in
    with a provider, `provider` is its name and `provider_session` its id of the session there, if it has one.
    """
    person = _myself(work)
    until, there = work.at + SESSION_LIFETIME, (provider, provider_session)
    session = Session(person.id, work.new_id(), work.at, until, work.address, agent, signed_in_with, *there)

    if instead_of is not None:
        session_rows.end_by_hash(work.tx, instead_of)
    session_rows.add(work.tx, session, secret_hash=secret_hash)

    work.record(Event.SESSION_BEGAN, person, person.username, after=_facts(session))
    return session


def actor(tx: Transaction, *, secret_hash: str, at: datetime) -> Actor:
    """Return who is signed in with the session secret of this hash: `NOBODY` if it has ended or they are disabled."""
    session, person = session_rows.by_hash(tx, secret_hash) or (None, None)
    if session is None or person is None or session.expires_at <= at or not person.is_active:
        return NOBODY
    return Actor(person, session.credential, expires_at=session.expires_at)


def list_own(work: UnitOfWork) -> list[tuple[Session, bool]]:
    """List the actor's unexpired sessions, newest first; with each, whether it is the present one."""
    person = _myself(work)
    sessions = session_rows.of_person(work.tx, person.id)
    return [(session, session.id == _own(work)) for session in sessions if session.expires_at > work.at]


def end(work: UnitOfWork, id: str) -> None:
    """End one of the actor's sessions. Raises NotFound."""
    person = _myself(work)
    if not session_rows.end(work.tx, person.id, id):
        raise NotFound("that session has ended already")
    if id != _own(work):
        work.record(Event.SESSION_ENDED, person, person.username, before={"session": id})


def end_others(work: UnitOfWork) -> None:
    """End all of the actor's sessions but the present one."""
    person = _myself(work)
    ended = session_rows.end_others(work.tx, person.id, _own(work))
    if ended:
        work.record(Event.SESSION_ENDED, person, person.username, before={"sessions": ended})


def end_all_of(work: UnitOfWork, name: str) -> int:
    """End every session of a person, for site administrators; return how many. Raises NotFound, Forbidden."""
    access.site(work)
    person = access.person(work, name)
    ended = session_rows.end_all(work.tx, person.id)
    if ended:
        work.record(Event.SESSION_ENDED, person, person.username, before={"sessions": ended})
    return ended


def end_own(work: UnitOfWork) -> None:
    """End the actor's present session: sign out."""
    end(work, _own(work))


def end_at_provider(
    work: UnitOfWork, provider: str, *, issuer: str, subject: str | None, session: str | None, until: datetime
) -> None:
    """End sessions that began with a provider until that time: of the person who is `subject` there, of the session
    there, or of both. For the provider itself.
    """
    access.site(work)
    linked = identity_rows.by_subject(work.tx, issuer, subject) if subject is not None else None
    if subject is not None:
        holders = [linked.account_id] if linked else []
    else:
        holders = session_rows.holders_at_provider(work.tx, provider, session or "")
    for id in holders:
        ended = session_rows.end_of_provider(work.tx, id, provider, until=until, provider_session=session)
        person = account_rows.by_id(work.tx, id)
        if ended and person is not None:
            work.record(Event.SESSION_ENDED, person, person.username, before={"sessions": ended, "provider": provider})


def is_confirmed(work: UnitOfWork) -> bool:
    """Return whether the actor proved who they are in this session within `CONFIRMED`, so that it isn't asked again."""
    own = _present(work)
    if own is None or own.signed_in_with is SignInMethod.PROVIDER_SESSION:
        return False
    return work.at - own.created_at <= CONFIRMED


def change_password(work: UnitOfWork, hash: str, *, secret_hash: str, agent: str) -> None:
    """Change the actor's password, and start a session in place of the present one, signed in with the same.

    All their other sessions end. Raises Forbidden when nobody has signed in.
    """
    person = _myself(work)
    own = _present(work)

    passwords.change(work, person.id, hash)
    start(
        work,
        secret_hash=secret_hash,
        agent=agent,
        signed_in_with=own.signed_in_with if own else SignInMethod.PASSWORD,
        provider=own.provider if own else None,
        provider_session=own.provider_session if own else None,
    )


def lacks_second_factor(work: UnitOfWork) -> bool:
    """Return whether the actor must set up a second factor before anything else."""
    person = work.actor.account
    return person is not None and second_factors.is_missing(work.tx, person, setting=work.site_limits.second_factor)


def _present(work: UnitOfWork) -> Session | None:
    sessions = session_rows.of_person(work.tx, _myself(work).id)
    return next((each for each in sessions if each.id == _own(work)), None)


def _facts(session: Session) -> dict[str, Any]:
    facts = {"session": session.id, "agent": session.agent, "with": session.signed_in_with.value}
    return facts | ({"provider": session.provider} if session.provider else {})


def _own(work: UnitOfWork) -> str:
    return work.actor.credential.partition(":")[2]


def _myself(work: UnitOfWork) -> Account:
    if work.actor.id is None:
        raise Forbidden("sign in first")
    return access.account(work, work.actor.id, to=To.CHANGE_PERSON)
