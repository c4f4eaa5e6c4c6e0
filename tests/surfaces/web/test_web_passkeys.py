"""Passkeys: in a real browser, with an authenticator that Chromium plays; and what a wrong answer of a page gets."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page

import cast
import codes
import live
from browsing import Page as Shown
from browsing import Visitor
from cast import Api
from chromium import NEEDED, WAIT, opened, sign_in
from live import Live
from soft_authenticator import SoftPasskey

# Browsers have passkeys for names alone, and without https for this one.
NAME = "onebucket.localhost"


@pytest.fixture(scope="module")
def running(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with the cast on stage, under a name."""
    folder = tmp_path_factory.mktemp("passkeys")
    with live.with_the_cast(cast_template, folder, base_url=f"http://{NAME}") as served:
        yield served


@pytest.fixture
def window(running: Live) -> Iterator[BrowserContext]:
    """A window on a phone, in a browser that finds the server under its name."""
    for browser in opened(f"--host-resolver-rules=MAP {NAME}:80 127.0.0.1:{running.port}"):
        context = browser.new_context(base_url=f"http://{NAME}", viewport={"width": 360, "height": 740})
        context.set_default_timeout(WAIT)
        yield context
        context.close()


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """Give a page an authenticator that verifies its user and keeps passkeys; return its id too."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return devices, devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


@NEEDED
@pytest.mark.browser
@pytest.mark.subprocess
def test_a_passkey_is_created_and_signs_in_alone_and_beside_a_password(window: BrowserContext, running: Live) -> None:
    sign_in(window, "alice")
    [page] = window.pages
    devices, id = authenticator(page)

    page.goto("/me/security")
    page.locator("#passkey_label").fill("laptop")
    page.locator("form[action*='passkeys'] button").click()
    page.get_by_role("button", name="Create the passkey").click()
    page.get_by_text("Keep these codes in a safe place").wait_for()
    [recovery_code, *_] = page.locator("pre.secret").inner_text().split()
    page.get_by_role("button", name="Sign out").first.click()

    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/me")
    page.goto("/me/security")
    alone = page.locator("#sessions + ul").inner_text()
    page.get_by_role("button", name="Sign out").first.click()

    page.get_by_label("Username or e-mail address").fill("alice")
    page.get_by_label("Password").fill(cast.password("alice"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/me")
    with closing(sqlite3.connect(running.database)) as connection, connection:
        connection.execute("UPDATE sessions SET created_at = created_at - 700000000")
    page.goto("/me/tokens")
    page.locator("#label").fill("backup")
    page.get_by_role("button", name="Create app password").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_text("What you typed is still here").wait_for()
    kept = page.locator("#label").input_value()
    page.get_by_role("button", name="Sign out").first.click()

    # It is lost: the form says so, and a recovery code signs in.
    devices.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": id})
    authenticator(page)
    page.get_by_label("Username or e-mail address").fill("alice")
    page.get_by_label("Password").fill(cast.password("alice"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").fill(recovery_code)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/me")

    assert "signed in with passkey" in alone
    assert kept == "backup"
    methods = [method for (method,) in running.rows("SELECT signed_in_with FROM sessions ORDER BY created_at")]
    assert methods[-1] == "password and recovery code"


# -- without a browser -----------------------------------------------------------------------------

ORIGIN = f"http://{NAME}"


@pytest.fixture
def named(cast_template: Path, tmp_path: Path) -> Iterator[Api]:
    """A server under the name, with the cast."""
    opened = Api(cast.copy(cast_template, tmp_path), base_url=ORIGIN)
    yield opened
    opened.close()


@pytest.fixture
def visitor(named: Api) -> Iterator[Visitor]:
    """A browser in which nobody has signed in."""
    with Visitor(named, base=ORIGIN) as opened:
        yield opened


def register(visitor: Visitor, passkey: SoftPasskey, label: str = "laptop") -> Shown:
    named = visitor.send(visitor.open("/me/security"), "/me/security/passkeys", passkey_label=label)
    options = named.form("/me/security/passkeys/new").passkey_options
    return visitor.send(named, "/me/security/passkeys/new", passkey=passkey.create(options))


def sign_in_alone(visitor: Visitor, passkey: SoftPasskey) -> tuple[Shown, str]:
    page = visitor.open("/sign-in")
    answer = passkey.sign(page.form("/sign-in/passkey").passkey_options)
    return visitor.send(page, "/sign-in/passkey", passkey=answer), answer


def test_a_passkey_counts_once_for_each_challenge_in_its_browser_for_its_person(named: Api, visitor: Visitor) -> None:
    passkey, bobs = SoftPasskey(ORIGIN, NAME), SoftPasskey(ORIGIN, NAME)
    visitor.sign_in("alice")
    registered = register(visitor, passkey)
    again = register(visitor, passkey)
    with Visitor(named, "bob", base=ORIGIN) as bob:
        register(bob, bobs)
    visitor.client.cookies.clear()

    page = visitor.open("/sign-in")
    answer = passkey.sign(page.form("/sign-in/passkey").passkey_options)
    form_cookie = dict(visitor.client.cookies)
    with Visitor(named, base=ORIGIN) as thief:
        elsewhere = thief.send(thief.open("/sign-in"), "/sign-in/passkey", passkey=answer)
    inside = visitor.send(page, "/sign-in/passkey", passkey=answer)
    visitor.client.cookies.clear()
    visitor.client.cookies.update(form_cookie)
    replayed = visitor.send(page, "/sign-in/passkey", passkey=answer)
    visitor.client.cookies.clear()
    asked = visitor.sign_in("alice")
    options = asked.form("/sign-in/code/passkey").passkey_options
    others = visitor.send(asked, "/sign-in/code/passkey", passkey=bobs.sign(options))
    own = visitor.send(asked, "/sign-in/code/passkey", passkey=passkey.sign(options))

    assert "Keep these codes" in registered.text
    assert (again.status, "registered already" in again.text) == (400, True)
    assert (elsewhere.status, inside.path, replayed.status) == (400, "/me", 400)
    assert (others.status, own.path) == (400, "/me")


@pytest.mark.parametrize(
    "passkey",
    [
        SoftPasskey("http://evil.localhost", NAME),
        SoftPasskey(ORIGIN, "evil.localhost"),
        SoftPasskey(ORIGIN, NAME, is_verified=False),
    ],
    ids=["another origin", "another site", "nobody verified"],
)
def test_a_passkey_of_another_site_or_without_its_user_signs_nobody_in(visitor: Visitor, passkey: SoftPasskey) -> None:
    origin, site_hash, is_verified = passkey.origin, passkey._site_hash, passkey.is_verified
    own = SoftPasskey(ORIGIN, NAME)
    passkey.origin, passkey._site_hash, passkey.is_verified = ORIGIN, own._site_hash, True
    visitor.sign_in("alice")
    register(visitor, passkey)
    visitor.client.cookies.clear()
    passkey.origin, passkey._site_hash, passkey.is_verified = origin, site_hash, is_verified

    refused, _ = sign_in_alone(visitor, passkey)

    assert (refused.status, "That didn't work" in refused.text) == (400, True)
    assert visitor.open("/me").path == "/sign-in"


def test_an_authenticator_that_was_copied_is_found_out_by_its_count(visitor: Visitor) -> None:
    passkey = SoftPasskey(ORIGIN, NAME)
    visitor.sign_in("alice")
    register(visitor, passkey)
    visitor.client.cookies.clear()
    passkey.count = 5
    first, _ = sign_in_alone(visitor, passkey)
    visitor.client.cookies.clear()
    passkey.count = 3

    copied, _ = sign_in_alone(visitor, passkey)

    assert (first.path, copied.status) == ("/me", 400)


@pytest.mark.parametrize(
    "answer",
    ["", "x", "[]", "{}", '{"id": 1}', '{"id": "a", "response": {"clientDataJSON": "e30"}}',
     '{"id": "a", "response": {"clientDataJSON": "!"}}', '{"response": []}'],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(visitor: Visitor, answer: str) -> None:
    refused = visitor.send(visitor.open("/sign-in"), "/sign-in/passkey", passkey=answer)

    assert (refused.status, "try again" in refused.text) == (400, True)


def test_damaged_signatures_and_keys_are_refused_with_a_sentence(visitor: Visitor) -> None:
    passkey = SoftPasskey(ORIGIN, NAME)
    visitor.sign_in("alice")
    page = visitor.send(visitor.open("/me/security"), "/me/security/passkeys", passkey_label="laptop")
    created = passkey.create(page.form("/me/security/passkeys/new").passkey_options)
    broken = [
        json.dumps(answer | {"response": answer["response"] | {"attestationObject": damaged}})
        for answer in [json.loads(created)]
        for damaged in ("", "AA", answer["response"]["attestationObject"][:80], 1, None)
    ]

    statuses = [visitor.send(page, "/me/security/passkeys/new", passkey=each).status for each in broken]

    assert statuses == [400] * len(broken)
    assert "None yet." in visitor.open("/me/security").text


def test_there_are_no_passkeys_without_a_name_and_https(api: Api) -> None:
    codes.set_up(api, "alice")
    with Visitor(api, "bob") as bob:
        page = bob.open("/me/security")

    assert "passkey" not in page.text.lower()
