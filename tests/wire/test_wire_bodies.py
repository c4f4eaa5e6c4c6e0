"""What comes in: queries, bodies of every declared type, and the sentences that refuse the rest."""

import asyncio
import json
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sizes
from onebucket.wire import body_reader, request_body

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=frontier"
EVERY_TYPE = [None, "", FORM, "text/plain", "application/json", "application/xml", "application/x-yaml", MULTIPART, "x"]


def part(name: str, value: bytes, rest: str = "") -> bytes:
    return f'--frontier\r\nContent-Disposition: form-data; name="{name}"{rest}\r\n\r\n'.encode() + value + b"\r\n"


def refused(body: bytes, content_type: str | None) -> str:
    with pytest.raises(request_body.UnreadableBody) as refusal:
        request_body.fields(body, content_type)
    return str(refusal.value)


# --- queries


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (b"", {}),
        (b"&&", {}),
        (b"format=xml", {"format": ["xml"]}),
        (b"a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        (b"a=&b&=c", {"a": [""], "b": [""], "": ["c"]}),
        (b"a=b=c;d=e", {"a": ["b=c;d=e"]}),
        (b"group=a/x%26group%3Db/y&group=c/z", {"group": ["a/x&group=b/y", "c/z"]}),
        (b"na+me=a+b%20c%2Bd", {"na me": ["a b c+d"]}),
        (b"n%C3%A9=%F0%9F%98%80", {"né": ["😀"]}),
        ("name=é 😀 {x}".encode(), {"name": ["é 😀 {x}"]}),
        (b"a=100%&b=%zz&c=%e", {"a": ["100%"], "b": ["%zz"], "c": ["%e"]}),
        (b"a=%00", {"a": ["\x00"]}),
    ],
)
def test_a_query_is_read_as_names_with_all_their_values(raw: bytes, read: dict[str, list[str]]) -> None:
    assert request_body.query(raw) == read


@pytest.mark.parametrize("raw", [b"a=%FF", b"a=\xff", b"%C3=a", b"a=%ED%A0%80", b"a=\xc3%28"])
def test_a_query_that_is_not_utf8_is_refused(raw: bytes) -> None:
    with pytest.raises(request_body.UnreadableBody, match=r"^the query is not valid UTF-8$"):
        request_body.query(raw)


def test_a_query_may_have_a_thousand_fields_and_no_more() -> None:
    assert len(request_body.query(b"&".join([b"a=1"] * 1000))["a"]) == 1000

    with pytest.raises(request_body.UnreadableBody, match=r"^the query has more than 1000 fields$"):
        request_body.query(b"&".join([b"a=1"] * 1001))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_what_was_encoded_into_a_query_or_a_form_is_what_is_read(pairs: list[tuple[str, str]]) -> None:
    raw = urlencode(pairs).encode()

    read = request_body.query(raw)

    assert [(name, value) for name in read for value in read[name]] == sorted(
        pairs, key=lambda pair: [name for name, _ in pairs].index(pair[0])
    )
    if "{" not in raw[:1].decode():
        assert request_body.fields(raw, FORM) == request_body.BodyFields(read)


@pytest.mark.parametrize("raw", ["name=é".encode(), b"n\xc3=1", b"a=%FF"])
def test_strictly_everything_but_ascii_has_to_be_percent_encoded(raw: bytes) -> None:
    with pytest.raises(request_body.UnreadableBody, match=r"^the form is not (percent-encoded|valid UTF-8)$"):
        request_body.parse_pairs(raw, "the form", strict=True)

    assert request_body.parse_pairs(b"n%C3%A9=&a", "the form", strict=True) == [("né", ""), ("a", "")]


# --- which type means what


@pytest.mark.parametrize("content_type", EVERY_TYPE)
@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t ", b"*", b" *\n", b"{}", b" { } \n"])
def test_a_body_without_fields_is_fine_under_every_type(body: bytes, content_type: str | None) -> None:
    read = request_body.fields(body, content_type)

    assert not read.has("name")
    assert (read.text("name"), read.flag("name")) == (None, None)


@pytest.mark.parametrize(
    "content_type",
    [None, "", FORM, "text/plain", f"{FORM}; charset=iso-8859-1", "Text/Plain ;charset=utf-8", "; charset=utf-8"],
)
def test_a_form_may_have_these_types_or_none(content_type: str | None) -> None:
    read = request_body.fields(b"name=Night+Crew&email=ilse%40example.net\r\n", content_type)

    assert (read.text("name"), read.text("email")) == ("Night Crew", "ilse@example.net")


@pytest.mark.parametrize("content_type", [*EVERY_TYPE, "application/json; charset=latin-1; x=y", "APPLICATION/JSON"])
def test_a_body_that_starts_with_a_brace_is_json_whatever_its_type(content_type: str | None) -> None:
    read = request_body.fields(' \r\n{"name": "Café 😀", "auto_add": true}'.encode(), content_type)

    assert (read.text("name"), read.flag("auto_add")) == ("Café 😀", True)


@pytest.mark.parametrize(
    ("content_type", "told"),
    [
        ("application/xml", "application/xml"),
        ("text/xml; charset=utf-8", "text/xml"),
        ("application/x-yaml", "application/x-yaml"),
        ("application/python-pickle", "application/python-pickle"),
        ("application/octet-stream", "application/octet-stream"),
        ("Multipart/Mixed", "multipart/mixed"),
        ("a\x00b\x1b" + "x" * 100, "ab" + "x" * 62),
    ],
)
def test_another_type_with_a_body_is_refused_and_told_what_to_send(content_type: str, told: str) -> None:
    assert refused(b"<name/>", content_type) == f"the content type {told} is not supported: send JSON or a form"


# --- forms


def test_raw_blanks_and_braces_in_a_form_are_tolerated() -> None:
    read = request_body.fields(" name=Night Crew {é} &permission=write \r\n".encode(), None)

    assert (read.text(" name"), read.text("permission")) == ("Night Crew {é} ", "write ")


@pytest.mark.parametrize("body", [b"name=\xff", b"name=%FF", b"\xe9=1"])
def test_a_form_that_is_not_utf8_is_refused(body: bytes) -> None:
    assert refused(body, FORM) == "the form is not valid UTF-8"


def test_a_form_of_more_than_a_thousand_fields_is_refused() -> None:
    assert refused(b"a&" * 1001, FORM) == "the form has more than 1000 fields"


# --- JSON


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"a": tru}', "the body is not valid JSON: "),
        (b'{"a": 1', "the body is not valid JSON: "),
        (b'{"a": 1} x', "the body is not valid JSON: trailing characters (byte 10)"),
        (b'{"a": 1,}', "the body is not valid JSON: "),
        (b"{'a': 1}", "the body is not valid JSON: "),
        (b"{uuid}=x", "the body is not valid JSON: "),
        (b'{"a": NaN}', "the body is not valid JSON: "),
        (b'{"a": Infinity}', "the body is not valid JSON: "),
        (b'{"a": -Infinity}', "the body is not valid JSON: "),
        (b'{"a": 1e999}', "the body is not valid JSON: "),
        (b'{"a": ' + b"9" * 5000 + b"}", "the body is not valid JSON: "),
        (b'{"a": "\\ud800"}', "the body is not valid JSON: "),
        (b'{"a": "\\udc00\\ud800"}', "the body is not valid JSON: "),
        (b'{"a": [{"\\ud800x": 1}]}', "the body is not valid JSON: "),
        (b'{"a": "\x00"}', "the body is not valid JSON: "),
        (b'{"a": "\xff"}', "the body is not valid UTF-8"),
        (b'{"\xed\xa0\x80": 1}', "the body is not valid UTF-8"),
        ('{"a": "b"}'.encode("utf-16-le"), "the body is not valid JSON: "),
        (b'{"a": ' + b"[" * 100_000, "the body is not valid JSON: it is nested too deeply"),
        (b'{"a": ' * 100_000, "the body is not valid JSON: it is nested too deeply"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "the body is not valid JSON: it is nested too deeply"),
    ],
)
@pytest.mark.parametrize("content_type", [None, "application/json"])
def test_what_is_not_json_is_refused(body: bytes, told: str, content_type: str | None) -> None:
    assert refused(body, content_type).startswith(told)


@pytest.mark.parametrize("body", [b"[]", b'[{"name": "x"}]', b'"name"', b"1", b"null", b"true"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    assert refused(body, "application/json") == "the body must be a JSON object"


def test_a_form_under_a_json_type_is_refused() -> None:
    assert refused(b"name=x", "application/json").startswith("the body is not valid JSON: ")


@given(st.dictionaries(st.text(max_size=5), st.text() | st.booleans() | st.none(), max_size=5), st.booleans())
def test_what_was_encoded_into_json_is_what_is_read(members: dict[str, str | bool | None], ascii_only: bool) -> None:
    body = json.dumps(members, ensure_ascii=ascii_only).encode()

    read = request_body.fields(body, "application/json")

    assert all(read.has(name) for name in members)
    for name, value in members.items():
        assert (read.flag(name) if isinstance(value, bool) else read.text(name)) == value


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode), st.sampled_from(EVERY_TYPE), st.booleans())
@settings(max_examples=sizes.examples(300))
def test_whatever_comes_is_read_or_refused_in_one_safe_sentence(body: bytes, content_type: str, brace: bool) -> None:
    try:
        request_body.fields(b"{" * brace + body, content_type)
    except request_body.UnreadableBody as refusal:
        told = str(refusal)
        assert told.isprintable()
        assert told[0].islower()
        assert not told.endswith(".")
        assert len(told) < 150


# --- multipart


def test_a_multipart_form_is_read_without_its_files() -> None:
    body = part("name", "Café 😀\r\n{x}".encode()) + part("auto_add", b"on") + part("empty", b"")
    body += part("photo", b"\xff\x00", '; filename="a.png"') + part("name", b"x", '; filename=""') + b"--frontier--\r\n"

    read = request_body.fields(body, 'Multipart/Form-Data; charset=utf-8; boundary="frontier"')

    assert (read.text("name"), read.flag("auto_add"), read.text("empty")) == ("Café 😀\r\n{x}", True, "")
    assert not read.has("photo")


def test_a_field_given_twice_in_a_multipart_form_is_refused() -> None:
    read = request_body.fields(part("name", b"a") + part("name", b"b") + b"--frontier--", MULTIPART)

    with pytest.raises(request_body.UnreadableBody, match=r"^name is given more than once$"):
        read.text("name")


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"x", "multipart/form-data", "the body is not valid multipart/form-data: empty boundary"),
        (b"name=x", MULTIPART, "the body is not valid multipart/form-data: unexpected end of multipart stream"),
        (
            part("name", b"x"),
            MULTIPART,
            "the body is not valid multipart/form-data: unexpected end of multipart stream",
        ),
        (
            b"--frontier\r\nX: y\r\n\r\nx\r\n--frontier--",
            MULTIPART,
            "the body is not valid multipart/form-data: missing",
        ),
        (
            b"--frontier\r\n\xff: y\r\n\r\n",
            MULTIPART,
            "the body is not valid multipart/form-data: segment header failed",
        ),
        (part("a", b"\xff") + b"--frontier--", MULTIPART, "the form is not valid UTF-8"),
        (
            part("a", b"") * 1001 + b"--frontier--",
            MULTIPART,
            "the body is not valid multipart/form-data: maximum segment",
        ),
        (b"x", 'multipart/form-data; boundary="\ud800é"', "the body is not valid multipart/form-data: "),
    ],
)
def test_a_broken_multipart_form_is_refused(body: bytes, content_type: str, told: str) -> None:
    assert refused(body, content_type).startswith(told)


# --- fields


@pytest.mark.parametrize(
    "body", [b"name=a&other=c&name=b", b"name=a&name=a", b'{"name": "a", "other": "c", "name": 1}']
)
def test_a_field_given_twice_is_refused_when_it_is_asked_for(body: bytes) -> None:
    read = request_body.fields(body, None)

    assert read.has("name")
    for ask in (read.text, read.flag):
        with pytest.raises(request_body.UnreadableBody, match=r"^name is given more than once$"):
            ask("name")
    assert read.text("other") == ("c" if b"other" in body else None)


@pytest.mark.parametrize("value", ['["a"]', "[]", '{"a": "b"}', "{}", "1", "0", "1.5", "true", "false"])
def test_text_must_be_a_single_text(value: str) -> None:
    read = request_body.fields(f'{{"name": {value}}}'.encode(), None)

    with pytest.raises(request_body.UnreadableBody, match=r"^name must be a single string$"):
        read.text("name")


def test_text_is_given_back_verbatim() -> None:
    assert request_body.fields(b'{"name": " a\\n\\u0000 "}', None).text("name") == " a\n\x00 "
    assert request_body.fields(b"name=+a%0A+&x", None).text("name") == " a\n "
    assert request_body.fields(b"name=", None).text("name") == ""


def test_null_is_no_text_and_no_flag_but_it_is_there() -> None:
    read = request_body.fields(b'{"permission": null}', "application/json")

    assert (read.text("permission"), read.flag("permission")) == (None, None)
    assert read.has("permission")
    assert not read.has("name")


@pytest.mark.parametrize(
    ("value", "flag"),
    [(word, True) for word in ("true", "True", "1", "on")] + [(word, False) for word in ("false", "False", "0", "off")],
)
def test_a_flag_is_one_of_eight_words_in_a_form_or_in_json(value: str, flag: bool) -> None:
    assert request_body.fields(f"auto_add={value}".encode(), None).flag("auto_add") is flag
    assert request_body.fields(f'{{"auto_add": "{value}"}}'.encode(), None).flag("auto_add") is flag
    if value in ("true", "false", "1", "0"):
        assert request_body.fields(f'{{"auto_add": {value}}}'.encode(), None).flag("auto_add") is flag


@pytest.mark.parametrize(
    "value", ['""', '"yes"', '"TRUE"', '"On"', '" true"', '"2"', "2", "-1", "1.0", "0.0", "[]", "[true]", "{}"]
)
def test_any_other_flag_is_refused_by_its_name(value: str) -> None:
    read = request_body.fields(f'{{"auto_add": {value}}}'.encode(), None)

    with pytest.raises(request_body.UnreadableBody, match=r"^auto_add must be true or false$"):
        read.flag("auto_add")


# --- bare words


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"write", "write"),
        (b" \r\n\tadmin \n", "admin"),
        (b"", ""),
        (b"a b", "a b"),
        (b'"read"', '"read"'),
        (b"{}", "{}"),
        (b"privilege=admin", "privilege=admin"),
        ("é".encode(), "é"),
    ],
)
def test_a_bare_word_is_what_stands_between_the_blanks(body: bytes, read: str) -> None:
    assert request_body.word(body) == read


@pytest.mark.parametrize("body", [b"\xff", b"writ\xe9"])
def test_a_bare_word_that_is_not_utf8_is_refused(body: bytes) -> None:
    with pytest.raises(request_body.UnreadableBody, match=r"^the body is not valid UTF-8$"):
        request_body.word(body)


def test_a_value_with_every_kind_of_character_survives_a_form() -> None:
    name = "".join(map(chr, [*range(0xD800), 0xE000, 0xFFFF, 0x10FFFF]))

    assert request_body.fields(f"name={quote_plus(name)}".encode(), FORM).text("name") == name


# --- how much of a body is read


def read(messages: list[dict[str, object]], limit: int) -> tuple[bytes | str, int]:
    """What comes of reading these messages, and how many are left."""

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    try:
        return asyncio.run(body_reader.read_limited(receive, limit=limit)), len(messages)
    except (body_reader.BodyTooLong, body_reader.ClientDisconnected) as error:
        return type(error).__name__, len(messages)


def chunks(*sizes: int) -> list[dict[str, object]]:
    last = len(sizes) - 1
    return [
        {"type": "http.request", "body": b"x" * size, "more_body": number < last} for number, size in enumerate(sizes)
    ]


def test_a_body_may_be_as_long_as_the_limit_and_is_dropped_beyond_it() -> None:
    assert read(chunks(4, 0, 6), limit=10) == (b"x" * 10, 0)
    assert read(chunks(4, 0, 7), limit=10) == ("BodyTooLong", 0)
    assert read(chunks(11, 1, 1), limit=10) == ("BodyTooLong", 0), "the rest is read too, so that the client reads why"


def test_no_more_than_a_bound_is_read_of_a_body_that_never_ends() -> None:
    assert read(chunks(*[1 << 20] * 40), limit=10) == ("BodyTooLong", 40 - 17)


def test_a_client_that_has_gone_sends_no_body() -> None:
    assert read([*chunks(4, 4)[:1], {"type": "http.disconnect"}], limit=10) == ("ClientDisconnected", 0)
