"""Many at once: passwords to be checked, changes to be written, and neighbours that must not notice each other."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

import cast
from cast import Api, basic, password
from onebucket.actions import accounts
from onebucket.domain.refusals import Invalid, Refusal, TooManyRequests, Unauthenticated
from onebucket.http.auth import authentication as authn
from onebucket.http.auth.authentication import Authentication
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.store import site_values
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction

# --- passwords


@pytest.fixture
def authentication(cast_template: Path, tmp_path: Path) -> Iterator[Authentication]:
    db = cast.copy(cast_template, tmp_path)
    made = Authentication(db, lambda: 0.0)
    yield made
    made.close()
    db.close()


def test_one_clients_many_connections_prove_its_password_once(api: Api) -> None:
    counted = api.server.services.authentication

    right = api.at_once(("alice", password("alice")), *[("GET", "/groups/acme")] * 30)
    after_right = counted.passwords_checked
    wrong = api.at_once(("alice", "wrong"), *[("GET", "/groups/acme")] * 30)

    assert ({each.status_code for each in right}, after_right) == ({200}, 1)
    assert ({each.status_code for each in wrong}, counted.passwords_checked) == ({401}, 2)


def dear(db: Database, name: str) -> None:
    """Let somebody's password take some twenty milliseconds to check."""
    with db.writing() as tx:
        hash = PasswordHasher(time_cost=40, memory_cost=1024, parallelism=1).hash(password(name))
        accounts.set_password(cast.operator(tx), name, hash)


def test_no_more_passwords_wait_to_be_checked_than_there_is_room_for(authentication: Authentication) -> None:
    dear(authentication._database, "dora")
    room = authn.HASHING_THREADS + authn.HASHING_QUEUE

    async def guess() -> list[object]:
        guesses = (
            authentication.authenticate(basic("dora", f"guess {n}").encode(), address=f"192.0.2.{n // 2}")
            for n in range(room + 6)
        )
        return list(await asyncio.gather(*guesses, return_exceptions=True))

    came = [type(each) for each in asyncio.run(guess())]

    assert came == [Unauthenticated] * room + [TooManyRequests] * 6
    assert authentication.passwords_checked == room


def test_honest_people_sign_in_while_one_network_asks_for_all_that_it_can_get(authentication: Authentication) -> None:
    dear(authentication._database, "dora")

    async def asked(name: str, secret: str, address: str) -> object:
        return await authentication.authenticate(basic(name, secret).encode(), address=address)

    async def besieged() -> list[object]:
        guesses = [asked("dora", f"guess {n}", "192.0.2.1") for n in range(40)]
        honest = [asked(name, password(name), f"198.51.100.{n}") for n, name in enumerate(["alice", "bob", "gina"])]
        return list(await asyncio.gather(*guesses, *honest, return_exceptions=True))

    came = asyncio.run(besieged())

    assert [type(each) for each in came[40:]] == [tuple] * 3
    assert [type(each) for each in came[:40]].count(TooManyRequests) == 40 - authn.HASHING_OF_NETWORK
    assert not authentication._hashing_of


def test_a_proved_password_is_known_again_however_its_header_is_spelled(authentication: Authentication) -> None:
    async def prove() -> None:
        for name in ("alice", "ALICE", "Alice"):
            for quotes in range(10):
                await authentication.authenticate((basic(name, password("alice")) + '"' * quotes).encode())

    asyncio.run(prove())

    assert authentication.passwords_checked == 1


def test_when_there_is_no_room_callers_are_told_when_to_come_again_and_others_notice_nothing(api: Api) -> None:
    dear(api.db, "dora")
    bob = ("bob", password("bob"))
    assert api(bob, "GET", "/groups").status_code == 200
    flood = [(("dora", f"guess {n}"), "GET", "/groups") for n in range(80)]
    others = [
        ("alice", "GET", "/groups/acme"),
        (("bob", password("bob")), "GET", "/groups"),
        ("gina", "POST", "/nothing"),
    ]

    came = api.everybody_at_once(*flood, *others)

    refused = [answer for answer in came[:80] if answer.status_code == 429]
    assert {answer.status_code for answer in came[:80]} == {401, 429}
    assert {(answer.text, answer.headers["retry-after"]) for answer in refused} == {
        ("Rate limit for this resource has been exceeded", "1")
    }
    assert [answer.status_code for answer in came[80:]] == [200, 200, 404]
    assert api(("dora", password("dora")), "GET", "/groups").status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="only there a thread has a priority of its own")
def test_whoever_hashes_yields_the_processor_to_whoever_is_served(authentication: Authentication) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert authentication._hashing.submit(niceness).result() == min(niceness() + 10, 19)


# --- changes

Job = Callable[[Transaction], object]


@pytest.fixture
def writer(db: Database) -> Iterator[WriteQueue]:
    made = WriteQueue(db)
    yield made
    made.stop()


def together(writer: WriteQueue, *jobs: Job) -> list[object]:
    """Have all of them done in one commit; what came of each."""
    everybody_is_here = threading.Event()

    async def ask() -> list[object]:
        asked = [asyncio.ensure_future(writer.submit(job)) for job in (lambda tx: everybody_is_here.wait(10), *jobs)]
        await asyncio.sleep(0)
        everybody_is_here.set()
        return (await asyncio.gather(*asked, return_exceptions=True))[1:]

    return asyncio.run(ask())


def remember(name: str) -> Job:
    return lambda tx: site_values.set_value(tx, name, "kept")


def remember_and_refuse(name: str) -> Job:
    def job(tx: Transaction) -> None:
        site_values.set_value(tx, name, "refused")
        raise Invalid("no")

    return job


def give_up(tx: Transaction) -> None:
    tx.connection.execute("ROLLBACK")


def kept(db: Database, *names: str) -> list[str]:
    with db.reading() as tx:
        return [name for name in names if site_values.get_value(tx, name) is not None]


def test_what_is_refused_is_undone_and_nothing_else_of_its_commit(db: Database, writer: WriteQueue) -> None:
    came = together(writer, remember("a"), remember_and_refuse("b"), remember("c"), remember_and_refuse("a"))

    assert [isinstance(each, Refusal) for each in came] == [False, True, False, True]
    assert (kept(db, "a", "b", "c"), writer.batches) == (["a", "c"], 1)
    with db.reading() as tx:
        assert site_values.get_value(tx, "a") == "kept"


def test_a_change_runs_once_and_its_refusal_is_told_once_whatever_else_is_undone(
    db: Database, writer: WriteQueue
) -> None:
    runs, told = [], []
    everybody_is_here = threading.Event()

    def refused(tx: Transaction, error: Exception) -> None:
        told.append(str(error))

    def refuse(tx: Transaction) -> None:
        raise Invalid("not now")

    def counted(tx: Transaction) -> None:
        runs.append("done")
        remember("a")(tx)

    async def ask() -> None:
        asked = [
            writer.submit(lambda tx: everybody_is_here.wait(10)),
            writer.submit(refuse, refused=refused),
            writer.submit(counted),
            writer.submit(remember_and_refuse("b"), refused=refused),
        ]
        under_way = [asyncio.ensure_future(each) for each in asked]
        await asyncio.sleep(0)
        everybody_is_here.set()
        await asyncio.gather(*under_way, return_exceptions=True)

    asyncio.run(ask())

    assert (told, len(runs)) == (["not now", "no"], 1)
    assert (kept(db, "a", "b"), writer.batches) == (["a"], 1)


def test_a_change_that_fails_halfway_leaves_nothing_and_the_rest_of_its_commit_stays(
    db: Database, writer: WriteQueue
) -> None:
    def halfway(tx: Transaction) -> None:
        remember("b")(tx)
        tx.connection.execute("INSERT INTO nowhere VALUES (1)")

    came = together(writer, remember("a"), halfway, remember("c"))

    assert [isinstance(each, Exception) for each in came] == [False, True, False]
    assert (kept(db, *"abc"), writer.batches) == (["a", "c"], 1)


def test_when_a_commit_fails_everybody_in_it_hears_so_and_the_next_one_works(db: Database, writer: WriteQueue) -> None:
    came = together(writer, remember("a"), give_up, remember("c"))

    assert [isinstance(each, Exception) for each in came] == [True, True, False]
    assert kept(db, "a", "c") == ["c"]


def test_what_was_asked_for_is_done_before_it_stops(db: Database, writer: WriteQueue) -> None:
    async def ask_and_stop() -> None:
        under_way = [asyncio.ensure_future(writer.submit(remember(name))) for name in "abcdef"]
        await asyncio.sleep(0)
        writer.stop()
        await asyncio.gather(*under_way)

    asyncio.run(ask_and_stop())

    assert kept(db, *"abcdef") == list("abcdef")
