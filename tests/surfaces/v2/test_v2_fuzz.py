"""Generated requests to API 2.0, made from the description that the original publishes: each answer fits it.

The description says nothing of many errors; those that the contract has for every address are added to it. What our own
description says is tested in `tests/http/test_openapi_requests.py`.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import cast
import live
import published
import sizes
import ssh_keygen
from live import Live
from onebucket import ssh_public_keys

if not published.PATH.is_file():
    pytest.skip(f"the published description is not beside the checkout ({published.PATH})", allow_module_level=True)

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
# Statuses that any address may answer, with the envelope of errors.
ERRORS = ("400", "401", "403", "404", "405", "409", "410", "413", "429")
KEY = ssh_keygen.public(name="bob")
KNOWN = {
    "workspace": ["acme", "alice", "globex"],
    "repo_slug": ["rocket", "website"],
    "project_key": ["PROJ"],
    "group_slug": ["designers", "developers"],
    "member": ["bob", "dora"],
    "selected_user": ["bob", "dora"],
    "selected_user_id": ["bob", "dora"],
    "email": ["root@example.com"],
    "key_id": [ssh_public_keys.parse(KEY).fingerprint],
}


def _published() -> dict[str, Any]:
    """The description with known names in its paths, and with the errors that any address may answer."""
    document = published.document()
    error = {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}}
    for operation in (each for item in document["paths"].values() for each in item.values()):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                parameter["schema"] = {"anyOf": [{"enum": KNOWN[parameter["name"]]}, parameter["schema"]]}
        if "default" in operation["responses"]:
            # Here it has nothing but what all errors have.
            operation["responses"] = {"200": {"description": ""}}
        for status in ERRORS:
            operation["responses"].setdefault(status, copy.deepcopy(error))
    return document


API = schemathesis.openapi.from_dict(_published())
# It makes some hundred requests for each operation with a large body.
API.config.phases.coverage.enabled = sizes.IS_LONG


@pytest.fixture(scope="module", params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with the cast on each database."""
    folder = tmp_path_factory.mktemp("fuzz")
    if request.param == "SQLite":
        started = live.with_the_cast(request.getfixturevalue("cast_template"), folder)
    else:
        postgres = request.getfixturevalue("postgres")
        started = Live(folder, url=postgres.url(postgres.create(request.getfixturevalue("cast_on_postgres"))))
    with started as running:
        yield running


@pytest.fixture
def session(server: Live) -> Iterator[requests.Session]:
    """A connection as root, with what an earlier operation may have deleted."""
    server("root", "POST", "/2.0/users/bob/ssh-keys", json={"key": KEY})
    for slug in KNOWN["repo_slug"]:
        server("root", "POST", f"/2.0/repositories/acme/{slug}", json={})
    with requests.Session() as opened:
        yield opened


@pytest.mark.subprocess
@API.parametrize()
@settings(
    max_examples=sizes.REQUESTS,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the server is the same for all examples
)
def test_answers_fit_the_published_description(
    case: schemathesis.Case, server: Live, session: requests.Session
) -> None:
    auth = ("root", cast.token("root"))
    case.call_and_validate(base_url=f"{server.base}/2.0", auth=auth, session=session, checks=CHECKS)
