"""A person's addresses and password: what letters confirm and replace, once, and for whom."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

import cast
from cast import Api
from onebucket import hashing
from onebucket.actions import access, accounts, emails, outbox, passwords
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import site_limits
from onebucket.domain.accounts import NOBODY, Actor
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, LinkExpired, NotFound, WrongRecipient
from onebucket.domain.site_limits import SiteLimits

KEY = b"k" * 32
OTHER = "bob@elsewhere.example"


def do(api: Api, who: str | None, action: Any, *arguments: Any, **more: Any) -> Any:
    """Do something as somebody of the cast, or as nobody in particular."""

    def attempt(work: UnitOfWork) -> Any:
        actor = Actor(access.person(work, who), "session") if who else NOBODY
        return action(replace(work, actor=actor, request_id="page", **more), *arguments)

    return api.operate(attempt)


def letters(api: Api) -> list[tuple[str, str]]:
    """The letters that wait: the address, and the hash of the link."""
    parcels = api.operate(lambda work: outbox.claim(work, lambda link: hashing.link_secret(KEY, link), most=100))
    with_link = [parcel for parcel in parcels if not parcel.letter.is_notice]
    return [(parcel.letter.email, hashing.secret_hash(parcel.secret)) for parcel in with_link]


def confirmed(api: Api, who: str = "bob") -> list[str]:
    return [email.address for email in do(api, who, emails.of_person, who).confirmed]


def asked(api: Api, address: str = OTHER) -> str:
    """Bob asks for one more address; the hash of the link in the letter."""
    do(api, "bob", emails.ask_for, "bob", address)
    [(email, hash)] = letters(api)
    assert email == address
    return hash


def test_an_address_counts_when_its_letter_was_answered(api: Api) -> None:
    hash = asked(api)
    before = confirmed(api), api((OTHER, cast.password("bob")), "GET", "/groups").status_code

    do(api, "bob", emails.confirm, hash)

    assert before == (["bob@example.com"], 401)
    assert confirmed(api) == ["bob@example.com", OTHER]
    assert api((OTHER, cast.password("bob")), "GET", "/groups").status_code == 200
    assert api.journal() == [("bob", "email.asked", "bob", "bob"), ("bob", "email.added", "bob", "bob")]


def test_only_whoever_asked_confirms(api: Api) -> None:
    """Otherwise anybody could have an address of somebody else's confirmed for himself by that person's click."""
    hash = asked(api, "mallory@elsewhere.example")

    for who in ("mallory", "root", None):
        with pytest.raises(WrongRecipient):
            do(api, who, emails.confirm, hash)

    assert confirmed(api) == ["bob@example.com"]


def test_a_link_confirms_once_and_a_newer_one_ends_it(api: Api) -> None:
    first = asked(api)
    second = asked(api)

    with pytest.raises(LinkExpired):
        do(api, "bob", emails.confirm, first)
    do(api, "bob", emails.confirm, second)
    with pytest.raises(LinkExpired):
        do(api, "bob", emails.confirm, second)

    assert confirmed(api) == ["bob@example.com", OTHER]


def test_asking_tells_nobody_whose_an_address_is(api: Api) -> None:
    do(api, "bob", emails.ask_for, "bob", "alice@example.com")
    do(api, "bob", emails.ask_for, "bob", "nobody@example.com")
    hashes = dict(letters(api))

    with pytest.raises(Conflict):
        do(api, "bob", emails.confirm, hashes["alice@example.com"])
    assert confirmed(api) == ["bob@example.com"]


@pytest.mark.parametrize(
    "address", ["", "bob", "bob@", "a b@example.com", "BOB@example.com", f"{'x' * 300}@example.com"]
)
def test_what_is_no_other_address_is_refused(api: Api, address: str) -> None:
    before = api.everything()

    with pytest.raises(Invalid):
        do(api, "bob", emails.ask_for, "bob", address)

    assert api.everything() == before


@pytest.mark.parametrize("who", ["mallory", "alice", None])
@pytest.mark.parametrize(
    "deed",
    [
        lambda work: emails.ask_for(work, "bob", OTHER),
        lambda work: emails.of_person(work, "bob"),
        lambda work: emails.end(work, "bob", "bob@example.com"),
        lambda work: passwords.change(work, "bob", "x"),
    ],
)
def test_addresses_and_passwords_are_the_persons_own(api: Api, who: str | None, deed: Any) -> None:
    with pytest.raises(Forbidden):
        do(api, who, deed)


def test_letters_go_to_the_primary_address_and_it_cannot_be_ended(api: Api) -> None:
    do(api, "bob", emails.confirm, asked(api))

    with pytest.raises(Invalid, match="make another one primary first"):
        do(api, "bob", emails.end, "bob", "bob@example.com")
    do(api, "bob", emails.make_primary, "bob", OTHER)
    do(api, "bob", emails.end, "bob", "bob@example.com")

    assert confirmed(api) == [OTHER]
    do(api, None, passwords.request_reset, "bob")
    assert [email for email, _ in letters(api)] == [OTHER]


def test_an_address_that_waits_can_be_given_up(api: Api) -> None:
    hash = asked(api)

    do(api, "bob", emails.end, "bob", OTHER)

    with pytest.raises(LinkExpired):
        do(api, "bob", emails.confirm, hash)
    with pytest.raises(NotFound):
        do(api, "bob", emails.end, "bob", OTHER)


# --- a forgotten password


@pytest.mark.parametrize("login", ["bob", "BOB", "bob@example.com"])
def test_a_forgotten_password_is_replaced_once_by_letter(api: Api, login: str) -> None:
    do(api, None, passwords.request_reset, login)
    [(email, hash)] = letters(api)

    do(api, None, passwords.reset, hash, cast.cheap_hash("a new one"))

    assert email == "bob@example.com"
    assert api(("bob", "a new one"), "GET", "/groups").status_code == 200
    assert api(("bob", cast.password("bob")), "GET", "/groups").status_code == 401
    with pytest.raises(LinkExpired):
        do(api, None, passwords.reset, hash, cast.cheap_hash("another"))
    assert api.journal() == [("nobody", "password.reset-asked", "bob", "bob"), ("bob", "password.set", "bob", "bob")]


@pytest.mark.parametrize("login", ["nobody", "nobody@example.com", "acme", "ghost", "ghost@example.com", "", "\0", "@"])
def test_nothing_is_sent_where_nobody_may_sign_in_and_nothing_tells(api: Api, login: str) -> None:
    before = api.everything()

    assert do(api, None, passwords.request_reset, login) is None

    assert api.everything() == before


@pytest.mark.parametrize(
    "death",
    [
        lambda work: accounts.set_active(work, "bob", False),
        lambda work: passwords.change(work, "bob", cast.cheap_hash("changed meanwhile")),
        lambda work: accounts.set_email(work, "bob", OTHER),
        lambda work: work.tx.connection.execute("UPDATE links SET expires_at = 1"),
    ],
)
def test_a_password_link_dies_with_what_it_rests_on(api: Api, death: Any) -> None:
    do(api, None, passwords.request_reset, "bob")
    [(_, hash)] = letters(api)
    api.operate(death)

    with pytest.raises(LinkExpired):
        do(api, None, passwords.reset, hash, cast.cheap_hash("a new one"))


def test_a_link_does_one_thing(api: Api) -> None:
    confirming = asked(api)
    do(api, None, passwords.request_reset, "bob")
    [(_, resetting)] = letters(api)

    with pytest.raises(LinkExpired):
        do(api, None, passwords.reset, confirming, cast.cheap_hash("x"))
    with pytest.raises(LinkExpired):
        do(api, "bob", emails.confirm, resetting)


def test_whoever_asks_again_and_again_sends_one_letter_in_half_an_hour_and_ends_no_link(api: Api) -> None:
    do(api, None, passwords.request_reset, "bob")
    [(_, hash)] = letters(api)

    for _ in range(100):
        do(
            api,
            None,
            passwords.request_reset,
            "bob",
            site_limits=SiteLimits(letters_per_address=1, letters_per_account=1),
        )

    assert letters(api) == []
    do(api, None, passwords.reset, hash, cast.cheap_hash("a new one"))


def test_nobody_can_use_up_the_letters_for_a_forgotten_password(api: Api) -> None:
    now = datetime.now(UTC)
    for nth in range(100):
        at = now + nth * site_limits.RESET_PAUSE
        do(
            api,
            None,
            passwords.request_reset,
            "bob",
            site_limits=SiteLimits(letters_per_address=1, letters_per_account=1),
            at=at,
        )

    assert api.operate(lambda work: outbox.waiting(work)[0]) == 100


def test_a_letter_goes_to_another_address_at_once(api: Api) -> None:
    do(api, None, passwords.request_reset, "bob")
    api.operate(lambda work: accounts.set_email(work, "bob", OTHER))

    do(api, None, passwords.request_reset, "bob")

    assert OTHER in dict(letters(api))
