"""Requests for access: ask for a level on a repository, withdraw, list what waits, grant and deny."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onebucket.actions import access, privileges
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import access_requests, ends, repositories
from onebucket.domain.access_requests import LETTER_PAUSE, MOST_A_DAY, MOST_WAITING, AccessRequest, RequestState
from onebucket.domain.accounts import Account
from onebucket.domain.ends import NEVER, EndWish
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import AlreadyAnswered, Conflict, Forbidden, NotFound, TooManyRequests
from onebucket.store import access_inputs, access_request_rows, repository_rows

_DAY = timedelta(days=1)


def ask(
    work: UnitOfWork, account_name: str, slug: str, level: Level, reason: str, until: EndWish = None
) -> tuple[Account, AccessRequest]:
    """Ask the administrators of an account for a level on a repository, and queue a letter to them.

    It is the same whether there is a repository that the actor can't see: only administrators find out which name is
    none. Raises NotFound when there is no such account, Conflict for what the actor has or has asked for already,
    TooManyRequests, Invalid.
    """
    person = access.oneself(work, to=To.SEE_PROFILE)
    if person.is_team:
        raise Forbidden("only people ask for access")
    slug, reason = repositories.check_slug(slug), access_requests.check_reason(reason)
    end = ends.settled(until, None, at=work.at)
    owner, place, held = access.repository_asked_for(work, account_name, slug, to=To.ASK_FOR_ACCESS)
    if held >= level:
        raise Conflict(f"you have {held.word} on {owner.username}/{slug} already")
    access_request_rows.lapse(work.tx, owner.id, person.id, work.at)
    _check_limits(work, owner, person, slug)

    request = AccessRequest(
        owner.id, work.new_id(), person, slug, level, reason, end, work.next_timestamp(), place=place
    )
    access_request_rows.add(work.tx, request)

    work.record_attempt(Event.REQUEST_ADDED, owner, slug, after=request.facts)
    work.notify_administrators(owner, pause=LETTER_PAUSE)
    return owner, replace(request, place=None)


def _check_limits(work: UnitOfWork, owner: Account, person: Account, slug: str) -> None:
    since = work.at - access_requests.LAPSES_AFTER
    asked = access_request_rows.asked_since(work.tx, owner.id, person.id, since)
    waiting = [name for name, waits, _ in asked if waits]
    if slug in waiting:
        raise Conflict(f"you have asked for {owner.username}/{slug} already, and wait for an answer")
    if len(waiting) >= MOST_WAITING:
        raise Conflict(f"{MOST_WAITING} requests of yours wait in {owner.username}: withdraw one, or wait for answers")
    today = [asked_at for *_, asked_at in asked if asked_at > work.at - _DAY]
    if len(today) >= MOST_A_DAY:
        wait = max(int((min(today) + _DAY - work.at).total_seconds()), 60)
        raise TooManyRequests(f"you have asked {MOST_A_DAY} times in {owner.username} today", retry_after=wait)


def mine(work: UnitOfWork) -> list[tuple[Account, AccessRequest]]:
    """Return the actor's latest requests with their accounts, newest first, under the names that they asked for."""
    person = access.oneself(work, to=To.SEE_PROFILE)
    found = access_request_rows.of_person(work.tx, person.id)
    owners = {id: access.account(work, id, to=To.SEE_PROFILE) for id in {each.account_id for each in found}}
    return [(owners[each.account_id], replace(access_requests.seen_at(each, work.at), place=None)) for each in found]


def of_account(work: UnitOfWork, account_name: str) -> tuple[Account, list[AccessRequest]]:
    """Return an account's requests, for its administrators: those that wait first, newest first."""
    owner = access.account(work, account_name, to=To.ANSWER_REQUESTS)
    found = [access_requests.seen_at(each, work.at) for each in access_request_rows.of_account(work.tx, owner.id)]
    return owner, sorted(found, key=lambda each: not each.is_waiting)


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A request that waits, whether there is such a repository, and what the person has on it now."""

    request: AccessRequest
    exists: bool
    held: Level


def queue(work: UnitOfWork, account_name: str) -> tuple[list[QueuedRequest], list[AccessRequest]]:
    """Return what waits in an account, and what doesn't any more, each newest first, for its administrators."""
    owner, found = of_account(work, account_name)
    waiting = [each for each in found if each.is_waiting]
    missing = {each.repository for each in waiting if each.place is None}
    named = repository_rows.among(work.tx, owner.id, missing) if missing else {}
    places = {each.id: each.place or named.get(each.repository) for each in waiting}
    pairs = [(each.person, place) for each in waiting if (place := places[each.id])]
    inputs = access_inputs.load_pairs(work.tx, owner, pairs) if pairs else None

    def queued(each: AccessRequest) -> QueuedRequest:
        place = places[each.id]
        held = inputs.level(each.person, place) if inputs and place else Level.NONE
        return QueuedRequest(each, place is not None, held)

    return [queued(each) for each in waiting], [each for each in found if not each.is_waiting]


def waiting_counts(work: UnitOfWork, administered: Sequence[Account]) -> list[tuple[Account, int]]:
    """Return how many requests wait in each of these accounts, which the actor administers; others are left out."""
    counts = access_request_rows.waiting_counts(work.tx, [owner.id for owner in administered], work.at)
    return [(owner, counts[owner.id]) for owner in administered if owner.id in counts]


def withdraw(work: UnitOfWork, id: str) -> None:
    """Withdraw a request of the actor's own. Raises NotFound, Conflict when it doesn't wait any more."""
    person = access.oneself(work, to=To.SEE_PROFILE)
    found = access_request_rows.by_id(work.tx, id)
    if found is None or found.person.id != person.id:
        raise NotFound("you have no such request")
    owner = access.account(work, found.account_id, to=To.ASK_FOR_ACCESS)

    request = _close(work, found, RequestState.WITHDRAWN)

    work.record_attempt(Event.REQUEST_WITHDRAWN, owner, request.repository, before=request.facts)


def grant(
    work: UnitOfWork, id: str, level: Level | None = None, until: EndWish = None
) -> tuple[Account, AccessRequest]:
    """Give a person what they ask for, or less, or until another date, and tell them by letter.

    What they have already is never taken away. Raises NotFound, Invalid, Conflict when somebody else has answered, when
    there is no such repository, and for a person who is disabled or has something there that lasts longer.
    """
    owner, found = _to_answer(work, id)
    given = access_requests.check_level(found, level)
    wished = until if until is not None else found.until
    end = ends.settled(wished, None, at=work.at)
    who = found.person.username
    if not found.person.is_active:
        raise Conflict(f"{who} is disabled: enable them first, or deny the request")
    repository = found.place or repository_rows.find(work.tx, owner.id, found.repository)
    if repository is None:
        raise Conflict(f"{owner.username} has no repository {found.repository}: add it first, or deny the request")

    _give(work, owner, repository.slug, found.person, given, end)
    request = _close(work, replace(found, granted=given, granted_until=end, place=repository), RequestState.GRANTED)

    after = {
        **request.facts, "permission": given.word, "until": None, **ends.facts(end),
        "asked_by": who, "granted_by": work.actor.name,
    }  # fmt: skip
    work.record_attempt(Event.REQUEST_GRANTED, owner, repository.slug, before=request.facts, after=after)
    work.notify_person(owner, request.person)
    return owner, request


def _give(work: UnitOfWork, owner: Account, slug: str, person: Account, level: Level, end: datetime | None) -> None:
    has = privileges.of_person_there(work, owner.id, slug, person.id)
    if not access_requests.keeps_more(has.level, has.until, level, end, who=person.username, where=slug):
        privileges.grant_direct(work, owner.id, slug, person.id, level, NEVER if end is None else end)


def deny(work: UnitOfWork, id: str, sentence: str) -> tuple[Account, AccessRequest]:
    """Deny a request with a sentence that says why, and tell the person by letter. Raises NotFound, Invalid, Conflict.

    The sentence goes to the person: it may tell them what they can't see.
    """
    owner, found = _to_answer(work, id)
    answer = access_requests.check_answer(sentence)

    request = _close(work, replace(found, answer=answer), RequestState.DENIED)

    after = request.facts | {"answer": answer}
    work.record_attempt(Event.REQUEST_DENIED, owner, request.slug, before=request.facts, after=after)
    work.notify_person(owner, request.person)
    return owner, request


def end_all(work: UnitOfWork, owner: Account, waiting: Sequence[AccessRequest]) -> None:
    """End requests of a person that wait in an account, because they are off-boarded there."""
    access.account(work, owner.id, to=To.REMOVE_PERSON)
    for found in waiting:
        request = _close(work, found, RequestState.ENDED)
        work.record_attempt(Event.REQUEST_ENDED, owner, request.slug, before=request.facts)


def _to_answer(work: UnitOfWork, id: str) -> tuple[Account, AccessRequest]:
    """Load a request that waits. Raises NotFound also when the actor may not answer it: ids reveal nothing."""
    row = access_request_rows.by_id(work.tx, id)
    if row is None:
        raise NotFound("there is no such request")
    try:
        owner = access.account(work, row.account_id, to=To.ANSWER_REQUESTS)
    except Forbidden:
        raise NotFound("there is no such request") from None
    request = access_requests.seen_at(row, work.at)
    access_requests.check_open(request)
    return owner, request


def _close(work: UnitOfWork, request: AccessRequest, state: RequestState) -> AccessRequest:
    access_requests.check_open(access_requests.seen_at(request, work.at))
    closed = replace(request, state=state, answered_at=work.at, answered_by=work.actor.name)
    if not access_request_rows.answer(work.tx, closed):
        now = access_request_rows.by_id(work.tx, request.id)
        raise AlreadyAnswered(now.state.value if now else "gone", now.answered_by if now else None)
    return closed
