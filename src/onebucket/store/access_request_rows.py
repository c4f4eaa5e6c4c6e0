"""Requests for access in the database."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Integer, and_, bindparam, func, insert, null, select, update

from onebucket.domain.access_requests import LAPSES_AFTER, AccessRequest, RequestState
from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store import account_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import joined, named
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.repository_rows import REPOSITORY
from onebucket.store.tables import Id, access_requests, accounts, repositories

# Of an account or a person, so many requests that don't wait any more are listed.
MOST_ANSWERED = 200


class _Own(NamedTuple):
    account_id: str
    id: str
    repository: str
    level: int
    reason: str
    until_at: int | None
    asked_at: int
    state: str
    answered_at: int | None
    answered_by: str | None
    answer: str
    granted: int | None
    granted_until: int | None


def _request(own: _Own, person: Account, place: Repository | None) -> AccessRequest:
    return AccessRequest(
        own.account_id,
        own.id,
        person,
        own.repository,
        Level(own.level),
        own.reason,
        timestamps.optional_from_number(own.until_at),
        timestamps.from_number(own.asked_at),
        RequestState(own.state),
        timestamps.optional_from_number(own.answered_at),
        own.answered_by,
        own.answer,
        None if own.granted is None else Level(own.granted),
        timestamps.optional_from_number(own.granted_until),
        place,
    )


_OWN = named(_Own, *(access_requests.c[name] for name in _Own._fields))
REQUEST = joined(_OWN, account_rows.ACCOUNT, REPOSITORY.optional, make=_request)
_same_account = repositories.c.account_id == access_requests.c.account_id
_requests = (
    select(*REQUEST.columns)
    .select_from(access_requests)
    .join(accounts, accounts.c.id == access_requests.c.person_id)
    .outerjoin(repositories, and_(_same_account, repositories.c.id == access_requests.c.repository_id))
)
_newest_first = (access_requests.c.asked_at.desc(), access_requests.c.id)
_of_account = access_requests.c.account_id == bindparam("account_id")
_of_person = access_requests.c.person_id == bindparam("person_id")
_this = (_of_account, access_requests.c.id == bindparam("request_id"))
_waits = access_requests.c.state == RequestState.WAITING.value
_has_not_lapsed = access_requests.c.asked_at > bindparam("lapsed_before")
_most = bindparam("most", type_=Integer)
_ended = access_requests.c.state != RequestState.WAITING.value

_BY_ID = Statement(_requests.where(access_requests.c.id == bindparam("request_id")), REQUEST)
_WAITING = Statement(_requests.where(_of_account, _waits).order_by(*_newest_first), REQUEST)
_ANSWERED = Statement(_requests.where(_of_account, _ended).order_by(*_newest_first).limit(_most), REQUEST)
_OF_PERSON = Statement(_requests.where(_of_person).order_by(*_newest_first).limit(_most), REQUEST)
_WAITING_OF_PERSON = Statement(_requests.where(_of_person, _waits, _has_not_lapsed).order_by(*_newest_first), REQUEST)
_ASKED = Statement(
    select(access_requests.c.repository, access_requests.c.state, access_requests.c.asked_at).where(
        _of_account, _of_person, access_requests.c.asked_at > bindparam("since")
    )
)
_COUNTS = Statement(
    select(access_requests.c.account_id, func.count())
    .where(access_requests.c.account_id.in_(values_of("accounts", Id)), _waits, _has_not_lapsed)
    .group_by(access_requests.c.account_id)
)
_ADD = Statement(insert(access_requests))
_ANSWER = Statement(
    update(access_requests)
    .where(*_this, _waits)
    .values(
        state=bindparam("new_state"),
        answered_at=bindparam("new_answered_at"),
        answered_by=bindparam("new_answered_by"),
        answer=bindparam("new_answer"),
        granted=bindparam("new_granted"),
        granted_until=bindparam("new_granted_until"),
    )
)
_LAPSE = Statement(
    update(access_requests)
    .where(_of_account, _of_person, _waits, access_requests.c.asked_at <= bindparam("lapsed_before"))
    .values(state=RequestState.LAPSED.value)
)
_FORGET_REPOSITORY = Statement(
    update(access_requests)
    .where(_of_account, access_requests.c.repository_id == bindparam("its_repository"))
    .values(repository_id=null())
)


def by_id(tx: Transaction, id: str) -> AccessRequest | None:
    """Return the request with that id, in any account."""
    return tx.row(_BY_ID, request_id=id)


def of_account(tx: Transaction, account_id: str) -> list[AccessRequest]:
    """Return an account's requests, newest first: all that wait, then the latest of the others."""
    answered = tx.rows(_ANSWERED, account_id=account_id, most=MOST_ANSWERED)
    return [*tx.rows(_WAITING, account_id=account_id), *answered]


def of_person(tx: Transaction, person_id: str) -> list[AccessRequest]:
    """Return a person's latest requests, newest first."""
    return tx.rows(_OF_PERSON, person_id=person_id, most=MOST_ANSWERED)


def waiting_of_person(tx: Transaction, person_id: str, at: datetime) -> list[AccessRequest]:
    """Return a person's requests that wait at a moment, in all accounts, newest first."""
    return tx.rows(_WAITING_OF_PERSON, person_id=person_id, lapsed_before=timestamps.to_number(at - LAPSES_AFTER))


def asked_since(tx: Transaction, account_id: str, person_id: str, since: datetime) -> list[tuple[str, bool, datetime]]:
    """Return what a person has asked for in an account since then: the slug, whether it waits, and when that was."""
    rows = tx.rows(_ASKED, account_id=account_id, person_id=person_id, since=timestamps.to_number(since))
    waiting = RequestState.WAITING.value
    return [(slug, state == waiting, timestamps.from_number(asked_at)) for slug, state, asked_at in rows]


def waiting_counts(tx: Transaction, account_ids: Collection[str], at: datetime) -> dict[str, int]:
    """Return how many requests wait in each of these accounts; those without any are left out."""
    if not account_ids:
        return {}
    return dict(tx.rows(_COUNTS, accounts=account_ids, lapsed_before=timestamps.to_number(at - LAPSES_AFTER)))


def add(tx: Transaction, request: AccessRequest) -> None:
    """Store a new request."""
    tx.run(
        _ADD,
        account_id=request.account_id,
        id=request.id,
        person_id=request.person.id,
        repository=request.repository,
        repository_id=request.place.id if request.place else None,
        level=int(request.level),
        reason=request.reason,
        until_at=timestamps.optional_to_number(request.until),
        asked_at=timestamps.to_number(request.asked_at),
        state=request.state.value,
        answered_at=None,
        answered_by=None,
        answer="",
        granted=None,
        granted_until=None,
    )


def answer(tx: Transaction, request: AccessRequest) -> bool:
    """Store how a request that waits has ended; return False if it doesn't wait any more."""
    changed = tx.run(
        _ANSWER,
        account_id=request.account_id,
        request_id=request.id,
        new_state=request.state.value,
        new_answered_at=timestamps.optional_to_number(request.answered_at),
        new_answered_by=request.answered_by,
        new_answer=request.answer,
        new_granted=None if request.granted is None else int(request.granted),
        new_granted_until=timestamps.optional_to_number(request.granted_until),
    )
    return changed == 1


def lapse(tx: Transaction, account_id: str, person_id: str, at: datetime) -> None:
    """Mark a person's requests that have waited too long in an account, so that they may ask again."""
    before = timestamps.to_number(at - LAPSES_AFTER)
    tx.run(_LAPSE, account_id=account_id, person_id=person_id, lapsed_before=before)


def forget_repository(tx: Transaction, account_id: str, repository_id: str) -> None:
    """Keep requests for a repository that is being deleted, as requests for its name alone."""
    tx.run(_FORGET_REPOSITORY, account_id=account_id, its_repository=repository_id)
