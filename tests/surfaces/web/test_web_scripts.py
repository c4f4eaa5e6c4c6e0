"""What pages do more where scripts run: finding as one types, the matrix by keyboard, times of one's own zone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import cast
import chromium
import live
from browsing import Beside, done_by
from live import Live
from onebucket.actions import groups, privileges, repositories
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level

pytestmark = chromium.NEEDED

MATRIX = "/accounts/acme/privileges"

# What the cast's designers have.
CAST = ("designers", "rocket")

expect.set_options(timeout=chromium.WAIT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    yield from chromium.opened()


@pytest.fixture
def running(cast_template: Path, tmp_path: Path) -> Iterator[Live]:
    """A server with the cast, forty crews and sixty repositories more."""

    def make(work: UnitOfWork) -> None:
        for number in range(40):
            groups.create(work, "acme", name=f"Crew {number:02}")
        for number in range(60):
            repositories.add(work, "acme", f"tool-{number:02}")

    with live.with_the_cast(cast_template, tmp_path) as served:
        beside = Beside(served)
        beside.operate(make)
        beside.db.close()
        yield served


@pytest.fixture
def window(browser: Browser, running: Live) -> Iterator[BrowserContext]:
    """A window in Tokyo, in which alice has signed in."""
    opened = browser.new_context(base_url=running.base, timezone_id="Asia/Tokyo")
    chromium.sign_in(opened, "alice")
    yield opened
    opened.close()


@pytest.fixture
def page(window: BrowserContext) -> Page:
    """Her tab."""
    return window.pages[0]


def set_cells(running: Live) -> dict[tuple[str, str], str]:
    """What is set for crews and designers, beside what the cast has set."""
    found = running(("alice", cast.token("alice")), "GET", "/1.0/group-privileges/acme").json()
    given = {(each["group"]["slug"], each["repository"]["slug"]): each["privilege"] for each in found}
    return {cell: level for cell, level in given.items() if cell[0].startswith(("crew", "designers")) and cell != CAST}


def test_lists_are_searched_as_one_types_and_what_was_found_is_said(page: Page) -> None:
    page.goto("/accounts/acme")
    field = page.get_by_label("Find a group")

    field.press_sequentially("crew 07")

    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("link", name="Crew 07")).to_be_visible()
    expect(field).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("1–1 of 1 matching, 43 in total")
    assert page.url.endswith("/accounts/acme?find=crew+07")
    field.fill("")
    expect(page.get_by_role("row")).to_have_count(44)
    field.fill("nowhere")
    expect(page.get_by_text("No group matches “nowhere”.")).to_be_visible()


def test_matches_come_while_one_types_and_what_is_ticked_is_written_into_the_field(page: Page) -> None:
    page.goto("/accounts/acme/give")
    people, slugs = page.get_by_label("People", exact=True), page.get_by_label("Repositories", exact=True)
    people.fill("gina")

    page.get_by_label("Find people").press_sequentially("do")
    page.get_by_label("Dora Example").check()
    page.get_by_label("Find repositories").press_sequentially("tool-0")
    expect(page.get_by_role("checkbox", name=re.compile("tool-0"))).to_have_count(10)
    page.get_by_label("tool-03").check()
    page.get_by_label("tool-04").check()
    page.get_by_label("tool-03").uncheck()

    expect(people).to_have_value("gina\ndora")
    expect(slugs).to_have_value("tool-04")
    expect(page.get_by_role("status").filter(has_text="10 matches")).to_have_count(1)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview: who gets access")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Dora Example")


def test_whoever_is_signed_out_meanwhile_is_led_to_sign_in(page: Page, running: Live) -> None:
    page.goto("/accounts/acme")
    beside = Beside(running)
    beside.operate(lambda work: work.tx.connection.execute("DELETE FROM sessions"))
    beside.db.close()

    page.get_by_label("Find a group").press_sequentially("crew")

    page.wait_for_url("**/sign-in?**")


def test_times_are_those_of_their_zone_and_utc_is_told_too(page: Page) -> None:
    page.goto("/accounts/acme/journal")

    time = page.locator("time").first
    shown, told = time.inner_text(), time.get_attribute("title") or ""

    assert told.endswith(" UTC")
    hours = (int(shown[11:13]) - int(told[11:13])) % 24
    assert (hours, shown[13:], len(shown)) == (9, told[13:16], 16)


def test_without_scripts_times_are_utc(browser: Browser, running: Live) -> None:
    window = browser.new_context(base_url=running.base, timezone_id="Asia/Tokyo", java_script_enabled=False)
    page = window.new_page()
    page.goto("/sign-in")
    page.get_by_label("Username or e-mail address").fill("alice")
    page.get_by_label("Password").fill(cast.password("alice"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/me")
    page.goto("/me/security")

    assert page.locator("time").first.inner_text().endswith(" UTC")
    window.close()


def test_cells_in_several_parts_of_the_matrix_are_changed_with_the_keyboard_alone(page: Page, running: Live) -> None:
    page.goto(MATRIX)
    page.get_by_role("searchbox", name="Groups").focus()
    page.keyboard.type("crew-3")
    expect(page.get_by_role("row")).to_have_count(12)

    page.locator("td input").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("w")
    page.keyboard.press("Enter")
    page.keyboard.press("a")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("r")
    expect(page.get_by_text("3 changed.")).to_be_visible()

    page.get_by_role("searchbox", name="Groups").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("designers")
    expect(page.get_by_text("3 changed, 3 of them not shown here.")).to_be_visible()
    page.get_by_role("link", name="Next").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Repositories: 51–62 of 62")).to_be_visible()
    page.get_by_role("textbox", name="Designers tool-59").focus()
    page.keyboard.press("r")
    page.get_by_role("button", name="Preview changes").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Preview: who gains and who loses access")
    assert set_cells(running) == {}
    page.get_by_role("button", name="Apply 4 changes").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("You gave the group designers read on tool-59")

    assert set_cells(running) == {
        ("crew-30", "tool-01"): "write",
        ("crew-31", "tool-01"): "admin",
        ("crew-30", "tool-00"): "read",
        ("designers", "tool-59"): "read",
    }
    assert page.get_by_role("searchbox", name="Groups").input_value() == "designers"


def test_what_they_chose_is_marked_and_chosen_still_when_it_is_shown_again(page: Page) -> None:
    page.goto(f"{MATRIX}?groups=designers")
    cell = page.get_by_role("textbox", name="Designers rocket")

    cell.fill("a")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("1 changed, 1 of them not shown here.")).to_be_visible()
    page.get_by_role("link", name="Previous").click()

    expect(cell).to_have_value("A")
    expect(cell).to_have_class(re.compile(r"\bchosen\b"))
    cell.press("w")
    expect(cell).not_to_have_class("chosen")
    expect(page.get_by_text("changed.")).to_have_count(0)


def test_the_second_of_two_administrators_is_told_though_the_cell_is_not_shown(page: Page, running: Live) -> None:
    page.goto(f"{MATRIX}?groups=designers")
    page.get_by_role("textbox", name="Designers rocket").press("a")
    page.get_by_role("searchbox", name="Groups").fill("crew")
    expect(page.get_by_text("1 changed, 1 of them not shown here.")).to_be_visible()
    beside = Beside(running)
    beside.operate(
        done_by("root", lambda work: privileges.set_for_group(work, "acme", "rocket", "designers", Level.READ))
    )
    beside.db.close()

    page.get_by_role("button", name="Preview changes").click()

    expect(page.get_by_role("alert")).to_contain_text(
        "somebody else has changed this in the meantime: designers on rocket"
    )
    assert page.get_by_role("searchbox", name="Groups").input_value() == "crew"


def tab_to(page: Page, name: str, role: str = "button") -> None:
    """Press Tab until the focus is there, as somebody without a mouse does."""
    wanted = page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
    for _ in range(120):
        page.keyboard.press("Tab")
        if wanted.evaluate("each => each === document.activeElement"):
            assert wanted.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
            return
    raise AssertionError(f"{name} can't be reached with the keyboard")


def test_a_group_is_made_filled_and_deleted_with_the_keyboard_alone(page: Page, running: Live) -> None:
    page.goto("/accounts/acme?find=designers")
    tab_to(page, "Name", "textbox")
    page.keyboard.type("Night Crew")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Night Crew")

    tab_to(page, "Add a member", "textbox")
    page.keyboard.type("dora")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("You added dora to the group night-crew.")

    tab_to(page, "Delete…", "link")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody loses access")).to_be_visible()
    tab_to(page, "Delete group")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("Group night-crew deleted")
    assert running.rows("SELECT event FROM journal WHERE subject = 'night-crew' ORDER BY number") == [
        ("group.added",), ("member.added",), ("group.deleted",)
    ]  # fmt: skip


def test_people_are_invited_with_the_keyboard_alone(page: Page, running: Live) -> None:
    page.goto("/accounts/acme/invitations")
    tab_to(page, "E-mail addresses", "textbox")
    page.keyboard.type("erin@example.net, frank@example.net")
    for group in ("Administrators", "Crew 00"):
        tab_to(page, group, "checkbox")
        page.keyboard.press("Space")
    tab_to(page, "Send invitations")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("You invited erin@example.net to ")
    expect(page.get_by_role("heading", name="erin@example.net")).to_be_visible()
    expect(page.get_by_role("heading", name="frank@example.net")).to_be_visible()


def test_code_and_secrets_are_copied_with_one_click(page: Page, window: BrowserContext, running: Live) -> None:
    window.grant_permissions(["clipboard-read", "clipboard-write"], origin=running.base)
    page.goto("/")

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"curl -u alice '{running.base}/1.0/groups?format=yaml'"


def test_a_cell_of_the_matrix_goes_through_the_levels_by_clicks(page: Page) -> None:
    page.goto(f"{MATRIX}?groups=crew-00&repositories=tool-00")
    cell = page.get_by_role("textbox", name="Crew 00 tool-00")

    shown = []
    for _ in range(6):
        cell.click()
        shown.append(cell.input_value())

    assert shown == ["", "R", "W", "A", "N", ""]
    expect(page.get_by_text("changed.")).to_have_count(0)
