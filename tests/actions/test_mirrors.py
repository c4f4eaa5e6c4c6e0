"""What is kept of mirrors: how they are doing, what they found, who may pause them, and which process has one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

import cast
from mirroring import CLOUD
from office import Office
from onebucket.actions import journal, mirrors, outbox, teams
from onebucket.actions.mirrors import RunTotals
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.journal_text import describe_entry
from onebucket.domain.letters import MailKind
from onebucket.domain.mirrors import (
    LEASE_TIME,
    Drift,
    DriftCounts,
    DriftKind,
    MirrorFailure,
    MirrorState,
    MirrorStatus,
)
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, NotFound
from onebucket.mail import template_context

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

GIVEN = Drift(DriftKind.DIFFERENCE, "rocket", "70121:b", "bob", Level.WRITE, Level.NONE, Level.WRITE)
FOREIGN = Drift(DriftKind.FOREIGN, "rocket", "70121:c", "carol", Level.NONE, Level.READ, Level.NONE)
COUNTS = DriftCounts(differences=1, foreign=1, compared=7)


@pytest.fixture
def office(api: cast.Api) -> Iterator[Office]:
    """The cast, with a mirror of acme."""
    with api.db.writing() as tx:
        office = Office(tx)
        registered(office)
        yield office


def registered(office: Office) -> MirrorStatus:
    return mirrors.register(office.operator, CLOUD, can_change=True)


def run(office: Office, found: set[Drift], gone: set[Drift]) -> MirrorStatus:
    """Write down a run that found something new and that something is gone."""
    at = office.operator.at
    done = replace(
        registered(office), outcome=MirrorState.RUNNING, failure=None, last_run_at=at, last_compared_at=at, revision=5,
        counts=COUNTS,
    )  # fmt: skip
    totals = RunTotals(carried=2, requests=30, throttled=1)
    mirrors.record(office.operator, done, gone=gone, new=found, totals=totals, used_allowance=True)
    return registered(office)


def fail(office: Office, state: MirrorState) -> MirrorStatus:
    at = office.operator.at
    failure = MirrorFailure("the credential is refused", at, at, at + timedelta(minutes=1))
    failing = replace(registered(office), outcome=state, failure=failure)
    mirrors.record(office.operator, failing, gone=(), new=(), totals=RunTotals(requests=1))
    return registered(office)


def told(office: Office) -> list[str]:
    entries = journal.entries(office.operator, "acme")
    return [f"{each.actor} {describe_entry(each)}" for each in entries if each.event.value.startswith("mirror.")]


def test_a_new_mirror_has_never_run_and_keeps_what_is_known_when_its_table_changes(office: Office) -> None:
    new = registered(office)
    ran = run(office, {GIVEN}, set())
    changed = mirrors.register(office.operator, replace(CLOUD, workspace="other"), can_change=False)

    assert (new.state, new.counts, new.workspace) == (MirrorState.NEVER_RUN, DriftCounts(), "acme-inc")
    assert changed == replace(ran, workspace="other", can_change=False)


def test_each_run_replaces_what_the_last_one_found_and_adds_to_the_totals(office: Office) -> None:
    run(office, {GIVEN, FOREIGN}, set())
    again = run(office, set(), {GIVEN})

    assert mirrors.drift_of(office.operator, "acme", "cloud") == [FOREIGN]
    assert (again.carried, again.requests, again.throttled, again.counts) == (4, 60, 2, COUNTS)
    assert (again.revision, again.state, again.last_run_at) == (5, MirrorState.RUNNING, again.last_compared_at)


def test_a_stop_is_told_once_by_the_journal_and_by_letter_and_ends_with_the_next_run(office: Office) -> None:
    run(office, {GIVEN}, set())
    waiting = fail(office, MirrorState.WAITING)
    stopped = fail(office, MirrorState.STOPPED)
    fail(office, MirrorState.STOPPED)
    again = run(office, set(), set())

    assert [each.state for each in (waiting, stopped, again)] == [
        MirrorState.WAITING, MirrorState.STOPPED, MirrorState.RUNNING,
    ]  # fmt: skip
    assert stopped.failure and stopped.failure.sentence == "the credential is refused"
    assert (stopped.counts, stopped.requests, again.failure) == (COUNTS, 32, None)
    assert told(office) == ["operator stopped the mirror cloud: the credential is refused"]
    [(_, letter)] = [each for each in outbox.newest(office.operator) if each[1].kind is MailKind.MIRROR_STOPPED]
    [parcel] = [each for each in outbox.claim(office.operator, str) if each.letter.id == letter.id]
    shown = template_context.context_of(parcel, "https://git.example")
    assert letter.email == "alice@example.com"
    assert shown["what"] == "cloud: the credential is refused"


def test_administrators_pause_and_resume_a_mirror(office: Office) -> None:
    alice = office.as_("alice")
    paused = mirrors.pause(alice, "acme", "cloud")
    again = mirrors.pause(alice, "acme", "cloud")
    resumed = mirrors.resume(alice, "acme", "cloud", allowed_removals=40)
    used = run(office, set(), set())

    assert (paused.state, paused.paused_by) == (MirrorState.PAUSED, "alice")
    assert again == paused
    assert (resumed.state, resumed.allowed_removals) == (MirrorState.NEVER_RUN, 40)
    assert resumed.resumed_at is not None
    assert used.allowed_removals is None
    assert told(office) == ["alice paused the mirror cloud", "alice resumed the mirror cloud"]


@pytest.mark.parametrize(
    "do",
    [
        lambda work: mirrors.states_of_account(work, "acme"),
        lambda work: mirrors.state_of(work, "acme", "cloud"),
        lambda work: mirrors.drift_of(work, "acme", "cloud"),
        lambda work: mirrors.pause(work, "acme", "cloud"),
        lambda work: mirrors.resume(work, "acme", "cloud"),
        lambda work: mirrors.states(work),
        lambda work: mirrors.forget(work, "acme", "cloud"),
    ],
    ids=["states_of_account", "state_of", "drift_of", "pause", "resume", "states", "forget"],
)
def test_nobody_else_sees_or_pauses_it(office: Office, do: Callable[[UnitOfWork], object]) -> None:
    with pytest.raises(Forbidden):
        do(office.as_("bob"))


def test_what_is_no_mirror_or_no_number_is_refused(office: Office) -> None:
    with pytest.raises(NotFound, match="acme has no mirror 'other'"):
        mirrors.pause(office.operator, "acme", "other")
    with pytest.raises(Invalid, match="a number from 0"):
        mirrors.resume(office.operator, "acme", "cloud", allowed_removals=-1)
    assert [(owner.username, each.name) for owner, each in mirrors.states(office.operator)] == [("acme", "cloud")]


def test_one_process_has_a_mirror_until_it_lets_go_or_is_not_heard_of(office: Office) -> None:
    work, status = office.operator, registered(office)
    first = mirrors.hold(work, status, holder="serve")
    other = mirrors.hold(work, status, holder="follow")
    kept = mirrors.hold(work, status, holder="serve")
    mirrors.release(work, status, holder="follow")
    holder = registered(office).holder_at(work.at)
    work.at += LEASE_TIME
    late = mirrors.hold(work, status, holder="follow")
    mirrors.release(work, status, holder="follow")

    assert (first, other, kept, holder, late) == (True, False, True, "serve", True)
    assert registered(office).holder_at(work.at) == ""


def test_one_that_a_process_follows_is_not_forgotten_and_another_mirror_stays(office: Office) -> None:
    work = office.operator
    run(office, {GIVEN}, set())
    mirrors.register(work, replace(CLOUD, name="other"), can_change=False)
    mirrors.hold(work, registered(office), holder="serve")
    with pytest.raises(Conflict, match="cloud is followed by serve"):
        mirrors.forget(work, "acme", "cloud")
    mirrors.release(work, registered(office), holder="serve")

    mirrors.forget(work, "acme", "cloud")

    assert [each.name for each in mirrors.states_of_account(work, "acme")] == ["other"]
    assert registered(office).state is MirrorState.NEVER_RUN
    assert mirrors.drift_of(work, "acme", "cloud") == []
    assert told(office) == ["operator forgot the mirror cloud"]


def test_a_team_is_deleted_with_its_mirrors(office: Office) -> None:
    run(office, {GIVEN}, set())

    teams.delete(office.operator, "acme")

    assert mirrors.states(office.operator) == []
