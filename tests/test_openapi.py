"""The OpenAPI document: that it is one, that it tells all that is served, and that what is served keeps to it."""

import copy
import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import RejectedPositiveData, UnsupportedMethodResponse

import cast
import live
from live import Live
from onebucket.http import openapi, wiring
from onebucket.surfaces.routing import Route

DOCUMENT = openapi.document(wiring.SURFACES, base_url=cast.BASE)
ROUTES = [(surface.bases[0], route) for surface in wiring.SURFACES for route in surface.routes]


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
    assert ("204" if route.response is None else "200") in operation["responses"]


def test_nothing_else_is_in_it() -> None:
    told = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"}

    assert told == {(base + route.path, route.method.lower()) for base, route in ROUTES}


def test_every_reference_leads_somewhere_and_everything_is_used() -> None:
    text = json.dumps(DOCUMENT)

    assert all(text.count(f'"#/components/schemas/{name}"') for name in DOCUMENT["components"]["schemas"])


# -- what is served, against the document -----------------------------------------------------------
#
# schemathesis makes requests from the document, both valid ones and ones that break it in a single place, and checks
# every answer: no 5xx, no status, content type or shape that is not in the document, methods that are not there are
# refused with 405 and Allow, credentials are needed, valid requests are accepted and broken ones refused. It asks a
# real server as root, a site administrator. All of its checks are on, but for the quirks below. It knows a few names
# of the cast, so that not everything it asks is 404. ONEBUCKET_EXAMPLES asks for more examples of each operation.

EXAMPLES = int(os.environ.get("ONEBUCKET_EXAMPLES", "12"))
KNOWN = {
    "accountname": ["acme", "alice", "globex", "gina@example.com"],
    "group_slug": ["designers", "developers"],
    "member": ["bob", "dora@example.com", "mallory"],
    "repo_slug": ["rocket", "website"],
    "group_owner": ["acme"],
    "email": ["carol@example.net", "eve@example.net"],
    "id": ["b0b00000-0000-4000-8000-000000000002"],
    "user": ["dora", "bob@example.com", "mallory"],
}


@dataclass(frozen=True)
class Quirk:
    """Where the API is meant to differ from what schemathesis expects of everybody."""

    reason: str
    failure: type[Exception]
    is_it: Callable[[schemathesis.Case, str], object]


QUIRKS = (
    Quirk(
        "when an app password ends is told once, and lies ahead, within ten years, which no schema can say",
        RejectedPositiveData,
        lambda case, text: text.endswith(("not both.", "have expired already.", "until it is revoked.")),
    ),
    Quirk(
        "a second group with the same slug is a bad request in 1.0, not a conflict (spec G3)",
        RejectedPositiveData,
        lambda case, text: text.endswith("already."),
    ),
    Quirk(
        "a name must leave a slug, which no pattern can say: é does, — doesn't (spec 1.4)",
        RejectedPositiveData,
        lambda case, text: (
            isinstance(case.body, dict) and "name" in case.body and text.startswith("Bad Request: the name")
        ),
    ),
    Quirk(
        "an e-mail address has a grammar that would be a long pattern",
        RejectedPositiveData,
        lambda case, text: "e-mail address" in text,
    ),
    Quirk(
        "a callback that is a reserved word is refused, which would be a long pattern (formats C2)",
        RejectedPositiveData,
        lambda case, text: text.startswith("Bad Request: callback must be"),
    ),
    Quirk(
        "a callback means nothing, and is not looked at, under XML and YAML (formats C1)",
        AcceptedNegativeData,
        lambda case, text: "callback" in (case.query or {}) and (case.query or {}).get("format") in ("xml", "yaml"),
    ),
    Quirk(
        "`exclude_members` and `private` with a value that is neither yes nor no leave nothing out, an unknown "
        "`include` adds nothing (spec 1.5)",
        AcceptedNegativeData,
        lambda case, text: {"exclude_members", "private", "include"} & set(case.query or {}),
    ),
    Quirk(
        "a DELETE may say whose invitation it means in its body or in its query (spec I4, U6)",
        RejectedPositiveData,
        lambda case, text: case.method == "DELETE" and text == "Bad Request: email is missing.",
    ),
    Quirk(
        "a public repository is read by everybody: nobody is invited to that (spec I1)",
        RejectedPositiveData,
        lambda case, text: text.startswith("Bad Request: everybody may read"),
    ),
    Quirk(
        "all but GET on an account's own address was removed in 2019 (spec 7)",
        UnsupportedMethodResponse,
        lambda case, text: case.path.endswith(("/users/{accountname}", "/user")) and "Resource removed" in text,
    ),
    Quirk(
        "an empty parameter counts as absent, which `allowEmptyValue` says and no schema",
        AcceptedNegativeData,
        lambda case, text: "" in (case.query or {}).values(),
    ),
)


def _with_known_names() -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    for parameter in itertools.chain.from_iterable(item.get("parameters", []) for item in document["paths"].values()):
        parameter["schema"] = {"anyOf": [{"enum": KNOWN[parameter["name"]]}, parameter["schema"]]}
    return document


@pytest.fixture
def stage(served: Live) -> Iterator[dict[str, Any]]:
    """How to ask the server, with the groups and members that an earlier operation may have deleted."""
    for slug in KNOWN["group_slug"]:
        served("root", "POST", "/1.0/groups/acme", data={"name": slug})
        served("root", "PUT", f"/1.0/groups/acme/{slug}/members/bob")
    with requests.Session() as session:
        yield {"base_url": served.base, "auth": ("root", cast.token("root")), "session": session}


API = schemathesis.openapi.from_dict(_with_known_names())
# A wrong password costs the server argon2id, on purpose: some hundred tell as much as some thousand.
API.config.phases.coverage.checks.ignored_auth.enabled = False


@API.hook  # type: ignore[untyped-decorator]
def filter_failure(context: Any, failure: Failure, case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Whether a failure is one: not when it is a quirk that is told of above."""
    return not any(isinstance(failure, quirk.failure) and quirk.is_it(case, response.text) for quirk in QUIRKS)


@API.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the stage is set once for all examples
)
def test_answers_keep_to_it(case: schemathesis.Case, stage: dict[str, Any]) -> None:
    case.call_and_validate(**stage)
