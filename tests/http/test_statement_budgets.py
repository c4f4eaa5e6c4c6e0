"""What a request may ask the database: a budget of statements for each route, and what it takes of it.

Both stand in docs/benchmarks.md: whoever changes a figure changes the page. The version that the response cache asks
PostgreSQL for is one statement and one round trip; SQLite tells it without a statement.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

import cast
import pg
from browsing import Visitor, done_by
from cast import Api
from checkout import TOP
from onebucket import hashing
from onebucket.actions import access_requests, directories, project_privileges, projects, reviews
from onebucket.actions.reviews import ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.store.engine.database import Database
from onebucket.store.postgres.database import PostgresDatabase
from onebucket.surfaces.v2.routes import V2
from onebucket.surfaces.web.core.page_router import EVERYWHERE
from statement_counter import Counted, counting

PAGE = TOP / "docs" / "benchmarks.md"

# For the variable parts of addresses.
WORDS = {
    "mirror": "cloud",
    "workspace": "acme", "name": "acme", "slug": "developers", "repo_slug": "website", "repository": "rocket",
    "project_key": "PROJ", "key": "PROJ", "group_slug": "designers", "selected_user": "alice",
    "selected_user_id": "dora", "member": "bob", "email": "alice@example.com", "account_id": "0", "id": "0",
    "key_id": "0", "operation": "listGroups", "secret": "s", "person": "bob", "label": "okta", "provider": "none",
    "review": "0", "deed": "close",
    "delivery": "0", "number": "0",
}  # fmt: skip

SURFACE = {f"/2.0{route.path}".format_map(WORDS) for route in V2.routes if route.method == "GET"}
PAGES = {page.path.format_map(WORDS) for page in EVERYWHERE}


class Request(NamedTuple):
    """One request, and who sends it."""

    person: str
    path: str
    headers: Mapping[str, str] = MappingProxyType({})
    json: Any = None

    def send(self, api: Api) -> None:
        method = "GET" if self.json is None else "POST"
        api(self.person, method, self.path, headers=self.headers, json=self.json)


_GIT = {"X-Original-URI": "/acme/rocket.git/info/refs?service=git-upload-pack", "X-Original-Method": "GET"}
_PAIRS = [{"user": "bob", "repository": "acme/rocket"}, {"user": "dora", "repository": "acme/website"}]

# Statements that may be asked on SQLite. On PostgreSQL it is one more.
BUDGETS = {
    "`GET` one group": (3, Request("alice", "/groups/acme/developers")),
    "the same, as a member": (3, Request("bob", "/groups/acme/developers")),
    "`GET` an account's groups": (3, Request("alice", "/groups/acme")),
    "`GET /api/access/…`": (3, Request("alice", "/api/access/acme/rocket?user=bob")),
    "the same, about oneself": (3, Request("bob", "/api/access/acme/rocket")),
    "`GET /api/access/verify`, for git": (3, Request("bob", "/api/access/verify", _GIT)),
    "`POST /api/access`, two pairs": (6, Request("alice", "/api/access", json=_PAIRS)),
    "`GET` the privileges of a repository": (4, Request("alice", "/group-privileges/acme/rocket")),
    "the same, as its administrator": (5, Request("dora", "/group-privileges/acme/website")),
}
# Changes that undo each other, or repeat; the most that one of them asks.
_GRANTED, _GIVEN = "/group-privileges/acme/rocket/acme/designers", "/privileges/acme/rocket/dora"
_CONFIG, _MEMBER = "/2.0/repositories/acme/rocket/permissions-config", "/groups/acme/designers/members/dora"
_WORDS = ("read", "write")
CHANGES: dict[str, tuple[int, list[tuple[str, str, dict[str, Any]]]]] = {
    "`PUT` of a group's privilege": (8, [("PUT", _GRANTED, {"content": word}) for word in _WORDS]),
    "`PUT` of a person's privilege": (8, [("PUT", _GIVEN, {"content": word}) for word in _WORDS]),
    "the same of a group, in 2.0": (
        8, [("PUT", f"{_CONFIG}/groups/designers", {"json": {"permission": word}}) for word in _WORDS]
    ),
    "the same of a person, in 2.0": (
        8, [("PUT", f"{_CONFIG}/users/dora", {"json": {"permission": word}}) for word in _WORDS]
    ),
    "`PUT` and `DELETE` of a member": (7, [(method, _MEMBER, {}) for method in ("PUT", "DELETE")]),
}  # fmt: skip
_2_0 = "any address of 2.0 (the most)"
_PAGES = "any other page (the most)"
_DELETION = "the page of what goes with a person who is deleted"
_DELETED = "/site/people/bob/delete"
# Addresses of pages that show more than one by itself does.
FILLED = (
    "/accounts/acme/repositories/rocket", "/accounts/acme/changes?person=bob&repository=rocket",
    "/accounts/acme/changes?format=csv", "/accounts/acme/ask?person=bob&repository=rocket",
    "/accounts/acme/ask?repository=rocket&level=read",
    "/accounts/acme/ask/end?way=group&person=bob&repository=rocket&group=designers", "/search?q=a",
)  # fmt: skip
# As alice, who administers acme, and as bob, who is a member; pages also as root, who runs the site.
MOST = {
    _2_0: (4, [Request(person, path) for person in ("alice", "bob") for path in sorted(SURFACE)]),
    _PAGES: (
        8,
        [
            *(("alice", path) for path in (*sorted(PAGES), *FILLED)),
            *(("bob", path) for path in ("/", "/accounts/acme", "/accounts/acme/reviews/0", *FILLED)),
            *(
                ("root", path)
                for path in ("/", *(path for path in sorted(PAGES) if path.startswith("/site") and path != _DELETED))
            ),
        ],
    ),
    _DELETION: (8, [("root", _DELETED)]),
}

# What is above its budget, and why.
ABOVE = {_DELETION: "all that somebody has anywhere and all that they own: each kind of it is a table"}


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def db(request: pytest.FixtureRequest, cast_template: Path, tmp_path: Path) -> Database:
    if request.param == "SQLite":
        return cast.copy(cast_template, tmp_path)
    resettable: pg.ResettableDatabase = request.getfixturevalue("resettable_postgres")
    resettable.reset()
    return resettable.database


def keep_waiting(work: UnitOfWork) -> str:
    """Let a request and a review wait, give acme a project and two directories; return the id of the review."""
    done_by("bob", lambda work: access_requests.ask(work, "acme", "website", Level.ADMIN, "I change its name"))(work)
    projects.create(work, "acme", "OPS", name="Operations")
    project_privileges.set_for_group(work, "acme", "OPS", "designers", ProjectLevel.WRITE)
    for label in ("okta", "entra"):
        directories.add(work, "acme", label=label, secret_hash=hashing.secret_hash(label))
    return reviews.start(work, "acme", ReviewPlan(work.at + timedelta(days=9), people=["bob"])).review.id


def measured(db: Database) -> Iterator[tuple[str, Counted]]:
    """Yield what each request takes, once it has been sent before."""
    api = Api(db, answer_memory=0)
    visitors = {name: Visitor(api, name) for name in ("alice", "bob", "root")}
    with counting(db) as counter:

        def count(request: Request) -> Counted:
            for _ in range(2):
                request.send(api)
            return counter.count(lambda: request.send(api))

        def count_page(name: str, path: str) -> Counted:
            visitors[name].ask("GET", path)
            return counter.count(lambda: visitors[name].ask("GET", path))

        def count_changes(changes: list[tuple[str, str, dict[str, Any]]]) -> Counted:
            def send(method: str, path: str, how: Mapping[str, Any]) -> None:
                assert api("alice", method, path, **how).is_success

            for change in changes * 2:
                send(*change)
            return max(counter.count(partial(send, *change)) for change in changes)

        for title, (_, request) in BUDGETS.items():
            yield title, count(request)
        for title, (_, changes) in CHANGES.items():
            yield title, count_changes(changes)
        _, requests = MOST[_2_0]
        yield _2_0, max(map(count, requests))
        id = api.operate(keep_waiting)
        for title in (_PAGES, _DELETION):
            asked = [(name, path.replace("/reviews/0", f"/reviews/{id}")) for name, path in MOST[title][1]]
            yield title, max(count_page(*each) for each in asked)
    for visitor in visitors.values():
        visitor.close()
    api.close()


@pytest.fixture
def table() -> Mapping[str, tuple[int, ...]]:
    """The table in docs/benchmarks.md, by the request: SQLite, PostgreSQL, round trips, budget."""
    _, _, after = PAGE.read_text().partition("\n## Statements\n")
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", after.partition("\n## ")[0], re.M)
    return {title: tuple(map(int, cells)) for title, *cells in rows}


def test_the_page_tells_the_budget_of_each_request(table: Mapping[str, tuple[int, ...]]) -> None:
    budgets = {title: budget for title, (budget, _) in [*BUDGETS.items(), *CHANGES.items(), *MOST.items()]}

    assert {title: budget for title, (*_, budget) in table.items()} == budgets
    assert {title for title, (asked, *_, budget) in table.items() if asked > budget} == {*ABOVE}


def test_each_request_asks_what_the_page_says(db: Database, table: Mapping[str, tuple[int, ...]]) -> None:
    is_postgres = isinstance(db, PostgresDatabase)

    asked = {title: (*counted,) if is_postgres else (counted.statements,) for title, counted in measured(db)}

    assert asked == {title: cells[1:3] if is_postgres else cells[:1] for title, cells in table.items()}
