"""Everyday jobs of an administrator of kubernetes-sigs in a real browser: how many clicks from the home page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import cast
import chromium
from live import Live
from onebucket import hashing
from onebucket.actions import accounts, groups, privileges, tokens
from onebucket.domain.privileges import Level
from onebucket.transfer import apply, peribolos
from tests.real.test_real_privileges import FOLDER, NAME

pytestmark = [
    chromium.NEEDED,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{NAME} is not beside the checkout ({FOLDER})"),
]

# Of the organisation: an administrator.
ADMINISTRATOR = "palnabarun"

expect.set_options(timeout=chromium.WAIT)


class Job:
    """A job in a browser; counts the clicks, and the keys that are pressed as one click each."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0
        page.goto("/")

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def follow(self, name: str, *, exact: bool = True) -> None:
        self.click(self.page.get_by_role("link", name=name, exact=exact).first)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.clicks += 1


@pytest.fixture(scope="module")
def running(empty_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server of the organisation."""
    folder = tmp_path_factory.mktemp("real-jobs")
    db = cast.copy(empty_template, folder)
    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(work, [peribolos.to_document(peribolos.read([FOLDER])[0])], prune=False)
        accounts.set_password(work, ADMINISTRATOR, cast.cheap_hash(cast.password(ADMINISTRATOR)))
        for name in ("newcomer", "contractor"):
            accounts.add_user(work, name, email=f"{name}@example.net")
        privileges.grant_direct(work, NAME, "kro", "newcomer", Level.WRITE)
        groups.add_member(work, NAME, "kro-admins", "newcomer")
        for name in ("newcomer", ADMINISTRATOR):
            scopes = frozenset({"repository:write"})
            tokens.add(work, name, secret_hash=hashing.secret_hash(name), scopes=scopes, label=f"deploy of {name}")
    db.close()
    with Live(folder) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    yield from chromium.opened()


@pytest.fixture
def job(browser: Browser, running: Live) -> Iterator[Job]:
    """The administrator's browser, on the home page."""
    window = browser.new_context(base_url=running.base)
    chromium.sign_in(window, ADMINISTRATOR)
    yield Job(window.pages[0])
    window.close()


def test_who_got_access_in_the_last_30_days_is_three_clicks_away(job: Job) -> None:
    job.click(job.page.get_by_role("link", name="Signed in as"))
    job.follow(NAME, exact=False)
    job.follow("Changes")

    first = job.page.get_by_role("row").nth(1)
    expect(first).to_contain_text("newcomer")
    expect(first).to_contain_text("gained")
    expect(first).to_contain_text("operator")
    links = [job.page.get_by_role("link", name=name, exact=True).get_attribute("href") for name in ("CSV", "JSON")]
    csv, json = (job.page.request.get(f"{link}&person=newcomer") for link in links)
    assert csv.text().splitlines()[0].startswith("at,change,user,repository,before,after,through")
    assert {(each["user"], each["repositories"][0], each["after"], each["by"]) for each in json.json()} == {
        ("newcomer", f"{NAME}/kro", "write", "operator"),
        ("newcomer", f"{NAME}/kro", "admin", "operator"),
    }
    print(f"access changes of 30 days: {job.clicks} clicks")
    assert job.clicks <= 3


def test_what_reaches_the_account_is_three_clicks_away_and_one_more_revokes_it(job: Job) -> None:
    job.click(job.page.get_by_role("link", name="Signed in as"))
    job.follow(NAME, exact=False)
    job.follow("Tokens")

    rows = job.page.get_by_role("row").filter(has_text="deploy of")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="newcomer")).to_contain_text("never")
    expect(rows.filter(has_text="newcomer").get_by_role("button")).to_have_count(0)
    job.click(rows.filter(has_text=ADMINISTRATOR).get_by_role("button", name="Revoke"))
    expect(job.page.get_by_role("status")).to_contain_text("App password revoked")
    expect(rows).to_have_count(1)
    print(f"what reaches the account, and revoke one: {job.clicks} clicks")
    assert job.clicks <= 4


def test_why_somebody_can_push_is_four_clicks_away_and_two_more_end_it(job: Job) -> None:
    job.click(job.page.get_by_role("link", name="Signed in as"))
    job.follow(NAME, exact=False)
    job.follow("Access check")
    job.page.get_by_label("Person").fill("newcomer")
    job.page.get_by_label("Repository").fill("kro")
    job.click(job.page.get_by_role("button", name="Check"))

    ways = job.page.get_by_role("listitem").filter(has_text="since")
    expect(ways).to_have_count(2)
    expect(ways.first).to_contain_text("admin through the group")
    asking, ending = job.clicks, 0
    for link, button, left in (
        ("Remove from group…", "Remove from group", "write"),
        ("End…", "End permission", "no"),
    ):
        begin = job.clicks
        job.follow(link)
        expect(job.page.get_by_role("row").nth(1)).to_contain_text("newcomer")
        job.click(job.page.get_by_role("button", name=button))
        expect(job.page.get_by_role("status")).to_be_visible()
        expect(job.page.locator("p.lead")).to_contain_text(f"{left} access")
        ending = max(ending, job.clicks - begin)
    print(f"why somebody can push: {asking} clicks, and {ending} to end a way")
    assert asking <= 4 and ending <= 2


def test_a_contractor_gets_three_repositories_until_a_date_with_seven_clicks(job: Job) -> None:
    until = f"{datetime.now(UTC).date() + timedelta(days=30)}"
    job.follow(NAME, exact=False)
    job.follow("Invitations")
    for label, typed in (
        ("People", "stranger@example.net contractor"),
        ("Repositories", "kro kind\nkustomize"),
        ("Last day (optional)", until),
    ):
        field = job.page.get_by_label(label, exact=True)
        job.click(field)
        field.fill(typed)
    job.click(job.page.get_by_role("button", name="Preview"))
    main = job.page.locator("main")
    expect(main).to_contain_text("read on 3 repositories until")
    expect(main).to_contain_text("stranger@example.net (one e-mail each")
    job.click(job.page.get_by_role("button", name="Give access"))
    expect(job.page.get_by_role("status").first).to_contain_text("You ")

    job.page.goto(f"/accounts/{NAME}/ends?find=contractor")
    expect(job.page.locator("#found").get_by_role("listitem")).to_have_count(3)
    job.page.goto(f"/accounts/{NAME}/invitations?find=stranger")
    expect(job.page.locator("#found section")).to_have_count(3)
    print(f"read on 3 repositories until a date, invitation included: {job.clicks} clicks")
    assert job.clicks <= 7
