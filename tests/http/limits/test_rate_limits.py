"""How much one may ask: calls by user, wrong credentials by address and by login; and how that is told."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import cast
import consuming
from browsing import Visitor
from cast import Api, basic, password, token
from live import with_the_cast
from onebucket.domain.refusals import Invalid, Refusal, TooManyRequests, Unauthenticated
from onebucket.http.auth import authentication as authn
from onebucket.http.auth import login_throttle
from onebucket.http.auth.authentication import Authentication
from onebucket.http.auth.login_throttle import LoginThrottle
from onebucket.http.limits import counters
from onebucket.http.limits.counters import InMemoryStampCounter, InMemoryWindowCounter
from onebucket.http.limits.rate_limiter import RateLimiter
from onebucket.store import site_values
from onebucket.store.engine.transaction import Transaction

TOO_MUCH = "Rate limit for this resource has been exceeded"
HOUR = 3600.0


@pytest.fixture
def clock() -> list[float]:
    return [90_000.0]


@pytest.fixture
def limited(cast_template: Path, tmp_path: Path, clock: list[float]) -> Iterator[Api]:
    """A server that lets everybody ask ten times an hour, and be wrong six times."""
    served = Api(cast.copy(cast_template, tmp_path), rate_limit=10, failures_per_address=6)
    let_time_be(served, clock)
    yield served
    served.close()


def let_time_be(api: Api, clock: list[float]) -> None:
    api.now = lambda: clock[0]


# --- calls


def test_whoever_has_asked_enough_is_told_when_to_come_again_and_others_notice_nothing(limited: Api) -> None:
    came = [limited("alice", "GET", "/groups/acme").status_code for _ in range(10)]

    refused = limited("alice", "GET", "/groups/acme")

    assert came == [200] * 10
    assert (refused.status_code, refused.text) == (429, TOO_MUCH)
    assert refused.headers["content-type"] == "text/plain; charset=utf-8"
    assert 3600 < int(refused.headers["retry-after"]) <= 3660
    assert refused.headers["x-onebucket-hint"] == (
        "more than 10 calls in an hour: the operator of this server sets the limit with rate_limit"
    )
    assert limited("bob", "GET", "/groups/acme").status_code == 200


def test_after_what_it_was_told_to_wait_a_caller_is_heard_again(limited: Api, clock: list[float]) -> None:
    for _ in range(10):
        limited("alice", "GET", "/groups/acme")
    wait = int(limited("alice", "GET", "/groups/acme").headers["retry-after"])
    came = []

    for moment in (clock[0] + wait - 2, clock[0] + wait):
        clock[0] = moment
        came.append(limited("alice", "GET", "/groups/acme").status_code)

    assert came == [429, 200]


def test_every_kind_of_call_counts_for_the_user_whatever_they_sign_in_with(limited: Api) -> None:
    new = limited.add_token("alice", "another", {"account"})
    asks: list[tuple[object, str, str]] = [
        ("alice", "GET", "/groups/acme"),
        ("alice", "GET", "/groups/acme"),
        ("alice", "HEAD", "/groups/acme"),
        ("alice", "OPTIONS", "/groups/acme"),
        ("alice", "PATCH", "/groups/acme"),
        ("alice", "GET", "/nothing"),
        ("alice", "POST", "/groups/acme"),
        (("alice@example.com", password("alice")), "GET", "/groups/acme"),
        (("alice", token("alice", "another")), "GET", "/groups/acme"),
        (("alice", token("alice", "read")), "DELETE", "/groups/acme/designers"),
    ]
    assert new.scopes

    came = [limited(who, method, path).status_code for who, method, path in asks]  # type: ignore[arg-type]

    assert came == [200, 200, 200, 204, 405, 404, 400, 200, 200, 403]
    for who, method, path in asks:
        assert limited(who, method, path).status_code == 429  # type: ignore[arg-type]


def test_what_is_over_the_limit_changes_nothing(limited: Api) -> None:
    for _ in range(10):
        limited("alice", "GET", "/groups/acme")
    before = limited.everything()

    came = limited.at_once("alice", *[("DELETE", "/groups/acme/designers")] * 5)

    assert [answer.status_code for answer in came] == [429] * 5
    assert limited.everything() == before


def test_what_is_over_the_limit_stays_so_when_it_is_done_again_beside_one_that_was_undone(limited: Api) -> None:
    def write_and_refuse(tx: Transaction) -> None:
        site_values.set_value(tx, "a", "refused")
        raise Invalid("no")

    async def beside() -> list[object]:
        client, writer = limited.client, limited.server.services.write_queue
        asks = [client.put("/1.0/groups/acme/designers/members/dora", auth=("alice", token("alice"))) for _ in range(3)]
        everybody_is_here = threading.Event()
        held = asyncio.ensure_future(writer.submit(lambda tx: everybody_is_here.wait(10)))
        under_way = [asyncio.ensure_future(each) for each in asks]
        await asyncio.sleep(0.2)
        refused = asyncio.ensure_future(writer.submit(write_and_refuse))
        await asyncio.sleep(0)
        everybody_is_here.set()
        return await asyncio.gather(held, *under_way, refused, return_exceptions=True)

    limited.at_once("alice", *[("GET", "/groups/acme")] * 9)
    _, *answers, refusal = limited.run(beside())

    assert sorted(answer.status_code for answer in answers) == [200, 429, 429]
    assert isinstance(refusal, Invalid)


def test_many_at_once_get_no_more_than_one_after_the_other(limited: Api) -> None:
    came = limited.at_once("alice", *[("GET", "/groups/acme"), ("PUT", "/groups/acme/designers/members/dora")] * 10)

    assert sorted(answer.status_code for answer in came)[-10:] == [429] * 10
    assert sum(answer.status_code < 429 for answer in came) == 10


def test_who_is_not_known_is_told_so_first(limited: Api) -> None:
    for _ in range(11):
        limited("alice", "GET", "/groups/acme")

    came = [limited(who, "GET", "/groups/acme").status_code for who in (None, ("alice", "wrong"), "alice")]

    assert came == [401, 401, 429]


def test_asking_for_tokens_counts_for_the_consumer_and_for_the_person(limited: Api) -> None:
    builds, other, teams = (consuming.add(limited, each) for each in ("alice", "alice", "acme"))

    def asked(consumer: consuming.Consumer, path: str = consuming.TOKEN, **form: str) -> int:
        answer = consuming.post(limited, consumer, path, **form)
        if answer.status_code == 429:
            assert answer.json()["error"] == "temporarily_unavailable" and int(answer.headers["retry-after"]) > 0
        return answer.status_code

    came = [asked(builds, grant_type="client_credentials") for _ in range(12)]
    introspected = [asked(teams, "/site/oauth2/introspect", token="x") for _ in range(12)]

    assert came == [200] * 10 + [429] * 2
    assert introspected == [200] * 10 + [429] * 2
    assert asked(other, grant_type="client_credentials") == 429
    assert limited("alice", "GET", "/groups").status_code == 429
    assert limited("bob", "GET", "/groups").status_code == 200


def test_asking_to_sign_counts_for_the_consumer(limited: Api) -> None:
    builds = consuming.add(limited)
    words = {"callback_uri": consuming.CALLBACK}

    came = [consuming.ask(limited, builds, "/1.0/oauth/request_token", "POST", **words).status_code for _ in range(12)]

    assert came == [200] * 10 + [429] * 2


def test_wrong_secrets_of_consumers_count_for_the_address(limited: Api) -> None:
    builds = consuming.add(limited)
    wrong = consuming.Consumer(builds.key, "wrong")

    came = [consuming.post(limited, wrong, grant_type="client_credentials").status_code for _ in range(8)]

    assert came == [401] * 6 + [429] * 2
    assert consuming.post(limited, builds, grant_type="client_credentials").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/accounts/acme/journal", "/accounts/acme/ask", "/accounts/acme/people", "/accounts/acme/privileges",
     "/accounts/acme/groups/designers/delete", "/accounts/acme/groups/designers/members/bob/remove"],
)  # fmt: skip
def test_pages_that_are_worked_out_anew_each_time_count_for_whoever_looks(limited: Api, address: str) -> None:
    with Visitor(limited, "alice") as visitor:
        came = [visitor.ask("GET", address) for _ in range(12)]
        others = visitor.ask("GET", "/me")

    assert [answer.status_code for answer in came] == [200] * 10 + [429] * 2
    assert int(came[-1].headers["retry-after"]) > 0 and others.status_code == 200
    assert limited("alice", "GET", "/groups").status_code == 200


def test_forms_count_for_whoever_sends_them(limited: Api) -> None:
    with Visitor(limited, "alice") as visitor:
        page = visitor.open("/me/tokens")
        made = [visitor.send(page, "/me/tokens", label=f"ci {i}", scope=["account"]).status for i in range(11)]

    assert made[:8] == [200] * 8 and made[-1] == 429


def test_pages_and_questions_of_proxies_are_not_counted(limited: Api) -> None:
    held = {"X-Original-URI": "/acme/website.git/info/refs?service=git-upload-pack", "X-Original-Method": "GET"}
    for _ in range(11):
        assert limited("dora", "GET", "/api/access/verify", headers=held).status_code == 200
        assert limited(None, "GET", "/healthz").status_code == 200

    assert limited("dora", "GET", "/groups/acme").status_code == 200


def test_answers_say_what_the_limit_is_when_it_is_near(limited: Api) -> None:
    came = [limited("alice", "GET", "/groups/acme").headers for _ in range(11)]

    assert [headers.get("x-ratelimit-limit") for headers in came] == [None] * 8 + ["10"] * 3
    assert [headers.get("x-ratelimit-nearlimit") for headers in came] == [None] * 8 + ["true"] * 3


def test_without_a_limit_nothing_is_said_of_one(api: Api) -> None:
    assert "x-ratelimit-limit" not in api("alice", "GET", "/groups/acme").headers


def test_in_no_hour_are_there_more_calls_than_the_limit() -> None:
    now = [0.0]
    counted = RateLimiter(100, lambda: now[0])
    taken: list[float] = []

    for step in range(40_000):
        now[0] += 0.7 * (1 + step % 3)
        try:
            counted.take("somebody")
            taken.append(now[0])
        except TooManyRequests as refusal:
            assert 0 < refusal.retry_after <= 3660

    assert len(taken) > 1000
    assert all(later - earlier > HOUR for earlier, later in zip(taken, taken[100:], strict=False))


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    counted = InMemoryWindowCounter(most=50)

    for number in range(1000):
        counted.add(number, number * 2.0)
        counted.add("busy", number * 2.0)

    assert (len(counted), counted.count("busy", 2000)) == (50, 1000)
    assert all(len(hour.minutes) <= 62 for hour in counted._windows.values())


# --- wrong credentials


def wrong(api: Api, login: str = "alice", address: str = "192.0.2.1", secret: str = "wrong") -> int:
    return came_from(api, basic(login, secret), address)[0]


def came_from(api: Api, credential: str, address: str) -> tuple[int, dict[str, str]]:
    """What somebody at that address gets, as the scope of the request has it."""
    answer = api.raw("GET", b"/1.0/groups", ("Authorization", credential.encode()), client=address)
    return answer.status_code, dict(answer.headers)


def test_an_address_may_be_wrong_so_often_and_then_passwords_from_there_are_not_looked_at(limited: Api) -> None:
    first = [wrong(limited, f"somebody-{number}") for number in range(6)]
    checked = limited.server.services.authentication.passwords_checked

    status, headers = came_from(limited, basic("alice", password("alice")), "192.0.2.1")

    assert (first, status) == ([401] * 6, 429)
    assert 3600 < int(headers["retry-after"]) <= 3660
    assert limited.server.services.authentication.passwords_checked == checked
    assert came_from(limited, basic("alice", password("alice")), "192.0.2.2")[0] == 200


def test_right_app_passwords_and_what_is_remembered_are_never_refused_for_that(limited: Api) -> None:
    before = came_from(limited, basic("bob", password("bob")), "192.0.2.1")[0]
    for number in range(8):
        wrong(limited, f"somebody-{number}")

    rights = [basic("alice", token("alice")), f"Bearer {token('alice')}", basic("bob", password("bob"))]

    assert before == 200
    assert [came_from(limited, each, "192.0.2.1")[0] for each in rights] == [200] * 3


def test_wrong_bearer_tokens_count_for_the_address_too(limited: Api) -> None:
    came = [came_from(limited, f"Bearer nonsense-{number}", "192.0.2.1")[0] for number in range(8)]

    assert came == [401] * 6 + [429] * 2
    assert wrong(limited) == 429


def test_no_credentials_at_all_are_no_mistake(limited: Api) -> None:
    came = [limited(None, "GET", "/groups").status_code for _ in range(20)]

    assert (came, limited(("alice", password("alice")), "GET", "/groups").status_code) == ([401] * 20, 200)


def test_an_address_is_heard_again_after_an_hour(limited: Api, clock: list[float]) -> None:
    for number in range(7):
        wrong(limited, f"somebody-{number}")
    clock[0] += HOUR + 61

    assert wrong(limited, "somebody") == 401


def test_the_addresses_of_one_ipv6_household_are_one(limited: Api) -> None:
    came = [wrong(limited, f"somebody-{number}", f"2001:db8:0:7::{number:x}") for number in range(8)]

    assert came == [401] * 6 + [429] * 2
    assert wrong(limited, "somebody", "2001:db8:0:8::1") == 401


# --- and by login


def outcome(counted: LoginThrottle, login: str, address: str, *, right: bool = False) -> float:
    """0 when the password was checked, otherwise how long to wait."""
    try:
        attempt = counted.begin(login, address)
    except TooManyRequests as refusal:
        return refusal.retry_after
    if right:
        counted.record_success(attempt)
    return 0


def counted_now(counted: LoginThrottle, login: str, address: str) -> login_throttle.LoginAttempt:
    """An attempt as it would be, without counting it."""
    return login_throttle.LoginAttempt(address, login_throttle._digest(login), counted._now())


@pytest.fixture
def counted(clock: list[float]) -> LoginThrottle:
    return LoginThrottle(1_000_000, lambda: clock[0])


def test_a_login_that_is_wrong_again_and_again_waits_longer_and_longer(
    counted: LoginThrottle, clock: list[float]
) -> None:
    waits = []
    for _ in range(17):
        assert outcome(counted, "alice", "192.0.2.1") == 0
        waits.append(counted._pair_delay(counted_now(counted, "ALICE", "192.0.2.1")))
        clock[0] += waits[-1]

    told = [wait for wait in waits if wait]
    assert told == sorted(told)
    assert told[:4] == [1, 2, 4, 8] and told[-1] == 900


def test_who_is_right_begins_anew_and_nothing_is_counted(counted: LoginThrottle) -> None:
    came = [outcome(counted, "alice", "192.0.2.1", right=number % 4 == 3) for number in range(40)]

    assert came == [0] * 40
    assert counted.wrong == 30


def test_nobody_is_locked_out_by_somebody_elsewhere(counted: LoginThrottle) -> None:
    for number in range(1000):
        outcome(counted, "alice", f"10.0.{number % 256}.{number // 256}")

    assert outcome(counted, "alice", "192.0.2.1", right=True) == 0


def test_a_login_under_siege_waits_where_it_was_wrong_and_only_there(
    counted: LoginThrottle, clock: list[float]
) -> None:
    came = [outcome(counted, "alice", f"10.0.0.{number}") for number in range(login_throttle.ATTACKED_AFTER)]
    again = [outcome(counted, "alice", f"10.0.0.{number}") for number in range(login_throttle.ATTACKED_AFTER)]
    clock[0] += login_throttle.DELAY_UNDER_ATTACK
    later = outcome(counted, "alice", "10.0.0.1"), outcome(counted, "alice", "10.0.0.1")

    assert (set(came), set(again), later) == ({0}, {60}, (0, 120))
    assert outcome(counted, "bob", "10.0.0.1") == 0


def test_what_is_remembered_of_guesses_is_bounded() -> None:
    counted = LoginThrottle(60, lambda: 0.0, counters.in_memory(others=100))

    for number in range(2000):
        outcome(counted, f"{'x' * 5000}{number}", f"10.0.{number % 256}.{number // 256}")

    assert (len(counted._pairs), len(counted._logins), len(counted._networks)) == (100, 100, 100)
    assert all(len(pair) < 60 for pair in counted._pairs._stamps)


def test_known_and_unknown_logins_are_treated_alike(limited: Api, clock: list[float]) -> None:
    def heard(login: str, address: str) -> list[tuple[int, str | None]]:
        came = [came_from(limited, basic(login, "wrong"), address) for _ in range(8)]
        return [(status, headers.get("retry-after")) for status, headers in came]

    known, unknown = heard("alice", "192.0.2.1"), heard("nobody", "192.0.2.2")

    assert known == unknown
    assert [status for status, _ in known] == [401] * 5 + [429] * 3


@pytest.mark.usefixtures("real_argon2id")
def test_what_there_was_no_room_to_check_is_not_counted_as_wrong(
    cast_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authn, "HASHING_QUEUE", 4)
    db = cast.copy(cast_template, tmp_path)
    counted = LoginThrottle(1000, lambda: 0.0)
    authentication = Authentication(db, lambda: 0.0, counted)
    room = authn.HASHING_THREADS + authn.HASHING_QUEUE

    async def guess() -> list[object]:
        asked = (
            authentication.authenticate(basic(f"x{n}", "wrong").encode(), address=f"192.0.2.{n // 2}")
            for n in range(room + 9)
        )
        return list(await asyncio.gather(*asked, return_exceptions=True))

    came = [type(each) for each in asyncio.run(guess())]
    authentication.close()
    db.close()

    assert came == [Unauthenticated] * room + [TooManyRequests] * 9
    assert counted.wrong == room


class Forgetful(LoginThrottle):
    """What must not be: nothing is ever too often."""

    def begin(self, login: str, address: str | None) -> login_throttle.LoginAttempt:
        self._networks, self._logins = InMemoryWindowCounter(10), InMemoryWindowCounter(10)
        self._pairs = InMemoryStampCounter(10)
        return super().begin(login, address)


@pytest.mark.parametrize("kind", [LoginThrottle, Forgetful])
def test_ten_thousand_wrong_passwords_cost_sixty_checks(kind: Callable[..., LoginThrottle]) -> None:
    counted = kind(60, lambda: 0.0)
    came = []

    for number in range(10_000):
        try:
            came.append(counted.begin(f"somebody-{number}", "192.0.2.1") is not None)
        except Refusal:
            came.append(False)

    assert (sum(came) == 60) is (kind is LoginThrottle)


def test_the_metrics_tell_what_was_refused(limited: Api) -> None:
    for _ in range(11):
        limited("alice", "GET", "/groups/acme")
    for number in range(7):
        wrong(limited, f"somebody-{number}")

    told = limited(None, "GET", "/metrics", headers={"Authorization": "Bearer figures"}).text

    for line in ("onebucket_calls_refused 1.0", "onebucket_credentials_wrong 6.0", "onebucket_guesses_refused 1.0"):
        assert line in told
    assert counters.MAX_USERS > 1000


# --- a real server


@pytest.mark.subprocess
def test_while_somebody_guesses_others_are_served_and_the_guesser_has_to_wait(
    cast_template: Path, tmp_path: Path
) -> None:
    async def ask(base: str) -> tuple[list[int], list[int]]:
        async with httpx.AsyncClient(base_url=base, timeout=60, limits=httpx.Limits(max_connections=40)) as client:
            guesses = (client.get("/1.0/groups", auth=(f"somebody-{number}", "wrong")) for number in range(300))
            others = (client.get("/1.0/groups/acme", auth=("alice", token("alice"))) for _ in range(100))
            came = [answer.status_code for answer in await asyncio.gather(*guesses, *others)]
            return came[:300], came[300:]

    with with_the_cast(cast_template, tmp_path, failures_per_address="10") as running:
        guessed, served = asyncio.run(ask(running.base))

    # Of the ten that may fail in an hour, some are refused before they are checked: two of a network are at a time.
    assert 1 <= guessed.count(401) <= 10
    assert (guessed.count(401) + guessed.count(429), set(served)) == (300, {200})
    assert "wrong" not in running.log()


@pytest.mark.subprocess
def test_the_limit_of_a_server_is_a_setting(cast_template: Path, tmp_path: Path) -> None:
    with with_the_cast(cast_template, tmp_path, rate_limit="3") as running:
        came = [running("alice", "GET", "/1.0/groups") for _ in range(4)]

    assert [answer.status_code for answer in came] == [200, 200, 200, 429]
    assert 0 < int(came[-1].headers["retry-after"]) <= 3660
