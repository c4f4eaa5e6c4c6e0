"""Bad input: each is refused with its status and a sentence that says what to mend, and changes nothing."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import cast
import sizes
from cast import Api

pytestmark = pytest.mark.runs_on("SQLite", "both")

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
ACME = b"/1.0/groups/acme"
BOB = ACME + b"/designers/members/bob"
TOO_LONG = "Payload Too Large: the body may be at most 1 MiB long."
NO_ADDRESS = "the address is not valid UTF-8, or contains control characters"
NO_GROUP = "No Group matches the given query."
NO_ADMINISTRATOR = "the team would be left without an administrator"
ONCE = "is given more than once"


def refused(api: Api, method: str, address: bytes, *chunks: bytes, kind: bytes | None = None) -> tuple[int, str]:
    """The status and the text of what alice hears, having made sure that nothing was changed."""
    before = api.everything()
    answer = api.raw(method, address, *([("Content-Type", kind)] if kind else []), who="alice", body=chunks)
    assert api.everything() == before
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return answer.status_code, answer.text


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is not valid JSON: input data was truncated"),
        (b'{"name": "x",}', "the body is not valid JSON: trailing comma in object (byte 13)"),
        (b'{"name": "x"} x', "the body is not valid JSON: trailing characters (byte 15)"),
        (b"{'name': 'x'}", "the body is not valid JSON: object keys must be strings (byte 1)"),
        (b'{"name": "x", "b": NaN}', "the body is not valid JSON: invalid character (byte 19)"),
        (b'{"name": "x", "b": 1' + b"0" * 5000 + b"}", "the body is not valid JSON: "),
        (b'{"name": "x", "b": "\\ud800"}', "the body is not valid JSON: "),
        (b'{"name": "x\xff"}', "the body is not valid UTF-8"),
        (b'{"name": "x", "b": ' + b"[" * 100_000, "the body is not valid JSON: it is nested too deeply"),
        (b'{"b":' * 100_000, "the body is not valid JSON: it is nested too deeply"),
        (b"[]", "the body must be a JSON object"),
        (b'"name"', "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'{"name": ["x"]}', "name must be a single string"),
        (b'{"name": {"x": 1}}', "name must be a single string"),
        (b'{"name": 7}', "name must be a single string"),
        (b'{"name": true}', "name must be a single string"),
        (b'{"name": "x", "name": "x"}', f"name {ONCE}"),
        (b'{"name": "x", "permission": ["read"]}', "permission must be a single string"),
        (b'{"name": "x", "permission": false}', "permission must be a single string"),
        (b'{"name": "x", "auto_add": [true]}', "auto_add must be true or false"),
        (b'{"name": "x", "auto_add": 2}', "auto_add must be true or false"),
        (b'{"name": "x", "email_forwarding_disabled": "y"}', "email_forwarding_disabled must be true or false"),
        (b'{"name": "x\\u0000"}', "name contains a control character"),
        (b'{"name": "x\\u202ey"}', "name contains a control character"),
        (b'{"name": "x\\u2028y"}', "name contains a control character"),
    ],
)
def test_json_that_cannot_be_meant_is_refused(api: Api, method: str, body: bytes, sentence: str) -> None:
    address = ACME if method == "POST" else ACME + b"/designers"

    status, text = refused(api, method, address, body, kind=JSON)

    assert (status, text[: len(sentence) + 13]) == (400, f"Bad Request: {sentence}")
    assert text.endswith(".") and len(text) < 160


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"name=x&name=x", f"name {ONCE}"),
        (b"name=x&permission=read&permission=read", f"permission {ONCE}"),
        (b"name=x&auto_add=1&auto_add=1", f"auto_add {ONCE}"),
        (b"name=%FF", "the form is not valid UTF-8"),
        (b"name=\xff", "the form is not valid UTF-8"),
        (b"name=x&%FF=1", "the form is not valid UTF-8"),
        (b"name=%ED%A0%80", "the form is not valid UTF-8"),
        (b"&".join([b"name=x"] + [b"a=1"] * 1000), "the form has more than 1000 fields"),
        (b"name=x%00y", "name contains a control character"),
        (b"name=x%0Ay", "name contains a control character"),
        (b"name=x%C2%85y", "name contains a control character"),
        (b"name=" + b"x" * 256, "name is longer than 255 characters"),
        (b"name=" + b"%C3%A9" * 256, "name is longer than 255 characters"),
        (b"name", "name is missing"),
        (b"name=%20%20", "name is missing"),
        (b"name=---", "name has no letter or digit to make a slug from"),
        (b"name=%E2%80%A6", "name has no letter or digit to make a slug from"),
        (b"name=Developers", "the account has a group with the slug 'developers' already"),
        (b"name=x&permission=root", "the permission must be read, write, admin or none"),
    ],
)  # fmt: skip
@pytest.mark.runs_on("SQLite")
def test_a_form_that_cannot_be_meant_is_refused(api: Api, body: bytes, sentence: str) -> None:
    assert refused(api, "POST", ACME, body, kind=FORM) == (400, f"Bad Request: {sentence}.")
    assert refused(api, "POST", ACME, body) == (400, f"Bad Request: {sentence}.")


@pytest.mark.parametrize(
    "kind",
    ["application/xml", "text/xml; charset=utf-8", "application/x-yaml", "text/yaml", "application/x-python-pickle",
     "application/python-pickle", "application/octet-stream", "nonsense", "application/jsonp"],
)  # fmt: skip
@pytest.mark.parametrize(
    "body",
    [b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><name>&e;</name>',
     b"!!python/object/apply:os.system ['true']", pickle.dumps({"name": "x"}), b"name=x"],
)  # fmt: skip
def test_nothing_but_forms_and_json_is_read(api: Api, kind: str, body: bytes) -> None:
    shown = kind.partition(";")[0]

    came = refused(api, "POST", ACME, body, kind=kind.encode())

    assert came == (400, f"Bad Request: the content type {shown} is not supported: send JSON or a form.")


@pytest.mark.parametrize("kind", [b"multipart/form-data", b"multipart/form-data; boundary=f"])
def test_a_multipart_form_that_is_cut_is_refused(api: Api, kind: bytes) -> None:
    body = b'--f\r\nContent-Disposition: form-data; name="name"\r\n\r\nx'

    status, text = refused(api, "POST", ACME, body, kind=kind)

    assert status == 400
    assert text.startswith("Bad Request: the body is not valid multipart/form-data: ")


MIB = 1 << 20
CHUNKS = {
    "at once": [b"name=" + b"x" * (2 * MIB)],
    "in chunks": [b"name=x", *[b"&b=" + b"x" * 65533] * 32],
    "by one byte": [b"name=x&b=", b"x" * (MIB - 8)],
    "far too long": [b"x" * MIB] * 18,
}


@pytest.mark.parametrize("kind", [FORM, JSON, b"application/xml", None])
@pytest.mark.parametrize("size", CHUNKS)
def test_a_body_of_more_than_a_mebibyte_is_refused(api: Api, size: str, kind: bytes | None) -> None:
    assert refused(api, "POST", ACME, *CHUNKS[size], kind=kind) == (413, TOO_LONG)


def test_a_body_that_says_it_is_far_too_long_is_not_waited_for(api: Api) -> None:
    answer = api.raw("POST", ACME, ("Content-Length", b"99999999999"), who="alice", body=[b"name=x"])

    assert (answer.status_code, answer.text) == (413, TOO_LONG)


def test_a_body_of_one_mebibyte_is_read(api: Api) -> None:
    answer = api.raw("POST", ACME, who="alice", body=[b"name=x&b=", b"x" * (MIB - 9)])

    assert (answer.status_code, answer.json()["slug"]) == (200, "x")


@pytest.mark.parametrize(
    ("method", "address", "status", "text"),
    [
        ("GET", b"/1.0/groups/\xff", 400, f"Bad Request: {NO_ADDRESS}."),
        ("GET", b"/1.0/groups/%FF", 400, f"Bad Request: {NO_ADDRESS}."),
        ("POST", b"/1.0/groups/acme%00", 400, f"Bad Request: {NO_ADDRESS}."),
        ("DELETE", ACME + b"/designers%00", 400, f"Bad Request: {NO_ADDRESS}."),
        ("DELETE", ACME + b"/designers%0A", 400, f"Bad Request: {NO_ADDRESS}."),
        ("DELETE", BOB + b"%7F", 400, f"Bad Request: {NO_ADDRESS}."),
        ("PUT", ACME + b"/designers/members/%ED%A0%80", 400, f"Bad Request: {NO_ADDRESS}."),
        ("GET", b"/1.0/groups/" + b"x" * 100_000, 404, f"Not Found: there is no account '{'x' * 64}'."),
        ("DELETE", ACME + b"/" + b"x" * 100_000, 404, NO_GROUP),
        ("PUT", ACME + b"/designers/members/" + b"x" * 100_000, 404, f"Not Found: there is no user '{'x' * 64}'."),
        ("PUT", ACME + b"/designers/members/a%40" + b"x" * 100_000, 400, "No user with validated email address"),
        ("PUT", ACME + b"/designers/members/nobody", 404, "Not Found: there is no user 'nobody'."),
        ("GET", b"/1.0/groups/%3Cscript%3E%E2%80%AE", 404, "Not Found: there is no account '<script>'."),
        ("GET", b"/1.0/groups/acme/../../../etc/passwd", 404, "Not Found: there is nothing at this address; "
         "/openapi.json lists all addresses."),
        ("DELETE", ACME + b"/.", 404, NO_GROUP),
        ("GET", b"/1.0/groups?a=%FF", 400, "Bad Request: the query is not valid UTF-8."),
        ("DELETE", BOB + b"?%FF", 400, "Bad Request: the query is not valid UTF-8."),
        ("DELETE", BOB + b"?a=\xff", 400, "Bad Request: the query is not valid UTF-8."),
        ("DELETE", BOB + b"?" + b"a=1&" * 1001, 400, "Bad Request: the query has more than 1000 fields."),
        ("DELETE", BOB + b"?format=html", 400, "Invalid output format specified 'html'."),
        ("PUT", BOB, 409, "Conflict/Duplicate"),
        ("PUT", ACME + b"/designers/members/globex", 400, "Bad Request: globex is a team, not a person."),
        ("DELETE", ACME + b"/designers/members/dora", 404, "Not Found: 'dora' is not a member of designers."),
        ("DELETE", ACME + b"/administrators", 400, f"Bad Request: can't delete administrators: {NO_ADMINISTRATOR}."),
        ("DELETE", ACME + b"/administrators/members/alice", 400,
         f"Bad Request: can't remove alice from administrators: {NO_ADMINISTRATOR}."),
    ],
)  # fmt: skip
def test_an_address_that_means_nothing_is_refused(
    api: Api, method: str, address: bytes, status: int, text: str
) -> None:
    assert refused(api, method, address) == (status, text)


@pytest.mark.parametrize(
    "query", [b"a=" + b"x" * 1_000_000, b"&" * 100_000, b"group=acme/designers&" * 999, b"group=%00"]
)
def test_a_huge_or_odd_query_that_can_be_meant_is_answered(api: Api, query: bytes) -> None:
    assert api.raw("GET", b"/1.0/groups?" + query, who="alice").status_code == 200


def test_names_whose_slugs_are_the_same_when_cut_are_duplicates(api: Api) -> None:
    name = "x" * 61 + " "
    made = api("alice", "POST", "/groups/acme", data={"name": f"{name}first"})

    came = [refused(api, "POST", ACME, f"name={name}{end}".encode()) for end in ("second", "-third", "")]

    assert made.json()["slug"] == "x" * 61
    sentence = f"the account has a group with the slug '{'x' * 61}' already"
    assert came == [(400, f"Bad Request: {sentence}.")] * 3
    assert refused(api, "PUT", ACME + b"/designers", f"name={name}{'y' * 90}".encode()) == came[0]


def test_a_name_of_255_characters_is_not_too_long(api: Api) -> None:
    made = api("alice", "POST", "/groups/acme", json={"name": "é" * 255}).json()

    assert (made["name"], made["slug"]) == ("é" * 255, "e" * 62)


# --- any text at all


@pytest.fixture(scope="module")
def one(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all examples."""
    served = Api(cast.copy(cast_template, tmp_path_factory.mktemp("one")))
    yield served
    served.close()


ANY_TEXT = st.text(st.characters(), max_size=300) | st.text("ab-_ .\t\u0130\u212a\u00df\ufffe", max_size=80)


def as_xml(text: str) -> str:
    """Text as XML can carry it (formats X3)."""
    return text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


@given(ANY_TEXT, st.booleans())
@settings(max_examples=sizes.examples(150))
def test_any_name_is_taken_and_read_back_as_it_was_or_refused(one: Api, name: str, as_json: bool) -> None:
    body = json.dumps({"name": name}).encode() if as_json else b"name=" + quote(name, errors="surrogatepass").encode()

    made = one.raw("POST", ACME, who="alice", body=[body])

    assert made.status_code in (200, 400), made.text
    if made.status_code == 400:
        assert made.text.startswith("Bad Request: ") and made.text.endswith(".")
        return
    group = made.json()
    address = f"/groups/acme/{group['slug']}"
    xml, yml = (one("alice", "GET", f"{address}?format={format}") for format in ("xml", "yaml"))
    assert one("alice", "DELETE", address).status_code == 204
    assert group["name"] == name.strip()
    assert ElementTree.fromstring(xml.text).findtext("name") == as_xml(group["name"])
    assert yaml.safe_load(yml.text) == group


PARTS = ANY_TEXT.map(lambda text: quote(text, errors="surrogatepass").encode()) | st.binary(max_size=40)
METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"])


@given(st.lists(PARTS, max_size=4), st.binary(max_size=30), METHODS)
@settings(max_examples=sizes.examples(300))
def test_no_address_at_all_makes_the_server_fail_or_lets_an_outsider_change_anything(
    one: Api, parts: list[bytes], query: bytes, method: str
) -> None:
    before = one.everything()

    for start in (b"/1.0", b"/1.0/groups", ACME, ACME + b"/designers/members"):
        answer = one.raw(method, b"/".join([start, *parts]) + b"?" + query, who="mallory", body=[query])
        assert answer.status_code < 500, answer.text

    assert one.everything() == before
