"""Partial responses of API 2.0: which parts of a document `fields` asks for."""

import time
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType

import v2_requests
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import PlainText, Reply
from onebucket.surfaces.v2 import fields, presenter
from onebucket.surfaces.v2.pages import Page, PagedList
from v2_requests import get, shown

DOCUMENT = {
    "size": 2,
    "next": "https://bucket.example/2",
    "values": [
        {"user": {"uuid": "{1}", "display_name": "Alice", "links": {"self": {"href": "a"}, "html": {"href": "b"}}}},
        {"user": {"uuid": "{2}", "display_name": "Bob", "links": {"self": {"href": "c"}, "html": {"href": "d"}}}},
    ],
    "tags": ["x", "y"],
    "nothing": None,
}
NAMES = [{"user": {"display_name": "Alice"}}, {"user": {"display_name": "Bob"}}]
NO_LINKS = [
    {"user": {"uuid": "{1}", "display_name": "Alice"}},
    {"user": {"uuid": "{2}", "display_name": "Bob"}},
]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("size", {"size": 2}),
        ("next,size", {"size": 2, "next": DOCUMENT["next"]}),
        ("next,values.user.display_name", {"next": DOCUMENT["next"], "values": NAMES}),
        ("values.user.display_name,values.user.uuid", {"values": NO_LINKS}),
        ("values", {"values": DOCUMENT["values"]}),
        ("values,values.user.uuid", {"values": DOCUMENT["values"]}),
        ("values.user.uuid,values", {"values": DOCUMENT["values"]}),
        ("values.user,-values.user.links", {"values": NO_LINKS}),
        ("-values,-tags,-nothing", {"size": 2, "next": DOCUMENT["next"]}),
        ("-values,-values.user,-tags,-nothing,-next", {"size": 2}),
        ("values.user.links.self.href,-values.user.links", {"values": [{"user": {}}, {"user": {}}]}),
        ("tags,nothing", {"tags": ["x", "y"], "nothing": None}),
        ("size,+next", {"size": 2, "next": DOCUMENT["next"]}),
        ("next, size", {"size": 2, "next": DOCUMENT["next"]}),
        ("+size", DOCUMENT),
        ("-unknown,-size.x", DOCUMENT),
        ("unknown", {}),
        ("size.x,tags.x", {"size": 2, "tags": ["x", "y"]}),
        ("values.unknown", {"values": [{}, {}]}),
        ("-values.user", DOCUMENT | {"values": [{}, {}]}),
    ],
)
def test_a_document_has_the_parts_that_were_asked_for(asked: str, wanted: Any) -> None:
    assert shown(v2_requests.request({"fields": [asked]}), DOCUMENT) == wanted


def test_several_parameters_count_as_one() -> None:
    assert shown(get("fields=size&fields=next"), DOCUMENT) == {"size": 2, "next": DOCUMENT["next"]}


class Person(Struct):
    """A person; the e-mail address is left out unless it is asked for."""

    name: str
    email: str | UnsetType = UNSET


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", [{"name": "Alice"}]),
        ("fields=%2Bvalues.email", [{"name": "Alice", "email": "alice@acme.example"}]),
        # Not percent-encoded, a + is a blank.
        ("fields=+values.email", [{"name": "Alice", "email": "alice@acme.example"}]),
        ("fields=-size,+values.email", [{"name": "Alice", "email": "alice@acme.example"}]),
        ("fields=values.email", [{"email": "alice@acme.example"}]),
        ("fields=values", [{"name": "Alice"}]),
        ("fields=-values.email", [{"name": "Alice"}]),
        ("fields=%2Bvalues.emails", [{"name": "Alice"}]),
        ("fields=%2Bvalues.email,-values.email", [{"name": "Alice"}]),
    ],
)
def test_a_part_that_is_left_out_by_default_is_added_where_it_is_named(query: str, wanted: Any) -> None:
    asked = get(query)
    email = "alice@acme.example" if fields.wants(asked, "values.email") else UNSET

    assert shown(asked, PagedList([Person("Alice", email)], 1, Page()))["values"] == wanted


def test_a_part_of_an_optional_part_asks_for_it_too() -> None:
    assert fields.wants(get("fields=values.user.email"), "values.user")
    assert not fields.wants(get("fields=values.username"), "values.user")


def test_a_reply_keeps_its_status_and_other_results_are_left_alone() -> None:
    asked = get("fields=name")
    reply = presenter.present(asked, Reply(Person("Alice", "a@acme.example"), 201, (("location", "x"),)))

    assert reply == Reply({"name": "Alice"}, 201, (("location", "x"),))
    assert presenter.present(asked, None) is None
    assert presenter.present(asked, PlainText("text")) == PlainText("text")


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        (",", "1"),
        ("size,,next", "6"),
        ("size,", "6"),
        ("size,next.", "6"),
        (".size", "1"),
        ("a..b", "1"),
        ("+", "1"),
        ("--a", "1"),
        ("+-a", "1"),
        ("a b", "1"),
        ("size,values[0]", "6"),
        ("a;b", "1"),
        ("ä", "1"),
        ("a\0", "1"),
        ("size,a.b.c.d.e.f.g.h.i.j.k", "6"),
        (".".join(["a"] * 1000), "1"),
    ],
)
def test_anything_else_is_refused_with_the_place(asked: str, place: str) -> None:
    with pytest.raises(Invalid, match=f"^character {place} of fields: ") as refused:
        presenter.present(v2_requests.request({"fields": [asked]}), DOCUMENT)

    assert len(refused.value.sentence) < 100


@pytest.mark.parametrize("asked", ["a." * 100_000, "a," * 100_000, "+" * 200_000, "a" * 200_000])
def test_long_input_is_refused_at_once(asked: str) -> None:
    started = time.process_time()
    with pytest.raises(Invalid, match="2,000 characters"):
        presenter.present(v2_requests.request({"fields": [asked]}), DOCUMENT)

    assert time.process_time() - started < 0.5


_names = st.sampled_from("abc")
_documents = st.recursive(
    st.none() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=12,
)
_paths = st.lists(_names, min_size=1, max_size=3).map(".".join)


def leaves(document: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return the scalars of a document, each with its path."""
    if isinstance(document, list):
        return [leaf for item in document for leaf in leaves(item, path)]
    if isinstance(document, dict):
        return [leaf for name, value in document.items() for leaf in leaves(value, f"{path}{name}.")]
    return [(path, document)]


@given(st.dictionaries(_names, _documents, max_size=3), st.lists(_paths, max_size=4), st.lists(_paths, max_size=3))
def test_what_is_sent_is_what_is_below_the_named_parts_and_not_below_the_removed_ones(
    document: Any, kept: list[str], removed: list[str]
) -> None:
    asked = ",".join([*kept, *(f"-{path}" for path in removed)])

    sent = shown(get(f"fields={quote(asked)}"), document)

    def is_sent(path: str) -> bool:
        # A scalar above a named part is kept: it has no parts.
        below = [each for each in kept if path.startswith(f"{each}.") or f"{each}.".startswith(path)]
        return bool(below or not kept) and not any(path.startswith(f"{each}.") for each in removed)

    assert leaves(sent) == [(path, value) for path, value in leaves(document) if is_sent(path)]
    assert msgspec.json.encode(shown(get(""), document)) == msgspec.json.encode(document)
