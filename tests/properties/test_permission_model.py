"""Who may do what: the rules as tables, and the server beside a slow evaluator, step by step, whatever is done."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

import cast
import sizes
import watch
from machine import Machine
from onebucket.actions import (
    access,
    access_checks,
    access_reports,
    groups,
    privileges,
    project_privileges,
    repositories,
)
from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import invitations, last_administrator, policy
from onebucket.domain import privileges as domain
from onebucket.domain.accounts import Actor
from onebucket.domain.policy import To
from onebucket.domain.privileges import AccessInput, GroupInput, Level, ProjectGrant, Reason, Through
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import AlreadyMember
from onebucket.store import access_inputs
from onebucket.store.access_inputs import AccessInputs
from onebucket.store.engine.transaction import Transaction
from scene import DEEDS, Scene
from tests.http.cache import test_response_cache
from watch import Stage, Tally

NONE, READ, WRITE, ADMIN = Level

# -- the rule of defaults and overrides (spec 1.14) ------------------------------------------------

# What a group has by its permission, where nothing was set for it, and where none, read, write or admin was set.
OF_GROUP = {
    None: (NONE, NONE, READ, WRITE, ADMIN),
    NONE: (NONE, NONE, READ, WRITE, ADMIN),
    READ: (READ, NONE, READ, WRITE, ADMIN),
    WRITE: (WRITE, NONE, READ, WRITE, ADMIN),
    ADMIN: (ADMIN, NONE, READ, WRITE, ADMIN),
}


@pytest.mark.parametrize("permission", OF_GROUP)
def test_what_was_set_there_wins_also_none_and_otherwise_the_permission_holds(permission: Level | None) -> None:
    found = tuple(domain.group_level(set_there=level, permission=permission) for level in (None, *Level))

    assert found == OF_GROUP[permission]


# -- every way, the one that decides first (spec 1.13) ---------------------------------------------


def direct(level: Level) -> Reason:
    return Reason(level, Through.DIRECT)


def on_project(level: Level) -> ProjectGrant:
    return ProjectGrant(level, "acme/PROJ")


def group(
    slug: str,
    permission: Level | None = None,
    set_there: Level | None = None,
    *,
    administers: bool = False,
    project: Level | None = None,
) -> GroupInput:
    given = on_project(project) if project else None
    return GroupInput(f"acme/{slug}", permission, set_there, administers, on_project=given)


WHY: dict[str, tuple[AccessInput, list[str]]] = {
    "a stranger": (AccessInput(), []),
    "the owner": (AccessInput(is_owner=True), ["admin owner"]),
    "who runs the site": (AccessInput(is_site_admin=True), ["admin account"]),
    "a group that administers": (AccessInput(groups=(group("a", administers=True),)), ["admin account acme/a"]),
    "given directly": (AccessInput(direct=direct(WRITE)), ["write direct"]),
    "a group by default": (AccessInput(groups=(group("a", READ),)), ["read group acme/a"]),
    "a group by what was set": (AccessInput(groups=(group("a", READ, ADMIN),)), ["admin group acme/a"]),
    "a group lowered there": (AccessInput(groups=(group("a", ADMIN, READ),)), ["read group acme/a"]),
    "a group with none there": (AccessInput(groups=(group("a", ADMIN, NONE),)), []),
    "a group with nothing": (AccessInput(groups=(group("a"),)), []),
    "a group that administers, with none there": (
        AccessInput(groups=(group("a", WRITE, NONE, administers=True),)), ["admin account acme/a"]
    ),
    "a group that administers and has something there": (
        AccessInput(groups=(group("a", WRITE, administers=True),)), ["admin account acme/a", "write group acme/a"]
    ),
    "given on the project": (AccessInput(on_project=on_project(WRITE)), ["write project acme/PROJ"]),
    "a group by what it has on the project": (
        AccessInput(groups=(group("a", project=READ),)), ["read project-group acme/a acme/PROJ"]
    ),
    "none there takes the default of a group and not what the project gives it": (
        AccessInput(groups=(group("a", ADMIN, NONE, project=WRITE),)), ["write project-group acme/a acme/PROJ"]
    ),
    "none there takes nothing that the project gives directly": (
        AccessInput(groups=(group("a", ADMIN, NONE),), on_project=on_project(READ)), ["read project acme/PROJ"]
    ),
    "a group that is lowered there keeps what the project gives": (
        AccessInput(groups=(group("a", WRITE, READ, project=ADMIN),)),
        ["admin project-group acme/a acme/PROJ", "read group acme/a"],
    ),
    "the project decides where it gives most": (
        AccessInput(direct=direct(READ), groups=(group("a", WRITE),), is_public=True, on_project=on_project(ADMIN)),
        ["admin project acme/PROJ", "write group acme/a", "read direct", "read public"],
    ),
    "anybody, where it is public": (AccessInput(is_public=True), ["read public"]),
    "the strongest decides": (
        AccessInput(direct=direct(READ), groups=(group("a", WRITE), group("b", ADMIN)), is_public=True),
        ["admin group acme/b", "write group acme/a", "read direct", "read public"],
    ),
    "none of one group takes nothing from another": (
        AccessInput(groups=(group("a", ADMIN, NONE), group("b", READ))), ["read group acme/b"]
    ),
    "all ways to the same level": (
        AccessInput(
            is_site_admin=True,
            is_owner=True,
            direct=direct(ADMIN),
            groups=(group("b", ADMIN, administers=True, project=ADMIN), group("a", ADMIN, administers=True)),
            on_project=on_project(ADMIN),
        ),
        ["admin owner", "admin account", "admin account acme/a", "admin account acme/b", "admin direct",
         "admin group acme/a", "admin group acme/b", "admin project acme/PROJ",
         "admin project-group acme/b acme/PROJ"],
    ),
    "all ways to read": (
        AccessInput(direct=direct(READ), groups=(group("b", READ), group("a", NONE, READ)), is_public=True),
        ["read direct", "read group acme/a", "read group acme/b", "read public"],
    ),
    "a disabled person, whatever he is": (
        AccessInput(
            is_active=False,
            is_site_admin=True,
            is_owner=True,
            direct=direct(ADMIN),
            groups=(group("a", ADMIN, administers=True, project=ADMIN),),
            is_public=True,
            on_project=on_project(ADMIN),
        ),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("who", WHY)
def test_every_way_is_named_and_the_one_that_decides_comes_first(who: str) -> None:
    case, expected = WHY[who]

    ways = domain.why(case)

    assert [
        " ".join(filter(None, (way.level.word, way.through.value, way.group, way.project))) for way in ways
    ] == expected
    assert domain.strongest(ways) is (ways[0].level if ways else NONE)


EARLY, LATE = (datetime(2026, 3, day, tzinfo=UTC) for day in (4, 5))
# When a person joined, when the group's level there was set, and since when and through whom the group is a way.
SINCE = {
    "set before he joined": ((LATE, "bob"), (EARLY, "alice"), (LATE, "bob")),
    "set after he joined": ((EARLY, "bob"), (LATE, "alice"), (LATE, "alice")),
    "set as he joined": ((EARLY, "bob"), (EARLY, "alice"), (EARLY, "bob")),
    "never set": ((EARLY, "bob"), (None, None), (EARLY, "bob")),
    "set by the operator": ((EARLY, "bob"), (LATE, None), (LATE, None)),
}


@pytest.mark.parametrize("when", SINCE)
def test_a_group_is_a_way_since_the_later_of_two_deeds_and_administers_since_they_joined(when: str) -> None:
    joined, settled, expected = SINCE[when]

    ways = domain.why(
        AccessInput(groups=(GroupInput("acme/a", READ, WRITE, administers=True, joined=joined, granted=settled),))
    )

    assert [(way.through, (way.since, way.granted_by)) for way in ways] == [
        (Through.ACCOUNT, joined),
        (Through.GROUP, expected),
    ]


@pytest.mark.parametrize("when", SINCE)
def test_a_group_is_a_way_by_its_project_since_the_later_of_two_deeds(when: str) -> None:
    joined, settled, expected = SINCE[when]
    given = ProjectGrant(WRITE, "acme/PROJ", settled)

    [way] = domain.why(AccessInput(groups=(GroupInput("acme/a", None, None, False, joined, on_project=given),)))

    assert (way.through, way.since, way.granted_by) == (Through.PROJECT_GROUP, *expected)


def test_ways_name_when_and_by_whom_they_were_opened(cast_template: Path, tmp_path: Path) -> None:
    db = cast.copy(cast_template, tmp_path)
    with db.writing() as tx:
        work = cast.operator(tx)
        repositories.add(work, "acme", "engine")
        alice = UnitOfWork(
            Actor(access.person(work, "alice"), "password"), tx, work.at + timedelta(days=1), "", work.new_id
        )
        privileges.set_for_group(alice, "acme", "engine", "administrators", READ)
        set_at = alice.at
        privileges.grant_direct(alice, "acme", "engine", "bob", ADMIN)
        project_privileges.set_for_person(alice, "acme", "PROJ", "bob", ProjectLevel.CREATE_REPO)
        project_privileges.set_for_group(alice, "acme", "PROJ", "developers", ProjectLevel.READ)

        hers, his = (access_checks.check(work, AccessQuery(name, "acme", "engine")).ways for name in ("alice", "bob"))
    db.close()

    assert [(way.through, way.granted_by, way.since and way.since > work.at) for way in (*hers, *his)] == [
        (Through.ACCOUNT, None, False),
        (Through.GROUP, None, False),
        (Through.GROUP, "alice", True),
        (Through.PROJECT_GROUP, "alice", True),
        (Through.DIRECT, "alice", True),
        (Through.GROUP, None, False),
        (Through.PROJECT, "alice", True),
        (Through.PROJECT_GROUP, "alice", True),
    ]
    assert hers[2].since is not None and hers[2].since < set_at


# -- many questions at once ------------------------------------------------------------------------


def test_a_thousand_questions_take_hardly_more_queries_than_one(stage: Stage) -> None:
    asked = [AccessQuery(person, "acme", slug) for slug in ("rocket", "engine") for person in watch.PEOPLE]
    machine, another = Machine(stage, Tally()), Machine(stage, Tally())

    one = _queries(stage.tx, lambda: access_checks.check_many(machine.work("alice"), asked[:1]))
    thousand = _queries(stage.tx, lambda: access_checks.check_many(another.work("alice"), (asked * 72)[:1000]))
    another.undo()
    machine.undo()

    assert (one, thousand) == (3, 4)


def _queries(tx: Transaction, ask: Callable[[], Any]) -> int:
    told: list[str] = []
    tx.connection.set_trace_callback(told.append)
    ask()
    tx.connection.set_trace_callback(None)
    return len(told)


def test_a_question_that_is_refused_does_not_hurt_the_others(stage: Stage) -> None:
    machine = Machine(stage, Tally())
    asked = [("bob", "acme", "rocket"), ("nobody", "acme", "rocket"), ("bob", "nowhere", "rocket"),
             ("acme", "acme", "rocket"), ("bob", "globex", "rocket"), ("bob", "acme", "none"),
             ("alice", "acme", "engine"), ("alice", "globex", "rocket"), ("x@example.com", "acme", "rocket"),
             ("bob", "acme", "rocket")]  # fmt: skip

    answers = access_checks.check_many(machine.work("alice"), [AccessQuery(*each) for each in asked])
    machine.undo()

    assert [
        f"{answer.person.username}: {answer.level.word}" if isinstance(answer, AccessDecision) else answer.sentence
        for answer in answers
    ] == [
        "bob: write",
        "there is no user 'nobody'",
        "there is no account 'nowhere'",
        "acme is a team, not a person",
        "you may not check this person's access to the repository",
        "acme has no repository 'none'",
        "alice: admin",
        "alice: write",
        "nobody here has that e-mail address",
        "bob: write",
    ]


# -- beside the slow evaluator, step by step -------------------------------------------------------

PARTS = 8
STEPS_EACH = 50


@pytest.fixture(scope="module")
def stage(empty_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The cast on stage, in a transaction that every machine returns to its beginning: nothing waits for a disk."""
    db = cast.copy(empty_template, tmp_path_factory.mktemp("stage"))
    with db.writing() as tx:
        yield watch.set_up(db, tx)
    db.close()


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_the_server_and_the_slow_evaluator_say_the_same_whatever_is_done(stage: Stage, part: int) -> None:
    wanted = ceil(sizes.STEPS / PARTS)
    tally = Tally()

    while tally.steps < wanted:
        run_state_machine_as_test(
            lambda: Machine(stage, tally),
            settings=settings(
                max_examples=ceil((wanted - tally.steps) / STEPS_EACH),
                stateful_step_count=STEPS_EACH,
                derandomize=False,
                deadline=None,
                print_blob=True,
                # Half of the time goes into comparing, which is what it is for.
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )

    print(f"part {part}: {tally}")
    assert tally.steps >= wanted
    assert tally.compared > 5 * tally.steps
    if wanted >= 5000:
        # Chance decides what is done and what is refused; some needs much to have happened before, such as a group that
        # a directory keeps. Nearly everything is both in each part.
        missing = {each for each in DEEDS if each not in tally.done or each not in tally.refused}
        assert len(missing) <= len(DEEDS) // 5, missing


# -- the comparison notices ------------------------------------------------------------------------

_SCENE = Scene("", "operator", "acme", "rocket", "developers", "mallory", "Ops", "none", False)

Break = Callable[[pytest.MonkeyPatch], None]


def _of_group_without_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*, set_there: Level | None, permission: Level | None) -> Level:
        return set_there or permission or NONE

    monkeypatch.setattr(domain, "group_level", broken)


def _disabled_people_keep_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (access_inputs, access_reports):
        monkeypatch.setattr(module, "why", lambda case: domain.why(case._replace(is_active=True)))


def _whoever_writes_may_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policy.RULES, To.GRANT_PRIVILEGE, lambda standing: standing.level >= WRITE)


def _whoever_creates_repositories_may_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policy.RULES, To.GRANT_ON_PROJECT, policy.RULES[To.ADD_REPOSITORY])


def _what_a_project_gives_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_inputs.AccessInputs, "_project_grant", lambda inputs, row: None)


def _the_last_administrator_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_administrator, "require_administrator", lambda **_: None)


def _what_would_be_lost_is_not_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    of = AccessInputs.input_for
    monkeypatch.setattr(
        AccessInputs, "input_for", lambda cases, person, repository, *, without=None: of(cases, person, repository)
    )


def _what_is_refused_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: UnitOfWork, account_name: str, slug: str, name: str) -> None:
        groups.change(work, account_name, slug, permission=NONE)
        raise AlreadyMember

    monkeypatch.setattr(groups, "add_member", broken)


def _what_is_pending_outlives_what_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "left_of", lambda invitation, before, after: invitation)


def _nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UnitOfWork, "record", lambda *_, **__: None)


# What is broken, and in which scene that shows.
BROKEN: dict[str, tuple[Break, Scene]] = {
    "none set there is taken for nothing set": (_of_group_without_none, replace(_SCENE, deed="revoke")),
    "disabled people keep what they have": (
        _disabled_people_keep_what_they_have,
        replace(_SCENE, deed="disable_or_enable", person="bob"),
    ),
    "whoever writes may grant": (
        _whoever_writes_may_grant,
        replace(_SCENE, deed="give", who="alice", where="globex", level="read"),
    ),
    "whoever creates repositories may grant": (
        _whoever_creates_repositories_may_grant,
        replace(_SCENE, deed="set_on_project_for_person", who="bob", where="globex", project_level="read"),
    ),
    "what a project gives is left out": (
        _what_a_project_gives_is_left_out,
        replace(_SCENE, deed="move_repository", project="OPS"),
    ),
    "the last administrator may go": (
        _the_last_administrator_may_go,
        replace(_SCENE, deed="remove_member", group="administrators", person="alice"),
    ),
    "what would be lost is not foretold": (
        _what_would_be_lost_is_not_foretold,
        replace(_SCENE, deed="remove_member", person="bob"),
    ),
    "what is refused is begun": (_what_is_refused_is_begun, replace(_SCENE, deed="add_member", person="bob")),
    "what is pending outlives what was taken": (
        _what_is_pending_outlives_what_was_taken,
        replace(_SCENE, deed="give", person="bob", level="admin"),
    ),
    "nothing is told": (_nothing_is_told, replace(_SCENE, deed="set_permission")),
}


def _play(stage: Stage, scene: Scene) -> Tally:
    machine = Machine(stage, Tally())
    try:
        DEEDS[scene.deed](machine, scene)
    finally:
        machine.undo()
    return machine.tally


@pytest.mark.parametrize("what", BROKEN)
def test_a_scene_in_which_nothing_is_broken_passes(stage: Stage, what: str) -> None:
    assert _play(stage, BROKEN[what][1]).steps == 1


def test_an_invitation_that_the_operator_cannot_send_again_stays_as_it_is(stage: Stage) -> None:
    machine = Machine(stage, Tally())
    scene = replace(_SCENE, where="globex", group="developers", person="mallory")
    try:
        # In the name of alice, who administers nothing there.
        DEEDS["invite_by_document"](machine, scene)
        DEEDS["invite_to_group"](machine, replace(scene, group="night-crew"))
    finally:
        machine.undo()

    assert machine.tally.refused == {"invite_to_group": 1}


@pytest.mark.parametrize("forgets", [False, True])
def test_it_is_noticed_when_a_state_after_a_restore_has_the_stamp_of_one_before_it(
    stage: Stage, forgets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if forgets:
        monkeypatch.setattr(*test_response_cache.BROKEN["that history may have been turned back"])
    machine = Machine(stage, Tally())
    given = replace(_SCENE, deed="give", person="mallory", level="read")
    try:
        machine.act(replace(given, back=True))
        with pytest.raises(AssertionError, match="another state") if forgets else nullcontext():
            machine.act(replace(given, level="admin"))
    finally:
        machine.undo()


@pytest.mark.parametrize("what", BROKEN)
def test_it_is_noticed_when(stage: Stage, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it, scene = BROKEN[what]
    break_it(monkeypatch)

    with pytest.raises(AssertionError):
        _play(stage, scene)
