"""Responses match the OpenAPI document.

schemathesis makes requests from the document, both valid ones and ones that break it in a single place, and checks
every response: no 5xx, no status, content type or shape that is not in the document, methods that are not there are
refused with 405 and Allow, credentials are needed, valid requests are accepted and broken ones refused. It asks a
real server as root, a site administrator. All of its checks are on, but for the quirks below. It knows a few names
of the cast, so that not everything it asks is 404.
"""

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.openapi.checks import JsonSchemaError, RejectedPositiveData, UnsupportedMethodResponse

import cast
import sizes
from live import Live
from onebucket.http import openapi, wiring

DOCUMENT = openapi.document(wiring.SURFACES, base_url=cast.BASE)
# Both at the long size: what differs between the two is tested by itself, too.
DATABASES = ["SQLite", *([pytest.param("PostgreSQL", marks=pytest.mark.postgresql)] if sizes.IS_LONG else [])]
KNOWN = {
    "accountname": ["acme", "alice", "globex", "gina@example.com"],
    "group_slug": ["designers", "developers"],
    "member": ["bob", "dora@example.com", "mallory"],
    "repo_slug": ["rocket", "website"],
    "group_owner": ["acme"],
    "email": ["carol@example.net", "eve@example.net"],
    "id": ["b0b00000-0000-4000-8000-000000000002"],
    "workspace": ["acme", "alice", "globex"],
    "selected_user": ["bob", "dora"],
    "selected_user_id": ["dora", "bob"],
    "project_key": ["PROJ"],
    "key_id": ["b0b00000-0000-4000-8000-000000000002"],
    "user": ["dora", "bob@example.com", "mallory"],
    "delivery": ["b0b00000-0000-4000-8000-000000000003"],
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
        "when access ends lies ahead, and is written as a time or as `never`, which no schema can say",
        RejectedPositiveData,
        lambda case, text: (
            "until" in {**(case.query or {}), **(case.body if isinstance(case.body, dict) else {})}
            and any(each in text.lower() for each in ("until is not", "until must be", "until needs"))
        ),
    ),
    Quirk(
        "how many are named at once is counted without blanks and doubles, and no schema knows which are teams",
        RejectedPositiveData,
        lambda case, text: "/grants/" in case.path and ("at once, not" in text or "not a person" in text),
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
        "flags (`exclude_members`, `private`, `administrator`) with a value that is neither yes nor no are not set, an "
        "unknown `include` adds nothing (spec 1.5)",
        AcceptedNegativeData,
        lambda case, text: {"exclude_members", "private", "administrator", "include"} & set(case.query or {}),
    ),
    Quirk(
        "a DELETE may say whose invitation it means in its body or in its query (spec I4, U6)",
        RejectedPositiveData,
        lambda case, text: case.method == "DELETE" and text == "Bad Request: email is missing.",
    ),
    Quirk(
        "what is an SSH key, and who has it already, no schema can say",
        RejectedPositiveData,
        lambda case, text: "/ssh-keys" in case.path,
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
        "conditions are a language of their own, which no pattern can say",
        RejectedPositiveData,
        lambda case, text: " of q: " in text,
    ),
    Quirk(
        "an address of more than 64 KiB is refused by granian, with 414 and without a body",
        Failure,
        lambda case, text: not text and len(urlencode(case.query or {}, doseq=True)) > 65_000,
    ),
    Quirk(
        "`fields` leaves out what a schema has as required",
        JsonSchemaError,
        lambda case, text: "fields" in (case.query or {}),
    ),
    Quirk(
        "a project that has repositories can't be deleted, which no schema can say",
        RejectedPositiveData,
        lambda case, text: case.method == "DELETE" and "has repositories" in text,
    ),
    Quirk(
        "names are one line of printable text, slugs and branches too, which would be long patterns",
        RejectedPositiveData,
        lambda case, text: (
            case.path.startswith(("/2.0/repositories", "/2.0/workspaces"))
            and any(each in text for each in (" name", "he description", "he language", "repository slug"))
        ),
    ),
    Quirk(
        "a repository is created and changed without a body, too, as the original does",
        AcceptedNegativeData,
        lambda case, text: case.path == "/2.0/repositories/{workspace}/{repo_slug}" and not isinstance(case.body, dict),
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


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with the cast on a database."""
    if request.param == "SQLite":
        yield request.getfixturevalue("served")
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.url(postgres.create(request.getfixturevalue("cast_on_postgres")))
    with Live(tmp_path_factory.mktemp("postgres"), url=url) as running:
        yield running


@pytest.fixture
def stage(server: Live) -> Iterator[dict[str, Any]]:
    """How to ask the server, with the groups and members that an earlier operation may have deleted."""
    for slug in KNOWN["group_slug"]:
        server("root", "POST", "/1.0/groups/acme", data={"name": slug})
        server("root", "PUT", f"/1.0/groups/acme/{slug}/members/bob")
    with requests.Session() as session:
        yield {"base_url": server.base, "auth": ("root", cast.token("root")), "session": session}


API = schemathesis.openapi.from_dict(_with_known_names())
# A wrong password costs the server argon2id, on purpose: some hundred tell as much as some thousand.
API.config.phases.coverage.checks.ignored_auth.enabled = False


@API.hook  # type: ignore[untyped-decorator]
def filter_failure(context: Any, failure: Failure, case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Whether a failure is one: not when it is a quirk that is told of above."""
    return not any(isinstance(failure, quirk.failure) and quirk.is_it(case, response.text) for quirk in QUIRKS)


@pytest.mark.subprocess
@API.parametrize()
@settings(
    max_examples=sizes.REQUESTS,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the stage is set once for all examples
)
def test_responses_match_the_document(case: schemathesis.Case, stage: dict[str, Any]) -> None:
    case.call_and_validate(**stage)


_STRING = {"type": "string"}
ANY_TEXT = [
    (path, parameter["name"])
    for path, item in DOCUMENT["paths"].items()
    for parameter in item.get("get", {}).get("parameters", [])
    if parameter["in"] == "query" and parameter["schema"] == _STRING
]


@pytest.mark.parametrize(("path", "name"), ANY_TEXT)
def test_a_parameter_that_is_any_string_takes_any_string(served: Live, path: str, name: str) -> None:
    address = path.format_map({name: known[0] for name, known in KNOWN.items()})

    response = requests.get(served.base + address, {name: "縉 î"}, auth=("root", cast.token("root")))

    assert response.status_code != 400, response.text
