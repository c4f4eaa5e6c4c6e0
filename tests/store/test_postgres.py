"""PostgreSQL on good days and bad ones: connections cut, restarts under load, several processes at the same rows."""

import asyncio
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

import cast
import pg
import sizes
from cast import Api
from commands import Command, refused
from live import Live
from onebucket import bounds
from onebucket.actions import groups, journal, tokens
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.store import schema, site_values
from onebucket.store.connect import connect
from onebucket.store.engine import errors, read_pool
from onebucket.store.engine.database import Database, DataVersionToken
from onebucket.store.engine.errors import DatabaseUnavailable, TransactionInterrupted
from onebucket.store.engine.read_pool import ReadPool
from onebucket.store.engine.transaction import Transaction
from onebucket.store.postgres.version_query import PostgresVersionQuery
from pg import Postgres
from tests.http.cache import test_response_cache
from tests.http.cache.test_response_cache import History

# Steps of the random comparisons, and how often history is turned back in them.
STEPS, RESTORES = sizes.either(quick=(200, 0.02), long=(1000, 0.01))
FAILOVER_STEPS = sizes.either(quick=40, long=100)
# The two that look at the database itself. The others are the same code on both; on SQLite all are tried at every size.
FORGOTTEN = sizes.either(
    quick=["that anybody has committed", "that history may have been turned back"],
    long=[*test_response_cache.BROKEN],
)


@pytest.fixture
def url(postgres: Postgres, cast_on_postgres: str) -> Iterator[str]:
    """A database of one's own with the cast on stage."""
    name = postgres.create(cast_on_postgres)
    yield postgres.url(name)
    postgres.do(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    opened = connect(url)
    yield opened
    opened.close()


@pytest.fixture
def api(url: str) -> Iterator[Api]:
    served = Api(connect(url))
    yield served
    served.close()


def cut(url: str) -> None:
    """End every connection to a database, as an operator would."""
    pg.rows(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                 " AND pid <> pg_backend_pid()")  # fmt: skip


# -- the schema --------------------------------------------------------------------------------------


def test_several_that_start_at_once_make_the_schema_once(postgres: Postgres) -> None:
    several = [connect(postgres.url(name)) for name in [postgres.create()] * 4]

    with ThreadPoolExecutor(4) as together:
        made = list(together.map(schema.bring_up_to_date, several))

    assert True in made
    assert {schema.version(each) for each in several} == {schema.HEAD}
    for each in several:
        each.close()


def test_a_database_that_is_not_ours_is_left_alone(postgres: Postgres) -> None:
    url = postgres.url(postgres.create())
    pg.rows(url, "CREATE TABLE accounts (id int)")
    db = connect(url)

    with pytest.raises(errors.DatabaseUnusable, match="not onebucket's"):
        schema.bring_up_to_date(db)
    db.close()


def test_text_sorts_byte_by_byte_whatever_the_server_was_told(db: Database, url: str) -> None:
    whole = db.check()
    pg.rows(url, 'ALTER TABLE groups ALTER COLUMN slug TYPE text COLLATE "ucs_basic"')

    assert (whole, db.check()) == ("", "column groups.slug is sorted as ucs_basic")


# -- connections that break --------------------------------------------------------------------------


def test_a_connection_that_was_cut_is_not_noticed(api: Api, url: str) -> None:
    asked = [("GET", "/groups/acme?x"), ("PUT", "/groups/acme/designers/members/dora"), ("GET", "/groups/acme")]
    before = api("alice", "GET", "/groups/acme").status_code
    many = [("GET", f"/groups/acme?limit={number}") for number in range(30)]
    api.at_once("alice", *many)
    cut(url)
    assert {answer.status_code for answer in api.at_once("alice", *many)} == {200}
    statuses = []
    for method, path in asked:
        cut(url)
        statuses.append(api("alice", method, path).status_code)

    assert (before, statuses) == (200, [200, 200, 200])
    assert api.members("designers") == ["bob", "dora"]


def test_a_change_that_is_cut_off_in_its_middle_is_made_once(db: Database, url: str) -> None:
    attempts = []

    def change(tx: Transaction) -> str:
        site_values.set_value(tx, f"attempt {len(attempts)}", "made")
        attempts.append(1)
        if len(attempts) == 1:
            cut(url)
        return site_values.get_value(tx, "attempt 1") or "lost"

    writer = WriteQueue(db)
    done = asyncio.run(_one(writer, change))
    writer.stop()

    assert (done, len(attempts)) == ("made", 2)
    assert pg.rows(url, "SELECT name FROM site WHERE name LIKE 'attempt%'") == [("attempt 1",)]


async def _one(writer: WriteQueue, change: Any) -> Any:
    return await writer.submit(change)


def test_a_change_that_is_cut_off_at_its_commit_is_not_made_again_and_says_so(db: Database, url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="the change may be done") as raised, db.writing() as tx:
        site_values.set_value(tx, "a", "b")
        cut(url)

    assert not isinstance(raised.value, TransactionInterrupted)


def test_who_writes_waits_for_who_writes_elsewhere(db: Database, url: str) -> None:
    elsewhere = connect(url)
    seen = []

    def add() -> None:
        with elsewhere.writing() as tx:
            seen.append(site_values.get_value(tx, "first"))

    with db.writing() as tx:
        site_values.get_value(tx, "first")
        waiting = threading.Thread(target=add)
        waiting.start()
        time.sleep(0.2)
        site_values.set_value(tx, "first", "was here")
        assert seen == []
    waiting.join()
    elsewhere.close()

    assert seen == ["was here"]


def test_who_waits_too_long_for_who_writes_elsewhere_is_told_when_to_come_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "CHANGE_SECONDS", 0.2)
    elsewhere, api = connect(url), Api(connect(url))
    path = "/groups/acme/designers/members/dora"

    with elsewhere.writing() as tx:
        site_values.get_value(tx, "first")
        refusal, told = api("alice", "PUT", path), api("alice", "GET", "/groups/acme")
    made = api("alice", "PUT", path)
    api.close()
    elsewhere.close()

    assert (refusal.status_code, refusal.headers["retry-after"]) == (503, "5")
    assert (told.status_code, made.status_code) == (200, 200)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ReadPool, threading.Event]]:
    """One thread that reads, which is busy until the event is set, and room for one who waits."""
    monkeypatch.setattr(read_pool, "MAX_WAITING", 1)
    made, free = ReadPool(threads=1), threading.Event()
    made.submit(free.wait, 10)
    yield made, free
    free.set()
    made.shutdown()


def test_no_more_wait_to_read_than_there_is_room_for(narrow: tuple[ReadPool, threading.Event]) -> None:
    made, free = narrow
    waiting = made.submit(str, "read")

    with pytest.raises(DatabaseUnavailable):
        made.submit(str)
    free.set()

    assert waiting.result() == "read"


def test_who_waited_while_no_connection_was_to_be_had_does_not_try_again(
    narrow: tuple[ReadPool, threading.Event],
) -> None:
    made, free = narrow
    waiting = made.submit(str, "read")

    made.failures += 1
    free.set()

    with pytest.raises(DatabaseUnavailable):
        waiting.result()
    assert made.submit(str, "read").result() == "read"


# -- what is remembered ------------------------------------------------------------------------------


@pytest.fixture
def fresh(url: str) -> Iterator[Api]:
    served = Api(connect(url), answer_memory=0)
    yield served
    served.close()


@pytest.fixture
def elsewhere(url: str) -> Iterator[Database]:
    opened = connect(url)
    yield opened
    opened.close()


@pytest.fixture
def history(postgres: Postgres, url: str) -> History:
    """`pg_dump` and `pg_restore`, with the server left running."""
    [(name,)] = pg.rows(url, "SELECT current_database()")
    kept: list[Path] = []

    def keep() -> None:
        kept[:] = [postgres.dump(name)]

    return History(keep, lambda: postgres.restore(name, kept[0]), share=RESTORES)


def test_a_remembered_answer_equals_the_one_worked_out_now_whatever_is_restored(
    api: Api, fresh: Api, elsewhere: Database, history: History
) -> None:
    assert [*test_response_cache.disagreements(api, fresh, elsewhere, STEPS, history)] == []

    memory = api.server.cache
    assert memory.hits > memory.revalidated > 10


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_the_comparison_notices_a_memory_that_forgets_to_look(
    api: Api, fresh: Api, elsewhere: Database, monkeypatch: pytest.MonkeyPatch, history: History, forgotten: str
) -> None:
    monkeypatch.setattr(*test_response_cache.BROKEN[forgotten])

    assert any(test_response_cache.disagreements(api, fresh, elsewhere, 2000, history))


@pytest.fixture
def line() -> Iterator[pg.Line]:
    """Servers with the cast on stage, one of which is the primary."""
    made = pg.Line()
    made.primary.do("CREATE DATABASE stage TEMPLATE template0")
    db = connect(made.url("stage"))
    schema.bring_up_to_date(db)
    cast.fill(db)
    db.close()
    yield made
    made.close()


@pytest.mark.postgresql
def test_a_remembered_answer_equals_the_one_worked_out_now_whoever_takes_over(line: pg.Line) -> None:
    history = History(line.keep, line.fail_over, share=0.03)
    url = line.url("stage")
    with ExitStack() as stack:
        api, fresh = (stack.enter_context(closing(Api(connect(url), answer_memory=size))) for size in (1 << 24, 0))
        elsewhere = stack.enter_context(closing(connect(url)))

        assert [*test_response_cache.disagreements(api, fresh, elsewhere, FAILOVER_STEPS, history)] == []

        assert line.primary.do("SELECT timeline_id > 1 FROM pg_control_checkpoint()") == [(True,)]
        assert api.server.cache.revalidated > 0


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.postgresql
def test_what_was_remembered_of_commits_that_a_failover_lost_is_not_confirmed(
    line: pg.Line, monkeypatch: pytest.MonkeyPatch, forgets: bool
) -> None:
    if forgets:
        monkeypatch.setattr(*test_response_cache.BROKEN["that history may have been turned back"])
    with closing(Api(connect(line.url("stage")))) as api:
        line.keep()
        api("alice", "PUT", "/groups/acme/designers/members/dora")
        before = api.members("designers")
        line.fail_over()
        # As many changes as were lost, and none asks in between.
        api("alice", "PUT", "/groups/acme/administrators/members/bob")

        assert (before, api.members("designers") == ["bob"]) == (["bob", "dora"], not forgets)


def test_who_has_read_the_version_before_a_change_is_not_kept_as_what_came_after(api: Api) -> None:
    versions = api.server.cache.data_version
    ask = versions.current

    async def late() -> DataVersionToken:
        found = await ask()
        api.operate(lambda work: groups.create(work, "acme", name="Night Crew"), elsewhere=True)
        return found

    versions.current = late  # type: ignore[method-assign]
    first = api("alice", "GET", "/groups/acme/night-crew")
    versions.current = ask  # type: ignore[method-assign]
    again = api("alice", "GET", "/groups/acme/night-crew")

    memory = api.server.cache
    assert (first.status_code, again.content) == (200, first.content)
    assert (memory.hits, memory.revalidated) == (1, 1)


def test_who_asks_for_the_version_while_it_is_asked_for_waits_for_the_next(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions, asked = api.server.cache.data_version, []
    ask = PostgresVersionQuery.send

    def counted(inquiry: PostgresVersionQuery) -> None:
        asked.append(1)
        ask(inquiry)
        if len(asked) == 1:
            # It is on its way, and can't tell of this.
            time.sleep(0.1)
            _commit(api)

    monkeypatch.setattr(PostgresVersionQuery, "send", counted)

    async def many() -> tuple[DataVersionToken, set[DataVersionToken]]:
        first = asyncio.ensure_future(versions.current())
        while not asked:
            await asyncio.sleep(0)
        later = [asyncio.ensure_future(versions.current()) for _ in range(50)]
        return await first, {*await asyncio.gather(*later)}

    before, after = api.run(many())

    assert len(asked) == 2
    assert after == {api.db.version()} != {before}


def test_a_pipeline_that_can_not_be_left_is_a_lost_connection(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As libpq says when a connection is cut in the middle of one, and still looks open."""

    @contextmanager
    def stuck(connection: psycopg.Connection[Any]) -> Iterator[None]:
        yield
        raise psycopg.OperationalError("cannot exit pipeline mode while busy")

    with pytest.raises(TransactionInterrupted), db.writing() as tx:
        site_values.get_value(tx, "a")
        monkeypatch.setattr(psycopg.Connection, "pipeline", stuck)
        with tx.savepoint():
            site_values.get_value(tx, "b")
    monkeypatch.undo()

    with db.writing() as tx:
        assert site_values.get_value(tx, "a") is None


def test_a_connection_that_is_cut_while_the_version_is_asked_for_is_not_noticed(api: Api, postgres: Postgres) -> None:
    versions = api.server.cache.data_version

    async def cut() -> set[DataVersionToken]:
        seen = {await versions.current()}
        for _ in range(3):
            postgres.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'onebucket'")
            seen |= {*await asyncio.gather(*(versions.current() for _ in range(5)))}
            await asyncio.sleep(0.05)
        return seen

    assert api.run(cut()) == {api.db.version()}


def test_what_is_cut_again_and_again_is_told_to_whoever_asks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(inquiry: PostgresVersionQuery) -> None:
        raise TransactionInterrupted("the connection to the database was lost")

    monkeypatch.setattr(PostgresVersionQuery, "send", cut)

    assert api("alice", "GET", "/groups/acme").status_code == 503
    monkeypatch.undo()
    assert api("alice", "GET", "/groups/acme").status_code == 200


def _commit(api: Api) -> None:
    api.operate(lambda work: site_values.set_value(work.tx, "something", "else"), elsewhere=True)


# -- several processes -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(
    postgres: Postgres, cast_on_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Live, list[httpx.Client]]]:
    """Two workers on one database, and clients whose connections reach both."""
    with (
        Live(
            tmp_path_factory.mktemp("crowd"), "--workers", "2", url=postgres.url(postgres.create(cast_on_postgres))
        ) as running,
        ExitStack() as stack,
    ):
        yield running, _one_for_each_worker(running, stack)


def _one_for_each_worker(running: Live, stack: ExitStack) -> list[httpx.Client]:
    """Two clients: connections are dealt out by chance, and the id of an answer tells whose it is."""
    reached: dict[str, httpx.Client] = {}
    for _ in range(200):
        client = stack.enter_context(running.client("root"))
        worker = client.get("/1.0/groups/acme").headers["x-request-id"].partition("-")[0]
        reached.setdefault(worker, client)
        if len(reached) == 2:
            return list(reached.values())
    raise AssertionError("every connection reached the same worker")


def _at_once(clients: list[httpx.Client], *asks: tuple[str, str]) -> list[int]:
    with ThreadPoolExecutor(len(clients)) as together:
        asked = [
            together.submit(client.request, method, f"/1.0{path}")
            for client, (method, path) in zip(clients, asks, strict=True)
        ]
        return sorted(each.result().status_code for each in asked)


def test_what_one_worker_has_done_the_others_tell_at_once(crowd: tuple[Live, list[httpx.Client]]) -> None:
    _, (one, other) = crowd
    path = "/1.0/groups/globex/developers/members"
    for turn in range(60):
        changing, telling = (one, other) if turn % 3 else (other, one)
        change = changing.put if turn % 2 == 0 else changing.delete
        assert change(f"{path}/bob").status_code in (200, 204)
        assert [each["username"] for each in telling.get(path).json()] == (["bob"] if turn % 2 == 0 else [])


def test_the_last_administrator_stays_whichever_workers_are_asked(crowd: tuple[Live, list[httpx.Client]]) -> None:
    _, clients = crowd
    for _ in range(10):
        clients[0].put("/1.0/groups/acme/administrators/members/bob")
        path = "/groups/acme/administrators/members"
        assert _at_once(clients, ("DELETE", f"{path}/alice"), ("DELETE", f"{path}/bob")) == [204, 400]
        clients[0].put(f"/1.0{path}/alice")


def test_of_two_that_make_the_same_one_does(crowd: tuple[Live, list[httpx.Client]]) -> None:
    running, clients = crowd
    for turn in range(10):
        with ThreadPoolExecutor(2) as together:
            asked = [
                together.submit(client.post, "/1.0/groups/acme", data={"name": f"Twin {turn}"}) for client in clients
            ]
        assert sorted(each.result().status_code for each in asked) == [200, 400]

    numbers = pg.rows(running.url, "SELECT array_agg(number ORDER BY number) FROM journal GROUP BY account_id")
    assert all(each == list(range(1, len(each) + 1)) for (each,) in numbers)


def test_a_revoked_app_password_is_refused_by_every_worker(crowd: tuple[Live, list[httpx.Client]]) -> None:
    running, clients = crowd
    made = running.run("token", "add", "root", "--scope", "account", "--json")
    secret = made.stdout.partition('"secret": "')[2].partition('"')[0]
    revoked = made.stdout.partition('"id": "')[2].partition('"')[0]

    def asked() -> list[int]:
        return [client.get("/1.0/groups/acme", auth=("root", secret)).status_code for client in clients]

    before = asked()
    running.run("token", "revoke", revoked)

    assert (before, asked()) == ([200, 200], [401, 401])


def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(url: str, tmp_path: Path) -> None:
    with Live(tmp_path, "--workers", "2", url=url) as running:
        writers = [Writing(running, f"w{number}") for number in range(4)]
        time.sleep(0.3)
        [killed, *_] = _workers(running)
        os.kill(killed, signal.SIGKILL)
        time.sleep(1.5)
        for writer in writers:
            writer.finish()
        workers = _workers(running)
        with ExitStack() as stack:
            _one_for_each_worker(running, stack)
        log = running.log()

        assert len(workers) == 2 and killed not in workers
        _nothing_acknowledged_is_lost(url, writers)
        assert "worker ended" in log
        assert running.stop() == 0


def test_a_signal_that_reaches_every_process_counts_once(url: str, tmp_path: Path) -> None:
    elsewhere = connect(url)
    with Live(tmp_path, "--workers", "2", url=url) as running, ThreadPoolExecutor(1) as aside:
        with elsewhere.writing():
            change = aside.submit(running, "alice", "PUT", "/1.0/groups/acme/designers/members/dora")
            time.sleep(0.5)
            for pid in _workers(running):
                os.kill(pid, signal.SIGTERM)
            running.begin_stopping()
            time.sleep(0.3)

        assert change.result().status_code == 200
        assert running.stop() == 0
    elsewhere.close()


def test_workers_finish_when_their_parent_is_gone(url: str, tmp_path: Path) -> None:
    running = Live(tmp_path, "--workers", "2", url=url)
    workers = _workers(running)

    running.kill()

    deadline = time.monotonic() + 15
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _workers(running: Live) -> list[int]:
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


# -- a restart under load ----------------------------------------------------------------------------


class Writing(threading.Thread):
    """Makes groups with bob in them until told to finish, and keeps what was acknowledged and what was refused."""

    def __init__(self, running: Live, name: str) -> None:
        super().__init__()
        self._running = running
        self._name = name
        self._finishing = threading.Event()
        self.made: list[str] = []
        self.refused: list[httpx.Response] = []
        self.start()

    def run(self) -> None:
        numbers = count(1)
        while not self._finishing.is_set():
            with suppress(httpx.TransportError), self._running.client("alice") as client:
                for number in islice(numbers, 20):
                    self._make(client, f"{self._name}-{number}")

    def _make(self, client: httpx.Client, slug: str) -> None:
        for method, path, how in (
            ("POST", "/1.0/groups/acme", {"data": {"name": slug}}),
            ("PUT", f"/1.0/groups/acme/{slug}/members/bob", {}),
        ):
            answer = client.request(method, path, **how)
            if answer.status_code != 200:
                self.refused.append(answer)
                return
        self.made.append(slug)

    def finish(self) -> None:
        self._finishing.set()
        self.join()


def _nothing_acknowledged_is_lost(url: str, writers: list[Writing]) -> None:
    there = {slug for (slug,) in pg.rows(url, "SELECT slug FROM groups JOIN memberships ON group_id = groups.id")}
    assert {slug for writer in writers for slug in writer.made} <= there
    # Each group has its entry in the journal, and the entries are numbered without gaps.
    groups = {slug for (slug,) in pg.rows(url, "SELECT slug FROM groups WHERE slug LIKE 'w%-%'")}
    told = {slug for (slug,) in pg.rows(url, "SELECT subject FROM journal WHERE event = 'group.added'")}
    assert groups == {slug for slug in told if slug.startswith("w")}
    opened = connect(url)
    with opened.reading() as tx:
        faults = [chain.faults for chain in journal.verify(cast.operator(tx)) if chain.faults]
    opened.close()
    assert faults == []


@pytest.fixture(scope="module")
def fragile() -> Iterator[Postgres]:
    """A server that may be stopped."""
    server = pg.started()
    yield server
    server.close()


def _on_stage(fragile: Postgres) -> str:
    url = fragile.url(fragile.create())
    db = connect(url)
    schema.bring_up_to_date(db)
    cast.fill(db)
    db.close()
    return url


def _all_go_on(writers: list[Writing]) -> None:
    made = [len(writer.made) for writer in writers]
    deadline = time.monotonic() + 40
    while any(len(writer.made) <= before + 2 for writer, before in zip(writers, made, strict=True)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _finished(writers: list[Writing]) -> list[httpx.Response]:
    """End them; what they were refused, which must have been told as it should."""
    for writer in writers:
        writer.finish()
    refusals = [answer for writer in writers for answer in writer.refused]
    assert {answer.status_code for answer in refusals} <= {503, 404}
    for answer in refusals:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] in ("1", "5")
            assert answer.text.startswith("Service Unavailable: ")
    return refusals


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
@pytest.mark.postgresql
def test_a_restart_under_load_loses_nothing_and_is_told_as_503(
    fragile: Postgres, tmp_path: Path, how: signal.Signals
) -> None:
    url = _on_stage(fragile)
    with Live(tmp_path, "--workers", "2", url=url) as running:
        writers = [Writing(running, f"w{number}") for number in range(4)]
        time.sleep(0.5)
        fragile.stop(how)
        while not all(writer.refused for writer in writers):
            time.sleep(0.05)
        alive = [running(None, "GET", path).status_code for path in ("/healthz", "/readyz")]
        alive += [running("root", "GET", path).status_code for path in ("/metrics", "/1.0/groups/acme")]
        fragile.start()
        _all_go_on(writers)
        _finished(writers)
        _nothing_acknowledged_is_lost(url, writers)

    assert alive == [200, 503, 503, 503]


def test_connections_cut_again_and_again_under_load_lose_nothing(url: str, tmp_path: Path) -> None:
    with Live(tmp_path, "--workers", "2", url=url) as running:
        writers = [Writing(running, f"w{number}") for number in range(4)]
        for _ in range(40):
            time.sleep(0.05)
            cut(url)
        _all_go_on(writers)
        _finished(writers)
        _nothing_acknowledged_is_lost(url, writers)


@pytest.fixture
def small() -> Iterator[tuple[Postgres, Path]]:
    """A server on a disk of its own, that is soon full."""
    programs, folder = pg.binaries(), Path(tempfile.mkdtemp(prefix="onebucket-disk-", dir="/tmp"))
    with ExitStack() as stack:
        stack.callback(folder.rmdir)
        if (
            programs is None
            or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "onebucket", folder]).returncode
        ):
            pytest.skip("it takes a PostgreSQL, and the right to mount a disk")
        stack.callback(subprocess.run, ["umount", folder], check=True)
        folder.chmod(0o755)
        server = Postgres(programs, within=str(folder))
        stack.callback(server.close)
        yield server, folder


@pytest.mark.postgresql
def test_a_full_disk_is_told_as_503_and_when_there_is_room_again_all_go_on(
    small: tuple[Postgres, Path], tmp_path: Path
) -> None:
    server, disk = small
    url = _on_stage(server)
    with Live(tmp_path, "--workers", "2", url=url) as running:
        writers = [Writing(running, f"w{number}") for number in range(4)]
        time.sleep(0.5)
        with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(1 << 16)):
                pass
        while not all(writer.refused for writer in writers):
            time.sleep(0.05)
        (disk / "ballast").unlink()
        if not server.is_running:
            server.start()
        _all_go_on(writers)
        _finished(writers)
        _nothing_acknowledged_is_lost(url, writers)


# -- commands ----------------------------------------------------------------------------------------


def test_doctor_knows_it_and_keeps_its_password(command: Command, url: str) -> None:
    secret = url.replace("postgres@", "postgres:geheim@")

    came = command("doctor", "--database", secret)

    assert came.code == 0, came.out
    assert "the database is intact, on PostgreSQL" in came.out
    assert "geheim" not in came.out + came.err


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://nobody@127.0.0.1:1/there", "can't reach the database postgresql://nobody@127.0.0.1:1/there"),
        ("postgresql://me:geheim@[::1/x", "the address of the database must be like postgresql://"),
    ],
)
def test_doctor_says_what_to_do_when_it_is_out_of_reach(command: Command, url: str, sentence: str) -> None:
    came = command("doctor", "--database", url)

    assert came.code == 1
    assert f"WRONG  {sentence}" in came.out
    assert "Start PostgreSQL, or correct the setting `database`" in came.out
    assert "geheim" not in came.out + came.err


@pytest.mark.parametrize("asked", ["backup", "restore"])
def test_backups_are_left_to_its_own_tools(command: Command, url: str, asked: str) -> None:
    came = command(asked, "file", "--database", url)

    assert came == refused(
        "PostgreSQL is backed up with pg_dump, and restored with pg_restore and `onebucket restored`"
    )


def test_what_was_revoked_since_a_dump_stays_revoked_after_pg_restore(
    command: Command, postgres: Postgres, url: str, api: Api
) -> None:
    [(name,)] = pg.rows(url, "SELECT current_database()")
    dump = postgres.dump(name)
    api.operate(lambda work: [tokens.revoke(work, each.id) for each in tokens.of_person(work, "bob")])
    replaced = postgres.create()
    postgres.restore(replaced, postgres.dump(name, "now"))
    postgres.restore(name, dump)

    told = command("restored", "monday.dump", "--replaced", postgres.url(replaced), "--database", url)

    assert told.code == 0
    assert told.out.count("still revoked: the app password of bob: ") == 3
    assert [api(who, "GET", "/groups/acme/developers").status_code for who in ("bob", "alice")] == [401, 200]
    assert command("journal", "--verify", "--database", url).code == 0
    assert "site.restored" in command("journal", "--account", "(site)", "--database", url).out


def test_commands_change_it_too(command: Command, url: str) -> None:
    added = command("team", "add", "initech", "--admin", "bob", "--database", url)
    told = command("export", "initech", "--database", url)

    assert (added.code, told.code) == (0, 0)
    assert "initech" in told.out
