"""Browsers that people have signed in with: beginning a session, listing one's own, ending them."""

from datetime import timedelta

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Forbidden, NotFound
from onebucket.store import session_rows
from onebucket.store.session_rows import Session

SESSION_LIFETIME = timedelta(days=14)
# A session begins with a password. For so long that password counts for what could take the account over.
CONFIRMED = timedelta(minutes=10)


def start(work: UnitOfWork, *, secret_hash: str, agent: str, instead_of: str | None = None) -> Session:
    """Let the person who asks be signed in with the browser that has the secret with that hash.

    `instead_of` is the hash of the secret that the browser had until now: that session ends, whosever it was.
    """
    person = _myself(work)
    session = Session(person.id, work.new_id(), work.at, work.at + SESSION_LIFETIME, work.address, agent)

    if instead_of is not None:
        session_rows.end_by_hash(work.tx, instead_of)
    session_rows.add(work.tx, session, secret_hash=secret_hash)

    work.record(Event.SESSION_BEGAN, person, person.username, after={"session": session.id, "agent": agent})
    return session


def list_own(work: UnitOfWork) -> list[tuple[Session, bool]]:
    """The sessions of the person who asks, the newest first; with each, whether it is the one he asks with."""
    person = _myself(work)
    found = session_rows.of_person(work.tx, person.id)
    return [(each, each.id == _own(work)) for each in found if each.expires_at > work.at]


def end(work: UnitOfWork, id: str) -> None:
    """End one session of the person who asks. Raises NotFound."""
    person = _myself(work)
    if not session_rows.end(work.tx, person.id, id):
        raise NotFound("that session has ended already")
    if id != _own(work):
        work.record(Event.SESSION_ENDED, person, person.username, before={"session": id})


def end_others(work: UnitOfWork) -> None:
    """End every session of the person who asks but the one he asks with."""
    person = _myself(work)
    ended = session_rows.end_others(work.tx, person.id, _own(work))
    if ended:
        work.record(Event.SESSION_ENDED, person, person.username, before={"sessions": ended})


def end_own(work: UnitOfWork) -> None:
    """End the session that the person asks with: he signs out."""
    end(work, _own(work))


def is_confirmed(work: UnitOfWork) -> bool:
    """Whether the person who asks gave their password, in this browser, so recently that it isn't asked for again."""
    person = _myself(work)
    own = next((each for each in session_rows.of_person(work.tx, person.id) if each.id == _own(work)), None)
    return own is not None and work.at - own.created_at <= CONFIRMED


def _own(work: UnitOfWork) -> str:
    return work.actor.credential.partition(":")[2]


def _myself(work: UnitOfWork) -> Account:
    if work.actor.id is None:
        raise Forbidden("sign in first")
    return access.account(work, work.actor.id, to=To.CHANGE_PERSON)
