"""A real browser: the installed Chromium with a fresh profile."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

import cast

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

NEEDED = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")

# Milliseconds; generous, for busy machines.
WAIT = 20_000


def opened(*more: str) -> Iterator[Browser]:
    """Run the browser, with more flags; yield it."""
    flags = [*more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=3 * WAIT)
        yield browser
        browser.close()


def sign_in(window: BrowserContext, name: str) -> None:
    """Sign somebody of the cast in, in a tab of a window that knows the server's address."""
    window.set_default_timeout(WAIT)
    page = window.new_page()
    page.goto("/sign-in")
    page.get_by_label("Username or e-mail address").fill(name)
    page.get_by_label("Password").fill(cast.password(name))
    page.keyboard.press("Enter")
    page.wait_for_url("**/me")
