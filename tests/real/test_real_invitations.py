"""A real organisation joins by invitation: a real mail server, links opened in a real browser and by command."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

import chromium
import sizes
from live import Live
from post_office import PostOffice, parts
from tests.real.test_real_organisations import REAL, Told, told_by_files

pytestmark = [
    chromium.NEEDED,
    pytest.mark.skipif(not REAL.is_dir(), reason=f"the eight real organisations are not beside the checkout ({REAL})"),
]

PASSWORD = "of the crew of etcd"
# Not all at the quick size: each person costs a letter, and a page in the browser or a command.
TEAMS, MEMBERSHIPS = sizes.either(quick=(4, 23), long=(15, 78))


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A real browser."""
    yield from chromium.opened()


def address(name: str) -> str:
    return f"{name}@example.net"


def root_of(server: Live) -> httpx.Client:
    return httpx.Client(base_url=server.base, auth=("root", PASSWORD), timeout=30)


def made_ready(server: Live, told: Told) -> None:
    """A team with the organisation's groups, and nobody in them but its administrator."""
    server.run("user", "add", "root", "--email", "root@example.org", "--password-stdin", given=PASSWORD)
    server.run("team", "add", "etcd-io", "--admin", "root")
    with root_of(server) as root:
        for slug in told.teams:
            assert root.post("/1.0/groups/etcd-io", json={"name": slug}).status_code == 200


def groups_of(server: Live, told: Told) -> dict[str, set[str]]:
    """Who is in which of the organisation's groups, as the server tells."""
    with root_of(server) as root:
        answer = root.get("/1.0/groups/etcd-io")
    assert answer.status_code == 200
    found = {each["slug"]: {member["username"] for member in each["members"]} for each in answer.json()}
    return {slug: members for slug, members in found.items() if slug in told.teams}


def links(office: PostOffice) -> dict[str, str]:
    """The link of each person's latest letter, by address."""
    found = {}
    for letter in office.letters:
        text, html = parts(letter)
        [link] = re.findall(r"https?://\S+/invitations/\S+", text)
        assert link in html
        found[str(letter["To"])] = link
    return found


def have_accounts(server: Live, names: list[str]) -> None:
    """Let these people have accounts with their addresses."""
    users = [{"username": name, "email": address(name)} for name in names]
    document = json.dumps({"onebucket": 1, "users": users})
    assert server.run("apply", "-", given=document).returncode == 0


def sign_up(page: Page, link: str, name: str) -> None:
    """Make an account in the browser, and be in."""
    page.goto(link)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("status").wait_for()
    assert page.url.endswith("/me?joined=etcd-io")


def test_an_organisation_joins_by_letter_half_in_a_browser_and_half_by_command(
    tmp_path: Path, browser: Browser
) -> None:
    whole = told_by_files("etcd-io")
    told = replace(whole, teams=dict(sorted(whole.teams.items())[:TEAMS]))
    people = sorted(set[str]().union(*told.teams.values()))
    with PostOffice() as office, Live(tmp_path, smtp_url=office.url()) as server:
        made_ready(server, told)

        with root_of(server) as root:
            for slug, members in told.teams.items():
                for name in sorted(members):
                    invited = {"email": address(name), "group_slug": slug}
                    assert root.put("/1.0/users/etcd-io/invitations", json=invited).status_code == 200
        memberships = sum(map(len, told.teams.values()))
        deadline = time.monotonic() + 60
        while len(office.letters) < memberships and time.monotonic() < deadline:
            time.sleep(0.1)
        links_of = links(office)
        assert (memberships, set(links_of)) == (MEMBERSHIPS, {address(name) for name in people})

        in_browser, by_command = people[::2], people[1::2]
        for name in in_browser:
            window = browser.new_context(java_script_enabled=False)
            window.set_default_timeout(chromium.WAIT)
            sign_up(window.new_page(), links_of[address(name)], name)
            window.close()
        have_accounts(server, by_command)
        for name in by_command:
            accepted = server.run("invitation", "accept", links_of[address(name)], "--as", name)
            assert accepted.returncode == 0, accepted.stderr

        assert groups_of(server, told) == told.teams
        with root_of(server) as root:
            assert root.get("/1.0/users/etcd-io/invitations").json() == []
        assert server.run("journal", "--verify").returncode == 0
        assert not re.search(r"/invitations/[A-Za-z0-9_-]{20}", server.log())
