"""A surface is declared in a folder of its own and added to one list: nothing else changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

import cast
import toy_surface
from cast import Api
from onebucket.http import openapi, wiring
from onebucket.surfaces.core.router import Router
from permission_matrix import missing_rows, rows
from toy_surface.routes import TOY

SURFACES = (*wiring.SURFACES, TOY)
CREWS = "/toy/acme/crews"
MATRIX = """
                                        mallory  alice
GET    /toy/acme/crews                      403    200
POST   /toy/acme/crews                      403    201
"""


@pytest.fixture
def toy(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    served = Api(cast.copy(cast_template, tmp_path), surfaces=SURFACES)
    yield served
    served.close()


def test_it_comes_to_four_files() -> None:
    assert len([*Path(str(toy_surface.__file__)).parent.glob("*.py")]) <= 4


def test_a_list_is_sent_page_by_page(toy: Api) -> None:
    first = toy("alice", "GET", f"{CREWS}?x=1&page=1").json()
    last = toy("alice", "GET", first["next"]).json()

    assert [each["slug"] for each in first["items"]] == ["administrators", "designers"]
    assert first["next"] == f"{cast.BASE}{CREWS}?x=1&page=2"
    assert last == {"items": [{"title": "Developers", "slug": "developers"}]}


def test_a_reply_has_its_own_status_and_headers(toy: Api) -> None:
    made = toy("alice", "POST", CREWS, json={"title": "Night Crew"})

    assert (made.status_code, made.json()) == (201, {"title": "Night Crew", "slug": "night-crew"})
    assert made.headers["location"] == f"{cast.BASE}{CREWS}/night-crew"
    assert toy("alice", "DELETE", f"{CREWS}/night-crew").status_code == 204


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status", "message"),
    [
        ("alice", "GET", "/toy/nothing", b"", 404, "there is nothing at this address"),
        ("alice", "PATCH", CREWS, b"", 405, "this address does not support that method"),
        ("alice", "POST", CREWS, b'{"title": ', 400, "the body is not valid JSON"),
        ("alice", "POST", CREWS, b'{"title": "Designers"}', 422, "the account has a group with the slug"),
        ("alice", "POST", CREWS, b" " * (1 << 20) + b"{}", 413, "the body may be at most 1 MiB long"),
        ("alice", "GET", f"{CREWS}?page=none", b"", 400, "page is not a number from 1"),
        ("alice", "DELETE", f"{CREWS}/nothing", b"", 404, "the account has no such group"),
        ("mallory", "GET", CREWS, b"", 403, "you may not list the account's groups"),
        ("alice", "GET", "/toy/%FF", b"", 400, "the address is not valid UTF-8"),
    ],
)
def test_errors_are_worded_by_the_surface(
    toy: Api, who: str, method: str, path: str, body: bytes, status: int, message: str
) -> None:
    before = toy.everything()

    answer = toy(who, method, path, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == status
    assert answer.json()["message"].startswith(message)
    assert toy.everything() == before


def test_nobody_gets_in_without_a_credential(toy: Api) -> None:
    answer = toy(("alice", "wrong"), "GET", CREWS)

    assert (answer.status_code, answer.json()) == (401, {"code": 401, "message": "no valid credentials"})
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("scope", "read", "write"),
    [
        ("account", "account", "account:write"),
        ("read:workspace:bitbucket", "read:workspace:bitbucket", "admin:workspace:bitbucket, write:user:bitbucket"),
    ],
)
def test_its_routes_say_which_scopes_of_each_family_they_need(toy: Api, scope: str, read: str, write: str) -> None:
    toy.add_token("alice", "reads", {scope})

    allowed = toy(("alice", cast.token("alice", "reads")), "GET", CREWS)
    refused = toy(("alice", cast.token("alice", "reads")), "POST", CREWS, json={"title": "Night Crew"})

    assert (allowed.status_code, allowed.headers["x-accepted-oauth-scopes"]) == (200, read)
    assert (refused.status_code, refused.headers["x-accepted-oauth-scopes"]) == (403, write)


def test_format_and_callback_mean_nothing_where_the_surface_has_neither(toy: Api) -> None:
    plain = toy("alice", "GET", CREWS)

    asked = toy("alice", "GET", f"{CREWS}?format=xml&callback=call")

    assert asked.headers["content-type"] == plain.headers["content-type"] == "application/json; charset=utf-8"
    assert asked.json()["items"] == plain.json()["items"]


def test_it_is_in_the_openapi_document() -> None:
    document = openapi.document(SURFACES, base_url=cast.BASE)
    validate(document, cls=OpenAPIV31SpecValidator)

    listed, made = (document["paths"]["/toy/{accountname}/crews"][method] for method in ("get", "post"))
    assert {"name": "toy", "description": TOY.description} in document["tags"]
    assert (listed["tags"], [each["name"] for each in listed["parameters"]]) == (["toy"], ["page"])
    assert listed["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Crews")
    assert made["responses"]["422"]["content"]["application/problem+json"]["schema"]["$ref"].endswith("/ToyError")
    assert "201" in made["responses"]
    assert document["paths"]["/toy/{accountname}/crews/{crew}"]["parameters"][1]["description"] == "the group's slug"


def test_it_is_on_the_documentation_page(toy: Api) -> None:
    assert '<h2 id="toy">toy</h2>' in toy.raw("GET", b"/docs").text


def test_the_permission_matrix_wants_a_row_for_each_of_its_routes() -> None:
    assert missing_rows((TOY,), rows(MATRIX, Router(SURFACES)), accounts=("acme",)) == [
        "DELETE /toy/{accountname}/crews/{crew} of acme"
    ]
