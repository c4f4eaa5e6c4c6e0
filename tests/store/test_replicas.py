"""Reading on a real streaming standby: never older than what was asked for, and never an error because of it."""

import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cast
import pg
from cast import Api
from commands import Command, refused
from live import Live, wait_until
from onebucket import settings
from onebucket.actions import tokens
from onebucket.domain import ends
from onebucket.http import request
from onebucket.http.execution import replica_router
from onebucket.lru_cache import LruCache
from onebucket.settings import Misconfigured
from onebucket.store import schema, site_values
from onebucket.store.connect import connect
from onebucket.store.engine.replication import ReplicationStatus, WalPosition
from onebucket.store.postgres import replica
from pg import Postgres

REVISION = "X-Onebucket-Revision"


@pytest.fixture(scope="module")
def primary() -> Iterator[Postgres]:
    """A server of these tests' own, with the cast on stage in the database `stage`."""
    server = pg.started()
    server.do("CREATE DATABASE stage TEMPLATE template0")
    _put_on_stage(server.url("stage"))
    yield server
    server.close()


def _put_on_stage(url: str) -> None:
    db = connect(url)
    schema.bring_up_to_date(db)
    cast.fill(db)
    db.close()


@pytest.fixture(scope="module")
def standby(primary: Postgres) -> Iterator[Postgres]:
    """A server that follows it."""
    server = primary.standby()
    yield server
    server.close()


@pytest.fixture
def own(primary: Postgres) -> Iterator[Postgres]:
    """Another one, that a test may do anything to."""
    server = primary.standby()
    yield server
    server.close()


@pytest.fixture
def name(primary: Postgres) -> Iterator[str]:
    """A database with the cast on stage."""
    made = primary.create("stage")
    yield made
    primary.do(f"DROP DATABASE {made} WITH (FORCE)")


@contextmanager
def serving(primary: Postgres, standby: Postgres, name: str) -> Iterator[Api]:
    """A server on the one, with the other as its replica, which has caught up."""
    keep_up(primary, standby)
    # Nothing is remembered, so that a database is asked each time.
    served = Api(connect(primary.url(name), replicas=[standby.url(name)]), answer_memory=0)
    try:
        yield served
    finally:
        served.close()


@pytest.fixture
def api(primary: Postgres, standby: Postgres, name: str) -> Iterator[Api]:
    with serving(primary, standby, name) as served:
        yield served
        resume(standby)


def keep_up(primary: Postgres, standby: Postgres) -> None:
    """Wait until a standby has everything."""
    [(place,)] = primary.do("SELECT pg_current_wal_flush_lsn()::text")
    wait_until(lambda: standby.do("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", place) == [(True,)])


def pause(standby: Postgres) -> None:
    """Let it receive everything and show nothing of it."""
    standby.do("SELECT pg_wal_replay_pause()")
    wait_until(lambda: standby.do("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])


def resume(standby: Postgres) -> None:
    standby.do("SELECT pg_wal_replay_resume() WHERE pg_is_in_recovery()")


def answered(api: Api) -> int:
    """How many reads replicas have answered."""
    return api.server.replicas.served


def kept(api: Api, reason: str) -> int:
    """How many reads the primary has answered for that reason."""
    return api.server.replicas.fallbacks[reason]


def is_used(api: Api) -> bool:
    """Whether a read is answered by the replica now."""
    before = answered(api)
    assert api("alice", "GET", "/groups/acme").status_code == 200
    return answered(api) > before


def at_least(position: str) -> dict[str, str]:
    return {REVISION: f"at-least={position}"}


def change(api: Api, path: str = "/groups/acme/designers/members/dora", method: str = "PUT", **how: Any) -> str:
    """Change something; the position that it is answered with."""
    answer = api("alice", method, path, **how)
    assert answer.is_success
    return answer.headers[REVISION]


def designers(api: Api, **how: Any) -> list[str]:
    answer = api("alice", "GET", "/groups/acme/designers/members", **how)
    assert answer.status_code == 200
    return [each["username"] for each in answer.json()]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica may be a minute behind: so one that is paused goes on being asked."""
    monkeypatch.setattr(replica_router, "MAX_LAG_SECONDS", 60.0)


# -- reading what one has written --------------------------------------------------------------------


@pytest.mark.usefixtures("patient")
@pytest.mark.postgresql
def test_who_brings_a_position_sees_what_was_changed_and_who_brings_none_may_not(api: Api, standby: Postgres) -> None:
    wait_until(lambda: is_used(api))
    pause(standby)
    position, before = change(api), answered(api)

    without = designers(api)
    on_the_replica = answered(api) - before
    begun = time.perf_counter()
    with_it = designers(api, headers=at_least(position))
    seconds = time.perf_counter() - begun
    resume(standby)
    wait_until(lambda: designers(api) == ["bob", "dora"])
    before = answered(api)
    afterwards = designers(api, headers=at_least(position))

    assert (without, on_the_replica) == (["bob"], 1)
    assert (with_it, kept(api, "position")) == (["bob", "dora"], 1)
    assert 0.05 <= seconds < 1
    assert (afterwards, answered(api) - before) == (["bob", "dora"], 1)


@pytest.mark.postgresql
def test_a_position_that_comes_while_one_waits_is_answered_by_the_replica(api: Api, standby: Postgres) -> None:
    wait_until(lambda: is_used(api))
    pause(standby)
    position = change(api)
    threading.Timer(0.02, lambda: resume(standby)).start()
    before = answered(api), kept(api, "position")

    seen = designers(api, headers=at_least(position))

    assert seen == ["bob", "dora"]
    # A busy machine may take longer to resume than anybody waits.
    assert (answered(api) - before[0]) + (kept(api, "position") - before[1]) == 1


@pytest.mark.usefixtures("patient")
@pytest.mark.postgresql
def test_questions_that_are_posted_are_answered_there_too(api: Api, standby: Postgres) -> None:
    wait_until(lambda: is_used(api))
    pause(standby)
    position = change(api)
    question = [{"user": "dora", "repository": "acme/rocket", "level": "write"}]

    told = [api("alice", "POST", "/api/access", json=question, headers=each) for each in ({}, at_least(position))]

    assert [each.json()[0]["allowed"] for each in told] == [False, True]
    assert all(REVISION not in each.headers for each in told)


@pytest.mark.usefixtures("patient")
@pytest.mark.postgresql
def test_a_replica_that_lags_never_shows_access_that_has_ended(api: Api, primary: Postgres, standby: Postgres) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    end = start + timedelta(hours=1)
    api.clock = lambda: start
    change(api, params={"until": ends.text(end)})
    keep_up(primary, standby)
    wait_until(lambda: is_used(api))
    before = answered(api)
    shown = designers(api), answered(api) - before
    pause(standby)

    api.clock = lambda: end
    before = answered(api)
    at_the_end, by_the_replica = designers(api), answered(api) - before
    resume(standby)

    assert shown == (["bob", "dora"], 1)
    assert (at_the_end, by_the_replica) == (["bob"], 0)
    # It is used again when it has what the primary did about it.
    wait_until(lambda: is_used(api))
    assert designers(api) == ["bob"]


def _older_than_asked_for(api: Api, standby: Postgres, seed: int, steps: int) -> int:
    """Make groups and count them at random, replay being paused and resumed; how often too few were told."""
    choose, made, astray = random.Random(seed), [(0, "0-0/0")], 0
    there = len(api("alice", "GET", "/groups/acme").json())
    for step in range(steps):
        deed = choose.random()
        if deed < 0.3:
            made.append((len(made), change(api, "/groups/acme", "POST", data={"name": f"Group {seed} {step}"})))
        elif deed < 0.4:
            pause(standby)
        elif deed < 0.5:
            resume(standby)
        else:
            least, position = choose.choice((made[-1], choose.choice(made)))
            told = len(api("alice", "GET", "/groups/acme", headers=at_least(position)).json()) - there
            assert told < len(made)
            astray += told < least
    resume(standby)
    return astray


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.postgresql
def test_nothing_is_older_than_the_position_that_was_asked_for(api: Api, standby: Postgres, seed: int) -> None:
    wait_until(lambda: is_used(api))
    # Not before: what the primary has answered twice is answered from memory, and no replica is asked.
    api.server.cache.entries = LruCache(1 << 20, lambda entry: entry.size)

    assert _older_than_asked_for(api, standby, seed, steps=120) == 0

    assert answered(api) > 10
    assert kept(api, "position") > 0


@pytest.mark.usefixtures("patient")
@pytest.mark.postgresql
def test_the_comparison_notices_a_server_that_ignores_the_header(
    api: Api, standby: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "wanted_revision", lambda headers: request.WantedRevision())
    wait_until(lambda: is_used(api))

    assert _older_than_asked_for(api, standby, 0, steps=120) > 0


@pytest.mark.usefixtures("patient")
@pytest.mark.postgresql
def test_a_revoked_app_password_with_its_position_is_none_and_without_it_as_old_as_the_replica(
    api: Api, standby: Postgres
) -> None:
    wait_until(lambda: is_used(api))
    [token] = [each for each in api.operate(lambda work: tokens.of_person(work, "bob")) if each.label == "all"]
    assert api("bob", "GET", "/groups/acme").status_code == 200
    pause(standby)
    position = change_as(api, "bob", "DELETE", f"/api/tokens/{token.id}")

    statuses = [api("bob", "GET", "/groups/acme", headers=each).status_code for each in (at_least(position), {})]
    resume(standby)

    assert statuses == [401, 200]
    wait_until(lambda: api("bob", "GET", "/groups/acme").status_code == 401)


def change_as(api: Api, who: str, method: str, path: str) -> str:
    answer = api(who, method, path)
    assert answer.is_success
    return answer.headers[REVISION]


@pytest.mark.usefixtures("patient")
@pytest.mark.postgresql
def test_an_app_password_that_the_replica_has_not_heard_of_yet_counts(api: Api, standby: Postgres) -> None:
    wait_until(lambda: is_used(api))
    pause(standby)
    api.add_token("bob", "new", ["account"])

    status = api(("bob", cast.token("bob", "new")), "GET", "/groups/acme").status_code

    assert (status, kept(api, "credential")) == (200, 1)


# -- positions ---------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_each_change_is_told_a_position_and_nothing_else_is(api: Api) -> None:
    changes = [
        api("alice", "PUT", "/groups/acme/designers/members/dora"),
        api("alice", "DELETE", "/groups/acme/designers/members/dora"),
        api("alice", "POST", "/groups/acme", data={"name": "Another"}),
    ]
    others = [
        api("alice", "GET", "/groups/acme"),
        api("alice", "OPTIONS", "/groups/acme"),
        api("bob", "POST", "/groups/acme", data={"name": "Not mine"}),
        api("alice", "PUT", "/groups/acme/nothing/members/dora"),
    ]

    told = [WalPosition.parse(each.headers[REVISION]) for each in changes]

    assert told == sorted({*told})
    assert [REVISION in each.headers for each in others] == [False] * 4


@pytest.mark.parametrize("position", ["9-0/0", "0-FFFFFFFF/FFFFFFFF", "1-FFFFFFFF/FFFFFFFF", "4294967295-0/1"])
@pytest.mark.postgresql
def test_a_position_that_is_not_of_this_history_is_answered_by_the_primary(api: Api, position: str) -> None:
    wait_until(lambda: is_used(api))
    before = answered(api)

    assert designers(api, headers=at_least(position)) == ["bob"]
    assert (answered(api) - before, kept(api, "position")) == (0, 1)


MALFORMED = ("", "1-0/16B3748", "at-least", "at-least=", "at-least=1", "at-least=1-0", "at-least=1-0/16b3748",
             "at-least=1-0/123456789", "at-least=-1-0/1", "at-most=1-0/1", "at-least=1-0/1 ; 2", "at-least=١-0/1",
             "at-least=1-0/1, at-least=1-0/2", "AT-LEAST=1-0/1")  # fmt: skip
SENTENCE = "Bad Request: X-Onebucket-Revision must be at-least= and the position from the response to a change."


@pytest.fixture(params=["SQLite", "PostgreSQL with a replica"])
def either(request: pytest.FixtureRequest) -> Iterator[Api]:
    if request.param == "SQLite":
        served = Api(cast.copy(request.getfixturevalue("cast_template"), request.getfixturevalue("tmp_path")))
        yield served
        served.close()
    else:
        yield request.getfixturevalue("api")


@pytest.mark.postgresql
def test_what_is_no_position_is_refused_and_nothing_is_changed(either: Api) -> None:
    before = either.everything()
    for value in MALFORMED:
        for method, path in (("GET", b"/1.0/groups/acme"), ("PUT", b"/1.0/groups/acme/designers/members/dora")):
            for _ in range(2):
                answer = either.raw(method, path, (REVISION, value.encode()), who="alice")
                assert (answer.status_code, answer.text) == (400, SENTENCE), value

    assert either.everything() == before
    assert either("alice", "GET", "/groups/acme").status_code == 200


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        (None, "GET", "/groups/acme", 401),
        ("alice", "GET", "/nothing", 404),
        ("alice", "PATCH", "/groups/acme", 405),
        ("alice", "GET", "/groups/acme?format=csv", 400),
    ],
)
@pytest.mark.postgresql
def test_whatever_else_is_wrong_before_it_is_told_first(
    either: Api, who: str | None, method: str, path: str, status: int
) -> None:
    answer = either(who, method, path, headers={REVISION: "soon"})

    assert (answer.status_code, answer.text == SENTENCE) == (status, False)


@pytest.mark.postgresql
def test_and_whatever_else_is_wrong_is_told_after_it(either: Api) -> None:
    answers = [
        either("alice", method, path, headers={REVISION: "soon"}, **how)
        for method, path, how in (
            ("POST", "/groups/acme", {"content": b"x" * (1 << 20) + b"y"}),
            ("GET", "/groups/acme/nothing", {}),
            ("DELETE", "/groups/globex/developers", {}),
        )
    ]

    assert [answer.text for answer in answers] == [SENTENCE] * 3


def test_on_sqlite_every_position_has_been_reached(cast_template: Path, tmp_path: Path) -> None:
    served = Api(cast.copy(cast_template, tmp_path))

    told = [served("alice", "GET", "/groups/acme", headers=each) for each in ({}, at_least("1-0/1"), at_least("9-A/1"))]
    changed = served("alice", "PUT", "/groups/acme/designers/members/dora", headers=at_least("1-0/1"))
    served.close()

    assert len({each.content for each in told}) == 1
    assert (changed.status_code, REVISION in changed.headers) == (200, False)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_a_position_is_read_as_it_is_spelled(timeline: int, at: int) -> None:
    position = WalPosition(timeline, at)

    assert WalPosition.parse(str(position)) == position
    assert re.fullmatch(r"\d+-[0-9A-F]+/[0-9A-F]+", str(position))


def test_a_server_has_what_is_of_its_timeline_and_not_past_it() -> None:
    here = ReplicationStatus("cluster", "database", "public", is_standby=True, position=WalPosition(2, 100))

    had = [here.has_reached(WalPosition(*each)) for each in ((2, 99), (2, 100), (2, 101), (1, 50), (3, 50))]

    assert had == [True, True, False, False, False]


def test_what_is_no_replica_is_told_apart() -> None:
    primary = ReplicationStatus("cluster", "database", "public", is_standby=False, position=WalPosition(1, 1))
    follows = replace(primary, is_standby=True)
    others = [replace(follows, cluster="x"), replace(follows, database="x"), replace(follows, schema="x"), primary]

    assert follows.mismatch(primary) == ""
    assert [each.mismatch(primary).partition(":")[0] for each in others] == [
        "belongs to another PostgreSQL cluster than the primary",
        *["is another database"] * 2,
        "is not a standby",
    ]


@pytest.mark.postgresql
def test_statements_stay_prepared_on_a_replica(primary: Postgres, standby: Postgres) -> None:
    keep_up(primary, standby)
    db, there = connect(primary.url("stage")), replica.connect(standby.url("stage"))
    stands = db.replication_status()
    assert stands is not None

    for _ in range(3):
        with there.reading_after(stands.position, stands) as tx:
            site_values.get_value(tx, "something")
            prepared = tx.connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    there.close()
    db.close()

    assert prepared[0] >= 2


# -- bad days ----------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_a_replica_that_is_a_second_behind_is_not_asked_until_it_has_caught_up(api: Api, standby: Postgres) -> None:
    wait_until(lambda: is_used(api))
    pause(standby)
    change(api)
    changed = time.monotonic()
    wait_until(lambda: not is_used(api) and kept(api, "lag"))
    late = designers(api)
    wait_until(lambda: time.monotonic() > changed + 1)

    assert (designers(api), kept(api, "position")) == (["bob", "dora"], 0)
    assert late in (["bob"], ["bob", "dora"])
    resume(standby)
    wait_until(lambda: is_used(api))


@pytest.mark.postgresql
def test_after_a_second_a_change_is_seen_whatever_the_replica_has(api: Api, standby: Postgres) -> None:
    wait_until(lambda: is_used(api))
    for number in range(3):
        pause(standby)
        change(api, "/groups/acme", "POST", data={"name": f"Late {number}"})
        changed, seen = time.monotonic(), False
        while not seen:
            asked = time.monotonic()
            seen = f"late-{number}" in {each["slug"] for each in api("alice", "GET", "/groups/acme").json()}
            assert seen or asked < changed + replica_router.MAX_LAG_SECONDS
        resume(standby)
        wait_until(lambda: is_used(api))


@pytest.mark.postgresql
def test_a_connection_that_was_cut_is_not_noticed(api: Api, standby: Postgres, name: str) -> None:
    wait_until(lambda: is_used(api))
    for number in range(20):
        pg.rows(standby.url(name), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
        many = [("GET", f"/groups/acme?limit={number}-{each}") for each in range(10)]
        assert {answer.status_code for answer in api.at_once("alice", *many)} == {200}

    wait_until(lambda: is_used(api))


@pytest.mark.postgresql
def test_one_that_is_promoted_is_not_asked(primary: Postgres, own: Postgres, name: str) -> None:
    with serving(primary, own, name) as api:
        wait_until(lambda: is_used(api))
        own.do("SELECT pg_promote()")
        pg.rows(own.url(name), "DELETE FROM memberships")
        before = answered(api)

        seen = [designers(api) for _ in range(20)]
        time.sleep(2 * replica_router.CHECK_SECONDS)
        seen += [designers(api) for _ in range(20)]

        assert seen == [["bob"]] * 40
        assert (answered(api) - before, kept(api, "trouble") >= 40) == (0, True)


@pytest.fixture
def others() -> Iterator[tuple[Postgres, Postgres, Postgres]]:
    """Another server with the cast on stage, and two that follow it."""
    with ExitStack() as stack:
        first = pg.started()
        stack.callback(first.close)
        first.do("CREATE DATABASE stage TEMPLATE template0")
        _put_on_stage(first.url("stage"))
        following = [first.standby(), first.standby()]
        for each in following:
            stack.callback(each.close)
        yield first, *following


@pytest.mark.postgresql
def test_a_standby_of_another_cluster_and_another_database_are_not_asked(
    primary: Postgres, standby: Postgres, name: str, others: tuple[Postgres, Postgres, Postgres]
) -> None:
    _, astray, _ = others
    keep_up(primary, standby)
    wrong = [astray.url("stage"), standby.url("stage"), standby.url("postgres")]
    api = Api(connect(primary.url(name), replicas=wrong), answer_memory=0)
    change(api)

    for _ in range(30):
        assert designers(api) == ["bob", "dora"]
        time.sleep(0.02)

    assert (answered(api), kept(api, "trouble")) == (0, 30)
    api.close()


@pytest.mark.postgresql
def test_after_a_failover_positions_from_before_it_go_to_the_primary(
    others: tuple[Postgres, Postgres, Postgres],
) -> None:
    first, second, third = others
    with serving(first, third, "stage") as api:
        wait_until(lambda: is_used(api))
        before = change(api)
    keep_up(first, second)
    first.stop(signal.SIGQUIT)
    second.do("SELECT pg_promote()")
    third.follow(second)

    with serving(second, third, "stage") as api:
        wait_until(lambda: is_used(api))
        after = change(api, method="DELETE")
        turns = answered(api), kept(api, "position")
        gone = [designers(api, headers=at_least(after)) for _ in range(5)]
        seen = designers(api, headers=at_least(before))
        turns = answered(api) - turns[0], kept(api, "position") - turns[1]

    assert (before[:2], after[:2]) == ("1-", "2-")
    assert (gone, seen) == ([["bob"]] * 5, ["bob"])
    # A busy machine may take longer than anybody waits.
    assert turns[0] + turns[1] == 6 and turns[1] >= 1


class Asking(threading.Thread):
    """Changes something and asks for it, again and again, with its position and without."""

    def __init__(self, running: Live, number: int) -> None:
        super().__init__()
        self._running = running
        self._number = number
        self._finishing = threading.Event()
        self.statuses: set[int] = set()
        self.stale = 0
        self.rounds = 0
        self.start()

    def run(self) -> None:
        with self._running.client("alice") as client:
            while not self._finishing.is_set():
                slug = f"asking-{self._number}-{self.rounds}"
                made = client.post("/1.0/groups/acme", data={"name": slug})
                path, headers = f"/1.0/groups/acme/{slug}", at_least(made.headers[REVISION])
                told = [client.get(path, headers=headers), client.get("/1.0/groups/acme/designers")]
                self.statuses |= {answer.status_code for answer in (made, *told)}
                self.stale += told[0].status_code != 200
                self.rounds += 1

    def finish(self) -> None:
        self._finishing.set()
        self.join()


@pytest.mark.postgresql
def test_one_that_is_killed_under_load_is_not_noticed_and_used_again_when_it_is_back(
    primary: Postgres, own: Postgres, name: str, tmp_path: Path
) -> None:
    keep_up(primary, own)
    with Live(tmp_path, "--workers", "2", url=primary.url(name), replicas=own.url(name)) as running:
        asking = [Asking(running, number) for number in range(4)]

        def logs(words: str) -> Callable[[], bool]:
            before = running.log().count(words)
            return lambda: running.log().count(words) > before

        try:
            wait_until(lambda: "replica used again" in running.log())
            for _ in range(2):
                time.sleep(0.5)
                is_out = logs("replica not used")
                own.stop(signal.SIGQUIT)
                wait_until(is_out)
                rounds = [each.rounds for each in asking]
                wait_until(lambda rounds=rounds: all(a.rounds > b + 2 for a, b in zip(asking, rounds, strict=True)))
                is_back = logs("replica used again")
                own.start()
                wait_until(is_back)
        finally:
            for each in asking:
                each.finish()

    assert set[int]().union(*(each.statuses for each in asking)) == {200}
    assert [each.stale for each in asking] == [0] * 4


# -- what is told ------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_metrics_tell_who_answered_and_how_far_behind_the_replica_is(api: Api, standby: Postgres) -> None:
    wait_until(lambda: is_used(api))
    pause(standby)
    change(api)
    wait_until(lambda: not is_used(api))

    def told() -> dict[str, float]:
        page = api(None, "GET", "/metrics", headers={"Authorization": "Bearer figures"}).text
        lines = [line.rpartition(" ") for line in page.splitlines() if line.startswith("onebucket_re")]
        return {name.partition("{")[0]: float(value) for name, _, value in lines}

    figures = told()
    assert figures["onebucket_reads_on_replicas"] == answered(api) > 0
    assert figures["onebucket_reads_kept_lag"] == kept(api, "lag") > 0
    assert {"onebucket_reads_kept_position", "onebucket_reads_kept_trouble", "onebucket_reads_kept_credential"} <= {
        *figures
    }
    wait_until(lambda: 1 < told()["onebucket_replica_lag_seconds"] < 60)
    resume(standby)
    # Nobody reads meanwhile: the page has it looked at.
    wait_until(lambda: time.sleep(0.5) or told()["onebucket_replica_lag_seconds"] < 1)


@pytest.mark.postgresql
def test_without_replicas_there_are_no_figures_of_them(primary: Postgres, name: str) -> None:
    api = Api(connect(primary.url(name)))

    page = api(None, "GET", "/metrics", headers={"Authorization": "Bearer figures"}).text
    position = change(api)
    told = designers(api, headers=at_least(position))
    api.close()

    assert "replica" not in page and "reads_kept" not in page
    assert told == ["bob", "dora"]


def _said(command: Command, monkeypatch: pytest.MonkeyPatch, url: str, *urls: str) -> tuple[int, str]:
    monkeypatch.setenv("ONEBUCKET_REPLICAS", " ".join(urls))
    came = command("doctor", "--database", url)
    return came.code, came.out


@pytest.mark.postgresql
def test_doctor_tells_how_far_behind_a_replica_is(
    command: Command, primary: Postgres, standby: Postgres, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_up(primary, standby)
    said: list[tuple[int, str]] = []

    def is_good() -> bool:
        # A busy machine may leave any standby more than a second behind for a while.
        said.append(_said(command, monkeypatch, primary.url(name), standby.url(name)))
        return said[-1][0] == 0

    try:
        wait_until(is_good)
    except AssertionError:
        raise AssertionError(said[-1][1]) from None
    good = said[-1][1]
    pause(standby)
    pg.rows(primary.url(name), "UPDATE site SET value = value; CREATE TABLE something ()")
    late = _said(command, monkeypatch, primary.url(name), standby.url(name))
    resume(standby)

    assert re.search(r"^ok     .* follows the primary, \d+ ms behind at most$", good, re.MULTILINE), good
    assert late[0] == 1 and re.search(r"^WRONG  .* is more than a second behind: [\d,]+ bytes$", late[1], re.MULTILINE)
    assert "Until then everything is read from the primary." in late[1]


def test_doctor_tells_what_is_no_replica_and_keeps_passwords(
    command: Command,
    primary: Postgres,
    standby: Postgres,
    own: Postgres,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_up(primary, standby)
    own.do("SELECT pg_promote()")
    stage = primary.url("stage")
    wrong = {
        standby.url("postgres"): "is another database: postgres, schema public",
        own.url("stage"): "is not a standby: it was promoted, or never followed the primary",
        stage: "is not a standby: it was promoted, or never followed the primary",
        postgres.url("postgres"): "belongs to another PostgreSQL cluster than the primary",
        "postgresql://me:geheim@127.0.0.1:1/x": "can't reach the database postgresql://me@127.0.0.1:1/x: ",
    }

    for url, sentence in wrong.items():
        code, out = _said(command, monkeypatch, stage, url)
        assert code == 1
        assert re.search(rf"^WRONG  .*{re.escape(sentence)}", out, re.MULTILINE), out
        assert "geheim" not in out


@pytest.mark.postgresql
def test_doctor_tells_a_primary_that_is_none(
    command: Command, standby: Postgres, primary: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out = _said(command, monkeypatch, standby.url("stage"), primary.url("stage"))

    assert code == 1
    assert "is a standby itself\n       Name the primary in the setting `database`." in out


def test_replicas_of_sqlite_are_refused_at_the_start_and_told_by_doctor(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEBUCKET_REPLICAS", "postgresql://standby.example.com/onebucket")
    sentence = "SQLite has no replicas: remove the setting `replicas`, or use PostgreSQL"

    assert command("serve") == refused(sentence)
    came = command("doctor")
    assert (came.code, f"WRONG  {sentence}" in came.out) == (1, True)


@pytest.mark.postgresql
def test_serve_names_them_without_their_passwords(
    primary: Postgres, standby: Postgres, name: str, tmp_path: Path
) -> None:
    urls = [standby.url(name).replace("postgres@", "postgres:geheim@"), standby.url(name)]
    with Live(tmp_path, url=primary.url(name), replicas=" ".join(urls)) as running:
        told, log = running.output(), running.log()

    assert "It is also read from 2 replicas: postgresql://postgres@" in told
    assert "geheim" not in told + log


@pytest.mark.parametrize(
    "value", ["sqlite:///x", "standby.example.com", "postgresql://a:geheim@b/c mysql://d:geheim@e"]
)
def test_what_is_no_replica_s_address_is_refused_without_its_password(value: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"^replicas must be addresses like postgresql://") as raised:
        settings.load(environment={"ONEBUCKET_REPLICAS": value}, folder=tmp_path)

    assert "geheim" not in str(raised.value)


@pytest.mark.postgresql
def test_an_address_that_libpq_does_not_understand_is_told_without_its_password(
    command: Command, primary: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEBUCKET_REPLICAS", "postgresql://me:geheim@[::1/x")

    came = command("serve", "--database", primary.url("stage"))

    assert came == refused("the address of a replica must be like postgresql://USER:PASSWORD@HOST/NAME")


def test_the_settings_are_shown_without_passwords(tmp_path: Path) -> None:
    given = {"ONEBUCKET_REPLICAS": "postgresql://a:geheim@b/c  postgresql://d/e?password=geheim"}

    shown = {name: value for name, value, _ in settings.shown(settings.load(environment=given, folder=tmp_path))}

    assert shown["replicas"] == "postgresql://a:…@b/c postgresql://d/e?password=…"
