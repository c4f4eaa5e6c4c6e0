"""What goes out: the format chosen, and documents that every reader of it gives back unchanged."""

import io
import json
import re
import string
from xml.etree import ElementTree

import pytest
import yaml
import yaml.emitter
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import sizes
from onebucket.wire import formats, yaml_writer
from onebucket.wire.formats import Format

# Strings that some reader of YAML would take for something else, or that are hard to carry.
TRAPS = [
    *["y", "Y", "yes", "No", "n", "N", "on", "OFF", "true", "False", "null", "NULL", "~", "", "nan", ".nan", ".inf"],
    *["-.INF", "1", "-1", "+1", "0", "007", "1_000", "0x1F", "0o17", "0b101", "1e3", "1.5", ".5", "5.", "1:30"],
    *["12:30:00", "190:20:30.15", "2026-03-04", "2026-03-04 09:15:09+00:00", "2026-03-04T09:15:09Z", "=", "<<"],
    *[
        "-",
        "- a",
        "--- a",
        "...",
        "?",
        "? a",
        ":",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "!tag",
        "&a",
        "*a",
        "|",
        ">",
        "%YAML 1.1",
    ],
    *["@a", "`a", "[", "]", "{}", "{", ",", "'", '"', "\\", '"quoted"', "it's", "<<: *a", "! a", "a\tb", "\t", " "],
    *[" a", "a ", "  a  ", "a  b", "\na", "a\n", "a\n\nb", "\r", "a\r\nb", "\x00", "\x07\x1b", "\x7f", "\x80\x9f"],
    *["\x85", "a\x85b", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufeffa", "\ufffe", "\uffff", "\ufffd", "\ud7ff\ue000"],
    *["😀", "a 😀 b", "\U0010ffff", "e\u0301", "日本語", "\u202eabc"],
]
LONG = ["word " * 400, "x" * 3000, "é " * 300, " ".join(["plain"] * 400)]


def texts() -> st.SearchStrategy[str]:
    suspects = st.text(alphabet="0123456789eExXo_:.-+~#,[]{}&*!|>'\"%@`=<?nyNYtTrRuUeE \t\r\n", max_size=8)
    return st.text(max_size=40) | suspects | st.sampled_from(TRAPS)


def documents(keys: st.SearchStrategy[str]) -> st.SearchStrategy[formats.Document]:
    scalars = texts() | st.integers() | st.booleans() | st.none()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


def element_names() -> st.SearchStrategy[str]:
    return st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,12}", fullmatch=True)


def read_yaml_1_1(body: bytes) -> object:
    return yaml.load(body, Loader=yaml.CSafeLoader)


def read_yaml_1_2(body: bytes) -> object:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    return reader.load(body)


def every_key_and_trap_at_once() -> dict[str, formats.Document]:
    return {trap: [trap, {trap: trap}] for trap in TRAPS + LONG}


# --- choosing


@pytest.mark.parametrize(
    ("values", "format"),
    [
        ([], Format.JSON),
        (["json"], Format.JSON),
        (["xml"], Format.XML),
        (["yaml"], Format.YAML),
        (["nonsense", "", "yaml", "xml"], Format.XML),
    ],
)
def test_the_last_format_of_the_query_decides_and_none_means_json(values: list[str], format: Format) -> None:
    assert formats.parse_format(values) is format


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", ""),
        ("XML", "XML"),
        ("JSON", "JSON"),
        (" json", " json"),
        ("pickle", "pickle"),
        ("it's", "it's"),
        ("x" * 65, "x" * 64),
        ("a\r\nb\x00c\x7fd\x85e\ud800", "abcde"),
        ("\x00" * 70 + "y" * 70, "y" * 64),
    ],
)
def test_any_other_format_is_refused_with_the_sentence_of_old(value: str, told: str) -> None:
    with pytest.raises(formats.UnknownFormat) as refusal:
        formats.parse_format(["json", value])

    assert str(refusal.value) == f"Invalid output format specified '{told}'."


def test_every_format_has_its_content_type() -> None:
    assert {
        Format.JSON: "application/json; charset=utf-8",
        Format.XML: "text/xml; charset=utf-8",
        Format.YAML: "application/x-yaml; charset=utf-8",
    } == formats.CONTENT_TYPES
    assert formats.JSONP_CONTENT_TYPE == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("format", [Format.JSON, Format.YAML])
@pytest.mark.parametrize("document", ["a\ud800", {"\udfff": 1}])
def test_lone_surrogates_are_refused_where_nothing_can_stand_for_them(
    format: Format, document: formats.Document
) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        formats.encode(document, format)


@pytest.mark.parametrize("format", Format)
def test_what_no_format_can_say_is_refused(format: Format) -> None:
    with pytest.raises(TypeError):
        formats.encode({"a": object()}, format)  # type: ignore[dict-item]


# --- JSON


def test_json_is_one_line_of_raw_utf8_in_the_order_of_the_document() -> None:
    body = formats.encode({"b": "é😀", "a": [None, True, 1]}, Format.JSON)

    assert body == '{"b":"é😀","a":[null,true,1]}'.encode()


@given(documents(st.text(max_size=10)))
@settings(max_examples=sizes.examples(150))
@example(every_key_and_trap_at_once())
def test_json_gives_the_document_back(document: formats.Document) -> None:
    body = formats.encode(document, Format.JSON)

    assert repr(json.loads(body)) == repr(document)
    assert b"\n" not in body


# --- XML


@pytest.mark.parametrize(
    ("document", "inside"),
    [
        ({"a": "x", "b": {"c": 1}}, "<a>x</a><b><c>1</c></b>"),
        ([{"a": 1}, "x", []], "<resource><a>1</a></resource><resource>x</resource><resource></resource>"),
        ({"groups": ["a/b", "a/c"]}, "<groups><resource>a/b</resource><resource>a/c</resource></groups>"),
        ([None, True, False], "<resource>None</resource><resource>True</resource><resource>False</resource>"),
        ({"a": [], "b": {}, "c": ""}, "<a></a><b></b><c></c>"),
        ([0, -12, 2**70], "<resource>0</resource><resource>-12</resource><resource>1180591620717411303424</resource>"),
        ("a & b < c > d ]]>", "a &amp; b &lt; c &gt; d ]]&gt;"),
        ("  \t\n\r\n ", "  \t\n&#13;\n "),
        ("\x00a\x1f\ufffe\uffff\ud800b\x7f\x85", "\ufffda\ufffd\ufffd\ufffd\ufffdb\x7f\x85"),
        ("é😀\u2028", "é😀\u2028"),
        ([], ""),
        (None, "None"),
    ],
)
def test_xml_says_each_value_in_the_words_of_old(document: formats.Document, inside: str) -> None:
    body = formats.encode(document, Format.XML)

    assert body.decode() == f'<?xml version="1.0" encoding="utf-8"?><response>{inside}</response>'


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("acme/designers", "acme_x002F_designers"),
        ("1a", "_x0031_a"),
        ("-a", "_x002D_a"),
        ("a b:c>é\n", "a_x0020_b_x003A_c_x003E__x00E9__x000A_"),
        ("", "_"),
    ],
)
def test_a_key_that_is_no_element_name_is_spelled_so_that_it_can_be_read_back(key: str, name: str) -> None:
    response = ElementTree.fromstring(formats.encode({key: 1}, Format.XML))

    assert [child.tag for child in response] == [name]


def assert_same(element: ElementTree.Element, value: formats.Document) -> None:
    assert element.attrib == {}
    if isinstance(value, dict | list):
        pairs = list(value.items()) if isinstance(value, dict) else [("resource", item) for item in value]
        assert [child.tag for child in element] == [name for name, _ in pairs]
        assert (element.text, [child.tail for child in element]) == (None, [None] * len(pairs))
        for child, (_, member) in zip(element, pairs, strict=True):
            assert_same(child, member)
    elif isinstance(value, str):
        assert (element.text or "") == re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", value)
    else:
        assert element.text == str(value)


@given(documents(element_names()))
@settings(max_examples=sizes.examples(200))
@example(list(TRAPS))
def test_xml_is_well_formed_and_holds_the_document_and_nothing_else(document: formats.Document) -> None:
    body = formats.encode(document, Format.XML)

    root = ElementTree.fromstring(body)
    assert root.tag == "response"
    assert_same(root, document)


# --- YAML


def test_yaml_is_plain_blocks_with_quotes_only_where_a_reader_could_err() -> None:
    document: formats.Document = [
        {"name": "Night Crew", "slug": "night-crew", "permission": None, "auto_add": False, "members": [], "owner": {}},
        {
            "resource_uri": "/1.0/users/mokafor",
            "nickname": "no",
            "size": 12,
            "sent_on": "2026-03-04 10:15:09",
            "y": "é",
        },
    ]

    body = formats.encode(document, Format.YAML)

    assert body.decode() == (
        "- name: Night Crew\n  slug: night-crew\n  permission: null\n  auto_add: false\n  members: []\n  owner: {}\n"
        '- resource_uri: "/1.0/users/mokafor"\n  nickname: "no"\n  size: 12\n'
        '  sent_on: "2026-03-04 10:15:09"\n  "y": "é"\n'
    )


def test_yaml_reads_the_same_where_pyyaml_came_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    document = every_key_and_trap_at_once()
    monkeypatch.setattr(yaml_writer, "Emitter", yaml.emitter.Emitter)

    body = formats.encode(document, Format.YAML)

    assert read_yaml_1_1(body) == read_yaml_1_2(body) == document


@pytest.mark.parametrize("read", [read_yaml_1_1, read_yaml_1_2])
@given(document=documents(texts()))
@settings(max_examples=sizes.examples(400))
@example(document=every_key_and_trap_at_once())
@example(document=[10**30, -7, [], {}, [[]], [{}], {"": {}}])
def test_every_yaml_reader_gives_the_document_back(read, document: formats.Document) -> None:  # type: ignore[no-untyped-def]
    body = formats.encode(document, Format.YAML)

    assert repr(read(body)) == repr(document)


@given(document=documents(texts()))
@settings(max_examples=sizes.examples(150))
@example(document=every_key_and_trap_at_once())
def test_yaml_is_one_document_without_tags_anchors_or_folded_lines(document: formats.Document) -> None:
    body = formats.encode(document, Format.YAML)

    events = list(yaml.parse(io.BytesIO(body), Loader=yaml.CSafeLoader))
    assert sum(isinstance(event, yaml.DocumentStartEvent) for event in events) == 1
    assert not any(isinstance(event, yaml.AliasEvent) for event in events)
    for event in events:
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            assert (event.anchor, event.tag) == (None, None)
        if isinstance(event, yaml.ScalarEvent) and event.style == '"':
            assert event.start_mark.line == event.end_mark.line  # type: ignore[union-attr]


def test_a_thing_said_twice_in_yaml_is_written_twice() -> None:
    owner: formats.Document = {"username": "alice"}

    body = formats.encode([owner, owner], Format.YAML)

    assert body == b"- username: alice\n- username: alice\n"


# --- JSONP


@pytest.mark.parametrize(
    "name",
    ["done", "_", "$", "jQuery1910_123", "a.b.c", "callbacks[0]", "a[12].b[3].c", "news", "a.newer", "in$", "x" * 128],
)
def test_a_name_a_script_could_use_is_a_callback(name: str) -> None:
    assert formats.parse_callback(["", name]) == name


def test_without_a_callback_there_is_none() -> None:
    assert formats.parse_callback([]) is None


@pytest.mark.parametrize(
    "name",
    [
        *[
            "",
            " ",
            "a b",
            "1a",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[]",
            "a[x]",
            "a[0][1]",
            "[0]",
            "a[0]b",
            "a()",
            "alert(1)//",
        ],
        *["a;b", "a-b", "a\n", "é", "ａ", "a\u2028", "a[٣]", "a'", "<script>", "x" * 129],
        *["new", "this", "null", "true", "a.class", "function[0].a", "a.delete[1]", "let", "await"],
    ],
)
def test_any_other_callback_is_refused_with_a_sentence_that_says_so(name: str) -> None:
    with pytest.raises(formats.BadCallback) as refusal:
        formats.parse_callback(["done", name])

    assert str(refusal.value) == (
        "callback must be JavaScript names joined by dots, each perhaps followed by a number in square brackets, "
        "without reserved words and at most 128 characters long"
    )


def test_jsonp_calls_the_function_with_the_document() -> None:
    body = formats.jsonp("a.b[0]", formats.encode({"name": "é\u2028x\u2029"}, Format.JSON))

    assert body == '/**/a.b[0]({"name":"é\\u2028x\\u2029"});'.encode()


@given(documents(st.text(max_size=10)), st.text(alphabet=string.ascii_letters, min_size=1, max_size=5))
@settings(max_examples=sizes.examples(60))
def test_jsonp_holds_the_same_document(document: formats.Document, name: str) -> None:
    body = formats.jsonp(name, formats.encode(document, Format.JSON)).decode()

    assert not {"\u2028", "\u2029"} & set(body)
    assert repr(json.loads(body.removeprefix(f"/**/{name}(").removesuffix(");"))) == repr(document)
