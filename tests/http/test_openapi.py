"""The OpenAPI document: that it is one, and that it describes everything that is served."""

import json
from pathlib import Path

import pytest
from msgspec import inspect
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

import cast
import live
from live import Live
from onebucket.http import openapi, wiring
from onebucket.surfaces.core.surface import PlainText, Route

DOCUMENT = openapi.document(wiring.SURFACES, base_url=cast.BASE)
# A surface for directories describes itself.
PUBLISHED = [surface for surface in wiring.SURFACES if not surface.for_directories]
ROUTES = [(surface.bases[0], route) for surface in PUBLISHED for route in surface.routes]


def test_it_is_an_openapi_3_1_document() -> None:
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)


def test_the_command_prints_what_the_server_serves(served: Live, tmp_path: Path) -> None:
    printed = json.loads(live.run("openapi", folder=tmp_path).stdout)
    given = json.loads(live.run("openapi", folder=tmp_path, base_url=served.base).stdout)

    answer = served(None, "GET", "/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == given
    assert printed.pop("servers") == [{"url": "http://127.0.0.1:8080"}]
    assert {**printed, "servers": [{"url": served.base}]} == given


@pytest.mark.parametrize(("base", "route"), ROUTES, ids=lambda each: getattr(each, "name", ""))
def test_every_route_is_in_it(base: str, route: Route) -> None:
    item = DOCUMENT["paths"][base + route.path]
    operation = item[route.method.lower()]

    assert operation["operationId"] == route.name
    assert [parameter["name"] for parameter in item.get("parameters", [])] == [
        part[1:-1] for part in route.path.split("/") if part.startswith("{")
    ]
    assert ("204" if route.response is None else str(route.status)) in operation["responses"]


def not_sent(kind: inspect.Type, place: str = "") -> list[str]:
    """Where a type of responses holds something that isn't a JSON value without floats."""
    match kind:
        case inspect.StrType() | inspect.LiteralType() | inspect.DateTimeType():
            return []
        case inspect.IntType() | inspect.BoolType() | inspect.NoneType():
            return []
        case inspect.ListType():
            return not_sent(kind.item_type, place)
        case inspect.DictType():
            return not_sent(kind.key_type, place) + not_sent(kind.value_type, place)
        case inspect.UnionType():
            return [found for each in kind.types for found in not_sent(each, place)]
        case inspect.StructType():
            name = kind.cls.__name__
            return [found for field in kind.fields for found in not_sent(field.type, f"{name}.{field.name}")]
    return [f"{place}: {type(kind).__name__}"]


def test_no_response_holds_a_float_or_anything_else_that_a_format_can_not_say() -> None:
    kinds = [route.response for _, route in ROUTES if route.response not in (None, PlainText)]

    found = {each for kind in inspect.multi_type_info(kinds) for each in not_sent(kind)}

    # What a journal entry says about before and after is whatever an action recorded.
    assert found == {"EntryShape.before: AnyType", "EntryShape.after: AnyType"}
    assert not_sent(inspect.type_info(dict[str, list[float | None]])) == [": FloatType"]


def test_nothing_else_is_in_it() -> None:
    told = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"}

    assert told == {(base + route.path, route.method.lower()) for base, route in ROUTES}


def test_every_reference_leads_somewhere_and_everything_is_used() -> None:
    text = json.dumps(DOCUMENT)

    assert all(text.count(f'"#/components/schemas/{name}"') for name in DOCUMENT["components"]["schemas"])
