"""How many letters may be asked for: by kind, account and address, and by network where anybody may ask."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import cast
from browsing import Page, Visitor, deliver
from cast import Api
from onebucket.actions import access, passwords
from onebucket.actions.work import Work
from onebucket.domain.accounts import Actor
from onebucket.domain.letters import Kind
from onebucket.domain.policy import To
from onebucket.domain.refusals import Overloaded
from onebucket.domain.terms import Terms
from onebucket.http.strangers import Strangers
from onebucket.surfaces.web.desk import Asked

EVE = "eve@example.net"


@contextmanager
def served(template: Path, folder: Path, **terms: Any) -> Iterator[Api]:
    """A server behind a proxy, so that visitors can come from wherever they say."""
    api = Api(cast.copy(template, folder), terms=Terms(**terms), trusted_proxies=frozenset({"127.0.0.1"}))
    try:
        yield api
    finally:
        api.close()


def come_from(visitor: Visitor, address: str) -> None:
    visitor.client.headers["X-Forwarded-For"] = address


def invite(api: Api, who: str, account: str, **terms: int) -> bool:
    """Whether one more invitation may go to Eve from an account."""

    def attempt(work: Work) -> None:
        work.actor, work.terms = Actor(access.person(work, who), "session"), Terms(**terms)
        owner, id = access.account(work, account, to=To.INVITE), work.new_id()
        work.post(Kind.INVITATION, owner, about=id, link_id=id, email=EVE)

    return is_let_through(lambda: api.operate(attempt))


def is_let_through(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except Overloaded as refusal:
        assert refusal.retry_after > 0
        return False
    return True


# -- one address, many who write to it


def test_one_account_cannot_use_up_what_others_may_send_to_an_address(api: Api) -> None:
    sent = {who: [invite(api, who, who, letters_per_address=4) for _ in range(4)] for who in ("mallory", "dora")}
    alone = [invite(api, "alice", "acme", letters_per_address=4) for _ in range(2)]

    assert sent == {"mallory": [True, True, False, False], "dora": [True, True, False, False]}
    assert alone == [True, False], "four have gone there, and yet each account has its first"


def test_kinds_of_letters_have_budgets_of_their_own(api: Api) -> None:
    few = {"letters_per_address": 1, "letters_per_account": 1}
    assert [invite(api, "alice", "acme", **few) for _ in range(2)] == [True, False]

    with Visitor(api, "dora") as visitor:
        visitor.send(visitor.open("/me"), "/me/emails", email=EVE)
    api.operate(lambda work: passwords.forgotten(work, "dora"))

    assert deliver(api).keys() == {EVE, "dora@example.com"}


# -- what anybody may ask for, by network


def reset(visitor: Visitor, login: str) -> Page:
    return visitor.send(visitor.open("/passwords/forgotten"), "/passwords/forgotten", login=login)


@pytest.mark.parametrize("login", ["alice", "alice@example.com", "nobody", "nobody@example.org", "ghost", "acme"])
def test_forgotten_passwords_are_counted_by_network_whoever_is_meant(
    cast_template: Path, tmp_path: Path, login: str
) -> None:
    with served(cast_template, tmp_path, resets_per_network=2) as api, Visitor(api) as visitor:
        come_from(visitor, "2001:db8::1")
        came = [reset(visitor, login) for _ in range(3)]
        come_from(visitor, "2001:db8::2")
        came.append(reset(visitor, login))
        come_from(visitor, "2001:db8:0:1::1")
        came.append(reset(visitor, login))

        assert [page.status for page in came] == [200, 200, 429, 429, 200]
        assert "so many letters for forgotten passwords in an hour" in came[2].text
        assert 0 < int(came[2].answer.headers["retry-after"]) <= 3660
        assert len(deliver(api)) == (login.startswith("alice"))


def test_limits_of_networks_and_of_all_count_only_what_is_let_through() -> None:
    clock = [90_000.0]
    strangers = Strangers(Terms(sign_ups_per_network=2, sign_ups_per_hour=3), lambda: clock[0])

    def take(address: str) -> bool:
        return is_let_through(lambda: strangers.take(Asked.SIGN_UP, address))

    assert [take("192.0.2.1") for _ in range(50)] == [True, True] + [False] * 48
    assert [take("192.0.2.2"), take("192.0.2.3")] == [True, False]
    assert is_let_through(lambda: strangers.take(Asked.CONFIRMATION, "192.0.2.1"))
    clock[0] += 3661
    assert [take("192.0.2.1"), take("192.0.2.3")] == [True, True]


def test_a_limit_of_zero_is_none() -> None:
    strangers = Strangers(Terms(resets_per_network=0), lambda: 0.0)

    assert all(is_let_through(lambda: strangers.take(Asked.RESET, "192.0.2.1")) for _ in range(1000))
