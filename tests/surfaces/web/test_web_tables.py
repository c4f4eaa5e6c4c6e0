"""Tables of pages: sorted by their heads, filtered, and as long as one likes, with one way for all of them."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from browsing import Page, Visitor
from cast import Api
from checkout import TOP
from onebucket.actions import accounts, groups, privileges, project_privileges, projects, repositories, teams
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel

ACME = "/accounts/acme"
TEMPLATES = TOP / "src" / "onebucket" / "surfaces" / "web" / "templates"
MANY = 30


class Listed(NamedTuple):
    """A table: its page, the columns that sort it, a filter with a choice, and names of its query parameters."""

    path: str
    columns: tuple[str, ...]
    filter: tuple[str, str] | None = None
    find: str = "find"
    start: str = "from"
    prefix: str = ""

    def asked(self, query: str) -> str:
        """The address with a query."""
        return f"{self.path}{'&' if '?' in self.path else '?'}{query}"


PAGES = [
    Listed(ACME, ("slug", "name", "members", "level"), ("level", "none")),
    Listed(f"{ACME}/groups/crowd", ("username", "name", "until")),
    Listed(f"{ACME}/people", ("username", "name", "level"), ("level", "write")),
    Listed(f"{ACME}/repositories", ("slug", "name", "project", "visibility", "changed"), ("visibility", "public")),
    Listed(f"{ACME}/projects", ("key", "name", "repositories", "visibility"), ("visibility", "private")),
    Listed(f"{ACME}/projects/MARS", ("slug", "name", "visibility"), ("visibility", "public")),
    Listed(
        f"{ACME}/projects/MARS", ("holder", "level"), ("level", "read"), find="holders", start="row", prefix="holders-"
    ),
    Listed(f"{ACME}/repositories/repository-05", ("holder", "level", "source"), ("level", "write")),
    Listed(f"{ACME}/ask?repository=repository-05", ("person", "level", "reason")),
    Listed(f"{ACME}/ask?person=person-07", ("repository", "level", "reason")),
    Listed("/site", ("username", "name"), ("state", "disabled"), find="people", start="person"),
    Listed("/site", ("username", "name"), find="teams", start="team", prefix="teams-"),
]
EACH = pytest.mark.parametrize("listed", PAGES, ids=lambda listed: f"{listed.path} {listed.find}")


def crowd(work: UnitOfWork) -> None:
    """Enough of everything for two pages; names and usernames are in different orders."""
    groups.create(work, "acme", name="Crowd", permission=Level.WRITE)
    projects.create(work, "acme", "MARS", name="Mars")
    for n in range(MANY):
        accounts.add_user(work, f"person-{n:02}", email=f"{n}@example.org", display_name=f"name {MANY - n:02}")
        until = work.at + timedelta(days=n) if n else None
        groups.add_member(work, "acme", "crowd", f"person-{n:02}", until)
        groups.create(work, "acme", name=f"Group {MANY - n:02}")
        projects.create(work, "acme", f"P{n:02}", name=f"Project {MANY - n:02}", is_private=n % 3 > 0)
        repositories.add(
            work, "acme", f"repository-{n:02}", name=f"Name {MANY - n:02}", is_private=n % 3 > 0, project="MARS"
        )
        teams.add(work, f"team-{n:02}", display_name=f"Team {MANY - n:02}", first_groups=False)
        level = ProjectLevel.WRITE if n % 2 else ProjectLevel.READ
        project_privileges.set_for_person(work, "acme", "MARS", f"person-{n:02}", level)
    privileges.grant_direct(work, "acme", "repository-05", "person-07", Level.ADMIN)
    for name in ("person-03", "person-04"):
        accounts.set_active(work, name, False)


@pytest.fixture
def root(api: Api) -> Iterator[Visitor]:
    """The browser of root, who sees everything, at a site with many people."""
    api.operate(crowd)
    with Visitor(api, "root") as opened:
        yield opened


def part(page: Page, listed: Listed, tag: str) -> str:
    """A part of the table."""
    found = "found" if listed.find == "find" else f"found-{listed.find}"
    html = page.answer.text.partition(f'id="{found}"')[2]
    return html.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]


def rows(page: Page, listed: Listed) -> list[str]:
    """The text of each row of the table."""
    return [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in part(page, listed, "tbody").split("</tr>")[:-1]]


def heads(page: Page, listed: Listed) -> dict[str, str]:
    """Where the head of each column leads, by the column that it sorts by."""
    links = map(unescape, re.findall('href="(.*?)"', part(page, listed, "thead")))
    return {asked(each)[f"{listed.prefix}sort"].removeprefix("-"): each for each in links}


def asked(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


@EACH
def test_each_column_is_sorted_by_its_head_and_once_more_the_other_way_round(root: Visitor, listed: Listed) -> None:
    page = root.open(listed.path)
    assert {*heads(page, listed)} == {*listed.columns}

    for column in listed.columns:
        once = root.open(heads(page, listed)[column])
        again = root.open(heads(once, listed)[column])

        marked = [re.findall('aria-sort="(.*?)"', part(each, listed, "thead")) for each in (once, again)]
        assert sorted(marked) == [["ascending"], ["descending"]]
        assert rows(once, listed) != rows(again, listed), column


@EACH
def test_order_filter_words_and_size_stay_together_from_page_to_page(root: Visitor, listed: Listed) -> None:
    size, sort = f"{listed.prefix}per_page", f"{listed.prefix}sort"
    column, in_path = listed.columns[0], asked(listed.path)
    wanted = {listed.find: "0", size: "50", sort: f"-{column}"}
    if listed.filter:
        wanted[f"{listed.prefix}{listed.filter[0]}"] = listed.filter[1]

    page = root.open(listed.asked(urlencode(wanted)))
    first = root.open(listed.asked(f"{size}=25&{sort}=-{column}"))

    assert asked(heads(page, listed)[column]) == in_path | wanted | {sort: column}
    [form] = [each for each in page.forms if each.method == "get" and listed.find in {*each.inputs} - {*each.hidden}]
    assert (in_path | wanted).keys() <= form.values.keys()
    [following] = [each for each in first.linked if asked(each).get(listed.start) == "25"]
    assert asked(following) == in_path | {size: "25", sort: f"-{column}", listed.start: "25"}
    shown = rows(first, listed), rows(root.open(following), listed)
    assert len(shown[0]) == 25 and shown[1] and {*shown[0]}.isdisjoint(shown[1])


@EACH
def test_what_a_table_does_not_have_is_as_if_it_were_not_asked_for(root: Visitor, listed: Listed) -> None:
    usual = rows(root.open(listed.path), listed)

    for query in ("sort=nothing", "sort=--name", "sort=-", "per_page=26", "per_page=٥٠", "visibility=x", "state=x"):
        page = root.open(listed.asked(f"{listed.prefix}{query}"))
        assert (page.status, rows(page, listed)) == (200, usual), query


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_people_are_filtered_by_their_highest_level(root: Visitor) -> None:
    listed = Listed(f"{ACME}/people", ())

    found = {word: rows(root.open(f"{listed.path}?level={word}"), listed) for word in ("admin", "none")}

    assert [row.split()[2] for row in found["admin"]] == ["alice", "dora", "person-07"]
    assert [row.split()[2:4] for row in found["none"]] == [["disabled", f"person-{n:02}"] for n in (3, 4)]
    assert "Nobody matches" in root.open(f"{listed.path}?level=none&find=alice").text


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_groups_are_filtered_by_their_default(root: Visitor) -> None:
    found = rows(root.open(f"{ACME}?level=write"), Listed(ACME, ()))

    assert [row.split()[0] for row in found] == ["Crowd", "Developers"]


def test_a_member_sorts_their_own_groups_only(api: Api) -> None:
    api.operate(crowd)
    with Visitor(api, "bob") as bob:
        shown = rows(bob.open(f"{ACME}?sort=-members"), Listed(ACME, ()))

    assert [row.split()[0] for row in shown] == ["Developers", "Designers"]


# What has an order of its own: both axes of a matrix, what waits longest, what happened last.
NOT_SORTED = {
    "mirrors/drift.html",
    "permissions/page.html",
    "requests/queue.html",
    "reviews/list.html",
    "reviews/page.html",
    "tokens/list.html",
}


def test_every_table_in_pages_has_the_shared_heads_or_an_order_of_its_own() -> None:
    found = {
        path: path.read_text() for path in TEMPLATES.rglob("*.html") if path.name not in ("parts.html", "tables.html")
    }
    paged = {path for path, text in found.items() if "pager(" in text and "<table" in text}
    plain = {path.relative_to(TEMPLATES).as_posix() for path in paged if "tables.head(" not in found[path]}

    assert plain == NOT_SORTED
