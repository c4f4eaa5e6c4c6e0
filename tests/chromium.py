"""A real browser: the Chromium that the machine has, with a fresh profile."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

NEEDED = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")

# In milliseconds; generous, as everything that waits for a busy machine.
WAIT = 20_000


def opened() -> Iterator[Browser]:
    """The browser, until it is done with."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=3 * WAIT)
        yield browser
        browser.close()
