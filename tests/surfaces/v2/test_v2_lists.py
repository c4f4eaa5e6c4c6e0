"""Lists of API 2.0: page, filter and order as a handler reads them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from onebucket.domain.filters import Comparison, ListQuery, Operator, Order
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.v2 import list_fields, lists
from onebucket.surfaces.v2.list_fields import BOOLEAN, EMAIL, MOMENT, TEXT, Field
from v2_requests import get, shown


@dataclass(frozen=True)
class Person:
    """A person of a list."""

    name: str
    nickname: str | None
    email: str
    level: int
    joined_at: datetime
    is_active: bool = True


ALICE = Person("Alice", "al", "alice@acme.example", 2, datetime(2026, 1, 1, tzinfo=UTC))
BOB = Person("Bob", None, "bob@acme.example", 1, datetime(2026, 3, 1, tzinfo=UTC))
CAROL = Person("Carol", "c", "carol@acme.example", 1, datetime(2026, 2, 1, tzinfo=UTC), is_active=False)
PEOPLE = [ALICE, BOB, CAROL]
TABLE = {
    "user.display_name": Field(TEXT, "name"),
    "user.nickname": Field(TEXT, "nickname"),
    "user.email": Field(EMAIL, "email", is_sortable=False),
    "permission": Field(list_fields.words({"member": 1, "owner": 2}), lambda person: person.level),
    "joined_on": Field(MOMENT, "joined_at"),
    "user.is_active": Field(BOOLEAN, "is_active"),
}


def found(**parameters: str) -> list[str]:
    """Return the names that a list in memory shows."""
    listed = lists.read(get(urlencode(parameters)), TABLE).of(PEOPLE)
    assert listed.size >= len(listed.items)
    return [person.name for person in listed.items]


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ('permission = "owner"', ["Alice"]),
        ('permission < "owner" AND user.is_active = true', ["Bob"]),
        ('user.email IN ("CAROL@acme.example", "bob@acme.example", "x")', ["Bob", "Carol"]),
        ('user.email ~ "@ACME"', ["Alice", "Bob", "Carol"]),
        ("user.nickname = null", ["Bob"]),
        ('user.nickname != "al"', ["Bob", "Carol"]),
        ('user.nickname ~ "A" OR user.display_name !~ "o"', ["Alice"]),
        ("joined_on >= 2026-02-01", ["Bob", "Carol"]),
        ('user.display_name = "Mallory"', []),
    ],
)
def test_a_list_in_memory_is_filtered(q: str, names: list[str]) -> None:
    assert found(q=q) == names


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("user.display_name", ["Alice", "Bob", "Carol"]),
        ("-user.display_name", ["Carol", "Bob", "Alice"]),
        ("joined_on", ["Alice", "Carol", "Bob"]),
        # Equal ones stay in the list's own order, in both directions.
        ("permission", ["Bob", "Carol", "Alice"]),
        ("-permission", ["Alice", "Bob", "Carol"]),
        # Missing values come first, or last.
        ("user.nickname", ["Bob", "Alice", "Carol"]),
        ("-user.nickname", ["Carol", "Alice", "Bob"]),
    ],
)
def test_a_list_in_memory_is_sorted(sort: str, names: list[str]) -> None:
    assert found(sort=sort) == names


def test_it_is_filtered_and_sorted_before_it_is_cut_into_pages() -> None:
    asked = get(urlencode({"q": 'permission = "member"', "sort": "-joined_on", "pagelen": "1", "page": "2"}))

    listed = lists.read(asked, TABLE).of(PEOPLE)

    assert (listed.items, listed.size) == ([CAROL], 2)
    document = shown(asked, listed)
    assert (document["size"], document["page"], document["values"][0]["name"]) == (2, 2, "Carol")
    assert "next" not in document


def test_the_store_is_asked_with_the_names_of_columns() -> None:
    listing = lists.read(get("page=3&pagelen=20&sort=-joined_on&q=user.display_name+%3D+%22Bob%22"), TABLE)

    assert listing.query == ListQuery(
        limit=20,
        offset=40,
        filter=Comparison("name", Operator.EQUAL, "Bob"),
        order=Order("joined_at", is_descending=True),
    )
    assert listing.query.fields == {"name", "joined_at"}
    assert lists.read(get("q=&sort="), TABLE).query == ListQuery(limit=10)
    assert lists.read(get("q="), TABLE).query.fields == set()


@pytest.mark.parametrize(
    "sort", ["nickname", "-", "--joined_on", "user.email", "joined_on,permission", "a" * 5000, "\0"]
)
def test_a_list_is_sorted_by_its_fields_only(sort: str) -> None:
    with pytest.raises(Invalid, match=r"^this list can't be sorted by '.*', only by user\.display_name, ") as refused:
        lists.read(get(urlencode({"sort": sort})), TABLE)

    assert "user.email" not in refused.value.sentence.partition("only by")[2]
    assert len(refused.value.sentence) < 250


def test_the_parameters_of_a_list_are_described() -> None:
    page, pagelen, q, sort = lists.parameters(TABLE)

    assert [parameter.name for parameter in (page, pagelen, q, sort)] == ["page", "pagelen", "q", "sort"]
    assert q.description.endswith("the fields are " + ", ".join(TABLE))
    assert "-joined_on" in sort.schema["enum"] and "user.email" not in sort.schema["enum"]
