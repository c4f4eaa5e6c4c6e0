"""The query language of `q`: what it understands, and what it refuses with which place."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebucket.domain.filters import AllOf, AnyOf, Comparison, Filter, Operator
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.v2 import list_fields
from onebucket.surfaces.v2.filters import parse
from onebucket.surfaces.v2.list_fields import BOOLEAN, EMAIL, MOMENT, NUMBER, TEXT, UUID, Field

ID = "11111111-2222-4333-8444-aaaaaaaaaaaa"
TABLE = {
    "name": Field(TEXT, "name"),
    "full_name": Field(TEXT, "full_name"),
    "project.key": Field(TEXT, "project_key"),
    "is_private": Field(BOOLEAN, "is_private"),
    "size": Field(NUMBER, "size"),
    "updated_on": Field(MOMENT, "updated_at"),
    "user.uuid": Field(UUID, lambda user: user.id),
    "user.email": Field(EMAIL, "email_key"),
    "permission": Field(list_fields.words({"read": 1, "write": 2, "admin": 3}), "level"),
}
NAME_A, NAME_B, NAME_C = (Comparison("name", Operator.EQUAL, letter) for letter in "abc")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def compared(field: str, operator: str, value: Any) -> Comparison:
    return Comparison(field, Operator(operator), value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # What clients were seen to send.
        ('full_name ~ "x"', compared("full_name", "~", "x")),
        ('project.key="X"', compared("project_key", "=", "X")),
        (f'user.uuid="{{{ID}}}"', compared("user.uuid", "=", ID)),
        (f'user.uuid="{ID.upper()}"', compared("user.uuid", "=", ID)),
        ('user.email IN ("Bob@Acme.example","x")', compared("email_key", "IN", ("bob@acme.example", "x"))),
        ('permission="admin"', compared("level", "=", 3)),
        ('permission>"read"', compared("level", ">", 1)),
        ("is_private=true", compared("is_private", "=", True)),
        # Each operator.
        ('name != "a"', compared("name", "!=", "a")),
        ('name !~ "a"', compared("name", "!~", "a")),
        ('name >= "a"', compared("name", ">=", "a")),
        ("size > 10", compared("size", ">", 10)),
        ("size<-10", compared("size", "<", -10)),
        ("size <= 0", compared("size", "<=", 0)),
        ('name NOT IN ("a", "b")', compared("name", "NOT IN", ("a", "b"))),
        ("size in(1,2 , 3)", compared("size", "IN", (1, 2, 3))),
        ("name not  in (\"a\")", compared("name", "NOT IN", ("a",))),
        # Literals.
        ("is_private != FALSE", compared("is_private", "!=", False)),
        ("name = null", compared("name", "=", None)),
        ("updated_on != null", compared("updated_at", "!=", None)),
        ('name = ""', compared("name", "=", "")),
        (r'name = "a\"b\\c"', compared("name", "=", r'a"b\c')),
        ('name = "AND (OR) \'x\' 100% ä😀"', compared("name", "=", "AND (OR) 'x' 100% ä😀")),
        ("updated_on > 2026-03-04T13:00:00+01:00", compared("updated_at", ">", NOON)),
        # A + that was not percent-encoded.
        ("updated_on > 2026-03-04T13:00:00 01:00", compared("updated_at", ">", NOON)),
        ("updated_on > 2026-03-04T12:00:00.000000Z", compared("updated_at", ">", NOON)),
        ('updated_on > "2026-03-04T12:00:00"', compared("updated_at", ">", NOON)),
        ("updated_on > 2026-03-04", compared("updated_at", ">", NOON.replace(hour=0))),
        # AND binds tighter than OR; brackets bind tightest.
        ('name="a" AND name="b"', AllOf((NAME_A, NAME_B))),
        ('name="a" or name="b" OR name="c"', AnyOf((NAME_A, NAME_B, NAME_C))),
        ('name="a" OR name="b" AND name="c"', AnyOf((NAME_A, AllOf((NAME_B, NAME_C))))),
        ('name="a" AND name="b" OR name="c"', AnyOf((AllOf((NAME_A, NAME_B)), NAME_C))),
        ('(name="a" OR name="b") AND name="c"', AllOf((AnyOf((NAME_A, NAME_B)), NAME_C))),
        ('name="a"AND(name="b")', AllOf((NAME_A, NAME_B))),
        ('\t( ( name = "a" ) )\r\n', NAME_A),
    ],
)  # fmt: skip
def test_a_condition_is_understood(text: str, wanted: Filter) -> None:
    assert parse(text, TABLE) == wanted


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        (" ", 2, "the name of a field is needed here"),
        ("name", 5, "an operator is needed here"),
        ('name "a"', 6, "an operator is needed here"),
        ('name == "a"', 7, "a text in double quotes is needed here"),
        ("name =", 7, "a text in double quotes is needed here"),
        ("name = a", 8, "a text in double quotes is needed here"),
        ("name = 'a'", 8, "a text stands between double quotes"),
        ('name = "a', 8, "a text stands between double quotes"),
        ('name = "a\\nb"', 8, "a text stands between double quotes; a \" or \\ in it follows a \\"),
        ('name = "a\0b"', 8, "a text stands between double quotes"),
        ('nam = "a"', 1, "there is no field 'nam' in this list; it has name, full_name, project.key"),
        ('project="a"', 1, "there is no field 'project' in this list"),
        ('name.x="a"', 1, "there is no field 'name.x' in this list"),
        ('"a" = name', 1, "the name of a field is needed here"),
        ('name="a" AND', 13, "the name of a field is needed here"),
        ('name="a" OR OR name="b"', 13, "there is no field 'OR'"),
        ('name="a" name="b"', 10, "AND, OR or the end is needed here"),
        ('name="a")', 9, "AND, OR or the end is needed here"),
        ('(name="a"', 10, "')' is needed here"),
        ('(name="a" OR (name="b")', 24, "')' is needed here"),
        ("()", 2, "the name of a field is needed here"),
        ('NOT (name="a")', 1, "there is no field 'NOT'"),
        ("name NOT", 6, "an operator is needed here"),
        ('name IN "a"', 9, "'(' is needed here"),
        ("name IN ()", 10, "a text in double quotes is needed here"),
        ('name IN ("a",)', 14, "a text in double quotes is needed here"),
        ('name IN ("a"', 13, "')' is needed here"),
        ('name IN ("a", null)', 15, "null can't be compared with IN"),
        ("name > null", 8, "null can't be compared with >"),
        ("name ~ null", 8, "null can't be compared with ~"),
        ("name = 1", 8, "a text in double quotes is needed here"),
        ("name = true", 8, "a text in double quotes is needed here"),
        ("name = 2026-03-04", 8, "a text in double quotes is needed here"),
        ("name ~ 1", 8, "a text in double quotes is needed here"),
        ('is_private = "true"', 14, "true or false is needed here"),
        ("is_private = 1", 14, "true or false is needed here"),
        ("is_private > true", 12, "is_private can't be compared with >"),
        ("size = true", 8, "a whole number is needed here"),
        ("size = 1.5", 8, "'1' is not understood here"),
        ("size = 12a", 8, "'1' is not understood here"),
        ("size = 9999999999999999999", 8, "'9' is not understood here"),
        ("size ~ 1", 6, "size can't be compared with ~"),
        ("updated_on > 2026-13-45", 14, "there is no such time"),
        ('updated_on > "yesterday"', 14, "a time such as 2026-03-04T09:15:09+00:00 is needed here"),
        ("updated_on > 0001-01-01T00:00:00+14:00", 14, "a time such as"),
        ('user.uuid = "x"', 13, "a UUID such as"),
        (f'user.uuid ~ "{ID}"', 11, "user.uuid can't be compared with ~"),
        ('permission = "owner"', 14, 'one of "read", "write", "admin" is needed here'),
        ("name = ٣", 8, "'٣' is not understood here"),
        ("name = \"a\" AND size = 1; DROP TABLE accounts", 24, "';' is not understood here"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_the_place(text: str, place: int, sentence: str) -> None:
    with pytest.raises(Invalid, match=f"^character {place} of q: {re.escape(sentence)}"):
        parse(text, TABLE)


def nested(levels: int) -> str:
    return "(" * levels + 'name="a"' + ")" * levels


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name" * 2500, "the condition q may be 8,000 characters long at most"),
        (nested(1000), "character 21 of q: brackets may be 20 levels deep at most"),
        ("(" * 8000, "character 21 of q: brackets may be 20 levels deep at most"),
        (" OR ".join(['name="a"'] * 101), "character 1201 of q: there may be 100 comparisons at most"),
        ('"' + "\\" * 7999, "character 1 of q: a text stands between double quotes"),
        ('"' + "a" * 7999, "character 1 of q: a text stands between double quotes"),
        ("1-" * 4000, "character 8000 of q: '-' is not understood here"),
        ("a." * 4000, "character 8000 of q: '.' is not understood here"),
        ("a" * 8000, "character 1 of q: there is no field 'aaaaaa"),
        (" " * 8000, "character 8001 of q: the name of a field is needed here"),
        (f'name ~ "{"a" * 256}"', "character 8 of q: a text to look for may be 255 characters long at most"),
    ],
)
def test_long_and_deep_input_is_refused_at_once(text: str, sentence: str) -> None:
    started = time.process_time()
    with pytest.raises(Invalid) as refused:
        parse(text, TABLE)

    assert refused.value.sentence.startswith(sentence)
    assert len(refused.value.sentence) < 250
    assert time.process_time() - started < 0.5


def test_what_just_fits_is_understood() -> None:
    addresses = [f"{number:02}-{'x' * 60}@example.com" for number in range(90)]
    quoted = ",".join(map(_literal, addresses))

    assert parse(f"user.email IN ({quoted})", TABLE) == compared("email_key", "IN", tuple(addresses))
    assert parse(nested(20), TABLE) == NAME_A
    assert parse(" OR ".join(['name="a"'] * 100), TABLE) == AnyOf((NAME_A,) * 100)


def written(condition: Filter) -> str:
    """Write a condition in the query language."""
    if isinstance(condition, Comparison):
        value = condition.value
        literal = f"({', '.join(map(_literal, value))})" if isinstance(value, tuple) else _literal(value)
        return f"{condition.field} {condition.operator} {literal}"
    keyword = " AND " if isinstance(condition, AllOf) else " OR "
    return keyword.join(
        written(part) if isinstance(part, Comparison) else f"({written(part)})" for part in condition.parts
    )


def _literal(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, datetime):
        return value.isoformat()
    return "null" if value is None else str(value).lower()


_texts = st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=8) | st.sampled_from(
    ['"', "\\", '\\"', " OR "]
)
_equal = st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL])
# Only SCIM has filters for how a text starts and ends.
_OF_SCIM = (Operator.STARTS, Operator.NOT_STARTS, Operator.ENDS, Operator.NOT_ENDS)
_one = st.sampled_from([each for each in Operator if each not in (Operator.IN, Operator.NOT_IN, *_OF_SCIM)])
_several = st.sampled_from([Operator.IN, Operator.NOT_IN])
_times = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 29), timezones=st.just(UTC))
_conditions = st.recursive(
    st.one_of(
        st.builds(Comparison, st.just("name"), _one, _texts),
        st.builds(Comparison, st.just("name"), _several, st.lists(_texts, min_size=1, max_size=3).map(tuple)),
        st.builds(Comparison, st.sampled_from(["name", "size"]), _equal, st.none()),
        st.builds(Comparison, st.just("size"), _equal, st.integers(-(10**18) + 1, 10**18 - 1)),
        st.builds(Comparison, st.just("is_private"), _equal, st.booleans()),
        st.builds(Comparison, st.just("updated_at"), _equal, _times),
    ),
    lambda inner: st.builds(
        lambda join, parts: join(tuple(parts)),
        st.sampled_from([AllOf, AnyOf]),
        st.lists(inner, min_size=2, max_size=3),
    ),
    max_leaves=8,
)


@given(_conditions)
def test_a_condition_that_is_written_down_is_read_back(condition: Filter) -> None:
    table = {**TABLE, "updated_at": Field(MOMENT, "updated_at")}

    assert parse(written(condition), table) == condition


_pieces = st.sampled_from([*'ans="\\()~!<>,. 1-', "name", " AND ", " OR ", " IN ", '"a"', "null", "\n", "é"])


@given(st.lists(_pieces, max_size=30).map("".join))
def test_whatever_is_sent_is_a_condition_or_refused(text: str) -> None:
    try:
        parsed = parse(text, TABLE)
    except Invalid as refused:
        place = re.match(r"character (\d+) of q: ", refused.sentence)
        assert place is not None and 1 <= int(place[1]) <= len(text) + 1
    else:
        assert parse(written(parsed), TABLE) == parsed
