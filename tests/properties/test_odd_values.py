"""Odd values, wherever a value can stand in a request: none is answered with a 5xx, and none leaves a traceback.

Every route of every surface and every page is asked, in every part of its address, every parameter, every field and
the headers, on both databases. What is asked comes from the tables of routes and from the code of the pages, so that
a new address or parameter is covered without a line here.
"""

import ast
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import commands
import sizes
from browsing import Visitor
from cast import Api
from onebucket.domain import time_range
from onebucket.domain.refusals import Invalid
from onebucket.http import wiring
from onebucket.store.engine import timestamps
from onebucket.store.engine.list_parameters import ListParameter, is_storable
from onebucket.store.tables import Moment, metadata
from onebucket.surfaces import web
from onebucket.surfaces.core.surface import Route, Surface
from onebucket.surfaces.web.core import page_router

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

# As bytes, before they are percent-encoded or sent as they are.
ODD = {
    "NUL": b"a\0b",
    "half a character": b"\xed\xa0\x80",
    "not UTF-8": b"\xff\xfe",
    "the last day": b"9999-12-31T23:59:59-12:00",
    "the first day": b"0001-01-01T00:00:00+14:00",
    "a huge number": b"1" + b"0" * 30,
    "minus a huge number": b"-1" + b"0" * 30,
    "no number": b"NaN",
    "a byte order mark": b"\xef\xbb\xbfx",
    "nothing": b"",
    "blanks": b"  \t ",
    "dots": b"..",
    "braces": b"{}",
    "a brace": b"{",
    "a comma": b'=,="',
    "right to left": "\u202eabc".encode(),
    "kelvin": "\u212aelly".encode(),
    "at": b"@",
    "markup": b"<script>'\"--",
    "long": b"x" * 5000,
}
# Bodies as a whole.
DEEP = 1000
BODIES = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"x":' * DEEP + b"1" + b"}" * DEEP,
    "deep, in a field": b'{"scopes": ["account"], "x": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep, in a list": b'[{"user": "bob", "repository": "acme/rocket", "x": ' + b"[" * DEEP + b"]" * DEEP + b"}]",
    "very deep": b"[" * 100_000,
    "half a character": b'{"name": "\\ud800", "email": "\\ud800@x.org"}',
    "NUL": b'{"name": "a\\u0000b", "user": "\\u0000", "scopes": ["\\u0000"], "label": "\\u0000"}',
    "NUL, in a list": b'[{"user": "\\u0000", "repository": "acme/rocket"}, {"user": "bob", "repository": "a/\\u0000"}]',
    "a mark": b'\xef\xbb\xbf{"name": "x"}',
    "long": b'{"name": "' + b"x" * (1 << 20) + b'"}',
    "no UTF-8": b'{"name": "\xff"}',
    "large numbers": b'{"name": 1e400, "expires_in": 1e308, "scopes": ["account"]}',
    "moments": b'{"scopes": ["account"], "expires_on": "9999-12-31T23:59:59-12:00"}',
}
# A method that every resource of ours has heard of, with what stands for the parts of its address.
WORDS = {
    "accountname": "acme", "account": "acme", "repo_slug": "rocket", "repository": "rocket", "slug": "rocket",
    "group_slug": "designers", "group": "designers", "group_owner": "acme", "owner": "acme", "member": "bob",
    "user": "bob", "email": "bob@example.com", "name": "acme", "workspace": "acme", "project_key": "PROJ",
    "selected_user": "bob", "selected_user_id": "bob", "key_id": "SHA256:x",
    "id": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip
HEADERS = (
    "Authorization", "Accept", "Content-Type", "Content-Length", "Cookie", "If-None-Match", "X-Request-Id", "Origin",
    "Referer", "User-Agent", "X-Forwarded-For", "Forwarded", "X-Onebucket-Revision", "X-Original-URI",
    "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Method", "Sec-Fetch-Site", "Range", "Expect", "Host",
)  # fmt: skip
FORM = ("content-type", b"application/x-www-form-urlencoded")
JSON = ("content-type", b"application/json")

# Of many names, so many are tried with each value, besides all at once.
SOME = 2


def some(about: str) -> list[tuple[str, bytes]]:
    """Every odd value where time matters less; elsewhere a few, others for each place."""
    return [*ODD.items()] if sizes.IS_LONG else random.Random(about).sample([*ODD.items()], 6)


PLACES = (
    "/1.0/groups/acme", "/api/access/verify", "/sign-in", "/site/oauth2/access_token", "/1.0/oauth/request_token",
    "/metrics", "/2.0/user", "/nothing/here",
)  # fmt: skip


@pytest.fixture(autouse=True)
def log_without_tracebacks() -> Iterator[None]:
    """Nothing that a test here asks for is logged as something nobody foresaw."""
    with structlog.testing.capture_logs() as told:
        yield
    assert [each for each in told if each.get("log_level") == "error"] == []


def routes() -> list[tuple[Surface, Route]]:
    return [(surface, route) for surface in wiring.SURFACES for route in surface.routes]


def address(base: str, path: str, odd: str = "", value: bytes = b"") -> bytes:
    """The address of a path with something for each of its parts, and `value` for the one that is `odd`."""
    parts = []
    for part in path.split("/"):
        name = part[1:-1].removesuffix(":path") if part[:1] == "{" else ""
        word = value if name and name == odd else WORDS.get(name, "x").encode() if name else part.encode()
        parts.append(quote_from_bytes(word, safe="!:@"))
    return f"{base}{'/'.join(parts)}".encode()


def parts_of(path: str) -> list[str]:
    return [part[1:-1].removesuffix(":path") for part in path.split("/") if part[:1] == "{"]


def seen(answer: object, what: object) -> None:
    status = answer.status_code
    assert status < 500, (what, status)


@pytest.mark.parametrize(
    ("surface", "route"),
    [pytest.param(*each, id=f"{each[1].method} {each[0].bases[0]}{each[1].path}") for each in routes()],
)
@pytest.mark.long
def test_no_odd_value_of_a_request_breaks_a_route(api: Api, surface: Surface, route: Route) -> None:
    base, plain = surface.bases[0], address(surface.bases[0], route.path)
    body = [parameter.name for parameter in route.fields]

    for what, value in some(route.name):
        for part in parts_of(route.path):
            seen(api.raw(route.method, address(base, route.path, part, value), who="root"), (part, what))
        for name in {*(parameter.name for parameter in route.query), "format", "callback", "access_token"}:
            query = f"?{name}={quote_from_bytes(value)}".encode()
            seen(api.raw(route.method, plain + query, who="root"), (name, what))
        for name in body:
            form = f"{name}={quote_from_bytes(value)}".encode()
            seen(api.raw(route.method, plain, FORM, who="root", body=[form]), (name, what))
            text = json.dumps({name: value.decode("utf-8", "surrogateescape")}).encode()
            seen(
                api.raw(route.method, plain, ("content-type", b"application/json"), who="root", body=[text]),
                (name, what),
            )
        if route.method != "GET":
            seen(api.raw(route.method, plain, who="root", body=[value]), ("body", what))
    for what, value in BODIES.items():
        if route.method != "GET":
            kinds: tuple[bytes, ...] = (b"application/json", FORM[1], b"multipart/form-data; boundary=x")
            for kind in kinds:
                seen(api.raw(route.method, plain, ("content-type", kind), who="root", body=[value]), (kind, what))


@pytest.mark.parametrize("where", PLACES)
def test_no_odd_header_breaks_anything_once_or_twice(api: Api, where: str) -> None:
    schemes = (b"", b"Basic ", b"Bearer ", b"OAuth ", b"basic", b'OAuth oauth_consumer_key="x",oauth_signature=')

    for name in HEADERS:
        for what, value in ODD.items() if name == "Authorization" else some(name):
            values = [scheme + value for scheme in schemes] if name == "Authorization" else [value]
            for each in values:
                # No server lets a line end or a NUL through in a header.
                odd = each.replace(b"\0", b"").strip()
                for headers in ([(name, odd)], [(name, odd), (name, b"x")]):
                    for method in ("GET", "POST"):
                        seen(api.raw(method, where.encode(), *headers), (name, what, method))


@cache
def _asked_by_pages(*methods: str) -> list[str]:
    """The names that the pages ask their query or their form for, as their code has them."""
    found: set[str] = set()
    for file in Path(web.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            is_asking = (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods
            )
            if (
                is_asking
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                found.add(node.args[0].value)
    return sorted(found)


@pytest.mark.parametrize("page", page_router.EVERYWHERE, ids=lambda page: page.path)
@pytest.mark.long
def test_no_odd_value_breaks_a_page(api: Api, page: page_router.Page) -> None:
    chance = random.Random(page.path)
    plain = address("", page.path).decode()
    queries, fields = _asked_by_pages("query"), _asked_by_pages("text", "line", "texts", "is_on", "kept")
    assert len(queries) > 5 and len(fields) > 15

    with Visitor(api, "root") as root:
        token = {"form_token": root.open("/me/emails").form("/me/emails").values["form_token"]}
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null", "Content-Type": FORM[1].decode()}
        for what, value in some(page.path):
            for part in parts_of(page.path):
                odd = address("", page.path, part, value).decode()
                seen(root.ask("GET", odd), (part, what))
                seen(root.ask("POST", odd, data=token, headers=headers), (part, what))
            query = "&".join(f"{name}={quote_from_bytes(value[:500])}" for name in queries)
            seen(root.ask("GET", f"{plain}?{query}"), what)
            for name in chance.sample(queries, min(SOME, len(queries))):
                seen(root.ask("GET", f"{plain}?{name}={quote_from_bytes(value)}"), (name, what))
            if page.send is None or page.path in ("/sign-out", "/me/password", "/me/sessions/end"):
                continue
            for name in chance.sample(fields, min(SOME, len(fields))):
                form = f"form_token={token['form_token']}&{name}={quote_from_bytes(value)}"
                seen(root.ask("POST", plain, content=form, headers=headers), (name, what))
            whole = "&".join(f"{name}={quote_from_bytes(value)}" for name in fields)
            seen(root.ask("POST", plain, content=f"form_token={token['form_token']}&{whole}", headers=headers), what)


# -- what is stored can be read ---------------------------------------------------------------------


@given(
    st.datetimes(timezones=st.timezones())
    | st.sampled_from([datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
)
def test_every_moment_that_is_stored_can_be_read_back_and_shown_in_every_zone(moment: datetime) -> None:
    number = timestamps.to_number(moment)

    read = timestamps.from_number(number)

    assert timestamps.to_number(read) == number
    assert read.astimezone(UTC) + timedelta(hours=14) > read - timedelta(hours=14)
    try:
        assert time_range.checked(moment, what="it") == read
    except Invalid:
        assert read in (time_range.EARLIEST, time_range.LATEST)


@given(st.integers())
def test_every_number_that_stands_for_a_moment_can_be_read(number: int) -> None:
    assert time_range.EARLIEST <= timestamps.from_number(number) <= time_range.LATEST


COLUMNS = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, Moment) and column.name.endswith("_at")
]


@pytest.mark.parametrize("number", [10**18, -(10**18), 2**62], ids=str)
def test_a_moment_that_nobody_should_have_stored_makes_no_list_unreadable(api: Api, number: int) -> None:
    assert len(COLUMNS) > 15
    with api.db.writing() as tx:
        for table, column in COLUMNS:
            if table not in ("journal", "sessions"):
                tx.connection.execute(f'UPDATE "{table}" SET {column} = {number} WHERE {column} IS NOT NULL')

    for surface, route in routes():
        if route.method == "GET":
            seen(api.raw("GET", address(surface.bases[0], route.path), who="root"), route.path)
    with Visitor(api, "root") as root:
        for page in page_router.EVERYWHERE:
            seen(root.ask("GET", address("", page.path).decode()), page.path)


@given(st.lists(st.text(st.characters(exclude_categories=()))))
def test_what_both_databases_cannot_hold_never_reaches_them_in_a_list(texts: list[str]) -> None:
    kept = json.loads(ListParameter().encoded(texts))

    assert kept == [each for each in texts if is_storable(each)]
    assert "\0" not in "".join(kept) and "".join(kept).encode() is not None


def test_a_neighbour_with_a_nul_harms_no_question_of_a_batch(api: Api) -> None:
    asked = [
        {"user": "\0", "repository": "acme/rocket"},
        {"user": "bob", "repository": "acme/\0"},
        {"user": "bob", "repository": "acme/rocket"},
    ]

    told = api("root", "POST", "/api/access", json=asked)

    assert [each.get("level") for each in told.json()] == [None, None, "write"]


@pytest.mark.parametrize("ends", ["9999-12-31T23:59:59-12:00", "2046-01-01T00:00:00Z"])
def test_an_app_password_that_would_last_too_long_is_not_made(api: Api, ends: str) -> None:
    before = api("alice", "GET", "/api/tokens").json()

    answer = api("alice", "POST", "/api/tokens", json={"scopes": ["account"], "expires_on": ends})

    assert (answer.status_code, "at most ten years" in answer.text) == (400, True)
    assert api("alice", "GET", "/api/tokens").json() == before


@pytest.mark.parametrize(
    "words",
    [
        ("token", "add", "alice", "--scope", "account", "--expires", "999999999d"),
        ("token", "add", "alice", "--scope", "account", "--expires", "9" * 400 + "d"),
        ("token", "add", "alice", "--scope", "account", "--expires", "9999-12-31"),
        ("journal", "--since", "999999999d"),
        ("journal", "--since", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_span_longer_than_any_calendar_is_a_mistake_and_no_traceback(
    command: commands.Command, words: tuple[str, ...]
) -> None:
    result = command(*words)

    assert result.code in (1, 2) and "Traceback" not in result.err and result.err.count("\n") <= 2, result
