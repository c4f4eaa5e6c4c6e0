"""Lists of effective permissions hold what the access decision says of everybody, whatever they are asked for."""

import random
from collections.abc import Iterator
from operator import attrgetter

import pytest

import cast
import sizes
from onebucket.actions import (
    access_checks,
    accounts,
    effective_permissions,
    groups,
    projects,
    repositories,
)
from onebucket.actions.access_checks import AccessDecision, AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import filters
from onebucket.domain.accounts import Account, Actor
from onebucket.domain.filters import AllOf, AnyOf, Comparison, Filter, ListQuery, Operator, Order, Readers
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.level_pages import Permission
from onebucket.domain.privileges import Through
from onebucket.store import account_rows
from onebucket.store.engine.database import Database
from tests.store.test_repository_lists import PEOPLE, change
from tests.store.test_repository_lists import database as database

CHANGES, QUERIES = sizes.either(quick=(6, 4), long=(40, 6))
SLUGS = ("probe", "rocket", "website")
READERS: Readers = {
    "level": attrgetter("level"),
    "repository.slug": attrgetter("repository.slug"),
    "repository.name": attrgetter("repository.name"),
    "repository.id": attrgetter("repository.id"),
    "repository.full_name": lambda each: f"acme/{each.repository.slug}",
    "user.id": attrgetter("person.id"),
    "user.aaid": attrgetter("person.aaid"),
    "user.username": attrgetter("person.username"),
    "user.display_name": attrgetter("person.display_name"),
    "user.nickname": lambda each: each.person.nickname or each.person.username,
}
OWN = ("level", *(name for name in READERS if name.startswith("repository.")))


def expected(work: UnitOfWork) -> list[Permission]:
    """The whole list, from a decision about each person on each repository."""
    found = []
    for slug in SLUGS:
        for name in sorted({*PEOPLE, "ghost"}):
            [answer] = access_checks.check_many(work, [AccessQuery(name, "acme", slug)])
            assert isinstance(answer, AccessDecision)
            if any(way.through is not Through.PUBLIC for way in answer.ways):
                found.append(Permission(answer.repository, answer.person, answer.level))
    return found


def condition(choose: random.Random, rows: list[Permission], names: tuple[str, ...]) -> Filter:
    """A condition that some rows may pass, with values of theirs."""
    if choose.random() < 0.3:
        join = choose.choice((AllOf, AnyOf))
        return join(tuple(condition(choose, rows, names) for _ in range(2)))
    name, row = choose.choice(names), choose.choice(rows)
    value = READERS[name](row)
    operators = [Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN]
    if not name.endswith("id"):
        operators += [Operator.GREATER, Operator.LESS_OR_EQUAL]
    operator = choose.choice(operators)
    value = int(value) if name == "level" else value
    return Comparison(name, operator, (value,) if operator is Operator.IN else value)


def queries(choose: random.Random, rows: list[Permission], names: tuple[str, ...]) -> Iterator[ListQuery]:
    """A query of all, and some of parts."""
    yield ListQuery(100)
    for _ in range(QUERIES):
        yield ListQuery(
            limit=choose.randrange(1, 5),
            offset=choose.randrange(8),
            filter=condition(choose, rows, names) if rows and choose.random() < 0.7 else None,
            order=Order(choose.choice(names), choose.random() < 0.5) if choose.random() < 0.7 else None,
        )


def told(page: list[Permission], size: int) -> tuple[list[tuple[str, str, str]], int]:
    return [(each.repository.slug, each.person.username, each.level.word) for each in page], size


def own(work: UnitOfWork, person: Account, query: ListQuery, account_name: str | None) -> tuple[list[Permission], int]:
    with work.on_behalf(Actor(person, "test")):
        found, size = effective_permissions.own(work, query, account_name=account_name)
    return [each for _, each in found], size


@pytest.mark.parametrize("seed", range(3))
def test_every_list_is_what_is_decided(database: Database, seed: int) -> None:
    choose, seen = random.Random(seed), set()
    with database.writing() as tx:
        work = cast.operator(tx)
        projects.create(work, "acme", "MARS", name="Mars")
        repositories.add(work, "acme", "probe", project="MARS")
        accounts.set_active(work, "mallory", seed != 1)
        for turn in range(CHANGES):
            change(work, choose)
            if turn == CHANGES // 2:
                groups.set_account_privilege(work, "acme", "designers", AccountPrivilege.ADMIN)
            rows = expected(work)
            for query in queries(choose, rows, tuple(READERS)):
                _, page, size = effective_permissions.of_account(work, "acme", query)
                assert told(page, size) == told(*filters.evaluate(rows, query, READERS)), query
            slug = choose.choice(SLUGS)
            _, page, size = effective_permissions.of_repository(work, "acme", slug, ListQuery(100))
            there = [each for each in rows if each.repository.slug == slug]
            assert told(page, size) == told(there, len(there))

            name = choose.choice([each for each in PEOPLE if seed != 1 or each != "mallory"])
            person = account_rows.by_username(work.tx, name)
            assert person is not None
            theirs = [each for each in rows if each.person.username == name]
            for query in queries(choose, theirs, OWN):
                wanted = told(*filters.evaluate(theirs, query, READERS))
                assert told(*own(work, person, query, "acme")) == wanted, (name, query)
                of_acme = Comparison("repository.full_name", Operator.CONTAINS, "acme/")
                narrowed = AllOf((query.filter, of_acme)) if query.filter else of_acme
                everywhere = ListQuery(query.limit, query.offset, narrowed, query.order)
                assert told(*own(work, person, everywhere, None)) == wanted, (name, query)
            seen.add(tuple(told(rows, 0)[0]))
    assert len(seen) > CHANGES // 5
