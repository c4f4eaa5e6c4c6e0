"""How many letters may be asked for: by kind, account and address, and by network where anybody may ask."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import cast
from browsing import Page, Visitor, deliver
from cast import Api
from onebucket.actions import access, accounts, outbox, passwords
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.letters import MailKind
from onebucket.domain.policy import To
from onebucket.domain.refusals import TooManyRequests
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.limits.anonymous_limits import AnonymousLimits
from onebucket.mail.composer import Composer
from onebucket.surfaces.web.core.backend import Asked

EVE = "eve@example.net"
LONG = "long enough"


@contextmanager
def served(template: Path, folder: Path, **terms: Any) -> Iterator[Api]:
    """A server behind a proxy, so that visitors can come from wherever they say."""
    api = Api(cast.copy(template, folder), site_limits=SiteLimits(**terms), trusted_proxies=frozenset({"127.0.0.1"}))
    try:
        yield api
    finally:
        api.close()


def come_from(visitor: Visitor, address: str) -> None:
    visitor.client.headers["X-Forwarded-For"] = address


def invite(api: Api, who: str, account: str, **terms: Any) -> bool:
    """Whether one more invitation may go to Eve from an account."""

    def attempt(work: UnitOfWork) -> None:
        work.actor, work.site_limits = Actor(access.person(work, who), "session"), SiteLimits(**terms)
        owner, id = access.account(work, account, to=To.INVITE), work.new_id()
        work.queue_mail(MailKind.INVITATION, owner, about=id, link_id=id, email=EVE)

    return is_let_through(lambda: api.operate(attempt))


def is_let_through(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except TooManyRequests as refusal:
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
    api.operate(lambda work: passwords.request_reset(work, "dora"))

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
        assert "too many password reset e-mails in an hour" in came[2].text
        assert 0 < int(came[2].answer.headers["retry-after"]) <= 3660
        assert len(deliver(api)) == (login.startswith("alice"))
        told = api(None, "GET", "/metrics", headers={"Authorization": "Bearer figures"}).text
        assert "onebucket_anonymous_refused 2.0" in told


def test_limits_of_networks_and_of_all_count_only_what_is_let_through() -> None:
    clock = [90_000.0]
    strangers = AnonymousLimits(SiteLimits(sign_ups_per_network=2, sign_ups_per_hour=3), lambda: clock[0])

    def take(address: str) -> bool:
        return is_let_through(lambda: strangers.take(Asked.SIGN_UP, address))

    assert [take("192.0.2.1") for _ in range(50)] == [True, True] + [False] * 48
    assert [take("192.0.2.2"), take("192.0.2.3")] == [True, False]
    assert is_let_through(lambda: strangers.take(Asked.CONFIRMATION, "192.0.2.1"))
    clock[0] += 3661
    assert [take("192.0.2.1"), take("192.0.2.3")] == [True, True]


def test_a_limit_of_zero_is_none() -> None:
    strangers = AnonymousLimits(SiteLimits(resets_per_network=0), lambda: 0.0)

    assert all(is_let_through(lambda: strangers.take(Asked.RESET, "192.0.2.1")) for _ in range(1000))


def sign_up(visitor: Visitor, name: str) -> Page:
    form = {"username": name, "display_name": "You won 1000 EUR", "email": f"{name}@example.org", "password": LONG}
    return visitor.send(visitor.open("/sign-up"), "/sign-up", **form)


def test_accounts_are_counted_by_network_and_in_all(cast_template: Path, tmp_path: Path) -> None:
    limits = {"sign_up": "open", "sign_ups_per_network": 2, "sign_ups_per_hour": 3}
    with served(cast_template, tmp_path, **limits) as api:
        came = []
        for nth, address in enumerate(["192.0.2.1"] * 3 + ["192.0.2.2", "192.0.2.3"]):
            with Visitor(api) as visitor:
                come_from(visitor, address)
                came.append(sign_up(visitor, f"new-{nth}").status)

        assert came == [200, 200, 429, 200, 429]
        assert deliver(api).keys() == {f"new-{nth}@example.org" for nth in (0, 1, 3)}


def test_letters_that_confirm_addresses_are_counted_by_network_in_all_and_by_person(
    cast_template: Path, tmp_path: Path
) -> None:
    def ask(visitor: Visitor, nth: int) -> int:
        return visitor.send(visitor.open("/me"), "/me/emails", email=f"stranger-{nth}@example.org").status

    few = {"confirmations_per_network": 2, "confirmations_per_hour": 3}
    with served(cast_template, tmp_path, **few) as api, Visitor(api, "mallory") as visitor:
        come_from(visitor, "192.0.2.1")
        came = [ask(visitor, nth) for nth in range(3)]
        come_from(visitor, "192.0.2.2")
        came += [ask(visitor, nth) for nth in range(2)]
        assert came == [200, 200, 429, 200, 429]

    with served(cast_template, tmp_path, confirmations_per_network=0) as api, Visitor(api, "mallory") as visitor:
        assert [ask(visitor, nth) for nth in range(22)] == [200] * 20 + [429] * 2


def test_where_anybody_may_be_a_person_a_person_writes_to_few_strangers_and_a_team_to_many(api: Api) -> None:
    def count(who: str, account: str, **terms: Any) -> int:
        return sum(invite(api, who, account, letters_per_address=1000, **terms) for _ in range(25))

    assert count("mallory", "mallory", sign_up="open") == 20
    assert count("alice", "acme", sign_up="open") == 25
    assert count("dora", "dora") == 25


# -- what stands in letters to strangers

WORDS = "You won 1000 EUR"


def written(api: Api, *, is_open: bool) -> str:
    """Every letter that waits, as it goes out."""
    desk = Composer(base_url="https://git.example.com", is_open=is_open)
    parcels = api.operate(lambda work: outbox.claim(work, lambda link: link, most=100))
    return "\n".join(
        str(desk.compose(parcel, parcel.letter.created_at)["Subject"])
        + "".join(part.get_content() for part in desk.compose(parcel, parcel.letter.created_at).iter_parts())
        for parcel in parcels
    )


def test_a_letter_that_confirms_an_address_says_nothing_that_somebody_chose(
    cast_template: Path, tmp_path: Path
) -> None:
    with served(cast_template, tmp_path, sign_up="open") as api, Visitor(api) as visitor:
        assert sign_up(visitor, "win-a-car").status == 200

        letter = written(api, is_open=False)

    assert "Confirm" in letter and "win-a-car@example.org" in letter
    assert WORDS not in letter and "win-a-car" not in letter.replace("win-a-car@example.org", "")


@pytest.mark.parametrize("is_open", [True, False])
def test_where_anybody_may_be_a_person_invitations_name_usernames_and_slugs_alone(api: Api, is_open: bool) -> None:
    api.operate(lambda work: accounts.change_user(work, "mallory", display_name=WORDS))
    assert api("mallory", "POST", "/groups/mallory", data={"name": f"Club! {WORDS}"}).status_code == 200
    slug = api("mallory", "GET", "/groups/mallory").json()[0]["slug"]
    api("mallory", "PUT", "/users/mallory/invitations", json={"email": EVE, "group_slug": slug})

    letter = written(api, is_open=is_open)

    assert EVE in letter and "mallory" in letter
    assert (WORDS in letter) is not is_open and (slug in letter) is is_open
