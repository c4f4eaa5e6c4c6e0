"""Browser sessions: start one, list the actor's own, end them."""

from datetime import datetime, timedelta

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, NotFound
from onebucket.store import session_rows
from onebucket.store.engine.transaction import Transaction
from onebucket.store.session_rows import Session

SESSION_LIFETIME = timedelta(days=14)
# How long after sign-in the password isn't asked for again before changes that could help to take over the account.
CONFIRMED = timedelta(minutes=10)


def start(work: UnitOfWork, *, secret_hash: str, agent: str, instead_of: str | None = None) -> Session:
    """Start a session of the actor for the browser that has the secret with this hash.

    `instead_of` is the hash of the browser's previous secret: that session ends, whoever it belongs to.
    """
    person = _myself(work)
    session = Session(person.id, work.new_id(), work.at, work.at + SESSION_LIFETIME, work.address, agent)

    if instead_of is not None:
        session_rows.end_by_hash(work.tx, instead_of)
    session_rows.add(work.tx, session, secret_hash=secret_hash)

    work.record(Event.SESSION_BEGAN, person, person.username, after={"session": session.id, "agent": agent})
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


def end_own(work: UnitOfWork) -> None:
    """End the actor's present session: sign out."""
    end(work, _own(work))


def is_confirmed(work: UnitOfWork) -> bool:
    """Return whether the actor gave their password in this session within `CONFIRMED`, so that it isn't asked again."""
    person = _myself(work)
    own = next((each for each in session_rows.of_person(work.tx, person.id) if each.id == _own(work)), None)
    return own is not None and work.at - own.created_at <= CONFIRMED


def _own(work: UnitOfWork) -> str:
    return work.actor.credential.partition(":")[2]


def _myself(work: UnitOfWork) -> Account:
    if work.actor.id is None:
        raise Forbidden("sign in first")
    return access.account(work, work.actor.id, to=To.CHANGE_PERSON)
