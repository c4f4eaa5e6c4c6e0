"""What a page of a long list takes: a few statements, and no more of SQLite's steps than the list has rows for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from bench import sizes
from msgspec import structs

import cast
import v2_requests
from onebucket.actions import groups, suggestions
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.privileges import Level
from onebucket.domain.suggestions import Kind, Sought
from onebucket.store import account_rows
from onebucket.store.engine.database import Database
from onebucket.store.sqlite.transaction import SqliteTransaction
from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v2 import effective_permissions, repositories, workspaces
from onebucket.surfaces.v2.pages import PagedList

SIZE = 1000
WORKSPACE = f"size{SIZE}"
# Steps of SQLite for a page, besides those for each row of the list.
STEPS_OF_PAGE = 25_000

Handler = Callable[[UnitOfWork, ApiRequest], PagedList]


@pytest.fixture(scope="module")
def large(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with an account of many people and repositories, which bob can read like all of its members."""
    db = cast.copy(cast_template, tmp_path_factory.mktemp("costs"))
    with db.writing() as tx:
        assert isinstance(tx, SqliteTransaction)
        sizes.fill(tx, SIZE)
        work = cast.operator(tx)
        groups.change(work, WORKSPACE, "all", permission=Level.READ)
        for group in ("all", "group-1"):
            groups.add_member(work, WORKSPACE, group, "bob")
        groups.create(work, WORKSPACE, name="Boss")
        tx.connection.execute("UPDATE groups SET account_privilege = 'admin' WHERE slug = 'boss'")
        groups.add_member(work, WORKSPACE, "boss", "dora")
    yield db
    db.close()


def cost(db: Database, who: str, handler: Handler, query: dict[str, str]) -> tuple[PagedList, int, int]:
    """Return a page, how many statements it took, and how many steps of SQLite, in hundreds."""
    asked = structs.replace(v2_requests.get(urlencode(query)), path_parameters={"workspace": WORKSPACE})
    told, steps = [], 0

    def step() -> None:
        nonlocal steps
        steps += 100

    with db.reading() as tx:
        actor = Actor(account_rows.by_username(tx, who), "test")
        work = replace(cast.operator(tx), actor=actor)
        tx.connection.set_trace_callback(told.append)
        tx.connection.set_progress_handler(step, 100)
        page = handler(work, asked)
        tx.connection.set_trace_callback(None)
        tx.connection.set_progress_handler(None, 100)
    return page, len(told), steps


@pytest.mark.parametrize("who", ["bob", "dora", "root"])
@pytest.mark.parametrize(
    ("handler", "query", "steps_of_row"),
    [
        (workspaces.list_members, {}, 40),
        (workspaces.list_members, {"page": "9"}, 60),
        (workspaces.list_members, {"q": 'user.display_name ~ "5" AND permission != "owner"'}, 120),
        (workspaces.list_permissions, {}, 60),
        (workspaces.list_permissions, {"q": 'permission = "member"'}, 150),
        (repositories.list_repositories, {}, 30),
        (repositories.list_repositories, {"page": "9"}, 50),
        (repositories.list_repositories, {"q": 'name ~ "5" AND project.key = "PROJ"'}, 50),
        (repositories.list_repositories, {"role": "member"}, 30),
    ],
)
def test_a_page_of_a_long_list_is_cheap(
    large: Database, who: str, handler: Handler, query: dict[str, str], steps_of_row: int
) -> None:
    page, statements, steps = cost(large, who, handler, {"pagelen": "100", **query})

    assert len(page.items) == 100 < page.size
    assert statements <= 4
    assert steps <= steps_of_row * SIZE + STEPS_OF_PAGE


def test_one_member_is_looked_up_alone(large: Database) -> None:
    with large.reading() as tx:
        steps: list[int] = []
        tx.connection.set_progress_handler(lambda: steps.append(100), 100)
        found = workspaces.workspaces.member(cast.operator(tx), WORKSPACE, f"{WORKSPACE}-7")

    assert found.person.account.username == f"{WORKSPACE}-7"
    assert sum(steps) <= 1000


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ({}, SIZE * (SIZE + 2)),
        ({"page": "9999"}, SIZE * (SIZE + 2)),
        ({"q": f'user.username = "{WORKSPACE}-7"', "sort": "-permission"}, SIZE),
    ],
)
def test_a_page_of_everybody_s_levels_reads_each_row_once(large: Database, query: dict[str, str], size: int) -> None:
    page, statements, steps = cost(large, "dora", effective_permissions.list_in_workspace, {"pagelen": "100", **query})

    # More than a million levels, of a thousand people on as many repositories.
    assert (len(page.items), page.size) == (100, size + (0 if "q" in query else SIZE))
    assert statements <= 7
    # People, memberships, groups, permissions of groups, repositories.
    assert steps <= 6 * 60 * SIZE


@pytest.mark.parametrize("who", ["bob", "dora", "root"])
@pytest.mark.parametrize(
    ("kind", "name", "meant"),
    [
        (Kind.REPOSITORY, "repository-50x", "repository-50"),
        (Kind.GROUP, "group-50x", "group-50"),
        (Kind.PROJECT, "PROY", "PROJ"),
        (Kind.PERSON, f"{WORKSPACE}-77x", f"{WORKSPACE}-77"),
        (Kind.ACCOUNT, "sise1000", WORKSPACE),
    ],
)
def test_what_was_meant_is_found_among_a_few(large: Database, who: str, kind: Kind, name: str, meant: str) -> None:
    steps: list[int] = []
    with large.reading() as tx:
        owner = account_rows.by_username(tx, WORKSPACE)
        assert owner is not None
        work = replace(cast.operator(tx), actor=Actor(account_rows.by_username(tx, who), "test"))
        tx.connection.set_progress_handler(lambda: steps.append(100), 100)
        told = suggestions.near(work, Sought(kind, name, owner.id))
        tx.connection.set_progress_handler(None, 100)

    assert told == meant or (kind is Kind.ACCOUNT and who == "root")
    assert sum(steps) <= 15_000
