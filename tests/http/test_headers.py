"""The headers of every answer: whose it is, how long it may be kept, and what names it (formats H1, H2)."""

import pytest

from cast import Api, token
from tests.http.test_http_rules import ASKS, GROUP, asked

pytestmark = pytest.mark.runs_on("SQLite", "both")


@pytest.mark.parametrize("name", ASKS)
def test_every_answer_varies_by_credential_is_not_sniffed_and_has_a_name(api: Api, name: str) -> None:
    headers = asked(api, name).headers

    assert (headers["vary"], headers["x-content-type-options"]) == ("Authorization", "nosniff")
    assert len(headers["x-request-id"]) >= 8


@pytest.mark.parametrize("name", [name for name in ASKS if ASKS[name][1] in ("GET", "HEAD") and name != "200 as JSONP"])
def test_what_is_read_may_be_kept_by_its_reader_and_is_asked_for_again(api: Api, name: str) -> None:
    assert asked(api, name).headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("name", [name for name in ASKS if name[:3] == "204"])
def test_an_empty_answer_is_plain_text_and_has_no_body(api: Api, name: str) -> None:
    answer = asked(api, name)

    assert (answer.headers["content-type"], answer.content) == ("text/plain", b"")
    assert "content-length" not in answer.headers


# --- the same as before?


def etag(api: Api, path: str = GROUP) -> str:
    return str(api("alice", "GET", path).headers["etag"])


def test_an_etag_is_strong_and_follows_the_body(api: Api) -> None:
    first = etag(api)

    assert first.startswith('"') and first.endswith('"')
    assert etag(api) == etag(api, f"{GROUP}/") == first
    assert len({first, etag(api, f"{GROUP}?format=xml"), etag(api, f"{GROUP}?exclude_members=1")}) == 3
    api("alice", "PUT", f"{GROUP}/members/dora")
    assert etag(api) != first
    api("alice", "DELETE", f"{GROUP}/members/dora")
    assert etag(api) == first


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', '{},"x"', 'W/"x" , W/{}', "*", " {} "])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_has_it_already_gets_304(api: Api, method: str, form: str) -> None:
    mine = etag(api)

    answer = api("alice", method, GROUP, headers={"If-None-Match": form.format(mine)})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", mine)
    assert "content-type" not in answer.headers and "content-length" not in answer.headers


def test_several_if_none_match_lines_are_one_list(api: Api) -> None:
    lines = [("If-None-Match", etag(api).encode()), ("If-None-Match", b'"x"')]

    answers = [api.raw("GET", f"/1.0{GROUP}".encode(), *order, who="alice") for order in (lines, lines[::-1])]

    assert [answer.status_code for answer in answers] == [304, 304]


@pytest.mark.parametrize("form", ["x{}", "{}x", '"x"', "", '"*"', "W/", '""'])
def test_whoever_has_something_else_gets_all_of_it(api: Api, form: str) -> None:
    answer = api("alice", "GET", GROUP, headers={"If-None-Match": form.format(etag(api))})

    assert (answer.status_code, answer.json()["slug"]) == (200, "designers")


def test_304_tells_nothing_to_whoever_may_not_see_it(api: Api) -> None:
    mine = etag(api)

    refused = [
        api(who, "GET", GROUP, headers={"If-None-Match": each}) for who in (None, "mallory") for each in (mine, "*")
    ]

    assert [answer.status_code for answer in refused] == [401, 401, 403, 403]
    assert not any("etag" in answer.headers for answer in refused)


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Match"])
def test_conditions_are_for_reading_only(api: Api, condition: str) -> None:
    made = api("alice", "POST", "/groups/acme", data={"name": "Crew"}, headers={condition: "*"})
    deleted = api("alice", "DELETE", "/groups/acme/crew", headers={condition: "*"})

    assert (made.status_code, deleted.status_code) == (200, 204)
    assert "etag" not in made.headers


# --- tokens


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "OPTIONS"])
def test_a_token_is_told_its_scopes_and_a_password_is_not(api: Api, method: str) -> None:
    with_token = api(("alice", token("alice", "read")), method, "/groups/acme").headers
    with_password = api(("alice", "alice is here"), method, "/groups/acme").headers

    accepted = {"GET": "account", "POST": "account:write"}.get(method, "")
    assert (with_token["x-oauth-scopes"], with_token["x-accepted-oauth-scopes"]) == ("account", accepted)
    assert "x-oauth-scopes" not in with_password and "x-accepted-oauth-scopes" not in with_password
