"""Pages of lists in API 2.0: which is asked for, and the document that is sent."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

import v2_requests
from onebucket.domain import scope_rules
from onebucket.http import openapi
from onebucket.surfaces.core.errors import Problem
from onebucket.surfaces.core.surface import Route, Surface
from onebucket.surfaces.v2 import pages
from onebucket.surfaces.v2.errors import EnvelopeErrors, InvalidPage
from onebucket.surfaces.v2.fields import FIELDS
from onebucket.surfaces.v2.pages import Page, PagedList, PageDocument
from v2_requests import get, shown

PATH = "/2.0/repositories/acme"


@pytest.mark.parametrize(
    ("query", "number", "pagelen", "offset"),
    [
        ("", 1, 10, 0),
        ("page=&pagelen=", 1, 10, 0),
        ("page=3", 3, 10, 20),
        ("page=2&pagelen=100", 2, 100, 100),
        ("pagelen=1", 1, 1, 0),
        ("pagelen=5&pagelen=7", 1, 7, 0),
        ("page=1000000000&pagelen=100", 10**9, 100, 10**11 - 100),
    ],
)
def test_the_query_says_which_page(query: str, number: int, pagelen: int, offset: int) -> None:
    page = pages.page_of(get(query))

    assert page == Page(number, pagelen)
    assert (page.offset, page.limit) == (offset, pagelen)


@pytest.mark.parametrize("parameter", ["page", "pagelen"])
@pytest.mark.parametrize(
    "value", ["0", "-1", "x", "1.0", "1e1", "+1", " 1", "1_0", "٣", "99999999999", "9" * 5000, "²"]
)
def test_anything_else_is_refused_in_the_original_s_words(parameter: str, value: str) -> None:
    with pytest.raises(InvalidPage) as refused:
        pages.page_of(v2_requests.request({parameter: [value]}))

    body = msgspec.json.decode(EnvelopeErrors().body(Problem(400, refused.value.sentence, refused.value)).content)
    assert body == {"type": "error", "error": {"message": f"Invalid {parameter}"}}


def test_a_page_has_100_items_at_most() -> None:
    with pytest.raises(InvalidPage):
        pages.page_of(get("pagelen=101"))


def paged(query: str, size: int) -> PagedList:
    page = pages.page_of(get(query))
    return PagedList([*range(size)][page.offset : page.offset + page.limit], size, page)


def test_a_page_in_the_middle_links_to_both_neighbours() -> None:
    request = get("q=name+%7E+%22a%2Bb%22&page=2&pagelen=2&fields=-size")

    document = shown(request, paged("page=2&pagelen=2", 5))

    assert [*document] == ["page", "pagelen", "next", "previous", "values"]
    assert (document["page"], document["pagelen"], document["values"]) == (2, 2, [2, 3])
    for name, number in (("next", "3"), ("previous", "1")):
        address = urlsplit(document[name])
        assert f"{address.scheme}://{address.netloc}{address.path}" == v2_requests.BASE + PATH
        assert parse_qs(address.query) == {
            "q": ['name ~ "a+b"'],
            "page": [number],
            "pagelen": ["2"],
            "fields": ["-size"],
        }


@pytest.mark.parametrize(
    ("query", "size", "values", "following", "previous"),
    [
        ("", 0, [], None, None),
        ("", 10, [*range(10)], None, None),
        ("", 11, [*range(10)], "2", None),
        ("page=2", 11, [10], None, "1"),
        ("page=2&pagelen=2", 4, [2, 3], None, "1"),
        # Past the end the list is empty, and the page before it is the last one.
        ("page=9", 11, [], None, "2"),
        ("page=2", 0, [], None, "1"),
    ],
)
def test_the_first_and_the_last_page_have_one_neighbour(
    query: str, size: int, values: list[int], following: str | None, previous: str | None
) -> None:
    document = shown(get(query), paged(query, size))

    assert (document["size"], document["values"]) == (size, values)
    links = {
        name: parse_qs(urlsplit(document[name]).query)["page"] for name in ("next", "previous") if name in document
    }
    assert links == {name: [number] for name, number in (("next", following), ("previous", previous)) if number}


class Thing(msgspec.Struct):
    """Something with a name."""

    name: str


def test_parameters_and_documents_are_described() -> None:
    route = Route("GET", "/things", lambda work, request: None, scope_rules.READ_WORKSPACES, "listThings",
                  "List things", PageDocument[Thing], query=(pages.PAGE, pages.PAGELEN, FIELDS))  # fmt: skip
    document = openapi.document([Surface("2.0", ("/2.0",), (route,))], base_url=v2_requests.BASE)
    validate(document, cls=OpenAPIV31SpecValidator)

    described = document["components"]["schemas"]["PageDocument_Thing_"]
    assert described["required"] == ["size", "page", "pagelen", "values"]
    assert described["properties"]["values"]["items"] == {"$ref": "#/components/schemas/Thing"}
    parameters = document["paths"]["/2.0/things"]["get"]["parameters"]
    assert [each["name"] for each in parameters][:3] == ["page", "pagelen", "fields"]
