"""Signing in and out: sessions and their cookies, forms that only this site can send, and where a page may lead."""

import re
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

import cast
from browsing import Page, Visitor
from cast import Api
from onebucket import hashing
from onebucket.actions import accounts
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.auth import authentication
from onebucket.surfaces.web.core import csrf

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

SESSION = "onebucket_session"


@pytest.fixture
def visitor(api: Api) -> Iterator[Visitor]:
    """A browser in which nobody has signed in."""
    with Visitor(api) as opened:
        yield opened


def signed_in_as(page: Page) -> str | None:
    """Whom a page calls by name."""
    found = re.search(r"Signed in as (\S+)", page.text)
    return found.group(1) if found else None


def sessions(api: Api) -> list[tuple[str, ...]]:
    """(username, hash) of every session there is."""
    with api.db.reading() as tx:
        return tx.connection.execute(
            "SELECT username, secret_hash FROM sessions JOIN accounts ON accounts.id = sessions.account_id"
        ).fetchall()


# -- sessions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.com", "Alice@Example.COM"])
def test_a_person_signs_in_with_their_name_or_an_address(visitor: Visitor, login: str) -> None:
    page = visitor.sign_in(login, cast.password("alice"))

    assert (page.path, signed_in_as(page)) == ("/me", "alice")
    assert ("alice", "session.began", "alice", "alice") in visitor.api.journal()


@pytest.mark.parametrize(("base", "prefix"), [(cast.BASE, ""), ("https://onebucket.test", "__Host-")])
def test_the_cookie_is_for_this_site_alone_and_only_its_hash_is_kept(
    cast_template: Path, tmp_path: Path, base: str, prefix: str
) -> None:
    api = Api(cast.copy(cast_template, tmp_path), base_url=base)
    with Visitor(api, base=base) as visitor:
        shown = visitor.open("/sign-in")
        form = shown.form("/sign-in").values | {"login": "alice", "password": cast.password("alice")}

        answer = visitor.ask("POST", "/sign-in", data=form)

        given = SimpleCookie()
        for line in answer.headers.get_list("set-cookie"):
            given.load(line)
        session, gone = given[f"{prefix}{SESSION}"], given[f"{prefix}onebucket_form"]
        assert (session["httponly"], session["samesite"], session["path"], session["domain"]) == (True, "lax", "/", "")
        assert (session["max-age"], bool(session["secure"])) == (str(14 * 24 * 3600), prefix != "")
        assert (gone.value, gone["max-age"]) == ("", "0")
        assert sessions(api) == [("alice", hashing.secret_hash(session.value))]
        assert session.value not in api.everything()
        assert answer.headers["location"] == "/me"
    api.close()


def test_each_signing_in_makes_a_new_secret_and_ends_the_one_before(visitor: Visitor) -> None:
    visitor.client.cookies.set(SESSION, "chosen by somebody else", domain="onebucket.test")
    visitor.sign_in("alice")
    first = visitor.cookies[SESSION]
    form = visitor.open("/me").form("/sign-out").values
    assert first != "chosen by somebody else"

    visitor.ask("POST", "/sign-in", data=form | {"login": "bob", "password": cast.password("bob")})

    assert visitor.cookies[SESSION] != first
    assert [name for name, _ in sessions(visitor.api)] == ["bob"]
    assert signed_in_as(visitor.open("/me")) == "bob"


def test_signing_out_ends_the_session_and_not_only_its_cookie(api: Api, visitor: Visitor) -> None:
    visitor.sign_in("alice")
    secret = visitor.cookies[SESSION]

    page = visitor.send(visitor.open("/me"), "/sign-out")

    assert (page.path, signed_in_as(page), SESSION in visitor.cookies) == ("/sign-in", None, False)
    with Visitor(api) as thief:
        thief.client.cookies.set(SESSION, secret)
        assert thief.open("/me").path == "/sign-in"


ENDINGS = {
    "disabled": lambda work: accounts.set_active(work, "alice", False),
    "disabled and enabled": lambda work: [accounts.set_active(work, "alice", active) for active in (False, True)],
    "another password": lambda work: accounts.set_password(work, "alice", cast.cheap_hash("x")),
    "over": lambda work: work.tx.connection.execute("UPDATE sessions SET expires_at = created_at"),
}


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_ends_a_session_ends_it_for_the_very_next_request(
    api: Api, visitor: Visitor, name: str, elsewhere: bool
) -> None:
    visitor.sign_in("alice")
    page = visitor.open("/me")

    api.operate(ENDINGS[name], elsewhere=elsewhere)

    assert visitor.open("/me").path == "/sign-in"
    sent = Page(visitor.ask("POST", "/me/emails", data=page.form("/me/emails").values))
    assert (sent.status, sent.title) == (403, "Sign in again · onebucket")


def test_a_session_lasts_for_fourteen_days(api: Api, visitor: Visitor) -> None:
    visitor.sign_in("alice")
    [(lasting,)] = api.operate(
        lambda work: work.tx.connection.execute("SELECT expires_at - created_at FROM sessions").fetchall()
    )

    assert timedelta(microseconds=lasting) == timedelta(days=14)


def test_the_api_takes_no_notice_of_a_session(api: Api, visitor: Visitor) -> None:
    visitor.sign_in("alice")

    for path in ("/1.0/groups", "/1.0/groups/acme", "/api/access/acme/rocket", "/metrics"):
        assert visitor.ask("GET", path).status_code == 401
    assert visitor.ask("POST", "/1.0/groups/acme", data={"name": "Crew"}).status_code == 401
    as_bob = {"Authorization": cast.basic("bob", cast.token("bob"))}
    assert visitor.ask("POST", "/1.0/groups/acme", data={"name": "Crew"}, headers=as_bob).status_code == 403
    assert "set-cookie" not in visitor.ask("GET", "/1.0/groups/acme", headers=as_bob).headers


# -- who may sign in -------------------------------------------------------------------------------

NOBODIES = [
    ("alice", "wrong"),
    ("nobody", "wrong"),
    ("nobody@example.com", "wrong"),
    ("ghost", cast.password("ghost")),
    ("acme", "wrong"),
    ("alice", cast.token("alice")),
    ("\x00", "x"),
    ("alice\u202e", cast.password("alice")),
]


def test_whoever_may_not_sign_in_hears_the_same_and_keeps_what_was_typed(api: Api, visitor: Visitor) -> None:
    checked = api.server.services.authentication.passwords_checked

    refused = [visitor.sign_in(login, password) for login, password in NOBODIES]

    texts = {re.sub(r"\s+", " ", page.text) for page in refused}
    assert len(texts) == 1
    assert "Incorrect username or password." in texts.pop()
    for page, (login, _) in zip(refused, NOBODIES, strict=True):
        assert (page.status, page.inputs["login"]["value"]) == (400, login)
        assert "value" not in page.inputs["password"]
        assert page.inputs["password"]["aria-describedby"] == "password-error"
    assert (SESSION in visitor.cookies, sessions(api)) == (False, [])
    assert api.server.services.authentication.passwords_checked - checked == len(NOBODIES)


def test_when_too_many_passwords_are_checked_a_page_says_to_wait(api: Api, visitor: Visitor) -> None:
    api.server.services.authentication._hashing_asked = authentication.HASHING_THREADS + authentication.HASHING_QUEUE

    page = visitor.sign_in("alice")

    assert (page.status, page.answer.headers["retry-after"]) == (429, "1")
    assert "too many passwords are being checked" in page.text
    assert page.inputs["login"]["value"] == "alice"


# -- where a page may lead -------------------------------------------------------------------------


@pytest.mark.parametrize("next", ["/me", "/accounts/acme/invitations", "/me?done=asked#addresses", "/"])
def test_signing_in_leads_back_to_where_one_was(visitor: Visitor, next: str) -> None:
    page = Page(visitor.ask("GET", "/sign-in", params={"next": next}))

    answer = visitor.send(page, "/sign-in", follow=False, login="alice", password=cast.password("alice")).answer

    assert (answer.status_code, answer.headers["location"]) == (303, next)


HOSTILE = ["//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "me",
           "", "/\t/evil.example", "/\n/evil.example", " /me", "/me\r\nX: y", "///evil.example", "/ä", "/x" * 2000,
           "http:/evil.example", "/%0d\n"]  # fmt: skip


@pytest.mark.parametrize("next", HOSTILE)
def test_signing_in_and_out_lead_nowhere_else(visitor: Visitor, next: str) -> None:
    page = Page(visitor.ask("GET", "/sign-in", params={"next": next}))
    assert page.inputs["next"]["value"] == "/me"

    typed = {"login": "alice", "password": cast.password("alice"), "next": next}
    came_in = visitor.send(page, "/sign-in", follow=False, **typed).answer
    again = visitor.ask("GET", "/sign-in", params={"next": next})
    form = visitor.open("/me").form("/sign-out").values
    left = visitor.ask("POST", "/sign-out", data=form | {"next": next})

    assert [each.headers["location"] for each in (came_in, again, left)] == ["/me", "/me", "/sign-in"]
    assert csrf.local_address(next) is None


# -- forms -----------------------------------------------------------------------------------------


def test_a_form_without_the_token_of_its_browser_is_shown_again_and_does_nothing(api: Api, visitor: Visitor) -> None:
    visitor.sign_in("alice")
    before = api.everything()
    with Visitor(api, "bob") as other:
        tokens = [other.open("/me").inputs["form_token"]["value"] or "", "", "x", "ä"]
    before = api.everything()

    for token in tokens:
        page = visitor.send(visitor.open("/me"), "/me/emails", form_token=token, email="a@example.org")
        assert (page.status, page.inputs["email"]["value"]) == (403, "a@example.org")
        assert "so send it again" in page.text
        assert page.inputs["form_token"]["value"] != token

    assert api.everything() == before
    assert visitor.send(page, "/me/emails", email="a@example.org").status == 200


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
     {"Origin": "http://onebucket.test.evil.example"}, {"Origin": "http://onebucket.test:81"},
     {"Origin": "null", "Sec-Fetch-Site": "cross-site"}],
    ids=str,
)  # fmt: skip
def test_a_form_that_another_site_sends_does_nothing_though_its_token_is_right(
    api: Api, visitor: Visitor, headers: dict[str, str]
) -> None:
    visitor.sign_in("alice")
    form = visitor.open("/me").form("/me/emails").values | {"email": "a@example.org"}
    before = api.everything()

    refused = Page(visitor.ask("POST", "/me/emails", data=form, headers=headers))

    assert (refused.status, api.everything()) == (403, before)
    assert "this form came from another site" in refused.text.lower()
    assert "/me" in refused.linked
    assert "a@example.org" not in refused.text


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "null"}, {"Origin": cast.BASE}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}],
    ids=str,
)
def test_a_form_of_our_own_counts_however_little_the_browser_says(visitor: Visitor, headers: dict[str, str]) -> None:
    visitor.sign_in("alice")
    form = visitor.open("/me").form("/me/emails").values | {"email": "a@example.org"}

    assert visitor.ask("POST", "/me/emails", data=form, headers=headers).status_code == 303


def test_every_form_of_every_page_carries_the_token(visitor: Visitor) -> None:
    pages = [visitor.open(path) for path in ("/sign-in", "/passwords/forgotten", "/sign-out")]
    visitor.sign_in("root")
    pages += [visitor.open(path) for path in ("/me", "/accounts/acme/invitations", "/site/letters", "/sign-out")]

    forms = [form for page in pages for form in page.forms if form.method == "post"]

    assert len(forms) > 8
    for form in forms:
        assert len(form.values["form_token"]) == 48


@pytest.mark.parametrize("body", [b"\xff", b"[1]", b"{", b"login=a&login=b", b"x" * 70_000, b""])
def test_what_is_no_form_is_refused_with_a_page(visitor: Visitor, body: bytes) -> None:
    answer = visitor.ask("POST", "/sign-in", content=body)

    assert answer.status_code in (400, 403)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


# -- an account of one's own -----------------------------------------------------------------------


def test_where_it_is_open_anybody_makes_an_account_whose_address_is_confirmed_by_letter(
    cast_template: Path, tmp_path: Path
) -> None:
    api = Api(cast.copy(cast_template, tmp_path), site_limits=SiteLimits(sign_up="open"))
    with Visitor(api) as visitor:
        form = visitor.open("/sign-up")
        taken = visitor.send(form, "/sign-up", username="Alice", email="eve@example.org", password="long enough")
        wrong = visitor.send(form, "/sign-up", username="a b", email="eve", password="short")

        made = visitor.send(form, "/sign-up", username="eve", email="eve@example.org", password="long enough")

        assert (taken.status, taken.inputs["username"]["aria-describedby"]) == (400, "username-hint username-error")
        assert "There is an account 'Alice' already." in taken.text
        assert {name for name, given in wrong.inputs.items() if "aria-invalid" in given} == {
            "username", "email", "password"
        }  # fmt: skip
        assert (made.path, signed_in_as(made)) == ("/me", "eve")
        assert "waiting for confirmation" in made.text
        assert api(("eve", "long enough"), "GET", "/groups").status_code == 200
        assert api(("eve@example.org", "long enough"), "GET", "/groups").status_code == 401
    api.close()


def test_where_it_is_not_open_nobody_makes_one(api: Api, visitor: Visitor) -> None:
    before = api.everything()
    token = visitor.open("/sign-in").inputs["form_token"]["value"]
    typed = {"form_token": token, "username": "eve", "email": "eve@example.org", "password": "long enough"}

    shown, sent = visitor.open("/sign-up"), visitor.ask("POST", "/sign-up", data=typed)

    assert (shown.status, sent.status_code, api.everything()) == (403, 403, before)
    assert "You need an invitation to create an account" in shown.text
