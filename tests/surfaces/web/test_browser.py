"""What people do in a real browser without scripts: Chromium, with the pages of a real server."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

import browsing
import cast
import live
from browsing import Beside
from chromium import NEEDED, WAIT, opened
from live import Live
from onebucket.actions import accounts, groups

pytestmark = NEEDED


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser with a fresh profile."""
    yield from opened()


@pytest.fixture(scope="module")
def running(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with the cast on stage."""
    with live.with_the_cast(cast_template, tmp_path_factory.mktemp("browsed")) as served:
        yield served


@pytest.fixture
def context(browser: Browser, running: Live) -> Iterator[BrowserContext]:
    """A window without scripts, cookies or history."""
    opened = browser.new_context(
        java_script_enabled=False, base_url=running.base, viewport={"width": 360, "height": 740}
    )
    opened.set_default_timeout(WAIT)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab in it."""
    return context.new_page()


def invite(running: Live, email: str, group: str = "designers") -> str:
    """Let alice invite an address, and give the path of the link in its letter."""
    beside = Beside(running)
    link = browsing.invite(beside, email, group)
    beside.db.close()
    return link


def test_somebody_signs_in_on_the_way_and_accepts(page: Page, running: Live) -> None:
    page.goto(invite(running, "mallory@example.com"))

    assert page.get_by_label("Username or e-mail address").input_value() == "mallory@example.com"
    page.get_by_label("Password").fill(cast.password("mallory"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Accept").click()

    assert page.url == f"{running.base}/me?joined=acme"
    assert "Welcome to Acme" in page.get_by_role("status").inner_text()
    assert page.get_by_role("row", name="rocket write you are in designers").is_visible()
    page.get_by_role("button", name="Sign out").first.click()
    page.goto("/me")
    assert page.url.endswith("/sign-in?next=%2Fme")


def test_somebody_makes_an_account_and_is_in_with_the_keyboard_alone(page: Page, running: Live) -> None:
    page.goto(invite(running, "erin@example.net"))

    pressed = 0
    while page.locator("#username:focus").count() == 0:
        page.keyboard.press("Tab")
        pressed += 1
        assert pressed < 12, "the form is far from the top"
    outline = page.locator("#username").evaluate("each => getComputedStyle(each).outlineStyle")
    assert page.locator("#username").input_value() == "erin"
    page.keyboard.press("Tab")
    page.keyboard.type("Erin Doe")
    page.keyboard.press("Tab")
    page.keyboard.type("long enough")
    page.keyboard.press("Enter")
    page.wait_for_url("**/me?joined=acme")

    assert outline == "solid"
    assert page.get_by_role("heading", level=1).inner_text() == "Erin Doe"
    assert running.rows("SELECT username FROM accounts WHERE username_key = 'erin'") == [("erin",)]


def test_a_mistake_is_told_beside_its_field_and_what_they_typed_is_there_still(page: Page, running: Live) -> None:
    link = invite(running, "frank@example.net")
    page.goto(link)

    page.get_by_label("Username").fill("alice")
    page.get_by_label("Your name").fill("Frank")
    page.get_by_label("Password").fill("long enough")
    page.get_by_role("button", name="Create account and accept").click()

    described = page.get_by_label("Username").get_attribute("aria-describedby") or ""
    assert "There is an account 'alice' already." in page.locator(f"#{described.split()[-1]}").inner_text()
    assert page.get_by_label("Your name").input_value() == "Frank"
    page.get_by_label("Username").fill("frank")
    page.get_by_label("Password").fill("long enough")
    page.get_by_role("button", name="Create account and accept").click()
    page.wait_for_url("**/me?joined=acme")


def test_somebody_declines_and_the_link_is_dead(page: Page, running: Live) -> None:
    link = invite(running, "gil@example.net")
    page.goto(link)

    page.get_by_role("button", name="Decline the invitation").click()

    assert page.get_by_role("heading", level=1).inner_text() == "Invitation declined"
    answer = page.goto(link)
    assert answer is not None
    assert (answer.status, page.get_by_role("heading", level=1).inner_text()) == (
        404, "This link no longer works"
    )  # fmt: skip


def test_a_page_of_another_site_can_not_send_a_form_of_theirs(
    page: Page, context: BrowserContext, running: Live
) -> None:
    page.goto("/sign-in")
    page.get_by_label("Username or e-mail address").fill("bob")
    page.get_by_label("Password").fill(cast.password("bob"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/me")
    token = page.locator("input[name=form_token]").first.get_attribute("value")

    # Another host, another site; with her token, which it could never have.
    evil = context.new_page()
    evil.route(
        "http://evil.example/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{running.base}/sign-out"><input name="form_token" value="{token}">'
            "<button>Win</button></form>",
        ),
    )
    evil.goto("http://evil.example/")
    evil.get_by_role("button", name="Win").click()
    evil.wait_for_url(f"{running.base}/sign-out")
    page.goto("/me")

    assert evil.get_by_role("heading", level=1).inner_text() == "Not allowed"
    assert page.url == f"{running.base}/me"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_whatever_the_names_are(browser: Browser, running: Live, scheme: str) -> None:
    beside = Beside(running)
    name = f"<b>{scheme}</b> שלום " + "w" * 50
    made = beside.operate(lambda work: groups.create(work, "acme", name=name))
    beside.operate(lambda work: groups.add_member(work, "acme", made.group.slug, "dora"))
    beside.operate(lambda work: accounts.change_user(work, "dora", display_name="D" * 50))
    beside.db.close()
    link = invite(running, f"{'x' * 50}@{scheme}.example.net", made.group.slug)
    context = browser.new_context(base_url=running.base, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = context.new_page()

    for path in ("/", "/sign-in", link, "/invitations/none", "/passwords/forgotten"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.goto("/sign-in")
    page.get_by_label("Username or e-mail address").fill("dora")
    page.get_by_label("Password").fill(cast.password("dora"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/me")

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert name in re.sub(r"\s+", " ", page.locator("main").inner_text())
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    context.close()


def test_somebody_makes_an_app_password_sees_that_it_was_used_and_revokes_it(page: Page, running: Live) -> None:
    page.goto("/sign-in")
    page.get_by_label("Username or e-mail address").fill("alice")
    page.get_by_label("Password").fill(cast.password("alice"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Manage app passwords and OAuth apps").click()

    page.get_by_role("textbox", name="Name").fill("laptop")
    page.get_by_role("checkbox", name="account:write").check()
    page.get_by_role("button", name="Create app password").click()
    secret = page.locator("pre.secret").inner_text().strip()
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("listitem").filter(has_text="laptop")
    at_first = row.inner_text()
    came = [running(("alice", secret), "GET", "/1.0/groups/acme").status_code]
    deadline = time.monotonic() + WAIT / 1000
    while "Last used" not in row.inner_text() and time.monotonic() < deadline:
        time.sleep(0.2)
        page.reload()
    used = row.inner_text()
    row.get_by_role("button", name="Revoke").click()
    came.append(running(("alice", secret), "GET", "/1.0/groups/acme").status_code)

    assert "Never used" in at_first
    assert "Last used" in used and "from 127.0.0.1" in used
    assert "App password revoked" in page.get_by_role("status").inner_text()
    assert row.count() == 0
    assert came == [200, 401]
