"""Answers longer than memory should hold: read from the database while they are sent, and otherwise as ever.

Tests marked `runs_on("streamed", ...)` check that short responses are the same when they are sent this way.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import cast
import live
import pg
from cast import Api
from live import Live
from onebucket.actions import groups
from onebucket.http.execution import body_sender, long_response
from onebucket.store import group_members, schema
from onebucket.store.connect import connect
from onebucket.store.engine import bounded_reads
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction
from onebucket.store.sqlite import database as sqlite
from onebucket.surfaces.v1 import shapes
from onebucket.wire import formats
from onebucket.wire.formats import Format
from pg import Postgres

CROWD = bounded_reads.MAX_BUFFERED_ROWS + 100
ADDRESSES = ("/groups/acme/crowd", "/groups/acme/crowd/members", "/groups/acme", "/groups/acme?include=pending",
             "/groups", "/group-privileges/acme", "/group-privileges/acme/rocket", "/group-privileges/acme/acme/crowd",
             "/group-privileges/acme/rocket/acme/crowd")  # fmt: skip


def crowd(tx: Transaction, size: int) -> None:
    """Put a group into acme with so many members, past the actions, which would take minutes."""
    work = cast.operator(tx)
    roster = groups.create(work, "acme", name="Crowd")
    mark = "?" if "sqlite" in type(tx.connection).__module__ else "%s"
    people = [(f"00000000-0000-4000-8000-{n:012x}", f"person-{n}", f"Person <{n}>") for n in range(size)]

    def insert(table: str, names: str, rows: list[tuple[Any, ...]]) -> None:
        sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join([mark] * len(rows[0]))})"
        tx.connection.cursor().executemany(sql, rows)

    insert(
        "accounts",
        "id, username, username_key, display_name, is_team, is_active, site_admin, created_at, revision",
        [(id, name, name, shown, False, True, False, 0, 0) for id, name, shown in people],
    )
    # Not in the order of their ids.
    insert(
        "memberships",
        "account_id, group_id, person_id, added_at",
        [(roster.owner.id, roster.group.id, id, number * 7919 % size) for number, (id, *_) in enumerate(people)],
    )


@pytest.fixture
def crowded(api: Api) -> Api:
    """acme has a group of more people than are held at once."""
    with api.db.writing() as tx:
        crowd(tx, CROWD)
    return api


# -- the same answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("format", Format)
def test_a_group_of_very_many_is_the_same_in_pieces(crowded: Api, format: Format) -> None:
    streamed = crowded("alice", "GET", f"/groups/acme/crowd?format={format.value}")

    with crowded.db.reading() as tx:
        roster = groups.read(cast.operator(tx), "acme", "crowd", members=True)
        whole = shapes.group(roster, cast.BASE)
    assert streamed.content == formats.encode(msgspec.to_builtins(whole), format)
    assert "etag" not in streamed.headers and "content-length" not in streamed.headers


def test_a_script_gets_a_group_of_very_many_too(crowded: Api) -> None:
    plain, script = (crowded("alice", "GET", f"/groups/acme/crowd{query}").text for query in ("", "?callback=take"))

    assert script == f"/**/take({plain});"


@pytest.mark.parametrize("address", ADDRESSES)
def test_whatever_holds_very_many_members_holds_them_all(crowded: Api, address: str) -> None:
    crowded("alice", "PUT", "/group-privileges/acme/rocket/acme/crowd", content="write")

    told = crowded("alice", "GET", address).json()

    found = [each for each in _members(told) if len(each) >= CROWD]
    assert {len({person["username"] for person in each}) for each in found} == {CROWD}
    assert [each[0]["username"] for each in found] == ["person-0"] * len(found)


def _members(told: Any) -> Iterator[list[Any]]:
    """Every list of people in an answer."""
    if isinstance(told, list) and told and "username" in told[0]:
        yield told
    for inner in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from _members(inner)


def test_groups_come_in_order_with_their_own_members(crowded: Api) -> None:
    few = {each["slug"]: each for each in crowded("alice", "GET", "/groups/acme?exclude_members=1").json()}

    told = crowded("alice", "GET", "/groups/acme").json()

    assert [each["slug"] for each in told] == [*few] == sorted(few)
    for each in told:
        alone = crowded("alice", "GET", f"/groups/acme/{each['slug']}").json()
        assert each == alone == few[each["slug"]] | {"members": each["members"]}


# -- whoever reads slowly, or not to the end --------------------------------------------------------


def open_connections(api: Api) -> int:
    """How many there are, when every thread that reads has its own."""
    together = threading.Barrier(sqlite.THREADS)

    def read() -> None:
        with api.db.reading():
            together.wait(60)

    for each in [api.db.aside.submit(read) for _ in range(sqlite.THREADS)]:
        each.result(60)
    return len(api.db._opened)  # type: ignore[attr-defined]


def test_a_transaction_ends_with_its_answer(crowded: Api) -> None:
    crowded("alice", "GET", "/groups")
    before = open_connections(crowded)

    answers = [crowded("alice", method, "/groups/acme/crowd") for method in ("GET", "HEAD")]

    assert [(each.status_code, len(each.content) > 1 << 20) for each in answers] == [(200, True), (200, False)]
    assert open_connections(crowded) == before


def test_no_transaction_waits_for_whoever_reads_slowly(crowded: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    crowded("alice", "GET", "/groups")
    before = open_connections(crowded)
    expected = crowded("alice", "GET", "/groups/acme/crowd").content
    monkeypatch.setattr(body_sender, "MAX_TRANSACTION_SECONDS", 0.0)
    held: list[int] = []
    put_aside = long_response.StreamingBody.spool

    async def watched(self: long_response.StreamingBody, is_over: Callable[[], bool]) -> None:
        held.append(open_connections(crowded))
        await put_aside(self, is_over)
        held.append(open_connections(crowded))

    monkeypatch.setattr(long_response.StreamingBody, "spool", watched)

    assert crowded("alice", "GET", "/groups/acme/crowd").content == expected
    assert held == [before + 1, before]


def test_so_many_long_answers_at_once_and_no_more(crowded: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_response, "QUEUE_SECONDS", 0.0)
    begun = [crowded.server.long_responses.try_respond(lambda tx: long_response.Response(200, iter([b""]), ()))
             for _ in range(long_response.MAX_STREAMS)]  # fmt: skip

    refused = crowded("alice", "GET", "/groups/acme/crowd")
    for each in begun:
        assert isinstance(each.body, long_response.StreamingBody)
        each.body.close()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "too many long responses" in refused.text
    assert crowded("alice", "GET", "/groups/acme/crowd").status_code == 200


def test_who_comes_while_as_many_are_sent_as_may_be_waits_for_a_turn(
    crowded: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_response, "POLL_SECONDS", 0.001)
    crowded.server.long_responses._slots = threading.Semaphore(1)
    held = crowded.server.long_responses.try_respond(lambda tx: long_response.Response(200, iter([b""]), ())).body
    assert isinstance(held, long_response.StreamingBody)
    threading.Timer(0.2, held.close).start()

    came = crowded.at_once("alice", *[("GET", "/groups/acme/crowd")] * 3)

    assert [each.status_code for each in came] == [200] * 3
    assert len({each.content for each in came}) == 1


def test_members_of_small_groups_are_kept_and_of_large_ones_read_again(crowded: Api) -> None:
    with crowded.db.reading_for_stream() as tx:
        kept = group_members.MemberCache(tx)
        gathered = group_members.load_groups(tx, members=True)
        first = {each.group.id: [*(each.members or ())] for each in gathered}
        again = {each.group.id: [*(each.members or ())] for each in gathered}
        alone = [*kept.members_of(gathered[0].group)]

    assert first == again
    assert alone == first[gathered[0].group.id]
    assert max(map(len, first.values())) == CROWD


# -- on a real server -------------------------------------------------------------------------------

MANY = 60_000
ALLOWED_KIB = 25 << 10
# It holds everything at once, as it did before.
_HOLDING = """
import sqlalchemy
from onebucket.store.engine import bounded_reads
bounded_reads.MAX_BUFFERED_ROWS, bounded_reads.ROW_LIMIT = 10**9, sqlalchemy.literal_column("1000000000")
from onebucket.cli import main
main()
"""


def most_more(running: Live, path: str) -> int:
    """By how many KiB more memory than at rest was held at most while an answer was read; it must be long."""

    def memory(name: str) -> int:
        lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])

    running("alice", "GET", f"/1.0/groups/acme/designers?{path.partition('?')[2]}")
    Path(f"/proc/{running.process.pid}/clear_refs").write_text("5")
    before = memory("VmHWM")
    answer = running("alice", "GET", path)
    assert (answer.status_code, len(answer.content) > MANY * 300) == (200, True)
    return memory("VmHWM") - before


@pytest.fixture(scope="module")
def folder_with_many(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    opened = cast.copy(cast_template, folder)
    with opened.writing() as tx:
        crowd(tx, MANY)
    opened.close()
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked at in /proc")
@pytest.mark.subprocess
def test_memory_does_not_grow_with_what_is_read(folder_with_many: Path) -> None:
    paths = ["/1.0/groups/acme/crowd", "/1.0/groups/acme/crowd/members", "/1.0/groups", "/1.0/group-privileges/acme",
             *(f"/1.0/groups/acme/crowd?{query}" for query in ("format=xml", "format=yaml", "callback=f"))]  # fmt: skip

    with Live(folder_with_many) as running:
        running("alice", "PUT", "/1.0/group-privileges/acme/rocket/acme/crowd", content="read")
        more = {path: most_more(running, path) for path in paths}
    with Live(folder_with_many, wrapped=(sys.executable, "-P", "-c", _HOLDING)) as holding:
        held = most_more(holding, paths[0])

    assert {path: kib for path, kib in more.items() if kib > ALLOWED_KIB} == {}
    assert held > 2 * ALLOWED_KIB


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    found = pg.started()
    yield found
    found.close()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.subprocess
def test_very_many_come_alike_from_postgresql(
    server: Postgres, cast_template: Path, tmp_path: Path, workers: str
) -> None:
    url = server.url(server.create())
    for opened in (cast.copy(cast_template, tmp_path), filled(url)):
        with opened.writing() as tx:
            crowd(tx, CROWD)
        opened.close()

    told = {}
    for kind, running in (("lite", Live(tmp_path)), ("pg", Live(tmp_path, "--workers", workers, url=url))):
        with running:
            for address in ADDRESSES[:5]:
                content = running("alice", "GET", f"/1.0{address}").text.replace(running.base, "")
                told[kind, address] = _lasting(json.loads(content))
            assert running("alice", "HEAD", "/1.0/groups/acme/crowd").status_code == 200

    for address in ADDRESSES[:5]:
        assert told["lite", address] == told["pg", address]


def filled(url: str) -> Database:
    opened = connect(url)
    schema.bring_up_to_date(opened)
    cast.fill(opened)
    return opened


def _lasting(told: Any) -> Any:
    """What of an answer is the same on another server with the same cast."""
    if isinstance(told, dict):
        own = ("uuid", "account_id", "utc_sent_on")
        return {name: _lasting(value) for name, value in told.items() if name not in own}
    return [_lasting(each) for each in told] if isinstance(told, list) else told


def _with_a_crowd(server: Postgres) -> str:
    """The address of a database of its own with the cast on stage, and many in a group."""
    url = server.url(server.create())
    opened = filled(url)
    with opened.writing() as tx:
        crowd(tx, MANY)
    opened.close()
    return url


@pytest.mark.subprocess
def test_whoever_hangs_up_ends_the_transaction(server: Postgres, tmp_path: Path) -> None:
    url = _with_a_crowd(server)

    with Live(tmp_path, url=url) as running:
        with running.client("alice") as client, client.stream("GET", "/1.0/groups/acme/crowd") as answer:
            next(answer.iter_raw())
        live.wait_until(lambda: not _held(url))
        assert running("alice", "GET", "/1.0/groups/acme").status_code == 200


def _held(url: str) -> list[tuple[Any, ...]]:
    return pg.rows(url, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND "
                        "state = 'idle in transaction'")  # fmt: skip


@pytest.mark.subprocess
def test_an_answer_that_the_database_cuts_off_does_not_look_whole(server: Postgres, tmp_path: Path) -> None:
    url = _with_a_crowd(server)

    with Live(tmp_path, url=url) as running:
        with (
            running.client("alice") as client,
            client.stream("GET", "/1.0/groups/acme/crowd") as answer,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            for _ in answer.iter_raw():
                for (pid,) in _held(url):
                    pg.rows(url, "SELECT pg_terminate_backend(%s)", pid)
        assert running("alice", "GET", "/1.0/groups/acme/designers").status_code == 200
        assert "unavailable" in running.log()
