"""Requests for access: what may be asked, what becomes of a request while it waits, and how it is answered once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from office import Office
from onebucket.actions import (
    access_requests,
    accounts,
    journal,
    offboarding,
    outbox,
    privileges,
    projects,
    repositories,
    teams,
)
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.access_requests import LAPSES_AFTER, MOST_A_DAY, MOST_WAITING, AccessRequest, RequestState
from onebucket.domain.letters import MailKind
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NotFound, Refusal, TooManyRequests
from onebucket.store import access_request_rows

LATER = datetime(2099, 12, 3, 23, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REASON = "I build the release"


def ask(office: Office, who: str = "bob", slug: str = "engine", level: Level = Level.ADMIN, **how: object) -> str:
    _, request = access_requests.ask(office.as_(who), "acme", slug, level, REASON, **how)  # type: ignore[arg-type]
    return request.id


def after(work: UnitOfWork, wait: timedelta) -> UnitOfWork:
    work.at += wait
    return work


def waiting(office: Office) -> list[AccessRequest]:
    return [each for each in access_requests.of_account(office.as_("alice"), "acme")[1] if each.is_waiting]


def latest(office: Office, who: str = "bob") -> AccessRequest:
    return access_requests.mine(office.as_(who))[0][1]


def letters(office: Office, kind: MailKind) -> list[tuple[str, bool]]:
    """Whom letters of a kind go to, and whether at once."""
    found = [letter for _, letter in outbox.newest(office.operator) if letter.kind is kind]
    return sorted(((each.email, each.due_at == each.created_at) for each in found), reverse=True)


# -- asking and answering --------------------------------------------------------------------------


def test_what_is_granted_is_set_as_if_an_administrator_had_set_it(office: Office) -> None:
    id = ask(office, until=LATER)

    _, granted = access_requests.grant(office.as_("alice"), id)

    assert office.level("bob", "engine") == "admin"
    given = privileges.of_person_there(office.operator, "acme", "engine", "bob")
    assert (given.level, given.until) == (Level.ADMIN, LATER)
    assert (granted.state, granted.granted, granted.answered_by) == (RequestState.GRANTED, Level.ADMIN, "alice")
    told = [each for each in journal.entries(office.operator) if each.request_id == "test"][-2:]
    assert [each.event.value for each in told] == ["privilege.set", "request.granted"]
    assert told[1].after is not None
    assert {name: told[1].after[name] for name in ("asked_by", "granted_by", "permission")} == {
        "asked_by": "bob", "granted_by": "alice", "permission": "admin"
    }  # fmt: skip


def test_an_administrator_gives_less_and_until_another_date(office: Office) -> None:
    sooner = LATER - timedelta(days=400)

    access_requests.grant(office.as_("alice"), ask(office, until=LATER), Level.WRITE, sooner)

    request = latest(office)
    assert (request.level, request.until, request.granted, request.granted_until) == (
        Level.ADMIN, LATER, Level.WRITE, sooner
    )  # fmt: skip
    assert office.level("bob", "engine") == "write"


def test_a_denial_has_a_sentence_and_changes_nothing(office: Office) -> None:
    before = office.level("bob", "engine")

    access_requests.deny(office.as_("alice"), ask(office), "  ask <b>again</b> after the release ")

    assert (latest(office).state, latest(office).answer) == (RequestState.DENIED, "ask <b>again</b> after the release")
    assert office.level("bob", "engine") == before
    assert letters(office, MailKind.REQUEST_DENIED) == [("bob@example.com", True)]


def test_whoever_withdraws_may_ask_again(office: Office) -> None:
    access_requests.withdraw(office.as_("bob"), ask(office))

    assert (waiting(office), latest(office).state) == ([], RequestState.WITHDRAWN)
    ask(office)


Attempt = Callable[[Office, str], object]


@pytest.mark.parametrize(
    ("attempt", "refusal", "says"),
    [
        (lambda at, id: access_requests.withdraw(at.as_("alice"), id), NotFound, "no such request"),
        (lambda at, id: access_requests.grant(at.as_("dora"), id), NotFound, "no such request"),
        (lambda at, id: access_requests.deny(at.as_("bob"), id, "no"), NotFound, "no such request"),
        (lambda at, id: access_requests.deny(at.as_("alice"), "nothing", "no"), NotFound, "no such request"),
        (lambda at, id: access_requests.deny(at.as_("alice"), id, " "), Invalid, "says why is missing"),
        (lambda at, id: access_requests.deny(at.as_("alice"), id, "\u202eon"), Invalid, "control character"),
        (lambda at, id: access_requests.of_account(at.as_("bob"), "acme"), Forbidden, "answer requests"),
        (lambda at, id: ask(at), Conflict, "asked for acme/engine already"),
        (lambda at, id: ask(at, level=Level.WRITE, slug="rocket"), Conflict, "you have write on acme/rocket already"),
        (lambda at, id: ask(at, who="alice"), Conflict, "you have admin on acme/engine already"),
        (lambda at, id: ask(at, slug="no slug"), Invalid, "can't be a repository slug"),
        (lambda at, id: ask(at, slug="new", until=at.operator.at), Invalid, "until must be in the future"),
        (lambda at, id: access_requests.ask(at.as_("bob"), "nowhere", "x", Level.READ, "y"), NotFound, "no account"),
        (lambda at, id: access_requests.ask(at.as_("nobody"), "acme", "x", Level.READ, "y"), Forbidden, "sign in"),
        (lambda at, id: access_requests.ask(at.operator, "acme", "x", Level.READ, "y"), Forbidden, "sign in"),
        (lambda at, id: access_requests.ask(at.as_("bob"), "acme", "x", Level.READ, "y" * 501), Invalid, "500"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(office: Office, attempt: Attempt, refusal: type[Refusal], says: str) -> None:
    id = ask(office)

    with pytest.raises(refusal) as refused:
        attempt(office, id)

    assert says in refused.value.sentence
    assert [each.id for each in waiting(office)] == [id]


def test_the_second_answer_is_refused_and_names_who_gave_the_first(office: Office) -> None:
    id = ask(office)
    access_requests.deny(office.as_("root"), id, "not yet")

    with pytest.raises(Conflict) as refused:
        access_requests.grant(office.as_("alice"), id)

    assert refused.value.sentence == "the request is denied by root already: nothing was changed"
    assert latest(office).state is RequestState.DENIED


def test_whoever_comes_second_is_refused_though_they_had_seen_it_waiting(office: Office) -> None:
    id = ask(office)
    seen = access_request_rows.by_id(office.tx, id)
    assert seen is not None
    access_requests.deny(office.as_("root"), id, "not yet")

    assert not access_request_rows.answer(office.tx, seen)


# -- what happens while it waits -------------------------------------------------------------------


def test_more_than_was_asked_for_is_not_given(office: Office) -> None:
    id = ask(office, who="mallory", level=Level.WRITE, slug="website")

    with pytest.raises(Invalid, match="mallory asks for write: give that or less"):
        access_requests.grant(office.as_("alice"), id, Level.ADMIN)


@pytest.mark.parametrize(
    ("has", "has_until", "given"),
    [
        # What they got meanwhile is as much, and lasts as long; or it is less, and ends sooner.
        (Level.ADMIN, None, (Level.ADMIN, None)),
        (Level.WRITE, LATER, (Level.WRITE, LATER)),
        (Level.WRITE, LATER + timedelta(days=1), (Level.WRITE, LATER + timedelta(days=1))),
        (Level.WRITE, LATER - timedelta(days=1), (Level.WRITE, LATER)),
        (Level.READ, LATER - timedelta(days=1), (Level.WRITE, LATER)),
        # One would take away the other.
        (Level.READ, None, "mallory has read on website without an end"),
        (Level.READ, LATER + timedelta(days=1), "mallory has read on website until 2099-12-04"),
        (Level.ADMIN, LATER - timedelta(days=1), "mallory has admin on website until 2099-12-02"),
    ],
)
def test_what_somebody_gained_in_between_is_not_taken_away(
    office: Office, has: Level, has_until: datetime | None, given: tuple[Level, datetime | None] | str
) -> None:
    id = ask(office, who="mallory", slug="website", level=Level.WRITE, until=LATER)
    privileges.grant_direct(office.operator, "acme", "website", "mallory", has, has_until)

    if isinstance(given, str):
        with pytest.raises(Conflict, match=given):
            access_requests.grant(office.as_("alice"), id)
        given = has, has_until
    else:
        access_requests.grant(office.as_("alice"), id)

    there = privileges.of_person_there(office.operator, "acme", "website", "mallory")
    assert (there.level, there.until) == given


def test_somebody_who_is_disabled_can_only_be_denied(office: Office) -> None:
    id = ask(office)
    accounts.set_active(office.operator, "bob", False)

    with pytest.raises(Conflict, match="bob is disabled"):
        access_requests.grant(office.as_("alice"), id)

    access_requests.deny(office.as_("alice"), id, "you have left")


def test_an_end_that_has_passed_meanwhile_needs_another_one(office: Office) -> None:
    id = ask(office, until=office.operator.at + timedelta(days=2))
    alice = after(office.as_("alice"), timedelta(days=3))

    with pytest.raises(Invalid, match="has passed"):
        access_requests.grant(alice, id)

    access_requests.grant(alice, id, until=LATER)
    assert latest(office).granted_until == LATER


def test_a_request_follows_its_repository_and_its_person_is_told_the_old_name(office: Office) -> None:
    id = ask(office, slug="rocket")
    repositories.change(office.operator, "acme", "rocket", new_slug="booster")
    repositories.add(office.operator, "acme", "rocket")
    projects.create(office.operator, "acme", "NEW", name="New")
    repositories.change(office.operator, "acme", "booster", project="NEW")

    assert [each.slug for each in waiting(office)] == ["booster"]
    assert latest(office).slug == "rocket"
    access_requests.grant(office.as_("alice"), id)

    assert (office.level("bob", "booster"), latest(office).slug) == ("admin", "rocket")
    assert privileges.of_person_there(office.operator, "acme", "rocket", "bob").level is Level.NONE


def test_a_request_for_what_is_deleted_stays_as_one_for_the_name(office: Office) -> None:
    id = ask(office, who="dora", slug="engine")
    repositories.delete(office.operator, "acme", "engine")

    assert latest(office, "dora").state is RequestState.WAITING
    with pytest.raises(Conflict, match="acme has no repository engine"):
        access_requests.grant(office.as_("alice"), id)
    repositories.add(office.operator, "acme", "engine")
    access_requests.grant(office.as_("alice"), id)

    assert office.level("dora", "engine") == "admin"


def test_what_nobody_answers_lapses_and_may_be_asked_again(office: Office) -> None:
    id = ask(office)
    alice = after(office.as_("alice"), LAPSES_AFTER + SECOND)

    assert [each.state for each in access_requests.of_account(alice, "acme")[1]] == [RequestState.LAPSED]
    with pytest.raises(Conflict, match="the request is lapsed already"):
        access_requests.grant(alice, id)
    owner, _ = access_requests.of_account(alice, "acme")
    assert access_requests.waiting_counts(alice, [owner]) == []

    bob = after(office.as_("bob"), LAPSES_AFTER + SECOND)
    access_requests.ask(bob, "acme", "engine", Level.ADMIN, REASON)
    assert access_requests.waiting_counts(alice, [owner]) == [(owner, 1)]


def test_off_boarding_ends_requests_and_deleting_the_team_removes_them(office: Office) -> None:
    ask(office, who="mallory")
    access_requests.ask(office.as_("mallory"), "globex", "satellite", Level.READ, REASON)

    [held] = offboarding.plan(office.operator, "mallory", "acme").accounts
    offboarding.offboard(office.operator, "mallory", "acme")

    assert [each.slug for each in held.requests] == ["engine"] and waiting(office) == []
    states = {owner.username: each.state for owner, each in access_requests.mine(office.as_("mallory"))}
    assert states == {"acme": RequestState.ENDED, "globex": RequestState.WAITING}
    assert len(offboarding.plan(office.operator, "mallory").accounts) == 1
    teams.delete(office.operator, "acme")
    teams.delete(office.operator, "globex")
    assert access_requests.mine(office.as_("mallory")) == []


# -- limits ----------------------------------------------------------------------------------------


def test_only_some_wait_in_an_account_and_only_some_are_made_in_a_day(office: Office) -> None:
    ids = [ask(office, slug=f"any-{number}") for number in range(MOST_WAITING)]
    with pytest.raises(Conflict, match="10 requests of yours wait in acme"):
        ask(office, slug="one-more")
    ask(office, who="dora")

    for id in ids:
        access_requests.withdraw(office.as_("bob"), id)
    for number in range(MOST_A_DAY - MOST_WAITING):
        access_requests.withdraw(office.as_("bob"), ask(office, slug=f"any-{number}"))
    with pytest.raises(TooManyRequests, match="you have asked 20 times in acme today") as refused:
        ask(office)

    assert 86_000 < refused.value.retry_after <= 86_400
    bob = after(office.as_("bob"), timedelta(days=1, seconds=1))
    access_requests.ask(bob, "acme", "engine", Level.ADMIN, REASON)


def test_administrators_get_a_letter_at_once_and_the_next_one_after_a_pause(office: Office) -> None:
    for number in range(4):
        ask(office, slug=f"any-{number}")
    assert letters(office, MailKind.REQUEST_ADDED) == [("alice@example.com", True), ("alice@example.com", False)]

    later = after(office.as_("dora"), timedelta(hours=1))
    access_requests.ask(later, "acme", "engine", Level.ADMIN, REASON)

    assert len(letters(office, MailKind.REQUEST_ADDED)) == 3
