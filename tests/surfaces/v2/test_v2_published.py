"""Every operation that the original publishes is served. Every answer to a test's request fits it (`cast.Api`)."""

import httpx
import pytest

import published
from cast import Api
from onebucket.surfaces.v2.routes import V2

if not published.PATH.is_file():
    pytest.skip(f"the published description is not beside the checkout ({published.PATH})", allow_module_level=True)

# What clients ask for besides, from the contract.
MORE = {
    ("GET", "/user/workspaces"),
    ("GET", "/user/workspaces/{}/permission"),
    ("GET", "/user/workspaces/{}/permissions/repositories"),
    ("GET", "/repositories/{}/{}/override-settings"),
    ("PUT", "/repositories/{}/{}/override-settings"),
    ("GET", "/repositories/{}/{}/pipelines_config"),
    ("PUT", "/repositories/{}/{}/pipelines_config"),
}


def test_the_routes_are_those_of_the_description_and_of_the_contract() -> None:
    routes = {(route.method, published.nameless(route.path)) for route in V2.routes}

    assert len(published.operations()) == 45
    assert routes == published.operations() | MORE


def test_answers_of_tests_are_checked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[tuple[str, str]] = []
    monkeypatch.setattr(published, "check", lambda method, address, answer: checked.append((method, address)))

    api("bob", "GET", "/2.0/user")

    assert checked == [("GET", "/2.0/user")]


@pytest.mark.parametrize(
    ("address", "answer", "what"),
    [
        ("/2.0/user", httpx.Response(200, json={"type": "user", "uuid": 7}), r"\$\.uuid: 7 is not of type 'string'"),
        ("/2.0/user/?a=b", httpx.Response(200, json={"type": "repository"}), r"\$\.type"),
        ("/!api/2.0/user", httpx.Response(201, json={"type": "user"}), "201 is none of"),
        ("/2.0/workspaces/acme", httpx.Response(404, json={"type": "error"} | {"error": {}}), "message"),
        ("/2.0/workspaces/acme/projects", httpx.Response(200, json={"values": [{}]}), r"\$\.values\[0\]"),
    ],
)
def test_an_answer_that_does_not_fit_is_noticed(address: str, answer: httpx.Response, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        published.check("GET", address, answer)


def test_an_answer_that_fits_passes(api: Api) -> None:
    for path in ("/2.0/user", "/2.0/workspaces/acme", "/2.0/repositories/acme/rocket", "/2.0/workspaces/nowhere"):
        published.check("GET", path, api("bob", "GET", path))
