"""The rules that every address shares: in which order it refuses, what each refusal says, and which headers it has."""

import re
from typing import Any

import httpx
import pytest

from cast import Api, basic, token
from onebucket.http import wiring

pytestmark = pytest.mark.runs_on("SQLite", "both")

GROUP = "/groups/acme/designers"
MEBIBYTE = 1 << 20
LONG = b"name=" + b"x" * MEBIBYTE
PLAIN = "text/plain; charset=utf-8"

# One request for every status there is: who, method, address, and what else.
ASKS: dict[str, tuple[str | None, str, str, dict[str, Any]]] = {
    "200": ("alice", "GET", GROUP, {}),
    "200 as XML": ("alice", "GET", f"{GROUP}?format=xml", {}),
    "200 as YAML": ("alice", "GET", f"{GROUP}?format=yaml", {}),
    "200 as JSONP": ("alice", "GET", f"{GROUP}?callback=f", {}),
    "200 to HEAD": ("alice", "HEAD", GROUP, {}),
    "200 to POST": ("alice", "POST", "/groups/acme", {"data": {"name": "Crew"}}),
    "200 to PUT": ("alice", "PUT", f"{GROUP}/members/dora", {}),
    "204 to DELETE": ("alice", "DELETE", f"{GROUP}/members/bob", {}),
    "204 to OPTIONS": ("alice", "OPTIONS", GROUP, {}),
    "304": ("alice", "GET", GROUP, {"headers": {"If-None-Match": "*"}}),
    "400": ("alice", "POST", "/groups/acme", {}),
    "400 for a format": ("alice", "GET", f"{GROUP}?format=x", {}),
    "401": (None, "GET", GROUP, {}),
    "403": ("mallory", "DELETE", GROUP, {}),
    "404": ("alice", "GET", "/groups/acme/nothing", {}),
    "404 for an address": ("alice", "GET", "/nothing", {}),
    "405": ("alice", "PATCH", GROUP, {}),
    "409": ("alice", "PUT", f"{GROUP}/members/bob", {}),
    "410": ("alice", "GET", "/user/repositories", {}),
    "413": ("alice", "POST", "/groups/acme", {"content": LONG}),
}


def asked(api: Api, name: str) -> httpx.Response:
    who, method, path, how = ASKS[name]
    answer = api(who, method, path, **how)
    assert str(answer.status_code) == name[:3]
    return answer


# --- the order of refusals


@pytest.mark.parametrize(
    ("who", "method", "address", "body", "status", "text"),
    [
        # 401 comes before all else,
        (None, "GET", "/nothing?format=x", b"", 401, "Unauthorized"),
        (None, "PATCH", f"{GROUP}?format=x", b"{", 401, "Unauthorized"),
        (None, "GET", "/repositories/acme", b"", 401, "Unauthorized"),
        (None, "POST", "/groups/acme?format=x", b"{", 401, "Unauthorized"),
        (None, "POST", "/groups/acme", LONG, 401, "Unauthorized"),
        (None, "DELETE", "/groups/nobody/nothing", b"", 401, "Unauthorized"),
        # then what is at the address,
        ("mallory", "GET", "/nothing?format=x&callback=1", b"", 404, "Not Found: there is nothing at this address"),
        ("mallory", "PATCH", f"{GROUP}?format=x", b"{", 405, "Method Not Allowed: "),
        ("mallory", "PUT", "/repositories/acme?format=x", LONG, 410, '{"type":"error"'),
        # then the format,
        ("mallory", "POST", "/groups/acme?format=x", b"{", 400, "Invalid output format specified 'x'."),
        ("mallory", "POST", "/groups/acme?format=x", LONG, 400, "Invalid output format specified 'x'."),
        ("alice", "DELETE", f"{GROUP}?format=", b"", 400, "Invalid output format specified ''."),
        # then the body,
        ("mallory", "POST", "/groups/acme", b"{", 400, "Bad Request: the body is not valid JSON"),
        ("mallory", "PUT", GROUP, b'{"permission": "x"}', 400, "Bad Request: the permission must be"),
        ("mallory", "DELETE", GROUP, LONG, 413, "Payload Too Large: the body may be at most 1 MiB long."),
        ("mallory", "PUT", "/groups/nobody/nothing", b"auto_add=x", 400, "Bad Request: auto_add must be"),
        # and then the rules.
        ("mallory", "POST", "/groups/acme", b"name=Crew", 403, "Forbidden: you may not create groups in the account."),
        ("mallory", "POST", "/groups/nobody", b"", 404, "Not Found: there is no account 'nobody'."),
        ("mallory", "POST", "/groups/acme", b"", 403, "Forbidden: you may not create groups in the account."),
    ],
)  # fmt: skip
@pytest.mark.runs_on("SQLite")
def test_the_first_thing_that_is_wrong_is_refused_and_nothing_is_changed(
    api: Api, who: str | None, method: str, address: str, body: bytes, status: int, text: str
) -> None:
    before = api.everything()

    answer = api(who, method, address, content=body)

    assert (answer.status_code, answer.text[: len(text)]) == (status, text)
    assert api.everything() == before


# --- HEAD, OPTIONS and methods that an address does not have

_ID = "b0b00000-0000-4000-8000-000000000002"
ALLOWED = {
    "/groups": "GET, HEAD, OPTIONS",
    "/groups/acme": "GET, HEAD, OPTIONS, POST",
    "/groups/acme/designers": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/groups/acme/designers/members": "GET, HEAD, OPTIONS",
    "/groups/acme/designers/members/bob": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/group-privileges/acme": "GET, HEAD, OPTIONS",
    "/group-privileges/acme/rocket": "GET, HEAD, OPTIONS",
    "/group-privileges/acme/acme/designers": "DELETE, GET, HEAD, OPTIONS",
    "/group-privileges/acme/rocket/acme/designers": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/privileges/acme": "DELETE, GET, HEAD, OPTIONS",
    "/privileges/acme/website": "DELETE, GET, HEAD, OPTIONS",
    "/privileges/acme/website/dora": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/users/acme/privileges": "GET, HEAD, OPTIONS",
    "/users/acme/privileges/acme/administrators": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/user": "GET, HEAD, OPTIONS",
    "/invitations/acme/rocket": "DELETE, GET, HEAD, OPTIONS, POST",
    "/invitations/acme/rocket/carol@example.net": "DELETE, OPTIONS, POST",
    "/users/acme": "GET, HEAD, OPTIONS",
    "/users/acme/invitations": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/users/acme/invitations/carol@example.net": "DELETE, GET, HEAD, OPTIONS",
    "/users/acme/invitations/carol@example.net/acme/designers": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/api/invitations": "GET, HEAD, OPTIONS",
    "/api/invitations/b0b00000-0000-4000-8000-000000000002": "DELETE, OPTIONS",
    "/api/invitations/b0b00000-0000-4000-8000-000000000002/resend": "OPTIONS, POST",
    "/api/tokens": "GET, HEAD, OPTIONS, POST",
    "/api/tokens/b0b00000-0000-4000-8000-000000000002": "DELETE, OPTIONS",
    "/api/access": "OPTIONS, POST",
    "/api/access/acme/website": "GET, HEAD, OPTIONS",
    "/api/access/acme/changes": "GET, HEAD, OPTIONS",
    "/api/access/acme/groups/designers/impact": "GET, HEAD, OPTIONS",
    "/api/access/acme/groups/designers/members/bob/impact": "GET, HEAD, OPTIONS",
    "/api/access/verify": "GET, HEAD, OPTIONS",
    "/api/people/dora": "DELETE, OPTIONS",
    "/api/people/dora/offboard": "OPTIONS, POST",
    "/api/grants/acme": "OPTIONS, POST",
    "/api/webhooks/acme": "GET, HEAD, OPTIONS, POST",
    f"/api/webhooks/acme/{_ID}": "DELETE, GET, HEAD, OPTIONS, PUT",
    f"/api/webhooks/acme/{_ID}/secret": "OPTIONS, POST",
    f"/api/webhooks/acme/{_ID}/ping": "OPTIONS, POST",
    f"/api/webhooks/acme/{_ID}/deliveries": "GET, HEAD, OPTIONS",
    f"/api/webhooks/acme/{_ID}/deliveries/{_ID}": "GET, HEAD, OPTIONS",
    f"/api/webhooks/acme/{_ID}/deliveries/{_ID}/resend": "OPTIONS, POST",
    "/api/journal": "GET, HEAD, OPTIONS",
    "/api/requests": "GET, HEAD, OPTIONS, POST",
    "/api/requests/b0b00000-0000-4000-8000-000000000002": "DELETE, OPTIONS",
    "/api/requests/b0b00000-0000-4000-8000-000000000002/grant": "OPTIONS, POST",
    "/api/requests/b0b00000-0000-4000-8000-000000000002/deny": "OPTIONS, POST",
    "/api/reviews/acme": "GET, HEAD, OPTIONS, POST",
    "/api/reviews/acme/b0b00000-0000-4000-8000-000000000002": "DELETE, GET, HEAD, OPTIONS",
    "/api/reviews/acme/b0b00000-0000-4000-8000-000000000002/answers": "OPTIONS, POST",
    "/api/reviews/acme/b0b00000-0000-4000-8000-000000000002/close": "OPTIONS, POST",
    "/api/reviews/acme/b0b00000-0000-4000-8000-000000000002/remind": "OPTIONS, POST",
}
# API 2.0 has one format, so the tests of formats don't ask it.
ALLOWED_2_0 = {
    "/2.0/user": "GET, HEAD, OPTIONS",
    "/2.0/user/emails": "GET, HEAD, OPTIONS",
    "/2.0/user/emails/alice@example.com": "GET, HEAD, OPTIONS",
    "/2.0/users/bob": "GET, HEAD, OPTIONS",
    "/2.0/workspaces": "GET, HEAD, OPTIONS",
    "/2.0/user/workspaces": "GET, HEAD, OPTIONS",
    "/2.0/user/permissions/workspaces": "GET, HEAD, OPTIONS",
    "/2.0/user/workspaces/acme/permission": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme/members": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme/members/bob": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme/permissions": "GET, HEAD, OPTIONS",
    "/2.0/repositories/acme": "GET, HEAD, OPTIONS",
    "/2.0/repositories/acme/rocket": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "/2.0/repositories/acme/rocket/permissions-config/groups": "GET, HEAD, OPTIONS",
    "/2.0/repositories/acme/rocket/permissions-config/groups/designers": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/2.0/repositories/acme/rocket/permissions-config/users": "GET, HEAD, OPTIONS",
    "/2.0/repositories/acme/rocket/permissions-config/users/bob": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/2.0/repositories/acme/rocket/override-settings": "GET, HEAD, OPTIONS, PUT",
    "/2.0/repositories/acme/rocket/pipelines_config": "GET, HEAD, OPTIONS, PUT",
    "/2.0/workspaces/acme/permissions/repositories": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme/permissions/repositories/rocket": "GET, HEAD, OPTIONS",
    "/2.0/user/workspaces/acme/permissions/repositories": "GET, HEAD, OPTIONS",
    "/2.0/user/permissions/repositories": "GET, HEAD, OPTIONS",
    "/2.0/repositories": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme/projects": "GET, HEAD, OPTIONS, POST",
    "/2.0/workspaces/acme/projects/PROJ": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/2.0/workspaces/acme/projects/PROJ/permissions-config/groups": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme/projects/PROJ/permissions-config/groups/designers": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/2.0/workspaces/acme/projects/PROJ/permissions-config/users": "GET, HEAD, OPTIONS",
    "/2.0/workspaces/acme/projects/PROJ/permissions-config/users/bob": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/2.0/users/alice/ssh-keys": "GET, HEAD, OPTIONS, POST",
    "/2.0/users/alice/ssh-keys/b0b00000-0000-4000-8000-000000000002": "DELETE, GET, HEAD, OPTIONS, PUT",
}
EVERY = ALLOWED | ALLOWED_2_0


# verify answers only about what a proxy holds, the journal of all accounts is not alice's to read, and no access review
# has that id.
NOT_HERS = ("/api/access/verify", "/api/journal", "/api/reviews/acme/b0b00000-0000-4000-8000-000000000002")
READABLE = [
    address
    for address, allowed in ALLOWED.items()
    # Nor has any webhook that id.
    if "GET" in allowed and address not in NOT_HERS and _ID not in address
]


def _whole(address: str) -> str:
    return address if address.startswith(("/api/", "/2.0/")) else f"/1.0{address}"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("address", EVERY)
@pytest.mark.runs_on("SQLite")
def test_options_and_405_say_which_methods_an_address_has_and_do_nothing(api: Api, address: str, slash: str) -> None:
    before = api.everything()
    missing = [each for each in ("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "LINK")
               if each not in EVERY[address].split(", ")]  # fmt: skip

    options = api("alice", "OPTIONS", address + slash)
    refused = [api.raw(method, f"{_whole(address)}{slash}".encode(), who="alice") for method in missing]

    assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", EVERY[address])
    if address in ("/users/acme", "/user"):  # whose other methods are among what was removed in 2019
        assert {answer.status_code for answer in refused} == {410}
    else:
        assert {(answer.status_code, answer.headers["allow"]) for answer in refused} == {(405, EVERY[address])}
        sentence = "his address does not support that method."
        assert all(sentence in answer.text for answer in refused)
    assert api.everything() == before


def test_the_table_of_methods_knows_every_route() -> None:
    surfaces = (surface for surface in wiring.SURFACES if not surface.for_directories)
    served = sorted(route.method for surface in surfaces for route in surface.routes)

    shown = sorted(each for allowed in EVERY.values() for each in allowed.split(", "))

    assert served == [method for method in shown if method not in ("HEAD", "OPTIONS")]


@pytest.mark.parametrize("query", ["", "?format=xml", "?callback=f", "?format=x"])
@pytest.mark.parametrize("address", [*EVERY, "/groups/acme/nothing", "/groups/globex", "/nothing"])
def test_head_answers_as_get_without_a_body(api: Api, address: str, query: str) -> None:
    got = api("bob", "GET", address + query)
    head = api("bob", "HEAD", address + query)

    assert (head.status_code, head.content) == (got.status_code, b"")
    assert set(head.headers.items()) ^ set(got.headers.items()) <= {
        ("x-request-id", each.headers["x-request-id"]) for each in (got, head)
    }
    assert int(head.headers["content-length"]) == len(got.content)


# --- what went away in 2019


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "address",
    ["/privileges", "/privileges/", "/user/repositories/x", "/users", "/users/",
     "/users/bob/followers", "/users/bob/ssh-keys/7", "/newuser", "/emails", "/emails/a@b.c",
     "/repositories", "/repositories/acme/rocket", "/repositories/acme/rocket/issues/1/comments/2/", "/repositories//x",
     "/oauth", "/oauth/consumers", "/oauth/authenticate/x"],
)  # fmt: skip
@pytest.mark.parametrize("base", ["/1.0", "/!api/1.0"])
def test_what_was_removed_says_so_in_its_envelope(api: Api, base: str, address: str, method: str) -> None:
    answer = api("alice", method, f"{base}{address}?format=xml&callback=f", content=b"{")

    assert (answer.status_code, answer.headers["content-type"]) == (410, "application/json; charset=utf-8")
    if method != "HEAD":
        said = answer.json()
        assert (list(said), said["type"], list(said["error"])) == (["type", "error"], "error", ["message", "detail"])
        assert said["error"]["message"] == "Resource removed"
        assert len(said["error"]["detail"]) > 20


@pytest.mark.parametrize(
    "address", ["", "/", "/nothing", "/Users", "/repository", "/usersx", "/groups//", "/groups/acme//members", "/group",
                "/groups/acme/designers/members/bob/x", "/groups/acme/designers/people"]
)  # fmt: skip
def test_any_other_address_is_not_there(api: Api, address: str) -> None:
    answer = api("root", "GET", f"/1.0{address}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, PLAIN)
    assert answer.text == "Not Found: there is nothing at this address; /openapi.json lists all addresses."


# --- what refusals look like


STANDARD = {
    "400": "Bad Request", "401": "Unauthorized", "403": "Forbidden", "404": "Not Found", "405": "Method Not Allowed",
    "409": "Conflict/Duplicate", "413": "Payload Too Large",
}  # fmt: skip
OWN_WORDS = ("Invalid output format specified 'x'.", "No Group matches the given query.")


@pytest.mark.parametrize("name", [name for name in ASKS if name[:3] in STANDARD])
def test_a_refusal_is_the_standard_text_and_perhaps_a_sentence(api: Api, name: str) -> None:
    answer = asked(api, name)

    assert answer.headers["content-type"] == PLAIN
    if answer.text not in OWN_WORDS:
        assert re.fullmatch(rf"{STANDARD[name[:3]]}(: [a-z].+[a-z0-9]\.)?", answer.text)
    assert not re.search(r"[<>\n]|Traceback|onebucket/|line \d", answer.text)


@pytest.mark.parametrize("query", ["format=xml", "format=yaml", "callback=f", "format=json&callback=f"])
def test_a_refusal_is_the_same_under_every_format_and_callback(api: Api, query: str) -> None:
    answer = api("alice", "GET", f"/groups/acme/nothing?{query}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, PLAIN)
    assert answer.text == "No Group matches the given query."


@pytest.mark.parametrize(
    ("kind", "method", "granted", "required"),
    [("read", "POST", ["account"], ["account:write"]), ("other", "GET", ["repository:admin"], ["account"])],
)
@pytest.mark.runs_on("SQLite")
def test_a_token_without_the_scope_hears_which_it_needs(
    api: Api, kind: str, method: str, granted: list[str], required: list[str]
) -> None:
    api.add_token("alice", "other", {"repository:admin"})
    before = api.everything()

    answer = api(("alice", token("alice", kind)), method, "/groups/acme?format=xml", data={"name": "Crew"})

    sentence = "Your credentials lack one or more required privilege scopes."
    detail = {"required": required, "granted": granted}
    assert answer.status_code == 403
    assert answer.json() == {"type": "error", "error": {"message": sentence, "detail": detail}}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-oauth-scopes"] == ", ".join(granted)
    assert answer.headers["x-accepted-oauth-scopes"] == ", ".join(required)
    assert api.everything() == before


@pytest.mark.parametrize("query", ["", "?format=xml", "?format=yaml", "?callback=f"])
def test_success_never_says_error(api: Api, query: str) -> None:
    answers = [api("root", "GET", path + query) for path in READABLE]

    assert {answer.status_code for answer in answers} == {200}
    assert [answer.text for answer in answers if "error" in answer.text.lower()] == []


# --- the format


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("", "application/json; charset=utf-8"),
        ("?format=json", "application/json; charset=utf-8"),
        ("?format=xml", "text/xml; charset=utf-8"),
        ("?format=yaml", "application/x-yaml; charset=utf-8"),
        ("?format=xml&format=yaml", "application/x-yaml; charset=utf-8"),
        ("?format=nonsense&format=json", "application/json; charset=utf-8"),
        ("?Format=xml", "application/json; charset=utf-8"),
    ],
)
def test_the_last_format_in_the_query_decides_and_no_header_does(api: Api, query: str, kind: str) -> None:
    headers = {"Accept": "text/html, application/xml;q=0.9", "Accept-Language": "nl"}

    got = api("alice", "GET", GROUP + query, headers=headers)
    made = api("alice", "POST", "/groups/acme" + query, data={"name": "Crew"}, headers=headers)
    gone = api("alice", "DELETE", "/groups/acme/crew" + query, headers=headers)

    assert [(answer.status_code, answer.headers["content-type"]) for answer in (got, made, gone)] == [
        (200, kind), (200, kind), (204, "text/plain"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""), ("XML", "XML"), ("jsonp", "jsonp"), ("json%20", "json "), ("%00x%0d%0am%7f", "xm"),
        ("x" * 99, "x" * 64), ("%C3%A9'", "é'"), ("application/json", "application/json"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.runs_on("SQLite")
def test_an_unknown_format_is_refused_in_its_own_words_and_nothing_is_done(
    api: Api, method: str, value: str, shown: str
) -> None:
    before = api.everything()

    answer = api("alice", method, f"{GROUP}?format={value}")

    assert (answer.status_code, answer.headers["content-type"]) == (400, PLAIN)
    assert answer.text == f"Invalid output format specified '{shown}'."
    assert api.everything() == before


# --- nobody's secrets


@pytest.mark.parametrize("name", ASKS)
def test_no_cookie_is_ever_set(api: Api, name: str) -> None:
    assert "set-cookie" not in asked(api, name).headers


def test_no_cookie_is_ever_read(api: Api) -> None:
    cookie = {"Cookie": f"session={token('alice')}; Authorization={basic('alice', token('alice'))}"}

    assert api(None, "GET", "/groups", headers=cookie).status_code == 401


@pytest.mark.parametrize("query", ["", "?format=xml", "?format=yaml", "?callback=f"])
def test_no_answer_about_groups_holds_an_email_address(api: Api, query: str) -> None:
    # What a deletion would end names the addresses that are invited.
    about_groups = [path for path in READABLE if "invitations" not in path and "impact" not in path]
    answers = [api("root", "GET", path + query) for path in about_groups]
    answers.append(api("root", "PUT", f"{GROUP}/members/dora@example.com{query}"))

    assert {answer.status_code for answer in answers} == {200}
    assert [answer.text for answer in answers if "@" in answer.text or "example.com" in answer.text] == []
