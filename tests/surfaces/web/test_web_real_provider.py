"""Signing in with a real provider in a real browser: Canaille, which knows nothing of us."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

import cast
import live
from browsing import Beside
from canaille_provider import LABEL, Canaille
from chromium import NEEDED, WAIT, opened
from live import Live
from onebucket.actions import accounts, groups

pytestmark = [NEEDED, pytest.mark.browser]

NAME = "onebucket.localhost"


@pytest.fixture(scope="module")
def running(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with the cast on stage, where people sign in with Canaille, which keeps the group of designers."""
    folder = tmp_path_factory.mktemp("provider")
    with Canaille(f"http://{NAME}/oidc/canaille/callback") as provider:
        (folder / "onebucket.toml").write_text(provider.settings)
        with live.with_the_cast(cast_template, folder, base_url=f"http://{NAME}") as served:
            with closing(Beside(served).db) as db, db.writing() as tx:
                groups.set_keeper(cast.operator(tx), "acme", "designers", "canaille")
            yield served


@pytest.fixture(scope="module")
def browser(running: Live) -> Iterator[Browser]:
    """A browser that finds the server under its name."""
    yield from opened(f"--host-resolver-rules=MAP {NAME}:80 127.0.0.1:{running.port}")


@contextmanager
def other_window(browser: Browser) -> Iterator[BrowserContext]:
    """Open a window in which nobody has signed in, neither here nor there."""
    context = browser.new_context(base_url=f"http://{NAME}")
    context.set_default_timeout(WAIT)
    yield context
    context.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window in which nobody has signed in."""
    with other_window(browser) as opened:
        yield opened


def log_in_there(page: Page, name: str) -> None:
    """Fill in the forms of Canaille."""
    page.locator("input[name=login], input[name=password]").first.wait_for()
    if page.locator("input[name=login]").count():
        page.locator("input[name=login]").fill(name)
        page.keyboard.press("Enter")
    page.locator("input[name=password]").fill(name * 3)
    page.keyboard.press("Enter")


def sign_in(window: BrowserContext, name: str) -> Page:
    """Go from our sign-in page to Canaille's forms, and wait until it has sent the browser back."""
    page = window.new_page()
    page.goto("/sign-in?next=/accounts/acme")
    page.get_by_role("link", name=f"Sign in with {LABEL}").click()
    log_in_there(page, name)
    page.wait_for_url(f"http://{NAME}/**")
    return page


def test_the_first_sign_in_finds_the_verified_address_and_joins_groups_and_the_next_is_a_click(
    running: Live, window: BrowserContext
) -> None:
    first = sign_in(window, "alice")

    assert first.url == f"http://{NAME}/accounts/acme"
    assert "Signed in as alice" in " ".join(first.inner_text("body").split())
    assert running.rows("SELECT actor FROM journal WHERE event = 'member.added' AND actor LIKE 'oidc:%'") == [
        ("oidc:canaille",)
    ]
    first.goto("/sign-out")
    first.locator("main").get_by_role("button", name="Sign out").click()
    first.get_by_role("link", name=f"Sign in with {LABEL}").click()
    first.wait_for_url("**/me")
    assert "Signed in as alice" in " ".join(first.inner_text("body").split())


def test_what_matters_needs_the_password_there_once_more(running: Live, window: BrowserContext) -> None:
    page = sign_in(window, "alice")
    with closing(sqlite3.connect(running.database)) as connection, connection:
        connection.execute("UPDATE sessions SET created_at = created_at - 3600000000")

    page.goto("/me/tokens")
    create_app_password(page)
    assert "confirm that it is you" in page.inner_text("main")
    page.get_by_role("link", name=f"Sign in with {LABEL}").click()
    log_in_there(page, "alice")
    page.wait_for_url("**/me/tokens")
    create_app_password(page)

    assert "backup" in page.inner_text("main")
    assert "confirm that it is you" not in page.inner_text("main")


def create_app_password(page: Page) -> None:
    """Fill in the form for an app password."""
    page.locator("input[name=label]").fill("backup")
    page.locator("input[name=scope]").first.check()
    page.get_by_role("button", name="Create app password").click()
    page.wait_for_load_state()


def test_an_address_that_is_not_verified_is_proved_by_the_password_here(
    running: Live, window: BrowserContext, browser: Browser
) -> None:
    page = sign_in(window, "bob")
    assert page.url.endswith("/sign-in/link")
    assert "bob@example.com" in page.inner_text("main")
    page.get_by_label("Password").fill(cast.password("bob"))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Link them").click()
    page.wait_for_url("**/me?done=linked**")

    with other_window(browser) as other:
        assert "Signed in as bob" in " ".join(sign_in(other, "bob").inner_text("body").split())


def test_nobody_gets_in_who_is_disabled_or_unknown(running: Live, window: BrowserContext, browser: Browser) -> None:
    set_active(running, "bob", False)
    disabled = sign_in(window, "bob")
    with other_window(browser) as other:
        unknown = sign_in(other, "nora")
        assert unknown.url.endswith("/sign-in/link")
        assert "Signed in as" not in unknown.inner_text("body")

    assert "your account here is disabled" in disabled.inner_text("main")
    assert "Signed in as" not in disabled.inner_text("body")
    set_active(running, "bob", True)


def set_active(running: Live, name: str, active: bool) -> None:
    """Disable or enable somebody, beside the server."""
    with closing(Beside(running).db) as db, db.writing() as tx:
        accounts.set_active(cast.operator(tx), name, active)


def test_a_response_counts_once_and_in_its_own_browser(window: BrowserContext, browser: Browser) -> None:
    asked: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    page = sign_in(window, "alice")
    came = next(each for each in asked if each.startswith(f"http://{NAME}/oidc/canaille/callback"))
    page.goto(came)
    again = page.inner_text("main")
    with other_window(browser) as other:
        thief = other.new_page()
        thief.goto(came)
        stolen = thief.inner_text("main")
        began: list[str] = []
        other.on("request", lambda request: began.append(request.url))
        thief.goto("/oidc/canaille")
        own = next(parse_qs(urlsplit(each).query)["state"][0] for each in began if "/oauth/authorize" in each)
        thief.goto(f"{came.partition('&state=')[0]}&state={own}&iss={came.rpartition('&iss=')[2]}")
        swapped = thief.inner_text("main")

    assert "this sign-in is over" in again
    assert "this sign-in is over, or began in another browser" in stolen
    assert f"{LABEL} did not confirm this sign-in" in swapped
