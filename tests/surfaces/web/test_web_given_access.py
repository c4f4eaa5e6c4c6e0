"""The form that gives people a level on repositories: granted, invited with one e-mail, and refused in one sentence."""

import re
from datetime import UTC, datetime, timedelta

import pytest

import cast
from browsing import Page, Visitor, deliver
from cast import Api
from onebucket.actions import accounts

LATER = f"{datetime.now(UTC).date() + timedelta(days=30)}"
GIVE, INVITATIONS = "/accounts/acme/give", "/accounts/acme/invitations"
CONTRACTOR = "contractor@example.net"

pytestmark = pytest.mark.runs_on("SQLite")


def given(alice: Visitor, people: str, repositories: str = "rocket, website", **typed: str) -> Page:
    preview = alice.send(alice.open(INVITATIONS), GIVE, people=people, repositories=repositories, **typed)
    assert preview.status == 200, preview.text
    return alice.send(preview, GIVE)


def direct(api: Api, slug: str) -> dict[str, tuple[str, str]]:
    found = api("alice", "GET", f"/privileges/acme/{slug}?include=until").json()
    return {each["user"]["username"]: (each["privilege"], each.get("until", "")[:10]) for each in found}


def sent(api: Api) -> dict[str, str]:
    return deliver(api)


def pending(api: Api) -> list[tuple[str, str, str]]:
    found = api("alice", "GET", f"/api/invitations?account=acme&email={CONTRACTOR}").json()
    return sorted((each["repository"], each["permission"], each.get("until", "")[:10]) for each in found)


def test_a_contractor_is_invited_to_several_repositories_until_a_date_and_accepts_once(api: Api) -> None:
    alice = Visitor(api, "alice")
    deliver(api)

    preview = alice.send(
        alice.open(INVITATIONS), GIVE, people=f"{CONTRACTOR}\ngina", repositories="rocket\nwebsite", last_day=LATER
    )
    nothing = direct(api, "rocket"), pending(api)
    done = alice.send(preview, GIVE)
    links = deliver(api)
    waiting = pending(api)
    offer = Visitor(api).open(links[CONTRACTOR])
    secret = cast.cheap_hash(cast.password("contractor"))
    api.operate(lambda work: accounts.add_user(work, "contractor", email=CONTRACTOR, password_hash=secret))
    newcomer = Visitor(api, "contractor")
    newcomer.send(newcomer.open(links[CONTRACTOR]), f"{links[CONTRACTOR]}/accept")

    assert f"until {LATER} 23:59 UTC" in preview.text and CONTRACTOR in preview.text
    assert nothing == ({}, [])
    assert re.search(rf"You (gave gina|invited {CONTRACTOR}) .*; and 1 more\.", " ".join(done.text.split()))
    assert [*links] == [CONTRACTOR]
    assert waiting == [("acme/rocket", "read", LATER), ("acme/website", "read", LATER)]
    assert "2 repositories" in " ".join(offer.text.split()) and "acme/website" in offer.text
    assert pending(api) == []
    assert direct(api, "rocket") == {"gina": ("read", LATER), "contractor": ("read", LATER)}
    assert direct(api, "website") == {
        "dora": ("admin", ""), "gina": ("read", LATER), "contractor": ("read", LATER)
    }  # fmt: skip


def test_declining_declines_everything_in_the_letter(api: Api) -> None:
    given(Visitor(api, "alice"), CONTRACTOR)
    link = deliver(api)[CONTRACTOR]

    nobody = Visitor(api)
    nobody.send(nobody.open(link), f"{link}/decline")

    assert pending(api) == []
    assert nobody.open(link).status == 404


@pytest.mark.parametrize("before", [True, False], ids=["before it is sent", "afterwards"])
def test_the_link_of_the_letter_gives_what_is_left_when_one_of_the_invitations_is_withdrawn(
    api: Api, before: bool
) -> None:
    given(Visitor(api, "alice"), CONTRACTOR)
    links = {} if before else deliver(api)
    [first] = [
        each["id"]
        for each in api("alice", "GET", f"/api/invitations?account=acme&email={CONTRACTOR}").json()
        if each["repository"] == "acme/rocket"
    ]

    api("alice", "DELETE", f"/api/invitations/{first}")
    links = links or deliver(api)
    page = Visitor(api).open(links[CONTRACTOR])

    assert page.status == 200
    assert "website" in page.text.lower() and "rocket" not in page.text


def test_inviting_again_gives_one_new_link_and_takes_nothing_away(api: Api) -> None:
    alice = Visitor(api, "alice")
    given(alice, CONTRACTOR, "rocket", level="write")
    old = deliver(api)[CONTRACTOR]

    given(alice, CONTRACTOR, last_day=LATER)
    new = deliver(api)[CONTRACTOR]

    assert pending(api) == [("acme/rocket", "write", LATER), ("acme/website", "read", LATER)]
    assert old != new
    assert Visitor(api).open(old).status == 404
    assert Visitor(api).open(new).status == 200


def test_nobody_loses_what_they_have(api: Api) -> None:
    alice = Visitor(api, "alice")
    api("alice", "PUT", "/privileges/acme/rocket/gina", content="read")
    api("alice", "PUT", f"/privileges/acme/rocket/mallory?until={LATER}", content="read")
    later = f"{datetime.now(UTC).date() + timedelta(days=60)}"

    given(alice, "gina dora mallory", last_day=later)

    assert direct(api, "website")["dora"] == ("admin", "")
    assert direct(api, "rocket") == {"gina": ("read", ""), "dora": ("read", later), "mallory": ("read", later)}


def test_a_preview_that_is_outdated_is_made_again(api: Api) -> None:
    alice = Visitor(api, "alice")
    preview = alice.send(alice.open(GIVE), GIVE, people="gina", repositories="rocket")
    api("alice", "PUT", "/groups/acme/designers/members/dora")

    again = alice.send(preview, GIVE)

    assert again.status == 409
    assert direct(api, "rocket") == {}
    assert alice.send(again, GIVE).status == 200
    assert direct(api, "rocket") == {"gina": ("read", "")}


def boxes(page: Page) -> dict[str, list[str]]:
    """What is offered, by the field that it goes into."""
    ticked = re.findall(r'name="picked_(\w+)" value="(.*?)"', page.answer.text)
    return {field: [value for of, value in ticked if of == field] for field in ("people", "repositories")}


def looked_for(visitor: Visitor, page: Page, **typed: str | list[str]) -> Page:
    """Fill in the form, and look for names with its button."""
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    fields = page.form(GIVE).values | typed | {"step": "people"}
    return Page(visitor.ask("POST", GIVE, data=fields, headers=headers))


def test_people_groups_and_repositories_are_found_by_name_and_several_are_ticked(api: Api) -> None:
    alice = Visitor(api, "alice")

    found = looked_for(alice, alice.open(GIVE), people="gina", find_people="d", find_repositories="ET web")
    ticked = ["dora", "alice bob dora"]
    again = looked_for(alice, found, picked_people=ticked, find_people="ali", find_repositories="rock")
    preview = alice.send(again, GIVE, repositories="website", picked_repositories=["rocket"])
    alice.send(preview, GIVE)

    assert boxes(found) == {"people": ["dora", "alice", "bob", "alice bob dora"], "repositories": []}
    assert found.form(GIVE).values["people"] == "gina"
    assert again.form(GIVE).values["people"].split() == ["gina", "dora", "alice", "bob"]
    assert boxes(again) == {"people": ["alice"], "repositories": ["rocket"]}
    assert {*direct(api, "rocket")} == {"gina", "dora", "alice", "bob"}


def test_names_that_nothing_has_are_said_and_nobody_else_is_offered(api: Api) -> None:
    alice, dora = Visitor(api, "alice"), Visitor(api, "dora")

    nothing = alice.open(f"{GIVE}?find_people=mallory&find_repositories=satellite")
    by_dora = dora.open(f"{GIVE}?find_people=bob&find_repositories=e")

    assert boxes(nothing) == {"people": [], "repositories": []}
    assert nothing.text.count("Nothing here matches.") == 2
    assert boxes(by_dora) == {"people": [], "repositories": ["website"]}, "she administers no more than that"


WRONG = {
    "nobody": ({"people": ""}, "Enter a username or an e-mail address"),
    "no repository": ({"repositories": " , "}, "Enter the slug of a repository"),
    "an unknown person": ({"people": "gina nemo"}, "there is no user 'nemo'"),
    "a team": ({"people": "globex"}, "globex is a team, not a person"),
    "an address that is none": ({"people": "a@b@c"}, "a@b@c"),
    "an unknown repository": ({"repositories": "rocket moon"}, "acme has no repository 'moon'"),
    "a day that has passed": ({"last_day": "2020-01-01"}, "Until must be in the future"),
    "51 people": ({"people": " ".join(f"p{n}@example.net" for n in range(51))}, "name 1 to 50 people at once, not 51"),
    "2,500 people": ({"people": "\n".join(f"p{n}@example.net" for n in range(2500))}, "people at once, not 2,500"),
    "10,000 people": ({"people": "\n".join(f"p{n}@example.net" for n in range(10_000))}, "the form is too long"),
    "10,000 repositories": (
        {"repositories": " ".join(f"r{n}" for n in range(10_000))},
        "repositories at once, not 10,000",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_makes_no_sense_is_refused_in_one_sentence_and_nobody_gets_anything(api: Api, kind: str) -> None:
    typed, sentence = WRONG[kind]
    alice = Visitor(api, "alice")

    refused = alice.send(alice.open(GIVE), GIVE, **({"people": "gina", "repositories": "rocket"} | typed))

    assert refused.status == 400
    assert sentence in refused.text
    assert ("last_day" in typed) == ("last_day-error" in refused.ids)
    assert direct(api, "rocket") == {}


def test_whoever_administers_a_repository_gives_access_to_it_and_to_no_other(api: Api) -> None:
    dora = Visitor(api, "dora")

    preview = dora.send(dora.open(f"{GIVE}?repository=website"), GIVE, people=f"gina {CONTRACTOR}")
    dora.send(preview, GIVE)
    refused = dora.send(dora.open(GIVE), GIVE, people="gina", repositories="website rocket")

    assert direct(api, "website")["gina"] == ("read", "")
    assert pending(api) == [("acme/website", "read", "")]
    assert refused.status == 400 and "acme has no repository 'rocket'" in refused.text
