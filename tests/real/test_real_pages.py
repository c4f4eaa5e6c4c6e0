"""Pages over a real organisation, kubernetes-sigs: 407 groups, 202 repositories, 1,144 people, and the jobs there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import cast
import chromium
from browsing import Visitor
from cast import Api
from live import Live
from onebucket.actions import accounts
from onebucket.transfer import apply, peribolos
from tests.real.test_real_privileges import FOLDER, NAME

pytestmark = [
    chromium.NEEDED,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{NAME} is not beside the checkout ({FOLDER})"),
]

HERE = f"/accounts/{NAME}"
LARGEST = 100_000
FIVE = [f"person-{number}@example.net" for number in range(5)]

expect.set_options(timeout=chromium.WAIT)


@pytest.fixture(scope="module")
def filled(empty_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the organisation and root, who runs the site."""
    folder = tmp_path_factory.mktemp("real-pages")
    db = cast.copy(empty_template, folder)
    with db.writing() as tx:
        work = cast.operator(tx)
        apply.apply(work, [peribolos.to_document(peribolos.read([FOLDER])[0])], prune=False)
        hash = cast.cheap_hash(cast.password("root"))
        accounts.add_user(work, "root", email="root@example.com", site_admin=True, password_hash=hash)
    db.close()
    return folder / "onebucket.db"


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Iterator[Visitor]:
    """The browser of root."""
    api = Api(cast.copy(filled, tmp_path))
    with Visitor(api, "root") as visitor:
        yield visitor
    api.close()


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_matrix_shows_a_part_and_finds_the_others(root: Visitor) -> None:
    first, found = root.open(f"{HERE}/privileges"), root.open(f"{HERE}/privileges?groups=kro-&repositories=kro")

    # How many repositories fit depends on the length of their names.
    shown = re.search(r"Groups: 1–25 of 407.*Repositories: 1–(\d+) of 202", words(first.text))
    assert shown and 8 <= int(shown[1]) <= 50
    cells = {name: value for name, value in found.form(f"{HERE}/privileges").values.items() if "cell:" in name}
    assert {"cell:kro-admins/kro:admin": "A"}.items() <= cells.items()
    assert max(len(each.answer.content) for each in (first, found)) < LARGEST


def test_every_page_of_it_is_small_whatever_part_is_shown(root: Visitor) -> None:
    paths = ["", "/groups/members", "/groups/members/delete", "/repositories", "/people", "/privileges", "/invitations",
             "/journal", "/ask", "/ask?person=BenTheElder", "/ask?repository=kro&level=read", "/people?from=1100",
             "/privileges?row=400&column=200"]  # fmt: skip

    sizes = {path: len(root.ask("GET", HERE + path).content) for path in paths}
    sizes |= {path: len(root.ask("GET", path).content) for path in ("/me", "/site", "/site/journal", "/docs")}

    assert {path: size for path, size in sizes.items() if size > LARGEST} == {}


def test_somebody_is_found_among_all_with_every_level_and_through_what(root: Visitor) -> None:
    everybody, found = root.open(f"{HERE}/people"), root.open(f"{HERE}/people?find=bentheelder")

    text = words(found.text)
    assert "1–25 of 1144" in words(everybody.text)
    assert "1–1 of 1 matching, 1144 in total" in text
    told = root.api.operate(lambda work: accounts.profile(work, "BenTheElder")).account
    reached = root.ask("GET", f"{HERE}/ask?person={told.username}&format=json").json()
    levels = [each["level"] for each in reached]
    for level in {*levels}:
        assert f"{level} on {levels.count(level)}" in text


def test_what_a_matrix_change_foretells_is_what_comes_for_everybody(root: Visitor) -> None:
    matrix = root.open(f"{HERE}/privileges?groups=kro-admins&repositories=kro")
    before = reach(root)

    asked = root.send(matrix, f"{HERE}/privileges", fields={"cell:kro-admins/kro:admin": "none"})
    done = root.send(asked, f"{HERE}/privileges/set")

    after = reach(root)
    lost = {person: (level, after.get(person, "noaccess")) for person, level in before.items()}
    changed = {person: each for person, each in lost.items() if each[0] != each[1]}
    assert "You gave the group kro-admins no access on kro" in done.text and changed
    text = words(asked.text).replace(" ", "")
    assert f"0peoplegain,{len(changed)}" in text
    for person, (was, now) in changed.items():
        assert f"{person}kro{was}{now}loses" in text


def reach(visitor: Visitor) -> dict[str, str]:
    """What everybody has on kro who has anything."""
    found = visitor.ask("GET", f"{HERE}/ask?repository=kro&level=read&format=json").json()
    return {each["user"]: each["level"] for each in found}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    yield from chromium.opened()


def test_a_team_is_deleted_and_five_people_are_invited_to_three_without_scripts(
    browser: Browser, filled: Path, tmp_path: Path
) -> None:
    cast.copy(filled, tmp_path).close()
    with Live(tmp_path) as running:
        window = browser.new_context(base_url=running.base, java_script_enabled=False)
        window.set_default_timeout(chromium.WAIT)
        page = window.new_page()
        page.goto("/sign-in")
        page.get_by_label("Username or e-mail address").fill("root")
        page.get_by_label("Password").fill(cast.password("root"))
        page.keyboard.press("Enter")
        page.wait_for_url("**/me")

        _delete(page)
        _invite(page)

        slugs = running.rows("SELECT count(*) FROM groups WHERE slug = 'kro-admins'")
        invited = running.rows(
            "SELECT email, count(*) FROM invitations JOIN invitation_groups ON invitation_id = invitations.id"
            " GROUP BY email ORDER BY email"
        )
        window.close()
    assert slugs == [(0,)]
    assert invited == [(email, 3) for email in FIVE]


def _delete(page: Page) -> None:
    """Find the team, see who loses what, and delete it."""
    page.goto(HERE)
    page.get_by_label("Find a group").fill("kro-admins")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="kro-admins").click()
    page.get_by_role("link", name="Delete…").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Delete kro-admins?")
    members = page.get_by_role("row").filter(has_text="kro")
    assert members.count() >= 1
    expect(members.first).to_contain_text("admin")
    page.get_by_role("button", name="Delete group").click()
    expect(page.get_by_role("status")).to_contain_text("Group kro-admins deleted")


def _invite(page: Page) -> None:
    """Type five addresses, tick three groups, send one form."""
    page.goto(f"{HERE}/invitations")
    page.get_by_label("E-mail addresses").fill("\n".join(FIVE))
    for slug in ("about-api-admins", "agent-sandbox-admins", "members"):
        page.get_by_label(slug, exact=True).check()
    page.get_by_role("button", name="Send invitations").click()
    expect(page.get_by_role("status")).to_contain_text("You invited ")
    expect(page.get_by_role("heading", name="Pending (5)")).to_be_visible()
