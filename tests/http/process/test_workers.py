"""What several workers do together: counting calls and wrong credentials, sending letters, ending what was good."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import cast
import consuming
import pg
from browsing import Page
from live import Live
from onebucket import hashing
from onebucket.actions import consumers
from onebucket.domain.refusals import TooManyRequests
from onebucket.http.auth.login_throttle import LoginThrottle
from onebucket.http.limits import counters, shared_counters
from onebucket.http.limits.counters import RateLimitStore
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.store.connect import connect
from pg import Postgres
from post_office import PostOffice
from tests.store.test_postgres import _one_for_each_worker, _workers

KEY = "a key of these workers, and of nothing else"

# -- counting in shared memory -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_what_is_counted_together_is_what_one_would_count(seed: int) -> None:
    chance, at = random.Random(seed), 90_000.0
    one, together = counters.in_memory(), shared_counters.in_shared_memory()
    told: list[list[Any]] = [[], []]

    for _ in range(5000):
        at += chance.choice((0, 0, 1, 30, 600, 5000)) * chance.random()
        key, by, most = chance.choice("abcd"), chance.choice((1, 1, 2, 0)), chance.randrange(60)
        deed = chance.randrange(7)
        for counts, heard in zip((one, together), told, strict=True):
            heard.append(_done(counts, deed, key, at, by, most))

    assert told[0] == told[1]


def _done(counts: RateLimitStore, deed: int, key: str, at: float, by: int, most: int) -> Any:
    counted: list[Callable[[], Any]] = [
        lambda: counts.calls.take(key, at, most),
        lambda: (counts.calls.take(key, at, most), counts.calls.seconds_until_below(key, at)),
        lambda: counts.calls.count(key, at),
        lambda: (counts.calls.add(key, at, by), counts.calls.add(key, at, -by), counts.calls.count(key, at)),
        lambda: counts.pairs.set(key, most, at),
        lambda: counts.pairs.get(key),
        lambda: counts.pairs.delete(key),
    ]
    return counted[deed]()


@pytest.mark.subprocess
def test_who_comes_too_late_is_refused_in_whichever_process_they_ask() -> None:
    limits = RateLimiter(1000, time.monotonic, shared_counters.in_shared_memory())

    taken = _in_processes(4, lambda: sum(_may(lambda: limits.take("alice")) for _ in range(400)))

    assert sum(taken) == 1000


@pytest.mark.subprocess
def test_whoever_guesses_is_counted_in_every_process() -> None:
    guesses = LoginThrottle(60, time.monotonic, shared_counters.in_shared_memory())

    checked = _in_processes(
        4, lambda: sum(_may(lambda: guesses.begin(f"x{os.getpid()}", "192.0.2.1")) for _ in range(9))
    )
    checked += [_may(partial(guesses.begin, f"somebody {number}", "192.0.2.1")) for number in range(60)]

    # Of nine tries with one login five are looked at, before it waits.
    assert (checked[:4], sum(checked)) == ([5] * 4, 60)


@pytest.mark.subprocess
def test_a_process_that_is_killed_while_it_counts_holds_up_nobody() -> None:
    counts = shared_counters.in_shared_memory()
    child = os.fork()
    if child == 0:
        counts.lock.__enter__()
        time.sleep(60)
    while _may_lock(counts):
        time.sleep(0.01)

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    with counts.lock:
        assert counts.calls.take("alice", 60.0, 1) == 0


def test_no_more_is_kept_than_there_is_room_for_and_who_is_busy_is_not_forgotten() -> None:
    calls, pairs = shared_counters.SharedMemoryWindowCounter(50), shared_counters.SharedMemoryStampCounter(50)

    for number in range(3000):
        calls.add(str(number), number * 60.0)
        calls.add("busy", number * 60.0)
        pairs.set(str(number), number, number + 1.0)

    assert calls.count("busy", 3000 * 60.0) == 60
    assert 40 <= sum(calls.count(str(number), 3000 * 60.0) for number in range(3000)) <= 60
    assert 40 <= sum(pairs.get(str(number)) is not None for number in range(3000)) <= 50 + shared_counters.WAYS


def _may(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except TooManyRequests:
        return False
    return True


def _may_lock(counts: RateLimitStore) -> bool:
    import fcntl

    try:
        fcntl.lockf(counts.lock._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[attr-defined]
    except OSError:
        return False
    fcntl.lockf(counts.lock._file, fcntl.LOCK_UN)  # type: ignore[attr-defined]
    return True


def _in_processes(number: int, job: Callable[[], int]) -> list[int]:
    """What each of several processes, forked and at work at the same time, says."""
    children = []
    for _ in range(number):
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(tell, str(job()).encode())
            os._exit(0)
        os.close(tell)
        children.append((child, told))
    answers = []
    for child, told in children:
        os.waitpid(child, 0)
        answers.append(int(os.read(told, 100)))
        os.close(told)
    return answers


# -- two workers -------------------------------------------------------------------------------------

Crowd = tuple[Live, list[httpx.Client]]


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with PostOffice() as office:
        yield office


@pytest.fixture(scope="module")
def crowd(
    postgres: Postgres, cast_on_postgres: str, office: PostOffice, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crowd]:
    """Two workers on one database, who let everybody ask 300 times an hour; and a client for each of them."""
    settings = {"rate_limit": "300", "failures_per_address": "40", "secret_key": KEY, "smtp_url": office.url()}
    url = postgres.url(postgres.create(cast_on_postgres))
    with (
        Live(tmp_path_factory.mktemp("together"), "--workers", "2", url=url, **settings) as running,
        ExitStack() as stack,
    ):
        yield running, _one_for_each_worker(running, stack)


def as_(who: str, kind: str = "all") -> tuple[str, str]:
    return who, cast.token(who, kind)


def test_calls_are_counted_by_all_workers_together(crowd: Crowd) -> None:
    _, clients = crowd

    with ThreadPoolExecutor(2) as both:
        asked = [both.submit(client.get, "/1.0/groups", auth=as_("dora")) for _ in range(160) for client in clients]
        came = [each.result().status_code for each in asked]

    assert (came.count(200), came.count(429)) == (300, 20)
    assert [client.get("/1.0/groups", auth=as_("dora")).status_code for client in clients] == [429, 429]
    assert [client.get("/1.0/groups", auth=as_("gina")).status_code for client in clients] == [200, 200]


def test_a_letter_goes_out_once_whichever_worker_carries_it(crowd: Crowd, office: PostOffice) -> None:
    running, clients = crowd
    before = len(office.letters)

    with ThreadPoolExecutor(2) as both:
        asked = [
            both.submit(
                clients[number % 2].post,
                "/1.0/invitations/acme/rocket",
                auth=as_("alice"),
                data={"email": f"friend{number}@example.net", "permission": "read"},
            )
            for number in range(60)
        ]
        came = {each.result().status_code for each in asked}
    _wait_until(lambda: pg.rows(running.url, "SELECT count(*) FROM letters WHERE due_at IS NOT NULL") == [(0,)])

    sent = sorted(letter["To"] for letter in office.letters[before:] if "friend" in letter["To"])
    assert came == {200}
    assert sent == sorted(f"friend{number}@example.net" for number in range(60))
    assert pg.rows(running.url, "SELECT count(*) FROM letters WHERE sent_at IS NULL AND email LIKE 'friend%'") == [(0,)]


def test_an_app_password_that_one_worker_revokes_ends_for_the_others_at_once(crowd: Crowd) -> None:
    _, (one, other) = crowd
    mine = ("mallory", cast.password("mallory"))

    came = []
    for revoking, asking in ((one, other), (other, one)) * 2:
        new = revoking.post("/api/tokens", auth=mine, json={"scopes": ["account"]}).json()
        path, auth = "/1.0/groups", ("mallory", new["secret"])
        before = asking.get(path, auth=auth).status_code, asking.get(path, auth=auth).status_code
        revoked = revoking.delete(f"/api/tokens/{new['id']}", auth=mine).status_code
        came.append((*before, revoked, asking.get(path, auth=auth).status_code))

    assert came == [(200, 200, 204, 401)] * 4


def test_a_session_that_is_ended_at_one_worker_is_over_for_the_others(crowd: Crowd) -> None:
    running, clients = crowd
    came = []
    for number in range(4):
        with httpx.Client(base_url=running.base, timeout=30) as browser:
            _sent(browser, "/sign-in", login="bob", password=cast.password("bob"))
            cookies = dict(browser.cookies)
            before = [_me(client, cookies) for client in clients]
            _sent(browser, "/sign-out")
        came.append((before, [_me(client, cookies) for client in clients[:: -1 if number % 2 else 1]]))

    assert came == [([200, 200], [303, 303])] * 4


def _sent(browser: httpx.Client, path: str, **typed: str) -> None:
    form = next(each for each in Page(browser.get(path)).forms if each.action.endswith(path))
    assert browser.post(path, data=form.values | typed).status_code == 303


def _me(client: httpx.Client, cookies: dict[str, str]) -> int:
    named = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return client.get("/me", headers={"Cookie": named}, auth=lambda request: request).status_code


def test_a_signed_request_is_good_once_whichever_worker_it_is_shown_to(crowd: Crowd) -> None:
    running, clients = crowd
    opened, key = connect(running.url), hashing.new_consumer_key()
    with opened.writing() as tx:
        consumers.add(cast.operator(tx), "bob", key=key, label="Builds", scopes=frozenset({"account"}))
    opened.close()
    consumer = consuming.Consumer(key, hashing.derived_secret(KEY.encode(), "consumer", key))

    came = []
    for _ in range(10):
        address, headers, _ = consuming.sign(consumer, "/1.0/groups", base=running.base)
        with ThreadPoolExecutor(2) as both:
            asked = [
                both.submit(client.get, address, headers=headers, auth=lambda request: request) for client in clients
            ]
        came.append(sorted(each.result().status_code for each in asked))

    assert came == [[200, 401]] * 10


def test_what_workers_have_written_together_is_one_whole_chain(crowd: Crowd) -> None:
    running, clients = crowd
    with ThreadPoolExecutor(4) as several:
        for number in range(40):
            several.submit(clients[number % 2].post, "/1.0/groups/globex", data={"name": f"Group {number}"})
            several.submit(clients[number % 2].put, "/1.0/groups/acme/designers/members/dora", auth=as_("mallory"))

    verified = running.run("journal", "--verify")

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "globex" in verified.stdout


def test_who_guesses_is_refused_by_every_worker(crowd: Crowd) -> None:
    _, clients = crowd

    came = [
        clients[number % 2].get("/1.0/groups", headers={"Authorization": f"Bearer no-{number}"}, auth=lambda r: r)
        for number in range(50)
    ]

    statuses = [answer.status_code for answer in came]
    assert statuses == sorted(statuses) and 429 in statuses and statuses.count(401) <= 40
    assert [client.get("/1.0/groups", auth=("x", "wrong")).status_code for client in clients] == [429, 429]
    assert [client.get("/1.0/groups", auth=as_("gina")).status_code for client in clients] == [200, 200]


def test_a_worker_that_takes_the_place_of_a_killed_one_goes_on_counting(
    postgres: Postgres, cast_on_postgres: str, tmp_path: Path
) -> None:
    url = postgres.url(postgres.create(cast_on_postgres))
    with Live(tmp_path, "--workers", "2", url=url, rate_limit="40") as running:
        before = [running("alice", "GET", "/1.0/groups").status_code for _ in range(40)]
        killed = _workers(running)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        _wait_until(lambda: len(_workers(running)) == 2 and not set(_workers(running)) & set(killed))
        _wait_until(lambda: _answers(running))
        with ExitStack() as stack:
            clients = _one_for_each_worker(running, stack)
            after = [client.get("/1.0/groups", auth=as_("alice")).status_code for client in clients]

    assert (set(before), after) == ({200}, [429, 429])


def _answers(running: Live) -> bool:
    try:
        return running(None, "GET", "/healthz").status_code == 200
    except httpx.ConnectError:
        return False


def _wait_until(so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
