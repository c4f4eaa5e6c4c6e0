"""The menu that leads from account to account: what is in it, which account is current, and that it costs nothing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import browsing
import chromium
import live
from browsing import Visitor
from cast import Api
from onebucket.actions import teams
from onebucket.actions.unit_of_work import UnitOfWork
from statement_counter import counting

ACME = "/accounts/acme"


def menu(page: browsing.Page) -> list[tuple[str, bool, str]]:
    """Each link of the menu: where to, whether it is current, and its text."""
    part = page.answer.text.partition('class="switch"')[2].partition("</details>")[0].partition("<nav")[2]
    links = re.findall(r'<a href="(.*?)"( aria-current="true")?>(.*?)</a>', part)
    return [(path, bool(current), " ".join(re.sub("<[^>]+>", " ", text).split())) for path, current, text in links]


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_it_leads_to_ones_accounts_and_marks_the_current_one(api: Api) -> None:
    with Visitor(api, "bob") as bob:
        of_account, of_person = menu(bob.open(ACME)), menu(bob.open("/me"))

    overview = ("/#accounts", False, "Overview of accounts")
    assert of_account == [(ACME, True, "Acme"), ("/accounts/bob", False, "Bob Example bob"), overview]
    assert [current for _, current, _ in of_person] == [False, False, False]


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_of_many_accounts_it_has_the_first_and_leads_to_all(api: Api) -> None:
    def many(work: UnitOfWork) -> None:
        for n in range(12):
            teams.add(work, f"team-{n:02}", display_name=f"<b>{n}</b> שלום", administrator="alice")

    api.operate(many)
    with Visitor(api, "alice") as alice:
        page = alice.open("/accounts/team-11")

    assert [path for path, _, _ in menu(page)] == [
        "/accounts/team-11", ACME, "/accounts/alice", *(f"/accounts/team-{n:02}" for n in range(8)), "/#accounts"
    ]  # fmt: skip
    assert [current for _, current, _ in menu(page)] == [True, *[False] * 11]
    assert menu(page)[-1][2] == "All accounts" and "b" not in page.tags


def test_an_account_that_one_has_no_part_in_is_current_where_one_is(api: Api) -> None:
    with Visitor(api, "root") as root:
        assert [path for path, current, _ in menu(root.open(ACME)) if current] == [ACME]


def test_an_account_whose_pages_one_may_not_see_is_not_in_it(api: Api) -> None:
    api("alice", "PUT", "/privileges/acme/rocket/mallory", content="read")

    with Visitor(api, "mallory") as mallory:
        page = mallory.open(f"{ACME}/repositories/rocket")

    assert page.status == 200
    assert [path for path, _, _ in menu(page)] == ["/accounts/mallory", "/#accounts"]


def test_a_page_of_a_group_may_be_asked_for_a_repository_too(api: Api) -> None:
    with Visitor(api, "alice") as alice:
        assert alice.open(f"{ACME}/groups/designers?repository=rocket&person=bob").status == 200


def test_nobody_has_a_menu_before_they_sign_in(api: Api) -> None:
    assert 'class="switch"' not in Visitor(api).open("/").answer.text


def test_it_takes_no_query_of_its_own(api: Api) -> None:
    with Visitor(api, "bob") as bob, counting(api.db) as counter:
        bob.ask("GET", "/theme")

        assert counter.count(lambda: bob.ask("GET", "/theme")).statements == 1


# -- in a real browser -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    yield from chromium.opened()


@pytest.fixture(scope="module")
def page(browser: Browser, cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A tab in which bob has signed in."""
    with live.with_the_cast(cast_template, tmp_path_factory.mktemp("switch")) as served:
        window = browser.new_context(base_url=served.base)
        chromium.sign_in(window, "bob")
        yield window.pages[0]
        window.close()


@chromium.NEEDED
def test_it_is_used_with_the_keyboard_and_closes_again(page: Page) -> None:
    page.goto(ACME)
    summary, links = page.locator("details.switch summary"), page.get_by_role("navigation", name="Accounts")

    summary.press("Enter")
    expect(links).to_be_visible()
    page.keyboard.press("Escape")
    expect(links).to_be_hidden()
    expect(summary).to_be_focused()
    summary.press("Enter")
    page.get_by_role("heading", level=1).click()
    expect(links).to_be_hidden()
    summary.press("Enter")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.wait_for_url("**/accounts/bob")
