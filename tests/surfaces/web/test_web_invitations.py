"""The page behind an invitation's link: who sees what there, accepting it once, and links that are dead."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import cast
from browsing import Page, Visitor, as_person, at_once, deliver, done_by, invite, invite_to_repository
from cast import Api
from onebucket.actions import accounts, groups, invitation_acceptance, invitations, repositories, teams
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import LinkExpired
from onebucket.domain.site_limits import SiteLimits
from onebucket.hashing import secret_hash

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

CAROL = "carol@example.net"
NEW = {"username": "carol", "display_name": "Carol Danvers", "password": "long enough"}


@pytest.fixture
def visitor(api: Api) -> Iterator[Visitor]:
    """A browser in which nobody has signed in."""
    with Visitor(api) as opened:
        yield opened


def events(api: Api) -> list[str]:
    """What the journal tells of, less who signs in."""
    return [event for _, event, _, _ in api.journal() if event != "session.began"]


# -- looking ---------------------------------------------------------------------------------------


def test_it_says_who_invites_whom_to_which_groups_and_until_when(api: Api, visitor: Visitor) -> None:
    link = invite(api, CAROL, "designers", "developers")

    page = visitor.open(link)

    words = " ".join(page.text.split())
    assert page.status == 200
    assert "Alice Example (alice) invites you to join Designers and Developers." in words
    assert "You are invited to Acme" in words
    assert CAROL in words
    assert " UTC" in words
    assert page.inputs["username"]["value"] == "carol"


def test_it_says_to_which_repository_and_what_one_may_do_there(api: Api, visitor: Visitor) -> None:
    page = visitor.open(invite_to_repository(api, CAROL, "rocket", Level.WRITE))

    words = " ".join(page.text.split())
    assert "to the repository Rocket: you can read and change it." in words
    assert "acme/rocket, write" in words


def test_nothing_leaks_from_the_page_of_a_link(api: Api, visitor: Visitor) -> None:
    link = invite(api, CAROL)

    for path in (link, f"{link}/accept", "/invitations/none", "/passwords/none", "/emails/none"):
        page = visitor.open(path)
        assert page.answer.headers["referrer-policy"] == "no-referrer"
        assert page.answer.headers["cache-control"] == "no-store"
        assert link.rsplit("/")[-1] not in page.title
        assert not [each for each in page.linked if link in each], "no address that is shown holds the secret"


def test_a_scanner_that_opens_the_link_spends_nothing(api: Api, visitor: Visitor) -> None:
    link = invite(api, CAROL)
    before = api.everything()

    for path in (link, f"{link}/accept", f"{link}/decline", f"{link}/sign-up"):
        assert visitor.ask("HEAD", path).status_code == 200
    assert api.everything() == before
    for _ in range(3):
        for path in (link, f"{link}/accept", f"{link}/decline", f"{link}/sign-up"):
            assert visitor.ask("GET", path).status_code == 200

    assert visitor.send(visitor.open(link), f"{link}/sign-up", **NEW).path == "/me"
    assert events(api) == ["user.added", "member.added", "invitation.accepted"]


def test_those_who_wait_see_when_the_link_was_opened_first(api: Api, visitor: Visitor) -> None:
    link = invite(api, CAROL)

    for _ in range(2):
        visitor.open(link)

    [opened] = [each.opened_at for _, each in api.operate(invitations.found) if each.email == CAROL]
    assert opened is not None


# -- accepting -------------------------------------------------------------------------------------


def test_who_is_new_makes_an_account_and_sees_what_they_can_do_now(api: Api, visitor: Visitor) -> None:
    link = invite(api, CAROL)

    page = visitor.send(visitor.open(link), f"{link}/sign-up", **NEW)

    words = " ".join(page.text.split())
    assert page.path == "/me"
    assert "Welcome to Acme" in words
    assert "Member of Designers" in words
    assert "rocket write you are in designers" in " ".join(words.replace("rocketwrite", "rocket write ").split())
    assert CAROL in words
    assert "carol" in api.members("designers")
    assert api((CAROL, NEW["password"]), "GET", "/groups").status_code == 200, "the address counts as validated"
    assert visitor.open(link).status == 404


def test_who_has_an_account_signs_in_there_and_comes_back_to_accept(api: Api, visitor: Visitor) -> None:
    link = invite(api, "mallory@example.com")
    asked = visitor.open(link)
    assert asked.inputs["login"]["value"] == "mallory@example.com"

    offered = visitor.send(asked, "/sign-in", password=cast.password("mallory"))
    done = visitor.send(offered, f"{link}/accept")

    assert (offered.path, done.path) == (link, "/me")
    assert "Welcome to Acme" in done.text
    assert "mallory" in api.members("designers")


def test_a_wrong_password_on_the_way_does_not_lose_the_invitation(api: Api, visitor: Visitor) -> None:
    link = invite(api, "mallory@example.com")

    wrong = visitor.send(visitor.open(link), "/sign-in", password="wrong")

    assert (wrong.status, wrong.inputs["next"]["value"]) == (400, link)
    assert visitor.send(wrong, "/sign-in", password=cast.password("mallory")).path == link


def test_an_invitation_to_a_repository_lets_them_do_there_what_it_says(api: Api, visitor: Visitor) -> None:
    link = invite_to_repository(api, "mallory@example.com", "rocket", Level.WRITE)
    visitor.sign_in("mallory")

    page = visitor.send(visitor.open(link), f"{link}/accept")

    assert "granted to you by alice" in " ".join(page.text.split())
    assert api("alice", "GET", "/privileges/acme/rocket/mallory").json()[0]["privilege"] == "write"


@pytest.mark.parametrize("who", [None, "mallory"])
def test_whoever_has_the_link_may_decline_and_is_told_what_if_it_was_a_mistake(
    api: Api, visitor: Visitor, who: str | None
) -> None:
    link = invite(api, "mallory@example.com")
    if who:
        visitor.sign_in(who)

    page = visitor.send(visitor.open(link), f"{link}/decline")

    assert "ask Alice Example to invite you again" in " ".join(page.text.split())
    assert visitor.open(link).status == 404
    assert events(api) == ["invitation.declined"]


# -- somebody else ---------------------------------------------------------------------------------


@pytest.mark.parametrize("email", [CAROL, "mallory@example.com"])
def test_who_has_signed_in_with_another_address_can_not_accept_and_hears_what_to_do(
    api: Api, visitor: Visitor, email: str
) -> None:
    link = invite(api, email)
    visitor.sign_in("dora")

    page = visitor.open(link)
    sent = next(form.values for form in page.forms if form.method == "post")
    refused = Page(visitor.ask("POST", f"{link}/accept", data=sent))

    assert "You are signed in as dora" in " ".join(page.text.split())
    assert not [form for form in page.forms if form.action.endswith(("/accept", "/decline"))]
    assert [each for each in page.linked if each.startswith("/me?email=")] == (
        ["/me?email=carol%40example.net#addresses"] if email == CAROL else []
    )
    assert (refused.status, "not one of yours" in refused.text) == (403, True)
    assert (events(api), "dora" in api.members("designers")) == ([], False)
    assert [each.values["next"] for each in page.forms if "next" in each.inputs] == [link], "signing out leads back"


def test_adding_the_invited_address_to_their_account_lets_them_accept(api: Api, visitor: Visitor) -> None:
    link = invite(api, CAROL)
    visitor.sign_in("mallory")
    [there] = [each for each in visitor.open(link).linked if each.startswith("/me?email=")]

    asked = visitor.open(there)
    assert asked.inputs["email"]["value"] == CAROL
    visitor.send(asked, "/me/emails")
    confirming = deliver(api)[CAROL]
    visitor.send(visitor.open(confirming), confirming)
    visitor.send(visitor.open(link), f"{link}/accept")

    assert "mallory" in api.members("designers")


def test_nobody_accepts_without_signing_in(api: Api, visitor: Visitor) -> None:
    link = invite(api, "mallory@example.com")
    token = visitor.open(link).inputs["form_token"]["value"]

    refused = Page(visitor.ask("POST", f"{link}/accept", data={"form_token": token}))

    assert (refused.status, "sign in to accept" in refused.text) == (403, True)
    assert events(api) == []


# -- making an account -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"username": "ALICE"}, "username", "There is an account 'ALICE' already."),
        ({"username": "a b"}, "username", "can't be a username"),
        ({"username": "<b>x"}, "username", "can't be a username"),
        ({"password": "7 chars"}, "password", "The password must have 8 characters or more."),
        ({"display_name": "x" * 256}, "display_name", "longer than 255"),
    ],
    ids=["taken", "blank", "markup", "short", "long"],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    api: Api, visitor: Visitor, typed: dict[str, str], field: str, sentence: str
) -> None:
    link = invite(api, CAROL)

    page = visitor.send(visitor.open(link), f"{link}/sign-up", **NEW | typed)

    assert (page.status, page.inputs[field]["aria-invalid"]) == (400, "true")
    assert f"{field}-error" in (page.inputs[field]["aria-describedby"] or "")
    assert f"{field}-error" in page.ids
    assert sentence in page.text
    for name in ("username", "display_name"):
        assert page.inputs[name]["value"] == (NEW | typed)[name]
    assert "value" not in page.inputs["password"]
    assert page.title.startswith("Error: ")
    assert events(api) == []
    assert visitor.send(page, f"{link}/sign-up", **NEW).path == "/me"


def test_where_no_accounts_are_made_it_says_whom_to_ask(cast_template: Path, tmp_path: Path) -> None:
    api = Api(cast.copy(cast_template, tmp_path), site_limits=SiteLimits(sign_up="off"))
    with Visitor(api) as visitor:
        link = invite(api, CAROL)
        page = visitor.open(link)
        token = visitor.open("/sign-in").inputs["form_token"]["value"]

        refused = visitor.ask("POST", f"{link}/sign-up", data=NEW | {"form_token": token})

        assert "Ask Alice Example or a site administrator" in " ".join(page.text.split())
        assert "username" not in page.inputs
        assert (refused.status_code, events(api)) == (403, [])
    api.close()


# -- links that are dead ---------------------------------------------------------------------------


def _accept(work: UnitOfWork, link: str) -> None:
    accounts.add_user(work, "carol", email=CAROL)
    invitation_acceptance.accept(work, secret_hash(link.rsplit("/")[-1]), name="carol")


def _each_of_carol(action: Callable[[UnitOfWork, str], object]) -> Callable[[UnitOfWork], object]:
    return lambda work: [action(work, each.id) for _, each in invitations.found(work) if each.email == CAROL]


ENDINGS: dict[str, Callable[[UnitOfWork, str], object]] = {
    "accepted": _accept,
    "declined": lambda work, link: invitation_acceptance.decline(work, secret_hash(link.rsplit("/")[-1])),
    "withdrawn": lambda work, link: _each_of_carol(invitations.withdraw)(work),
    "sent again": lambda work, link: _each_of_carol(invitations.resend)(work),
    "its time is over": lambda work, link: work.tx.connection.execute("UPDATE invitations SET expires_at = sent_at"),
    "the inviter is disabled": lambda work, link: accounts.set_active(work, "dora", False),
    "the inviter may not invite": lambda work, link: groups.remove_member(work, "acme", "administrators", "dora"),
    "the group is deleted": lambda work, link: groups.delete(work, "acme", "designers"),
    "the team is deleted": lambda work, link: teams.delete(work, "acme"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_link_that_is_over_gets_the_same_answer_whatever_ended_it(api: Api, visitor: Visitor, name: str) -> None:
    api.operate(lambda work: groups.add_member(work, "acme", "administrators", "dora"))
    link = invite(api, CAROL, by="dora")
    form = visitor.open(link)
    never = visitor.open("/invitations/there-never-was-any")

    api.operate(lambda work: ENDINGS[name](work, link))
    deliver(api)
    before = events(api)
    page = visitor.open(link)
    sent = [visitor.send(form, f"{link}/{deed}") for deed in ("decline", "sign-up")]

    for answer in (page, *sent):
        assert (answer.status, answer.text) == (404, never.text)
    assert "ask the person who invited you to resend the invitation" in page.text
    # The e-mail names the person; the page doesn't, because anyone could hold an old link.
    assert "the e-mail begins with their name" in page.text
    assert events(api) == before


def test_a_link_to_a_repository_dies_with_it_and_when_the_inviter_is_demoted(api: Api, visitor: Visitor) -> None:
    link = invite_to_repository(api, CAROL, "website", Level.WRITE, by="dora")
    assert visitor.open(link).status == 200

    api("alice", "DELETE", "/privileges/acme/website/dora")
    demoted = visitor.open(link).status
    api("alice", "PUT", "/privileges/acme/website/dora", content="admin")
    back = visitor.open(link).status
    api.operate(lambda work: repositories.delete(work, "acme", "website"))

    assert (demoted, back, visitor.open(link).status) == (404, 200, 404)


def test_another_group_joins_the_invitation_and_leaves_its_link_good(api: Api, visitor: Visitor) -> None:
    first = invite(api, CAROL, "designers")

    second = invite(api, CAROL, "developers")

    assert second == first
    visitor.send(visitor.open(first), f"{first}/sign-up", **NEW)
    assert "carol" in api.members("designers") and "carol" in api.members("developers")


def test_sending_again_kills_the_old_link_and_the_new_one_works(api: Api, visitor: Visitor) -> None:
    old = invite(api, CAROL)
    api.operate(_each_of_carol(invitations.resend))

    new = deliver(api)[CAROL]

    assert (visitor.open(old).status, visitor.open(new).status) == (404, 200)


def test_thirty_who_sign_up_at_once_are_let_in_once(api: Api, visitor: Visitor) -> None:
    link = invite(api, CAROL)
    form = visitor.open(link).form(f"{link}/sign-up").values | NEW

    answers = at_once(
        api, *((visitor, f"{link}/sign-up", form | {"username": f"carol-{number}"}) for number in range(30))
    )

    # Two passwords of a network are hashed at a time; the next is told to come again.
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(303) == 1 and {*statuses} <= {303, 404, 429}
    assert sorted(set(events(api))) == ["invitation.accepted", "member.added", "user.added"]
    assert events(api).count("invitation.accepted") == 1


def test_fifty_threads_that_accept_at_once_make_one_member(api: Api) -> None:
    link = invite(api, "mallory@example.com")
    hash = secret_hash(link.rsplit("/")[-1])

    def accept(number: int) -> bool:
        try:
            api.operate(lambda work: invitation_acceptance.accept(work, hash, name="mallory"), elsewhere=True)
        except LinkExpired:
            return False
        return True

    with ThreadPoolExecutor(10) as crowd:
        accepted = list(crowd.map(accept, range(50)))

    assert accepted.count(True) == 1
    assert api.members("designers").count("mallory") == 1


# -- for those who wait ----------------------------------------------------------------------------


@pytest.mark.runs_on("SQLite")
def test_an_administrator_sees_what_has_become_of_each_invitation(api: Api, visitor: Visitor) -> None:
    opened = invite(api, CAROL)
    visitor.open(opened)
    api.operate(done_by("alice", lambda work: invitations.invite_to_group(work, "acme", "w@x.org", None, "designers")))
    visitor.sign_in("alice")

    waiting = " ".join(visitor.open("/accounts/acme/invitations").text.split())
    deliver(api)
    _fail(api, "w@x.org")
    api.operate(lambda work: work.tx.connection.execute("UPDATE invitations SET expires_at = sent_at"))
    failing = " ".join(visitor.open("/accounts/acme/invitations").text.split())

    assert "waiting to be sent" in waiting and "not opened yet" in waiting and "opened 20" in waiting
    assert "valid until" in waiting and "expired" not in waiting
    assert "failing" in failing and "The mail server said: 450 try later" in failing and "expired" in failing


def _fail(api: Api, email: str) -> None:
    def fail(work: UnitOfWork) -> None:
        # The two databases mark places for values differently: here there are none.
        work.tx.connection.execute(
            f"UPDATE letters SET sent_at = NULL, due_at = {int(work.at.timestamp() * 1e6) + 60_000_000},"
            f" trouble = '450 try later' WHERE email = '{email}'"
        )

    api.operate(fail)


def test_an_administrator_sends_one_again_and_withdraws_it(api: Api, visitor: Visitor) -> None:
    old = invite(api, CAROL)
    visitor.sign_in("alice")
    [id] = [each.id for _, each in api.operate(invitations.found) if each.email == CAROL]
    page = visitor.open("/accounts/acme/invitations")

    again = visitor.send(page, f"/accounts/acme/invitations/{id}/resend")
    new = deliver(api)[CAROL]
    withdrawn = visitor.send(again, f"/accounts/acme/invitations/{id}/withdraw")

    assert "sent again with a new link" in again.text
    assert "Invitation withdrawn" in withdrawn.text
    assert [Page(visitor.ask("GET", each)).status for each in (old, new)] == [404, 404]
    assert ("alice", "invitation.withdrawn", "acme", CAROL) in api.journal()


def test_nobody_resends_or_withdraws_through_another_account(api: Api, visitor: Visitor) -> None:
    invite(api, CAROL)
    [id] = [each.id for _, each in api.operate(invitations.found) if each.email == CAROL]
    visitor.sign_in("gina")
    token = visitor.open("/me").inputs["form_token"]["value"]

    for deed in ("resend", "withdraw"):
        answer = visitor.ask("POST", f"/accounts/globex/invitations/{id}/{deed}", data={"form_token": token})
        assert answer.status_code == 404
    assert events(api) == []
    assert api.operate(lambda work: as_person(work, "gina")).name == "gina"
