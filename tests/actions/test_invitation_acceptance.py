"""What comes of an invitation: who may accept, once, and when a link is dead (security.md)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import cast
from cast import Api
from onebucket import hashing
from onebucket.actions import (
    access,
    accounts,
    groups,
    invitation_acceptance,
    invitations,
    outbox,
    privileges,
    repositories,
    teams,
)
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import NOBODY, Actor
from onebucket.domain.letters import MailState
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, LinkExpired, Refusal, WrongRecipient
from onebucket.domain.site_limits import SiteLimits

pytestmark = pytest.mark.runs_on("SQLite", "both", "split")

KEY = b"k" * 32


def secret_for(link_id: str) -> str:
    return hashing.link_secret(KEY, link_id)


def carry(api: Api) -> dict[str, str]:
    """Carry every letter that waits; the hashes of the links in them, by address, the latest letter's."""

    def carry(work: UnitOfWork) -> dict[str, str]:
        found = {}
        for parcel in outbox.claim(work, secret_for, most=100):
            outbox.mark_sent(work, parcel.letter)
            found[parcel.letter.email] = hashing.secret_hash(parcel.secret)
        return found

    return api.operate(carry)


def by(who: str, work: UnitOfWork) -> UnitOfWork:
    """The same work, done by somebody of the cast."""
    return replace(work, actor=Actor(access.person(work, who), "session"), request_id="page")


def visitor(work: UnitOfWork, **terms: Any) -> UnitOfWork:
    """The same work, done by somebody who has not signed in."""
    return replace(work, actor=NOBODY, request_id="page", site_limits=SiteLimits(**terms))


def accepting(api: Api, who: str, hash: str) -> None:
    api.operate(lambda work: invitation_acceptance.accept(by(who, work), hash))


def invite(api: Api, email: str, *slugs: str, who: str = "alice") -> str:
    """Invite an address to groups of acme; the hash of the link."""
    for slug in slugs:
        answer = api(who, "PUT", "/users/acme/invitations", json={"email": email, "group_slug": slug})
        assert answer.status_code == 200, answer.text
    return carry(api)[email]


def invite_to(api: Api, repository: str, email: str, permission: str, who: str = "alice") -> str:
    """Invite an address to a repository of acme; the hash of the link."""
    answer = api(who, "POST", f"/invitations/acme/{repository}", json={"email": email, "permission": permission})
    assert answer.status_code == 200, answer.text
    return carry(api)[email]


MALLORY = "mallory@example.com"


def test_accepting_puts_the_person_into_the_groups(api: Api) -> None:
    hash = invite(api, MALLORY, "designers", "developers")

    accepting(api, "mallory", hash)

    assert api.members("designers")[-1] == api.members("developers")[-1] == "mallory"
    assert [each["email"] for each in api("alice", "GET", "/users/acme/invitations").json()] == ["carol@example.net"]
    assert api.journal()[-3:] == [
        ("mallory", "member.added", "acme", "designers"),
        ("mallory", "member.added", "acme", "developers"),
        ("mallory", "invitation.accepted", "acme", MALLORY),
    ]


@pytest.mark.parametrize(("has", "gets", "has_then"), [(None, "write", "write"), ("read", "write", "write")])
def test_accepting_raises_what_the_person_has_on_the_repository(
    api: Api, has: str | None, gets: str, has_then: str
) -> None:
    if has:
        api("alice", "PUT", "/privileges/acme/rocket/mallory", content=has)

    accepting(api, "mallory", invite_to(api, "rocket", MALLORY, gets))

    assert [each["privilege"] for each in api("alice", "GET", "/privileges/acme/rocket/mallory").json()] == [has_then]


def test_what_the_person_has_by_now_is_not_lowered_by_an_invitation_to_less(api: Api) -> None:
    hash = invite_to(api, "rocket", MALLORY, "read")
    api("alice", "PUT", "/privileges/acme/rocket/mallory", content="admin")

    with pytest.raises(LinkExpired):
        accepting(api, "mallory", hash)

    assert [each["privilege"] for each in api("alice", "GET", "/privileges/acme/rocket/mallory").json()] == ["admin"]
    assert ("alice", "invitation.ended", "acme", MALLORY) in api.journal()


def test_whoever_joins_a_group_by_another_way_needs_no_invitation_to_it(api: Api) -> None:
    both, other = invite(api, MALLORY, "designers", "developers"), invite(api, "erin@example.net", "designers")
    api("alice", "PUT", "/groups/acme/designers/members/mallory")

    accepting(api, "mallory", both)

    assert [each["groups"] for each in api("alice", "GET", "/users/acme/invitations").json()] == [
        ["acme/designers"],
        ["acme/designers"],
    ]
    assert api.members("designers") == ["bob", "mallory"] and "mallory" in api.members("developers")
    assert other not in (both, "")


@pytest.mark.runs_on("SQLite")
def test_only_the_invited_address_accepts(api: Api) -> None:
    hash = invite(api, MALLORY, "designers")
    before = api.everything()

    for other in ("bob", "gina", "root"):
        with pytest.raises(WrongRecipient):
            accepting(api, other, hash)

    assert api.everything() == before


@pytest.mark.runs_on("SQLite")
def test_an_address_that_waits_to_be_confirmed_is_nobodys(api: Api) -> None:
    hash = invite(api, MALLORY, "designers")
    with api.db.writing() as tx:
        tx.connection.execute("UPDATE emails SET validated_at = NULL WHERE email = ?", [MALLORY])

    with pytest.raises(WrongRecipient):
        accepting(api, "mallory", hash)


def test_somebody_disabled_accepts_nothing(api: Api) -> None:
    hash = invite(api, "ghost@example.com", "designers")

    with pytest.raises(Forbidden, match="ghost is disabled"):
        accepting(api, "ghost", hash)


def test_of_fifty_acceptances_at_once_one_counts(api: Api) -> None:
    hash = invite(api, MALLORY, "designers")

    def attempt(_: int) -> str:
        try:
            accepting(api, "mallory", hash)
        except LinkExpired:
            return "dead"
        return "accepted"

    with ThreadPoolExecutor(10) as pool:
        came = list(pool.map(attempt, range(50)))

    assert sorted(came) == ["accepted"] + ["dead"] * 49
    assert [event for _, event, _, _ in api.journal()].count("invitation.accepted") == 1


DEATHS: dict[str, Callable[[Api, str], Any]] = {
    "accepted": lambda api, hash: accepting(api, "mallory", hash),
    "declined": lambda api, hash: api.operate(lambda work: invitation_acceptance.decline(visitor(work), hash)),
    "withdrawn": lambda api, hash: api("alice", "DELETE", f"/users/acme/invitations/{MALLORY}"),
    "sent again": lambda api, hash: invite(api, MALLORY, "designers"),
    "its time is over": lambda api, hash: api.operate(
        lambda work: work.tx.connection.execute(
            "UPDATE invitations SET expires_at = ?", [int(work.at.timestamp() * 1e6)]
        )
    ),
    "its group deleted": lambda api, hash: api("alice", "DELETE", "/groups/acme/designers"),
    "its inviter disabled": lambda api, hash: api.operate(lambda work: accounts.set_active(work, "alice", False)),
    "its inviter no administrator any more": lambda api, hash: api.operate(
        lambda work: (
            groups.add_member(work, "acme", "administrators", "dora"),
            groups.remove_member(work, "acme", "administrators", "alice"),
        )
    ),
    "its team deleted": lambda api, hash: api.operate(lambda work: teams.delete(work, "acme")),
}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.runs_on("SQLite")
def test_a_dead_link_answers_the_same_whatever_it_died_of(api: Api, death: str) -> None:
    hash = invite(api, MALLORY, "designers")
    DEATHS[death](api, hash)

    def tried(attempt: Callable[[UnitOfWork], Any]) -> str:
        with pytest.raises(LinkExpired) as refused:
            api.operate(attempt)
        return refused.value.sentence

    sentences = {
        tried(lambda work: invitation_acceptance.view(visitor(work), hash)),
        tried(lambda work: invitation_acceptance.accept(by("mallory", work), hash)),
        tried(lambda work: invitation_acceptance.decline(visitor(work), hash)),
        tried(lambda work: invitation_acceptance.view(work, hashing.secret_hash("altered"))),
    }
    assert len(sentences) == 1


@pytest.mark.parametrize(
    "death",
    [
        lambda work: repositories.delete(work, "acme", "website"),
        lambda work: privileges.revoke_direct(work, "acme", "website", "dora"),
        lambda work: accounts.set_active(work, "dora", False),
    ],
)
@pytest.mark.runs_on("SQLite")
def test_a_link_to_a_repository_dies_with_it_and_with_the_inviters_right(
    api: Api, death: Callable[[UnitOfWork], Any]
) -> None:
    hash = invite_to(api, "website", MALLORY, "write", who="dora")
    api.operate(death)

    with pytest.raises(LinkExpired):
        accepting(api, "mallory", hash)


def test_a_link_lives_as_long_as_its_inviter_may_invite(api: Api) -> None:
    hash = invite(api, MALLORY, "designers")
    api.operate(lambda work: accounts.set_active(work, "alice", False))
    api.operate(lambda work: accounts.set_active(work, "alice", True))

    accepting(api, "mallory", hash)

    assert "mallory" in api.members("designers")


@pytest.mark.runs_on("SQLite")
def test_looking_spends_nothing_and_declining_everything(api: Api) -> None:
    hash = invite(api, MALLORY, "designers")

    for _ in range(3):
        offer = api.operate(lambda work: invitation_acceptance.view(visitor(work), hash))
        api.operate(lambda work: invitation_acceptance.mark_opened(visitor(work), hash))
    [told, _] = api("alice", "GET", "/api/invitations?account=acme").json()
    api.operate(lambda work: invitation_acceptance.decline(visitor(work), hash))

    assert (offer.group_names, offer.has_account, offer.is_addressed_to_viewer, offer.may_sign_up) == (
        ("Designers",),
        True,
        False,
        False,
    )
    assert (told["letter"], told["opened_on"] is not None) == ("sent", True)
    assert "mallory" not in api.members("designers")
    assert api.journal()[-1] == ("nobody", "invitation.declined", "acme", MALLORY)


# --- making an account


def sign_up(api: Api, hash: str, username: str = "eve", **terms: Any) -> None:
    def attempt(work: UnitOfWork) -> None:
        hashed = cast.cheap_hash("eve is here")
        invitation_acceptance.sign_up(
            visitor(work, **terms), hash, username=username, display_name="", password_hash=hashed
        )

    api.operate(attempt)


@pytest.mark.parametrize("terms", [{}, {"sign_up": "open"}])
def test_an_invited_person_makes_an_account_and_is_in(api: Api, terms: dict[str, str]) -> None:
    sign_up(api, invite(api, "eve@example.net", "designers"), **terms)

    listed = api(("eve@example.net", "eve is here"), "GET", "/groups").json()
    assert [each["slug"] for each in listed] == ["designers"]
    told = [(actor, event) for actor, event, _, _ in api.journal()]
    assert told[-3:] == [("invitation", "user.added"), ("eve", "member.added"), ("eve", "invitation.accepted")]


@pytest.mark.parametrize(
    ("email", "username", "terms", "refusal"),
    [
        ("eve@example.net", "eve", {"sign_up": "off"}, Forbidden),
        (MALLORY, "eve", {}, Forbidden),
        ("eve@example.net", "bob", {}, Conflict),
        ("eve@example.net", "no blanks", {}, Invalid),
    ],
)
@pytest.mark.runs_on("SQLite")
def test_an_account_that_cannot_be_made_changes_nothing(
    api: Api, email: str, username: str, terms: dict[str, str], refusal: type[Refusal]
) -> None:
    hash = invite(api, email, "designers")
    before = api.everything()

    with pytest.raises(refusal):
        sign_up(api, hash, username, **terms)

    assert api.everything() == before


# --- the letters


def test_a_joined_invitation_keeps_its_link(api: Api) -> None:
    first = invite(api, MALLORY, "designers")
    second = invite(api, MALLORY, "developers")

    accepting(api, "mallory", first)

    assert first == second
    assert "mallory" in api.members("developers")


@pytest.mark.runs_on("SQLite")
def test_another_link_ends_the_one_that_was_sent_before_its_letter_goes_out(api: Api) -> None:
    hash = invite(api, MALLORY, "designers")
    api("alice", "PUT", "/users/acme/invitations", json={"email": MALLORY, "group_slug": "designers"})

    with pytest.raises(LinkExpired):
        accepting(api, "mallory", hash)


def test_a_document_changes_an_invitation_and_keeps_its_link(api: Api) -> None:
    hash = invite(api, MALLORY, "designers")
    api.operate(lambda work: invitations.set_groups(work, "acme", MALLORY, ["developers"], inviter="alice"))

    accepting(api, "mallory", hash)

    assert ("mallory" in api.members("developers"), "mallory" in api.members("designers")) == (True, False)


@pytest.mark.runs_on("SQLite")
def test_an_invitation_that_is_over_has_no_letter(api: Api) -> None:
    api("alice", "PUT", "/users/acme/invitations", json={"email": MALLORY, "group_slug": "designers"})
    api("alice", "DELETE", f"/users/acme/invitations/{MALLORY}")

    assert carry(api) == {}
    [(_, letter)] = api.operate(lambda work: outbox.newest(work))
    assert letter.state is MailState.SUPERSEDED


@pytest.mark.runs_on("SQLite")
def test_the_database_holds_no_link(api: Api) -> None:
    api("alice", "PUT", "/users/acme/invitations", json={"email": MALLORY, "group_slug": "designers"})
    [parcel] = api.operate(lambda work: outbox.claim(work, secret_for))

    assert parcel.secret not in api.everything()
    assert hashing.secret_hash(parcel.secret) in api.everything()


@pytest.mark.runs_on("SQLite")
def test_a_letter_that_fails_is_tried_again_for_a_day_and_then_given_up(api: Api) -> None:
    api("alice", "PUT", "/users/acme/invitations", json={"email": MALLORY, "group_slug": "designers"})
    tries: list[datetime] = []

    def attempt(work: UnitOfWork) -> list[outbox.OutgoingMail]:
        work.at = at
        parcels = outbox.claim(work, secret_for)
        for parcel in parcels:
            outbox.mark_failed(work, parcel.letter, "450 later", for_good=False)
        return parcels

    at = datetime.now().astimezone()
    for _ in range(36 * 60):
        if api.operate(attempt):
            tries.append(at)
        at += timedelta(minutes=1)

    [told, _] = api("alice", "GET", "/api/invitations?account=acme").json()
    assert (len(tries), told["letter"], told["trouble"]) == (10, "undeliverable", "450 later")
    assert timedelta(hours=20) < tries[-1] - tries[0] < timedelta(hours=28)


@pytest.mark.runs_on("SQLite")
def test_a_letter_is_given_to_one_carrier_at_a_time(api: Api) -> None:
    api("alice", "PUT", "/users/acme/invitations", json={"email": MALLORY, "group_slug": "designers"})

    taken = [api.operate(lambda work: outbox.claim(work, secret_for)) for _ in range(3)]

    assert [len(parcels) for parcels in taken] == [1, 0, 0]


@pytest.mark.runs_on("SQLite")
def test_what_the_operator_invites_is_not_counted(api: Api) -> None:
    def many(work: UnitOfWork) -> None:
        work.site_limits = SiteLimits(letters_per_account=1, letters_per_address=1)
        for slug in ("designers", "developers"):
            invitations.set_groups(work, "acme", MALLORY, [slug], inviter="alice", letter=True)

    api.operate(many)

    assert list(carry(api)) == [MALLORY]


def test_levels_below_nothing_are_not_given(api: Api) -> None:
    accepting(api, "mallory", invite_to(api, "rocket", MALLORY, "admin"))

    verdict = api("mallory", "GET", "/api/access/acme/rocket").json()
    assert verdict["level"] == Level.ADMIN.word
    assert verdict["because"][0]["through"] == "direct"


# -- an inviter who may not invite any more --------------------------------------------------------


@pytest.fixture
def void(api: Api) -> Api:
    """bob administered acme, invited dan to the repository and erin to a group, and doesn't administer it any more."""
    api("alice", "PUT", "/groups/acme/administrators/members/bob")
    invite_to(api, "rocket", "dan@example.net", "read", who="bob")
    invite(api, "erin@example.net", "designers", who="bob")
    api("alice", "DELETE", "/groups/acme/administrators/members/bob")
    return api


def told(api: Api, email: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = api("alice", "GET", f"/api/invitations?account=acme&email={email}").json()
    return found[0]


@pytest.mark.runs_on("SQLite")
def test_an_invitation_whose_inviter_may_not_invite_is_told_as_what_it_is(void: Api) -> None:
    for email in ("dan@example.net", "erin@example.net"):
        assert told(void, email)["trouble"] == "bob may no longer invite, so the link doesn't work: send it again"
    assert told(void, "carol@example.net")["trouble"] is None

    void("alice", "PUT", "/groups/acme/administrators/members/bob")

    assert told(void, "dan@example.net")["trouble"] is None


@pytest.mark.runs_on("SQLite")
def test_a_new_invitation_takes_the_place_of_one_whose_inviter_may_not_invite(void: Api) -> None:
    hash = invite_to(void, "rocket", "dan@example.net", "write")
    again = void("alice", "POST", "/invitations/acme/rocket", json={"email": "dan@example.net", "permission": "write"})

    now = told(void, "dan@example.net")
    assert (now["invited_by"], now["permission"], now["trouble"]) == ("alice", "write", None)
    assert again.status_code == 409
    assert (
        void.operate(lambda work: invitation_acceptance.view(visitor(work), hash)).invitation.email == "dan@example.net"
    )


@pytest.mark.runs_on("SQLite")
def test_a_new_invitation_to_another_group_does_not_bring_back_what_nobody_may_accept(void: Api) -> None:
    invite(void, "erin@example.net", "developers")

    now = told(void, "erin@example.net")
    assert (now["invited_by"], now["groups"], now["trouble"]) == ("alice", ["acme/developers"], None)


@pytest.mark.runs_on("SQLite")
def test_the_operator_cannot_be_the_inviter_of_an_invitation_that_is_void(void: Api) -> None:
    id = told(void, "dan@example.net")["id"]

    with pytest.raises(Invalid, match="bob may no longer invite"):
        void.operate(lambda work: invitations.resend(work, id))
