"""Who gained and who lost access: computed from the journal, and compared with what was seen when it happened."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

import sizes
from office import Office
from onebucket.actions import (
    access,
    access_checks,
    access_history,
    accounts,
    ends,
    groups,
    invitation_acceptance,
    invitations,
    privileges,
    project_privileges,
    projects,
    repositories,
)
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.access_history import ChangeQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import access_events, access_undo
from onebucket.domain.events import Event
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.level_changes import Direction, LevelChange
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Forbidden, NotFound, Refusal

PEOPLE = ("alice", "bob", "dora", "mallory", "root")
NAMES = ("Designers", "Developers", "Administrators", "Ops")
SLUGS = ("website", "engine", "rocket", "docs")
KEYS = ("OPS", "PROJ", "LAB")


def told(changes: object) -> list[str]:
    """Write changes as sentences, the newest first."""
    assert isinstance(changes, list)
    return [
        f"{change.entry.actor}: {change.username or 'everybody'} {change.before.word} to {change.after.word} on "
        f"{' '.join(change.repositories)} {change.way.through.value} {change.way.group or ''}".rstrip()
        for change in changes
    ]


def history(work: UnitOfWork, **query: object) -> list[LevelChange]:
    """Return all changes in acme that a query wants."""
    page = access_history.page(work, "acme", ChangeQuery(**query), at_most=100_000)  # type: ignore[arg-type]
    assert page.next_position is None and page.not_known_before is None, page.because
    return page.changes


# -- what is told ----------------------------------------------------------------------------------


def test_each_kind_of_change_is_told_with_its_way_and_who_made_it(office: Office) -> None:
    work, alice = office.operator, office.as_("alice")
    begin = alice.next_timestamp()

    groups.add_member(alice, "acme", "designers", "dora")
    groups.change(alice, "acme", "designers", permission=Level.READ)
    privileges.grant_direct(alice, "acme", "rocket", "mallory", Level.WRITE)
    project_privileges.set_for_group(alice, "acme", "OPS", "designers", ProjectLevel.CREATE_REPO)
    repositories.change(alice, "acme", "website", is_private=True)
    groups.remove_member(alice, "acme", "designers", "bob")

    assert told(history(work, since=begin)) == [
        "alice: bob write to none on rocket group acme/designers",
        "alice: everybody read to none on website public",
        "alice: mallory none to write on rocket direct",
        "alice: dora none to write on rocket group acme/designers",
    ]


def test_what_was_deleted_is_told_with_the_names_of_that_time(office: Office) -> None:
    work = office.operator
    begin = work.next_timestamp()

    repositories.change(work, "acme", "rocket", new_slug="missile")
    groups.change(work, "acme", "designers", name="Artists")
    accounts.change_user(work, "bob", username="robert")
    groups.delete(work, "acme", "artists")
    repositories.delete(work, "acme", "website")
    accounts.set_active(work, "dora", False)

    assert told(history(work, since=begin)) == [
        "operator: dora write to none on engine group acme/developers",
        "operator: everybody read to none on website public",
        "operator: alice admin to none on website account acme/administrators",
        "operator: dora admin to none on website direct",
        "operator: robert write to none on website group acme/developers",
        "operator: root admin to none on website account",
        "operator: robert write to none on missile group acme/artists",
    ]


def test_an_accepted_invitation_is_told_with_who_had_invited(office: Office) -> None:
    work = office.operator
    invitations.set_groups(work, "acme", "mallory@example.com", ["designers"], inviter="alice")
    begin = work.next_timestamp()

    mallory = office.as_("mallory")
    [(_, waiting)] = invitation_acceptance.mine(mallory)
    invitation_acceptance.accept_mine(mallory, waiting.id)

    [change] = history(work, since=begin)
    assert (change.username, change.entry.actor, change.invited_by) == ("mallory", "mallory", "alice")


def test_where_the_journal_says_too_little_nothing_is_guessed(office: Office) -> None:
    work = office.operator
    begin = work.next_timestamp()
    groups.add_member(work, "acme", "designers", "dora")
    # By other means: no entry says so.
    office.tx.connection.execute("UPDATE groups SET permission = 3 WHERE slug = 'designers'")
    groups.change(work, "acme", "designers", permission=Level.READ)
    office.tx.connection.execute("UPDATE groups SET permission = 2 WHERE slug = 'designers'")
    groups.add_member(work, "acme", "designers", "mallory")

    page = access_history.page(work, "acme", ChangeQuery(since=begin), at_most=100)

    changed = next(entry for entry in reversed(work.entries) if entry.event is Event.GROUP_CHANGED)
    assert {change.username for change in page.changes} == {"mallory"}
    assert page.not_known_before == changed.at + timedelta(microseconds=1)
    assert page.because == "an entry doesn't fit what came after it"


def test_an_event_that_nobody_knows_ends_what_is_known(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_undo, "OF_NO_ACCESS", access_events.OF_NO_ACCESS - {Event.INVITATION_ACCEPTED})
    invitations.set_groups(office.operator, "acme", "mallory@example.com", ["designers"], inviter="alice")
    mallory = office.as_("mallory")
    [(_, waiting)] = invitation_acceptance.mine(mallory)
    invitation_acceptance.accept_mine(mallory, waiting.id)

    page = access_history.page(office.operator, "acme", ChangeQuery(), at_most=100)

    assert page.changes == [] and page.because == "it isn't known what invitation.accepted changed"


def test_no_more_entries_are_taken_back_than_is_said(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_history, "MAX_ENTRIES", 3)

    page = access_history.page(office.operator, "acme", ChangeQuery(), at_most=1000)

    assert page.not_known_before is not None and page.because == "more than 3 journal entries are newer"


def test_changes_that_differ_only_in_the_person_are_one_batch(office: Office) -> None:
    begin = office.operator.next_timestamp()
    for level in (Level.READ, Level.NONE):
        privileges.set_for_group(office.operator, "acme", "engine", "developers", level)

    batches, after = [], None
    for _ in range(2):
        page = access_history.page(
            office.operator, "acme", ChangeQuery(since=begin), after=after, at_most=1, in_batches=True
        )
        batches += [[(change.username, change.after) for change in batch] for batch in page.batches]
        after = page.next_position

    assert batches == [[("bob", Level.NONE), ("dora", Level.NONE)], [("bob", Level.READ), ("dora", Level.READ)]]
    assert after is None


def test_only_administrators_see_them(office: Office) -> None:
    for name, refusal in (("bob", Forbidden), ("mallory", Forbidden)):
        with pytest.raises(refusal):
            access_history.page(office.as_(name), "acme", ChangeQuery(), at_most=1)
    with pytest.raises(NotFound):
        access_history.page(office.as_("alice"), "acme", ChangeQuery(person="no-one"), at_most=1)


# -- whatever is done ------------------------------------------------------------------------------


class Chronicle:
    """Does things at random in acme, and writes down what everybody may do after each."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office, self.random = office, random.Random(seed)
        self.tx, self.work = office.tx, office.operator
        self.people = {access.person(self.work, name).id: name for name in PEOPLE}
        # When each step was over, slugs of repositories by id, and the levels of everybody who has one, by ids.
        self.steps = [self.seen()]

    def seen(self) -> tuple[datetime, dict[str, str], dict[tuple[str, str], Level]]:
        there = repositories.of_account(self.work, "acme")
        queries = [AccessQuery(id, "acme", each.slug) for id in self.people for each in there]
        answers = access_checks.check_many(self.work, queries)
        levels = {(answer.person.id, answer.repository.id): answer.level for answer in answers if answer.level}  # type: ignore[union-attr]
        return self.work.next_timestamp(), {each.slug: each.id for each in there}, levels

    def step(self) -> None:
        deed = self.random.choice(DEEDS)
        with suppress(Refusal), self.tx.savepoint():
            deed(self)
        self.steps.append(self.seen())

    def one_of(self, names: Sequence[str]) -> str:
        return self.random.choice(names)

    def slug(self) -> str:
        return self.one_of([each.slug for each in repositories.of_account(self.work, "acme")] or ["none"])

    def key(self) -> str:
        return self.one_of(KEYS)

    def group(self) -> str:
        return self.one_of([each.group.slug for each in groups.of_account(self.work, "acme", members=False)])

    def person(self) -> str:
        return self.one_of([*self.people])

    def level(self) -> Level:
        return self.random.choice([*Level])

    def end(self) -> datetime | None:
        return self.random.choice([None, self.work.at.replace(microsecond=0) + timedelta(seconds=3)])

    def project_level(self) -> ProjectLevel:
        return self.random.choice([*ProjectLevel])


def _time_passes(it: Chronicle) -> None:
    it.work.at += timedelta(seconds=5)
    ends.apply_due(it.work)


def _invite_and_accept(it: Chronicle) -> None:
    person, slug = it.person(), it.slug()
    [address] = accounts.profile(it.work, person).emails
    invitations.set_repository(it.work, "acme", address.address, slug, Level.WRITE, inviter="root")
    it.office.operator.next_timestamp()
    theirs = it.office.as_(person)
    theirs.at = it.work.at
    for _, waiting in invitation_acceptance.mine(theirs):
        invitation_acceptance.accept_mine(theirs, waiting.id)
    it.work.at = theirs.at


def _disable_or_enable(it: Chronicle) -> None:
    person = it.person()
    accounts.set_active(it.work, person, not accounts.profile(it.work, person).account.is_active)


def _swap_names(it: Chronicle) -> None:
    """What was one person's name becomes another's."""
    first, second = it.person(), it.person()
    names = [accounts.profile(it.work, each).account.username for each in (first, second)]
    accounts.change_user(it.work, first, username="somebody")
    accounts.change_user(it.work, second, username=names[0])
    accounts.change_user(it.work, first, username=names[1])


DEEDS: tuple[Callable[[Chronicle], object], ...] = (
    lambda it: groups.add_member(it.work, "acme", it.group(), it.person(), it.end()),
    lambda it: groups.add_member(it.work, "acme", it.group(), it.person(), it.end()),
    _time_passes,
    _time_passes,
    lambda it: groups.remove_member(it.work, "acme", it.group(), it.person()),
    lambda it: groups.create(it.work, "acme", name=it.one_of(NAMES), permission=it.level()),
    lambda it: groups.change(it.work, "acme", it.group(), permission=it.level()),
    lambda it: groups.change(it.work, "acme", it.group(), name=it.one_of(NAMES)),
    lambda it: groups.set_account_privilege(it.work, "acme", it.group(), it.random.choice([None, *AccountPrivilege])),
    lambda it: groups.delete(it.work, "acme", it.group()),
    lambda it: repositories.add(it.work, "acme", it.one_of(SLUGS), is_private=it.random.random() < 0.5),
    lambda it: repositories.change(it.work, "acme", it.slug(), is_private=it.random.random() < 0.5),
    lambda it: repositories.change(it.work, "acme", it.slug(), new_slug=it.one_of(SLUGS)),
    lambda it: repositories.change(it.work, "acme", it.slug(), project=it.one_of(KEYS)),
    lambda it: repositories.delete(it.work, "acme", it.slug()),
    lambda it: projects.create(it.work, "acme", it.one_of(KEYS), name="A project"),
    lambda it: projects.change(it.work, "acme", it.one_of(KEYS), new_key=it.one_of(KEYS)),
    lambda it: projects.delete(it.work, "acme", it.one_of(KEYS)),
    lambda it: project_privileges.set_for_group(
        it.work, "acme", it.one_of(KEYS), it.group(), it.project_level(), it.end()
    ),
    lambda it: project_privileges.set_for_person(
        it.work, "acme", it.one_of(KEYS), it.person(), it.project_level(), it.end()
    ),
    lambda it: privileges.set_for_group(it.work, "acme", it.slug(), it.group(), it.level(), it.end()),
    lambda it: privileges.unset_for_group(it.work, "acme", it.slug(), it.group()),
    lambda it: privileges.grant_direct(it.work, "acme", it.slug(), it.person(), it.level(), it.end()),
    lambda it: privileges.revoke_direct(it.work, "acme", it.slug(), it.person()),
    _invite_and_accept,
    _disable_or_enable,
    lambda it: accounts.change_user(it.work, it.person(), site_admin=it.random.random() < 0.5),
    _swap_names,
)


@pytest.mark.parametrize("seed", range(sizes.either(quick=4, long=40)))
def test_what_is_told_is_what_was_seen_whatever_is_done(office: Office, seed: int) -> None:
    chronicle = Chronicle(office, seed)
    for _ in range(60):
        chronicle.step()
    begin = chronicle.steps[0][0]

    everything = history(chronicle.work, since=begin)

    alone = {id: history(chronicle.work, since=begin, person=id) for id in chronicle.people}
    for id, changes in alone.items():
        _compare(chronicle, id, changes)
    assert everything
    # Of what everybody gains or loses, people aren't told one by one.
    of_everybody = {(each.entry.number, each.entry.account_id, each.before, each.after) for each in everything
                    if each.username is None}  # fmt: skip
    one_by_one = sorted(
        _key(each) for changes in alone.values() for each in changes
         if (each.entry.number, each.entry.account_id, each.before, each.after) not in of_everybody
    )  # fmt: skip
    assert one_by_one == sorted(_key(each) for each in everything if each.person_id in chronicle.people)
    _filters(chronicle, everything, begin)


def _key(change: LevelChange) -> tuple[object, ...]:
    return change.entry.at, change.person_id, change.before, change.after, change.way, change.repositories


def _compare(chronicle: Chronicle, id: str, changes: list[LevelChange]) -> None:
    """Go back from the last step to the first by what is told of a person, and compare with what was seen."""
    left = [*changes]
    for (earlier, names, seen), (_, names_after, seen_after) in zip(
        reversed(chronicle.steps[:-1]), reversed(chronicle.steps[1:]), strict=True
    ):
        levels = {slug: level for (person, slug), level in seen_after.items() if person == id}
        while left and left[0].entry.at > earlier:
            change = left.pop(0)
            for name in change.repositories:
                repository = names.get(name) or names_after[name]
                assert levels.pop(repository, Level.NONE) is change.after, (change, chronicle.people[id])
                if change.before:
                    levels[repository] = change.before
        assert levels == {slug: level for (person, slug), level in seen.items() if person == id}
    assert not left


def _filters(chronicle: Chronicle, everything: list[LevelChange], begin: datetime) -> None:
    """What filters and pages leave is what one picks out of the whole."""
    work, middle = chronicle.work, chronicle.steps[len(chronicle.steps) // 2][0]
    for level in (Level.READ, Level.WRITE, Level.ADMIN):
        wanted = [each for each in everything if min(each[5:7]) < level <= max(each[5:7])]
        assert [*map(_key, history(work, since=begin, level=level))] == [*map(_key, wanted)]
    for direction in Direction:
        wanted = [each for each in everything if each.direction is direction]
        assert [*map(_key, history(work, since=begin, direction=direction))] == [*map(_key, wanted)]
    for period in ({"since": middle}, {"since": begin, "until": middle}):
        wanted = [each for each in everything if (each.entry.at >= middle) == (period["since"] == middle)]
        assert [*map(_key, history(work, **period))] == [*map(_key, wanted)]
    pages, after = list[LevelChange](), None
    while after is not None or not pages:
        page = access_history.page(work, "acme", ChangeQuery(since=begin), after=after, at_most=7)
        pages += page.changes
        after = page.next_position
        if after is None:
            break
    assert [*map(_key, pages)] == [*map(_key, everything)]
