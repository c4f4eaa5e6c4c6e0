"""What every page keeps to in a real browser: accessible, narrow, small, and nothing that comes from elsewhere."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, Request

import cast
import chromium
import mirroring
import sizes
from browsing import done_by
from cast import Api
from live import Live
from onebucket.actions import (
    access_requests,
    accounts,
    groups,
    mirrors,
    project_privileges,
    projects,
    repositories,
)
from onebucket.actions.mirrors import RunTotals
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.mirrors import Drift, DriftCounts, DriftKind, MirrorState
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from tests.surfaces.web.test_web_permissions import ROWS, TYPED, made_ready, page_of

pytestmark = chromium.NEEDED

# WCAG 2.2, A and AA.
EVERYTHING = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLOURS = {"runOnly": ["color-contrast"]}

LARGEST = 100_000
NARROWEST = 360
WHO = ("nobody", "bob", "root")
# Pages that answer 403, and as many that answer 404, for each of them.
MOST_REFUSED = 8

# As long as a key may be.
LONG_KEY = "W" * 128

NAMES = ('<b onclick=x>bold</b> & "quoted"', "שלום עולם", "w" * 50)

# Questions, and what was found or not found in a list: other looks of pages that have a row.
MORE = (
    "/accounts/acme/ask?person=bob&level=write&repository=rocket",
    "/accounts/acme/ask?repository=website&level=write",
    "/accounts/acme/ask?person=dora",
    "/accounts/acme/ask/end?way=group&person=bob&repository=rocket&group=designers",
    "/accounts/acme/ask/end?way=nothing",
    "/accounts/acme/ask?person=nobody&repository=rocket",
    "/accounts/acme/people?find=nobody",
    "/accounts/acme/privileges?groups=www",
    "/accounts/acme/privileges?groups=nowhere",
    f"/accounts/acme/projects/{LONG_KEY}",
    f"/accounts/acme/projects/{LONG_KEY}?find=nowhere&holders=nobody",
    f"/accounts/acme/projects/{LONG_KEY}/delete",
    f"/accounts/acme/repositories/{'z' * 50}-2",
    f"/accounts/acme/ask?repository={'z' * 50}-2&level=read",
    f"/accounts/acme/ask?person={'x' * 50}-2&repository={'z' * 50}-2",
    "/accounts/acme/projects?find=nowhere",
    "/accounts/acme/mirrors/cloud/differences?kind=foreign",
    "/accounts/acme/mirrors/cloud/differences?people=nobody",
    "/accounts/acme/journal?verified=yes&about=designers",
    "/accounts/acme/journal?since=yesterday",
    "/site/journal?account=none",
    "/accounts/acme/changes?person=nobody",
    "/accounts/acme/changes?since=yesterday",
    "/nowhere",
)


MIRROR = """
[mirror.cloud]
account = "acme"
workspace = "acme-inc"
username = "service@example.com"
token_env = "NOWHERE"
start = "off"
never_touch = ["a-pattern-that-is-as-long-as-the-names-of-some-repositories-*", "bot-*"]
"""


@pytest.fixture(scope="module")
def staged(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, dict[str, str]]]:
    """A server with the cast, and names that are hard on pages; and what the table of permissions calls links."""
    folder = tmp_path_factory.mktemp("everywhere")
    api = Api(cast.copy(cast_template, folder))
    names = made_ready(api)
    api.operate(_hard)
    (folder / "onebucket.toml").write_text(MIRROR)
    api.close()
    with Live(folder) as running:
        yield running, names


def _hard(work: UnitOfWork) -> None:
    projects.create(work, "acme", LONG_KEY, name="w" * 255, description="w" * 2000)
    groups.add_member(work, "acme", "administrators", "root")
    for number, name in enumerate(NAMES):
        group = groups.create(work, "acme", name=f"{name} {number}").group
        accounts.add_user(
            work, f"{'x' * 50}-{number}", email=f"{'y' * 60}@{number}.example.org", display_name=name[:50]
        )
        groups.add_member(work, "acme", group.slug, f"{'x' * 50}-{number}")
        repositories.add(work, "acme", f"{'z' * 50}-{number}", name=name, description=name * 3, project=LONG_KEY)
        project_privileges.set_for_group(work, "acme", LONG_KEY, group.slug, ProjectLevel.CREATE_REPO)
        wish = ("acme", f"{'z' * 50}-{number}", Level.ADMIN, name * 5)
        done_by(f"{'x' * 50}-{number}", lambda work, wish=wish: access_requests.ask(work, *wish))(work)
        project_privileges.set_for_person(work, "acme", LONG_KEY, f"{'x' * 50}-{number}", ProjectLevel.ADMIN)
    _differ(work)


def _differ(work: UnitOfWork) -> None:
    """Let the mirror find more than one page of the matrix shows, with names as long as they may be."""
    levels = (Level.NONE, Level.READ, Level.WRITE, Level.ADMIN)
    kinds = (DriftKind.DIFFERENCE, DriftKind.FOREIGN, DriftKind.INHERITED)
    drift = [
        Drift(
            kind, f"{repository:02}{'r' * 98}", f"70121:{person}", f"{person:02}{'p' * 60}",
            levels[(person + repository) % 4], levels[(person + repository + 1) % 4], Level.READ,
            "refused by the host" if person % 9 == 0 else "",
        )
        for person in range(60)
        for repository, kind in zip(range(12), kinds * 4, strict=True)
        if (person * 7 + repository) % 5
    ]  # fmt: skip
    status = mirroring.register(work)
    counts = DriftCounts(differences=len(drift), removals=9, foreign=70, inherited=70, strangers=3, compared=999)
    done = replace(status, outcome=MirrorState.RUNNING, last_run_at=work.at, last_compared_at=work.at, counts=counts)
    mirrors.record(work, done, gone=(), new=drift, totals=RunTotals(3, 20, 0))


@pytest.fixture(scope="module")
def browser(staged: tuple[Live, dict[str, str]]) -> Iterator[Browser]:
    """A real browser, opened when the stage is set: it keeps a loop of its own."""
    yield from chromium.opened()


def opened(browser: Browser, running: Live, who: str | None, **how: object) -> BrowserContext:
    """A window in which somebody has signed in, or nobody."""
    window = browser.new_context(base_url=running.base, **how)  # type: ignore[arg-type]
    window.set_default_timeout(chromium.WAIT)
    if who is not None:
        page = window.new_page()
        page.goto("/sign-in")
        page.get_by_label("Username or e-mail address").fill(who)
        page.get_by_label("Password").fill(cast.password(who))
        page.keyboard.press("Enter")
        page.wait_for_url("**/me")
        page.close()
    return window


def addresses(names: dict[str, str], who: str) -> Iterator[str]:
    """Everything that shows somebody a page, and some of what refuses it: pages that refuse differ in a sentence.

    At the quick size, what shows it to nobody who comes later.
    """
    later = sizes.either(quick=WHO[WHO.index(who) + 1 :], long=())
    refused: Counter[str] = Counter()
    for row in ROWS:
        answer = row.answers[who]
        if row.method != "GET" or any(row.answers[each] == answer for each in later):
            continue
        refused[answer] += answer in ("403", "404")
        if answer in ("200", "403", "404") and refused[answer] <= MOST_REFUSED and not row.address.startswith("/demo"):
            path = row.address
            for name, value in names.items():
                path = path.replace(name, value)
            yield path
    yield from MORE if who == "root" else ()


def wrong(page: Page, path: str) -> Iterator[str]:
    """What is wrong with a page that stands in the window."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > NARROWEST:
        yield f"{path} is {wide} wide"
    for scheme, rules in (("light", EVERYTHING), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for found in Axe().run(page, options=rules | {"resultTypes": ["violations"]}).response["violations"]:
            places = [each["html"] for each in found["nodes"]]
            if found["id"] == "target-size":
                # Cells at the edge of the matrix are cut off until it is scrolled; their size is in test_web_layout.
                places = [each for each in places if not each.startswith('<input name="cell:')]
            if places:
                yield f"{path} in {scheme}: {found['id']}, {found['help']}: {places[:3]}"


@pytest.mark.parametrize("who", WHO)
def test_every_page_is_accessible_narrow_small_and_loads_nothing_from_elsewhere(
    browser: Browser, staged: tuple[Live, dict[str, str]], who: str
) -> None:
    running, names = staged
    window = opened(browser, running, None if who == "nobody" else who, viewport={"width": NARROWEST, "height": 740})
    page = window.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: _note(request, asked))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))

    troubles = []
    for path in addresses(names, who):
        answer = page.goto(path)
        assert answer is not None and answer.status < 500, path
        if len(answer.body()) > LARGEST:
            troubles.append(f"{path} has {len(answer.body()):,} bytes")
        troubles += [*wrong(page, path)]

    window.close()
    assert troubles == []
    assert {each for each in asked if not each.startswith(running.base)} == set()
    assert [each for each in said if "the server responded with a status of" not in each] == []


def _note(request: Request, asked: list[str]) -> None:
    if not request.url.startswith("data:"):
        asked.append(request.url)


def test_what_a_form_answers_is_accessible_and_narrow_too(
    browser: Browser, staged: tuple[Live, dict[str, str]]
) -> None:
    running, names = staged
    window = opened(browser, running, "alice", viewport={"width": NARROWEST, "height": 740})
    page = window.new_page()
    steps = {
        "/accounts/acme/privileges": "Preview changes",
        f"/accounts/acme/projects/{LONG_KEY}": "Preview changes",
        "/accounts/acme/projects/OPS": "Preview changes",
        "/accounts/acme/projects": "Create project",
        "/accounts/acme/repositories/rocket": "Preview move",
        "/accounts/acme/groups/designers": "Save",
        "/accounts/acme/groups/developers": "Add",
        "/accounts/acme/mirrors/cloud/settings": "Preview changes",
        "/accounts/acme/invitations": "Send invitations",
        "/me/requests?repository=acme/none": "Ask for access",
        "/me/ssh-keys": "Add key",
        f"/me/ssh-keys/{names['{ssh}']}": "Rename",
    }

    troubles = []
    for path, button in steps.items():
        page.goto(path)
        if path.endswith("privileges"):
            page.get_by_label("Set all cells on this page").select_option("write")
        elif path.endswith("acme/projects"):
            page.get_by_label("Name").fill("Fleet")
            page.get_by_label("Key").fill("2nd")
        elif "/projects/" in path:
            page.get_by_label("Group’s slug, username or e-mail address").fill("designers" if "OPS" in path else "none")
        elif path.endswith("cloud/settings"):
            page.get_by_label("mode").select_option("apply")
        elif path.endswith("developers"):
            page.get_by_label("Add a member").fill("gina")
        elif path.endswith("designers"):
            page.get_by_label("Name").fill("Draughtspeople")
        elif "requests" in path:
            page.get_by_label("Permission").select_option("admin")
            page.get_by_label("Reason").fill(NAMES[1])
        elif path.endswith("ssh-keys"):
            page.get_by_label("Public key").fill("ssh-ed25519 AAAA")
        page.get_by_role("button", name=button).click()
        page.wait_for_load_state()
        troubles += [*wrong(page, f"{path}, sent")]

    window.close()
    assert troubles == []


def test_the_table_types_something_into_every_form_that_it_names() -> None:
    assert {page_of(row.address) for row in ROWS} >= set(TYPED)
