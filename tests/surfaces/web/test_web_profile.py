"""One's own page: what one can do, addresses, the password, other browsers; and passwords that were forgotten."""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from unicodedata import normalize

import pytest

import cast
from browsing import Visitor, deliver, done_by, invite
from cast import Api
from onebucket import hashing
from onebucket.actions import accounts, emails, groups, invitation_acceptance, privileges, repositories
from onebucket.domain.privileges import Level
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.auth import authentication

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


@pytest.fixture
def visitor(api: Api) -> Iterator[Visitor]:
    """A browser in which nobody has signed in."""
    with Visitor(api) as opened:
        yield opened


def words(text: str) -> str:
    return " ".join(text.split())


# -- what one can do -------------------------------------------------------------------------------


def test_it_lists_every_group_and_every_repository_with_the_reason_that_decides(api: Api, visitor: Visitor) -> None:
    api.operate(lambda work: repositories.add(work, "bob", "notes"))
    api.operate(done_by("gina", lambda work: privileges.grant_direct(work, "globex", "satellite", "bob", Level.READ)))

    text = words(visitor.sign_in("bob").text)

    assert "Acme acme Member of Designers, Developers." in text
    assert "rocketwriteyou are in designers" in text
    assert "websitewriteyou are in developers" in text
    assert "satellitereadgranted to you by gina" in text
    assert "notesadminyou own it" in text
    assert "pending invitations" not in text


def test_it_lists_nothing_of_accounts_where_one_is_nothing(api: Api, visitor: Visitor) -> None:
    text = words(visitor.sign_in("mallory").text)

    assert "you are not in a group, and you have no repository" in text
    assert "rocket" not in text and "website" not in text and "globex" not in text


def test_who_administers_is_led_to_the_invitations(api: Api, visitor: Visitor) -> None:
    page = visitor.sign_in("alice")

    assert "/accounts/acme/invitations" in page.linked
    assert "/site/letters" not in page.linked
    assert "/site/letters" in Visitor(api, "root").open("/me").linked


@pytest.mark.runs_on("SQLite")
def test_it_takes_no_more_queries_for_more_repositories(api: Api, visitor: Visitor) -> None:
    def queries() -> int:
        counted: list[str] = []
        with api.db.reading() as tx:
            tx.connection.set_trace_callback(counted.append)
        visitor.open("/me")
        with api.db.reading() as tx:
            tx.connection.set_trace_callback(None)
        return len(counted)

    def add(*numbers: int) -> None:
        api.operate(lambda work: [repositories.add(work, "acme", f"r{number}") for number in numbers])

    visitor.sign_in("bob")
    # Few repositories are read in one statement, which saves two.
    add(*range(20))
    before = queries()
    add(*range(20, 70))

    assert queries() == before
    assert 5 < before < 40


def test_long_and_hostile_names_are_text_and_keep_to_themselves(api: Api, visitor: Visitor) -> None:
    name = normalize("NFC", '<b>bold</b> & "quoted" שלום ' + "w" * 50)
    api.operate(lambda work: groups.create(work, "acme", name=name))
    slug = api("alice", "GET", "/groups/acme").json()
    [slug] = [each["slug"] for each in slug if each["name"] == name]
    api.operate(lambda work: groups.add_member(work, "acme", slug, "bob"))

    page = visitor.sign_in("bob")

    assert name in page.text
    assert "b" not in page.tags


# -- what one is invited to ------------------------------------------------------------------------


def test_an_invitation_follows_its_address_to_whoever_has_it_later(api: Api, visitor: Visitor) -> None:
    invite(api, "ken@example.net", "designers")
    hash = cast.cheap_hash(cast.password("ken"))
    api.operate(lambda work: accounts.add_user(work, "ken", email="ken@example.net", password_hash=hash))

    page = visitor.sign_in("ken")
    [(_, each)] = api.operate(done_by("ken", invitation_acceptance.mine))
    joined = visitor.send(page, f"/me/invitations/{each.id}/accept")
    again = visitor.send(page, f"/me/invitations/{each.id}/accept")

    assert "Invitations" in page.text and "ken@example.net" in page.text
    assert "Welcome to" in joined.text and "Invitations" not in joined.text
    assert (again.status, api.members("designers")) == (404, ["bob", "ken"])


def test_what_one_is_invited_to_is_declined_there_too(api: Api, visitor: Visitor) -> None:
    invite(api, "mallory@example.com", "designers")
    page = visitor.sign_in("mallory")
    [(_, each)] = api.operate(done_by("mallory", invitation_acceptance.mine))

    declined = visitor.send(page, f"/me/invitations/{each.id}/decline")

    assert "Invitation declined" in declined.text
    assert ("mallory", "invitation.declined", "acme", "mallory@example.com") in api.journal()


def test_nobody_answers_an_invitation_of_somebody_else(api: Api, visitor: Visitor) -> None:
    invite(api, "mallory@example.com", "designers")
    [(_, each)] = api.operate(done_by("mallory", invitation_acceptance.mine))

    page = visitor.sign_in("gina")
    token = page.inputs["form_token"]["value"]
    address = f"/me/invitations/{each.id}"
    answers = [visitor.ask("POST", f"{address}/{deed}", data={"form_token": token}) for deed in ("accept", "decline")]

    assert [answer.status_code for answer in answers] == [404, 404] and "Invitations" not in page.text
    assert "gina" not in api.members("designers")


def test_an_address_that_becomes_theirs_ends_what_they_have_already(api: Api) -> None:
    invite(api, "b@example.org", "designers")

    api.operate(lambda work: emails.ask_for(work, "bob", "b@example.org"))
    secret = deliver(api)["b@example.org"].rpartition("/")[2]
    api.operate(done_by("bob", lambda work: emails.confirm(work, hashing.secret_hash(secret))))

    assert "b@example.org" not in api("alice", "GET", "/users/acme/invitations").text


# -- addresses -------------------------------------------------------------------------------------


def test_an_address_is_theirs_when_they_have_opened_the_link_and_confirmed(api: Api, visitor: Visitor) -> None:
    page = visitor.sign_in("alice")

    asked = visitor.send(page, "/me/emails", email="Al@Example.org")
    link = deliver(api)["Al@Example.org"]
    for _ in range(3):
        shown = visitor.open(link)
    assert api(("al@example.org", cast.password("alice")), "GET", "/groups").status_code == 401
    confirmed = visitor.send(shown, link)

    assert "An e-mail is on its way" in asked.text and "waiting for confirmation" in asked.text
    assert "Address confirmed." in confirmed.text
    assert api(("al@example.org", cast.password("alice")), "GET", "/groups").status_code == 200
    assert visitor.open(link).status == 404
    primary = visitor.send(confirmed, "/me/emails/primary")
    removed = visitor.send(primary, "/me/emails/remove")
    assert words(removed.text).count("@") == 1 and "Al@Example.org primary" in words(removed.text)
    assert [event for _, event, _, _ in api.journal() if event.startswith("email.")] == [
        "email.asked", "email.added", "email.primary", "email.removed"
    ]  # fmt: skip


def test_only_the_person_who_asked_confirms(api: Api, visitor: Visitor) -> None:
    api.operate(done_by("alice", lambda work: emails.ask_for(work, "alice", "al@example.org")))
    link = deliver(api)["al@example.org"]

    first = visitor.open(link)
    assert (first.status, first.inputs["next"]["value"]) == (200, link)
    other = visitor.send(first, "/sign-in", login="mallory", password=cast.password("mallory"))
    token = visitor.open("/me").inputs["form_token"]["value"]
    refused = visitor.ask("POST", link, data={"form_token": token})

    assert (other.path, other.status, refused.status_code) == (link, 403, 403)
    assert "You are signed in as mallory" in words(other.text)
    assert "al@example.org" not in other.text
    with Visitor(api, "alice") as alice:
        assert "Address confirmed." in alice.send(alice.open(link), link).text


@pytest.mark.parametrize(
    ("address", "sentence"),
    [("alice@EXAMPLE.com", "is one of yours already"), ("nonsense", "not an e-mail address"), ("", "not an e-mail")],
)
def test_an_address_that_will_not_do_is_said_beside_its_field(visitor: Visitor, address: str, sentence: str) -> None:
    page = visitor.send(visitor.sign_in("alice"), "/me/emails", email=address)

    assert (page.status, sentence in page.text) == (400, True)
    assert (page.inputs["email"]["value"], page.inputs["email"]["aria-invalid"]) == (address, "true")


def test_nobody_hears_that_an_address_is_somebody_elses_but_who_reads_its_letters(api: Api, visitor: Visitor) -> None:
    page = visitor.send(visitor.sign_in("mallory"), "/me/emails", email="bob@example.com")

    assert (page.status, "An e-mail is on its way" in page.text) == (200, True)
    link = deliver(api)["bob@example.com"]
    refused = visitor.send(visitor.open(link), link)
    assert (refused.status, "belongs to an account already" in refused.text) == (409, True)


def test_so_many_letters_a_day_and_then_they_have_to_wait(cast_template: Path, tmp_path: Path) -> None:
    with closing(Api(cast.copy(cast_template, tmp_path), site_limits=SiteLimits(letters_per_address=1))) as api:
        visitor = Visitor(api, "alice")
        visitor.send(visitor.open("/me"), "/me/emails", email="a@example.org")

        page = visitor.send(visitor.open("/me"), "/me/emails", email="a@example.org")

        assert page.status == 429
        assert int(page.answer.headers["retry-after"]) > 80_000
        visitor.close()


# -- the password, and other browsers --------------------------------------------------------------


def test_changing_the_password_needs_the_old_one_and_ends_every_other_session(api: Api, visitor: Visitor) -> None:
    page = visitor.sign_in("alice")
    secret = visitor.cookies["onebucket_session"]

    with Visitor(api, "alice") as other:
        wrong = visitor.send(page, "/me/password", old_password="wrong", password="another long one")
        short = visitor.send(page, "/me/password", old_password=cast.password("alice"), password="short")
        assert other.open("/me").path == "/me"
        changed = visitor.send(page, "/me/password", old_password=cast.password("alice"), password="another long one")

        assert (wrong.status, wrong.inputs["old_password"]["aria-invalid"]) == (400, "true")
        assert (short.status, short.inputs["password"]["aria-invalid"]) == (400, "true")
        assert (changed.path, "Password changed" in changed.text) == ("/me", True)
        assert visitor.cookies["onebucket_session"] != secret
        assert other.open("/me").path == "/sign-in"
    assert api(("alice", "another long one"), "GET", "/groups").status_code == 200


def test_people_see_where_they_are_signed_in_and_sign_out_there(api: Api, visitor: Visitor) -> None:
    page = visitor.sign_in("alice")
    others = [Visitor(api, "alice") for _ in range(3)]

    page = visitor.open("/me/security")
    [first, *_] = [form for form in page.forms if form.action.endswith("/end") and "/sessions/" in form.action]
    one_less = visitor.send(page, first.action.removeprefix(cast.BASE))
    alone = visitor.send(one_less, "/me/sessions/end")

    assert words(page.text).count("A browser from 127.0.0.1") == 3
    assert words(one_less.text).count("A browser from 127.0.0.1") == 2
    assert words(alone.text).count("A browser from 127.0.0.1") == 0
    assert [each.open("/me").path for each in others] == ["/sign-in"] * 3
    for each in others:
        each.close()


def test_nobody_ends_a_session_of_somebody_else(api: Api, visitor: Visitor) -> None:
    Visitor(api, "alice").close()
    [(id,)] = api.operate(lambda work: work.tx.connection.execute("SELECT id FROM sessions").fetchall())
    visitor.sign_in("mallory")
    token = visitor.open("/me").inputs["form_token"]["value"]

    answer = visitor.ask("POST", f"/me/sessions/{id}/end", data={"form_token": token})

    assert answer.status_code == 404
    assert ("alice", "session.ended") not in [(actor, event) for actor, event, _, _ in api.journal()]


# -- forgotten -------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["alice", "ALICE@example.com"])
def test_a_forgotten_password_is_replaced_by_letter_once(api: Api, visitor: Visitor, login: str) -> None:
    signed_in = Visitor(api, "alice")
    asked = visitor.send(visitor.open("/passwords/forgotten"), "/passwords/forgotten", login=login)
    link = deliver(api)["alice@example.com"]
    for _ in range(3):
        shown = visitor.open(link)

    short = visitor.send(shown, link, password="short")
    done = visitor.send(short, link, password="a long new one")

    assert "Check your e-mail" in asked.text
    assert (short.status, short.inputs["password"]["aria-invalid"]) == (400, "true")
    assert (done.path, "Your new password is set" in done.text) == ("/sign-in", True)
    assert signed_in.open("/me").path == "/sign-in"
    assert visitor.send(done, "/sign-in", login="alice", password="a long new one").path == "/me"
    assert visitor.open(link).status == 404
    assert "Request a new e-mail" in visitor.open(link).text
    signed_in.close()


def test_nobody_hears_whether_there_is_somebody_with_a_forgotten_password(cast_template: Path, tmp_path: Path) -> None:
    with closing(Api(cast.copy(cast_template, tmp_path), site_limits=SiteLimits(letters_per_address=1))) as api:
        visitor = Visitor(api)
        form = visitor.open("/passwords/forgotten")

        logins = ("alice", "alice", "nobody", "nobody@example.org", "ghost", "acme", "x")
        pages = [visitor.send(form, "/passwords/forgotten", login=login) for login in logins]

        assert {(page.status, page.text.replace(login, "")) for page, login in zip(pages, logins, strict=True)} == {
            (200, pages[0].text.replace("alice", ""))
        }
        assert deliver(api).keys() == {"alice@example.com"}
        visitor.close()


def test_the_link_of_a_forgotten_password_ends_with_a_new_password_or_another_address(
    api: Api, visitor: Visitor
) -> None:
    for ending in (
        lambda work: accounts.set_password(work, "alice", cast.cheap_hash("x")),
        lambda work: accounts.set_email(work, "alice", "new@example.com"),
    ):
        visitor.send(visitor.open("/passwords/forgotten"), "/passwords/forgotten", login="alice")
        [link] = deliver(api).values()
        assert visitor.open(link).status == 200

        api.operate(ending)

        assert visitor.open(link).status == 404


@pytest.mark.usefixtures("real_argon2id")
def test_an_unknown_name_costs_as_much_as_a_wrong_password(api: Api, visitor: Visitor) -> None:
    """What takes the time is one argon2id; that of nobody's has the same parameters as everybody's."""
    checked = [api.server.services.authentication.passwords_checked]
    for login in ("alice", "nobody", "nobody@example.com"):
        visitor.send(visitor.open("/sign-in"), "/sign-in", login=login, password="wrong")
        checked.append(api.server.services.authentication.passwords_checked)

    real = hashing.password_hash("long enough").rsplit("$", 2)[0]

    assert [after - before for before, after in pairwise(checked)] == [1, 1, 1]
    assert authentication.DUMMY_HASH.startswith(f"{real}$")


# What "a password" hashes to with the server's own parameters.


# -- letters ---------------------------------------------------------------------------------------


def test_whoever_runs_the_site_sees_which_letters_fail_and_has_them_tried_again(api: Api, visitor: Visitor) -> None:
    invite(api, "carol@example.net")
    api.operate(
        lambda work: work.tx.connection.execute("UPDATE letters SET sent_at = NULL, trouble = '550 no such box'")
    )
    visitor.sign_in("root")

    page = visitor.open("/site/letters")
    [form] = [each for each in page.forms if each.action.endswith("/try-again")]
    again = visitor.send(page, form.action.removeprefix(cast.BASE))

    assert "given up" in page.text and "The mail server said: 550 no such box" in page.text
    assert "Trying again now." in again.text and "1 e-mail is waiting" in again.text


def test_the_demo_shows_its_letters_with_links_to_follow(cast_template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "1.eml").write_bytes(
        b"From: onebucket@localhost\r\nTo: carol@example.net\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n"
        b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        b"Dear <b>Carol</b>,\r\n\r\nhttp://onebucket.test/invitations/abc\r\n\r\nBye\r\n"
    )
    with closing(Api(cast.copy(cast_template, tmp_path), demo_letters=folder)) as api:
        visitor = Visitor(api)

        page = visitor.open("/demo/letters")

        assert "Café" in page.text and "carol@example.net" in page.text and "<b>Carol</b>" in page.text
        assert "http://onebucket.test/invitations/abc" in page.linked
        assert "b" not in page.tags
        visitor.close()


def test_elsewhere_than_in_the_demo_there_is_no_such_page(visitor: Visitor) -> None:
    assert visitor.ask("GET", "/demo/letters").status_code == 404
