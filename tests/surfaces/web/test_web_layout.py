"""Where things stand on a page, in a real browser: nothing jumps from tab to tab, and what belongs in a line is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

import chromium
import live
from live import Live

pytestmark = chromium.NEEDED

WIDTHS = (1280, 360)
TABS = (
    "",
    "/projects",
    "/repositories",
    "/people",
    "/privileges",
    "/ask",
    "/give",
    "/invitations",
    "/requests",
    "/reviews",
    "/ends",
    "/changes",
    "/journal",
    "/tokens",
    "/consumers",
    "/webhooks",
    "/settings",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    yield from chromium.opened()


@pytest.fixture(scope="module")
def running(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with the cast."""
    with live.with_the_cast(cast_template, tmp_path_factory.mktemp("layout")) as served:
        yield served


@pytest.fixture(scope="module")
def window(browser: Browser, running: Live) -> Iterator[BrowserContext]:
    """A window in which alice has signed in."""
    opened = browser.new_context(base_url=running.base)
    chromium.sign_in(opened, "alice")
    yield opened
    opened.close()


def shown(window: BrowserContext, path: str, width: int) -> Page:
    page = window.pages[0]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path)
    return page


def boxes(page: Page, selector: str) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of each element that fits, in pixels."""
    measure = "all => all.map(each => each.getBoundingClientRect()).map(box => [box.x, box.y, box.width, box.height])"
    found = page.locator(selector).evaluate_all(measure)
    return [(round(x, 1), round(y, 1), round(width, 1), round(height, 1)) for x, y, width, height in found]


def test_the_tabs_of_an_account_stay_where_they_are_from_page_to_page(window: BrowserContext) -> None:
    places = {}
    for tab in (*TABS, "/groups/designers"):
        page = shown(window, f"/accounts/acme{tab}", 1280)
        places[tab] = boxes(page, "nav.account, nav.account a")

    assert {tab for tab, found in places.items() if found != places[""]} == set()
    assert len(places[""]) == len(TABS) + 2


@pytest.mark.parametrize("tab", TABS)
def test_the_tabs_of_an_account_are_one_line_in_a_narrow_window_with_the_current_one_in_sight(
    window: BrowserContext, tab: str
) -> None:
    page = shown(window, f"/accounts/acme{tab}", 360)
    tabs, [current] = boxes(page, "nav.account a:not(.name)"), boxes(page, "nav.account [aria-current=page]")

    assert len({top for _, top, _, _ in tabs}) == 1
    assert current[0] >= 0 and current[0] + current[2] <= 360
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_tabs_of_an_account_are_a_column_beside_the_page_on_a_wide_screen(window: BrowserContext) -> None:
    page = shown(window, "/accounts/acme", 1280)
    tabs, [title] = boxes(page, "nav.account a:not(.name)"), boxes(page, "h1")

    assert len({left for left, _, _, _ in tabs}) == 1
    assert max(left + width for left, _, width, _ in tabs) < title[0]


@pytest.mark.parametrize("tab", TABS)
def test_one_tab_is_current_and_looks_it(window: BrowserContext, tab: str) -> None:
    current = shown(window, f"/accounts/acme{tab}", 1280).locator("nav.account [aria-current=page]")

    assert current.count() == 1
    assert current.evaluate("each => getComputedStyle(each).boxShadow") != "none"


@pytest.mark.parametrize("path", ["", "/members", "/delete", "/members/bob/remove"])
def test_the_pages_of_a_group_are_below_groups(window: BrowserContext, path: str) -> None:
    page = shown(window, f"/accounts/acme/groups/designers{path}", 1280)

    assert page.locator("nav.account [aria-current]").all_inner_texts() == ["Groups"]


def test_what_the_journal_is_filtered_by_stands_in_one_line(window: BrowserContext) -> None:
    page = shown(window, "/accounts/acme/journal", 1280)

    labels = {top for _, top, _, _ in boxes(page, "form.filter label")}
    fields = {(top, height) for _, top, _, height in boxes(page, "form.filter input, form.filter select")}
    (button,) = boxes(page, "form.filter button")

    assert len(labels) == 1
    assert fields == {(button[1], button[3])}


def test_the_matrix_uses_the_width_of_the_window(window: BrowserContext) -> None:
    page = shown(window, "/accounts/acme/privileges", 1280)

    (matrix,) = boxes(page, "form.matrix")
    (title,) = boxes(page, "h1")
    assert matrix[0] == title[0]
    assert matrix[0] + matrix[2] > 1280 - 40


@pytest.mark.parametrize("width", WIDTHS)
def test_cells_of_the_matrix_are_large_enough_to_be_hit(window: BrowserContext, width: int) -> None:
    cells = boxes(shown(window, "/accounts/acme/privileges", width), ".matrix td input")

    assert cells
    assert min(min(across, down) for _, _, across, down in cells) >= 24


def test_heads_and_groups_of_the_matrix_stay_in_sight(window: BrowserContext) -> None:
    page = shown(window, "/accounts/acme/privileges", 360)
    scroll = page.locator(".matrix .scroll")
    scroll.evaluate("each => { each.style.maxHeight = '150px'; each.style.width = '200px' }")
    head, groups = boxes(page, ".matrix thead"), boxes(page, ".matrix tbody th")

    scroll.evaluate("each => each.scrollTo(100, 50)")

    assert scroll.evaluate("each => [each.scrollLeft > 0, each.scrollTop > 0]") == [True, True]
    assert boxes(page, ".matrix thead")[0][1] == head[0][1]
    assert {left for left, _, _, _ in boxes(page, ".matrix tbody th")} == {groups[0][0]}


@pytest.mark.parametrize("width", WIDTHS)
def test_a_box_stands_beside_the_first_line_of_what_it_means(window: BrowserContext, width: int) -> None:
    page = shown(window, "/me/tokens", width)
    ticks, labels = boxes(page, ".box input"), boxes(page, ".box label")

    assert max(height for _, _, _, height in labels) > 3 * 24, "none of them is long"
    for (_, tick, _, height), (_, label, _, _) in zip(ticks, labels, strict=True):
        assert abs(tick + height / 2 - (label + 13)) < 5
