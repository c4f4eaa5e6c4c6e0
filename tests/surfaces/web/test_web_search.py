"""The search page: who finds what, by which words."""

import pytest

from browsing import Visitor
from cast import Api
from onebucket.actions import accounts, groups
from onebucket.actions.unit_of_work import UnitOfWork


@pytest.fixture
def made(api: Api) -> Api:
    api("alice", "POST", "/groups/acme", data={"name": "Rocket Scientists"})
    return api


@pytest.mark.parametrize(
    ("who", "text", "links"),
    [
        ("alice", "rocket", ["/accounts/acme/groups/rocket-scientists", "/accounts/acme/repositories/rocket"]),
        ("alice", "SCIEN rock", ["/accounts/acme/groups/rocket-scientists"]),
        ("alice", "acm", ["/accounts/acme"]),
        ("alice", "bob", ["/accounts/acme/people/bob"]),
        ("alice", "mallory", []),
        ("bob", "rocket", ["/accounts/acme/repositories/rocket"]),
        ("bob", "develop", ["/accounts/acme/groups/developers"]),
        ("bob", "alice", []),
        ("mallory", "rocket", []),
        ("mallory", "acme", []),
        ("root", "mallory", ["/site/people/mallory"]),
        ("alice", "%", []),
        ("alice", "_", []),
        ("alice", "", []),
        ("alice", "ro\0cket", []),
    ],
)
def test_everybody_finds_what_they_may_see(made: Api, who: str, text: str, links: list[str]) -> None:
    with Visitor(made, who) as visitor:
        page = visitor.ask("GET", "/search", params={"q": text})

    shown = page.text.partition('id="found"')[2].partition("</main>")[0]
    found = [part.partition('"')[0] for part in shown.split('href="')[1:]]
    with Visitor(made, who) as visitor:
        assert {visitor.open(link).status for link in links} <= {200}
    assert page.status_code == 200
    assert found == links


def test_markup_in_what_was_looked_for_is_shown_as_text(api: Api) -> None:
    with Visitor(api, "alice") as alice:
        assert "<script>alert" not in alice.ask("GET", "/search", params={"q": "<script>alert(1)</script>"}).text


def test_who_is_in_an_account_is_found_behind_many_others_with_shorter_names(api: Api) -> None:
    def crowd(work: UnitOfWork) -> None:
        for number in range(60):
            accounts.add_user(work, f"twin{number:02}", email=None)
        accounts.add_user(work, "twin-of-acme", email=None)
        groups.add_member(work, "acme", "designers", "twin-of-acme")

    api.operate(crowd)
    with Visitor(api, "alice") as alice:
        page = alice.open("/search?q=twin")

    assert [link for link in page.linked if "twin" in link] == ["/accounts/acme/people/twin-of-acme"]
