"""Requests for access on pages: asked from where somebody may not, answered from the home page, in few clicks."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, expect

import chromium
import live
from browsing import Visitor, done_by
from cast import Api
from live import Live
from onebucket.actions import access_requests, privileges, repositories
from onebucket.domain.privileges import Level

expect.set_options(timeout=chromium.WAIT)

OWN, QUEUE = "/me/requests", "/accounts/acme/requests"
REASON = "<b>I</b> build the release, שלום"


def asked(api: Api, who: str = "mallory", slug: str = "rocket", level: Level = Level.WRITE) -> str:
    wish = ("acme", slug, level, REASON)
    _, request = api.operate(done_by(who, lambda work: access_requests.ask(work, *wish)))
    return str(request.id)


def ask(visitor: Visitor, **typed: str) -> "tuple[int, str]":
    wish = {"repository": "acme/rocket", "level": "write", "reason": REASON, "until": ""}
    page = visitor.send(visitor.open(OWN), OWN, fields={**wish, **typed})
    return page.status, " ".join(page.text.split())


def test_whoever_is_refused_a_page_of_an_account_finds_the_form(api: Api) -> None:
    with Visitor(api, "mallory") as mallory, Visitor(api, "bob") as bob:
        missing = mallory.open("/accounts/acme/repositories/none")
        hidden = mallory.open("/accounts/acme/repositories/rocket")
        refused = mallory.open("/accounts/acme/privileges")
        form = mallory.open(f"{OWN}?repository=acme/rocket")
        readable = bob.open("/accounts/acme/repositories/rocket")

    assert hidden.answer.text == missing.answer.text.replace("none", "rocket")
    assert "/me/requests?repository=acme%2Frocket#ask" in hidden.linked
    assert "/me/requests?repository=acme%2F#ask" in refused.linked
    assert form.inputs["repository"]["value"] == "acme/rocket"
    assert [each for each in readable.linked if each.startswith(OWN)] == [
        "/me/requests?repository=acme%2Frocket&level=write#ask"
    ]


def test_a_request_is_asked_seen_granted_and_answered(api: Api) -> None:
    with Visitor(api, "mallory") as mallory, Visitor(api, "alice") as alice:
        status, told = ask(mallory, until="2099-12-03")
        home = " ".join(alice.open("/").text.split())
        queue = alice.open(QUEUE)
        [path] = [path for form in queue.forms if (path := urlsplit(form.action).path).endswith("/grant")]
        done = alice.send(queue, path, level="read")
        answered = mallory.open(OWN).text

    assert (status, "Your request waits" in told) == (200, True)
    assert "write on acme/rocket until 2099-12-03 23:59 UTC · waiting" in told and REASON in told
    assert "1 request for access in Acme" in home
    assert "Mallory Example asks for write on rocket" in queue.text and REASON in queue.text
    assert "Granted. The person gets an e-mail." in done.text and "Nobody waits" in done.text
    assert "You got read until 2099-12-03 23:59 UTC" in answered and "by alice" in answered
    assert api("mallory", "GET", "/api/access/acme/rocket").json()["level"] == "read"


def test_a_denial_needs_a_sentence_which_the_person_reads(api: Api) -> None:
    id = asked(api)
    with Visitor(api, "mallory") as mallory, Visitor(api, "alice") as alice:
        empty = alice.send(alice.open(QUEUE), f"{QUEUE}/{id}/deny", sentence=" ")
        denied = alice.send(alice.open(QUEUE), f"{QUEUE}/{id}/deny", sentence="<i>not</i> yet")
        told = mallory.open(OWN).text

    assert (empty.status, "the sentence that says why is missing" in empty.text) == (400, True)
    assert denied.status == 200 and "Denied." in denied.text
    assert "“<i>not</i> yet”" in told


def test_the_second_administrator_is_told_who_was_first(api: Api) -> None:
    id = asked(api)
    with Visitor(api, "root") as root, Visitor(api, "alice") as alice:
        seen = root.open(QUEUE)
        alice.send(alice.open(QUEUE), f"{QUEUE}/{id}/grant")
        late = root.send(seen, f"{QUEUE}/{id}/deny", sentence="no")

    assert (late.status, "the request is granted by alice already: nothing was changed" in late.text) == (409, True)


def test_the_queue_says_what_cannot_be_granted_and_why(api: Api) -> None:
    ids = [asked(api, slug="none"), asked(api, slug="rocket"), asked(api, "bob", "website", Level.ADMIN)]
    api.operate(lambda work: repositories.change(work, "acme", "rocket", new_slug="booster"))
    api.operate(lambda work: privileges.grant_direct(work, "acme", "booster", "mallory", Level.WRITE))
    api.operate(lambda work: work.tx.connection.execute("UPDATE accounts SET is_active = 0 WHERE username = 'bob'"))

    with Visitor(api, "alice") as alice:
        queue = alice.open(QUEUE)

    grants = {form.action.split("/")[-2] for form in queue.forms if urlsplit(form.action).path.endswith("/grant")}
    assert grants == {ids[1]}
    for says in ("no such repository", "has it already", "was called rocket then", "disabled"):
        assert says in queue.text


@pytest.mark.parametrize(
    ("typed", "status", "says"),
    [
        ({"repository": "rocket"}, 400, "such as acme/rocket"),
        ({"repository": "nowhere/rocket"}, 400, "There is no account 'nowhere'"),
        ({"until": "2001-01-01"}, 400, "Until must be in the future"),
        ({"until": "2099-02-31"}, 400, "Until is not in the calendar"),
        ({"reason": " "}, 400, "Say in one sentence"),
        ({"level": "owner"}, 400, "must be read, write or admin"),
        ({"repository": "acme/website", "level": "read"}, 409, "you have read on acme/website already"),
    ],
)
def test_bad_input_is_said_and_what_was_typed_is_kept(api: Api, typed: dict[str, str], status: int, says: str) -> None:
    with Visitor(api, "mallory") as mallory:
        got, text = ask(mallory, **typed)

    assert (got, says in text) == (status, True), text


def test_whoever_asked_may_withdraw(api: Api) -> None:
    id = asked(api)
    with Visitor(api, "mallory") as mallory:
        done = mallory.send(mallory.open(OWN), f"{OWN}/{id}/withdraw")

    assert "Request withdrawn." in done.text and "withdrawn" in done.text


# -- in a real browser -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    yield from chromium.opened()


@pytest.fixture(scope="module")
def running(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with the cast."""
    with live.with_the_cast(cast_template, tmp_path_factory.mktemp("requests")) as served:
        yield served


class Clicks:
    """A tab in which clicks are counted."""

    def __init__(self, browser: Browser, running: Live, name: str, path: str) -> None:
        window = browser.new_context(base_url=running.base, viewport={"width": 1280, "height": 800})
        chromium.sign_in(window, name)
        self.page, self.count = window.pages[0], 0
        self.page.goto(path)

    def click(self, target: Locator, typed: str = "") -> None:
        target.click()
        self.count += 1
        if typed:
            target.fill(typed)


def ask_by_hand(browser: Browser, running: Live) -> int:
    tab = Clicks(browser, running, "mallory", "/accounts/acme/repositories/rocket")
    tab.click(tab.page.get_by_role("link", name="Ask for access"))
    tab.click(tab.page.get_by_label("Reason"), "I build the release")
    tab.page.get_by_label("Until (optional)").fill("2099-12-03")
    tab.count += 1
    tab.click(tab.page.get_by_role("button", name="Ask for access"))
    expect(tab.page.get_by_role("status")).to_contain_text("waits for an administrator")
    tab.page.context.close()
    return tab.count


@chromium.NEEDED
def test_asking_takes_four_clicks_granting_two_and_denying_three(browser: Browser, running: Live) -> None:
    asking = ask_by_hand(browser, running)
    denying = Clicks(browser, running, "alice", "/")
    denying.click(denying.page.get_by_role("link", name="Answer"))
    denying.click(denying.page.get_by_label("Why not"), "ask again in May")
    denying.click(denying.page.get_by_role("button", name="Deny"))
    expect(denying.page.get_by_role("row", name="mallory")).to_contain_text("denied: ask again in May")

    ask_by_hand(browser, running)
    granting = Clicks(browser, running, "alice", "/")
    granting.click(granting.page.get_by_role("link", name="Answer"))
    granting.click(granting.page.get_by_role("button", name="Grant"))
    expect(granting.page.get_by_role("row", name="mallory").first).to_contain_text("granted: read until")

    print(f"clicks: ask {asking}, grant {granting.count}, deny {denying.count}")
    assert (asking <= 4, granting.count <= 2, denying.count <= 3) == (True, True, True)
    for tab in (granting, denying):
        tab.page.context.close()
