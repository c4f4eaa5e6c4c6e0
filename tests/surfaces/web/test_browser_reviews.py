"""A reviewer in a real browser: from the first page to the end of somebody's access, on a phone, too."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

import cast
import chromium
from live import Live
from onebucket.actions import reviews
from onebucket.actions.reviews import ReviewPlan

pytestmark = [chromium.NEEDED, pytest.mark.browser, pytest.mark.subprocess]

expect.set_options(timeout=chromium.WAIT)


@pytest.mark.parametrize("width", [1280, 360])
def test_a_reviewer_ends_access_in_five_clicks_from_the_first_page(
    cast_template: Path, tmp_path: Path, width: int
) -> None:
    db = cast.copy(cast_template, tmp_path)
    with db.writing() as tx:
        work = cast.operator(tx)
        reviews.start(work, "acme", ReviewPlan(work.at.replace(microsecond=0) + timedelta(days=9), people=["bob"]))
    db.close()

    with Live(tmp_path) as server:
        for browser in chromium.opened():
            window = browser.new_context(base_url=server.base, viewport={"width": width, "height": 800})
            chromium.sign_in(window, "bob")
            page = window.pages[0]
            page.goto("/")
            page.get_by_role("link", name="Answer the review").click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.get_by_role("checkbox", name="dora in the group developers").check()
            page.get_by_role("checkbox", name="dora with admin on website").check()
            page.get_by_label("Reason").fill("left the team")
            page.get_by_role("button", name="End access…").click()
            expect(page.get_by_role("heading", name="End the access of 1 person?")).to_be_visible()
            page.get_by_role("button", name="End access (2 rows)").click()

            expect(page.get_by_text("Ended the access of 2 rows.")).to_be_visible()
            expect(page.get_by_role("checkbox", name="dora")).to_have_count(0)
