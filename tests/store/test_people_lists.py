"""The highest level of each person in an account, by which lists are sorted, is the one that access checks give."""

import random

import pytest

import cast
from onebucket.actions import access_reports, account_overview, accounts, groups, projects, repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.filters import Comparison, ListQuery, Operator, Order
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level
from onebucket.store.engine.database import Database
from tests.store.test_repository_lists import change
from tests.store.test_repository_lists import database as database

CHANGES = 40


def decided(work: UnitOfWork) -> dict[str, Level]:
    """The highest level of everybody on any repository, by username, from decisions about each."""
    people, _ = account_overview.people(work, "acme", ListQuery(100))
    found = access_reports.summaries(work, "acme", people)
    return {each.person.username: max((level for level in each.levels), default=Level.NONE) for each in found}


def by_level(work: UnitOfWork, level: Level) -> list[str]:
    wanted = Comparison("level", Operator.EQUAL, int(level))
    found, size = account_overview.people(work, "acme", ListQuery(100, filter=wanted))
    assert size == len(found)
    return [each.username for each in found]


@pytest.mark.parametrize("seed", range(3))
def test_people_are_found_by_the_level_that_is_decided(database: Database, seed: int) -> None:
    choose, seen = random.Random(seed), set()
    with database.writing() as tx:
        work = cast.operator(tx)
        projects.create(work, "acme", "MARS", name="Mars")
        repositories.add(work, "acme", "probe", project="MARS")
        for turn in range(CHANGES):
            change(work, choose)
            if turn == CHANGES // 2:
                accounts.set_active(work, "dora", False)
                groups.set_account_privilege(work, "acme", "designers", AccountPrivilege.ADMIN)
            levels = decided(work)

            for level in Level:
                assert by_level(work, level) == sorted(name for name, each in levels.items() if each == level), levels
            seen |= {*levels.items()}
    assert len(seen) > 6


def test_people_are_sorted_by_level_and_equal_ones_by_username(database: Database) -> None:
    with database.writing() as tx:
        work = cast.operator(tx)
        levels = decided(work)
        found, _ = account_overview.people(work, "acme", ListQuery(2, 0, order=Order("level", is_descending=True)))
        rest, _ = account_overview.people(work, "acme", ListQuery(2, 2, order=Order("level", is_descending=True)))

    expected = sorted(levels, key=lambda name: (-levels[name], name))
    assert [each.username for each in [*found, *rest]] == expected[:4]


def test_nobody_has_a_level_in_an_account_without_repositories(database: Database) -> None:
    with database.writing() as tx:
        work = cast.operator(tx)
        repositories.delete(work, "acme", "rocket")
        repositories.delete(work, "acme", "website")

        assert by_level(work, Level.NONE) == ["alice", "bob", "dora"]
