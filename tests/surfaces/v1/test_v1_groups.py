"""Groups over HTTP: how they look, where they are, and which of them who gets to see (G1, G2, G4)."""

import json
from typing import Any

import pytest

from cast import Api
from onebucket.actions import groups

pytestmark = pytest.mark.runs_on("SQLite", "both", "split", "streamed")

FORM = "application/x-www-form-urlencoded"
USER_KEYS = [
    "display_name", "account_id", "uuid", "nickname", "username", "first_name", "last_name", "is_team", "is_staff",
    "is_active", "avatar", "resource_uri",
]  # fmt: skip
GROUP_KEYS = ["name", "slug", "permission", "auto_add", "email_forwarding_disabled", "members", "owner"]
NO_GROUP = "No Group matches the given query."


def slugs(answer: Any) -> list[str]:
    assert answer.status_code == 200
    return [group["slug"] for group in answer.json()]


# --- what a group looks like


def test_a_new_group_has_no_permission_no_flags_and_no_members(api: Api) -> None:
    answer = api("alice", "POST", "/groups/acme", data={"name": "  Night   Crew "})

    group = answer.json()
    assert answer.status_code == 200
    assert list(group) == GROUP_KEYS
    assert group | {"owner": None} == {
        "name": "Night   Crew", "slug": "night-crew", "permission": None, "auto_add": False,
        "email_forwarding_disabled": False, "members": [], "owner": None,
    }  # fmt: skip


def test_members_and_owners_have_the_keys_of_both_ages(api: Api) -> None:
    group = api("alice", "GET", "/groups/acme/designers").json()

    bob, acme = group["members"][0], group["owner"]
    assert list(bob) == list(acme) == USER_KEYS
    assert bob | {"account_id": None, "uuid": None} == {
        "display_name": "Bob Example", "account_id": None, "uuid": None, "nickname": "bob", "username": "bob",
        "first_name": "Bob", "last_name": "Example", "is_team": False, "is_staff": False, "is_active": True,
        "avatar": "http://onebucket.test/avatars/bob/32", "resource_uri": "/1.0/users/bob",
    }  # fmt: skip
    assert bob["account_id"].startswith("70121:") and bob["uuid"][0] + bob["uuid"][-1] == "{}"
    assert (acme["username"], acme["is_team"], acme["account_id"]) == ("acme", True, None)


def test_a_site_administrator_is_shown_as_staff(api: Api) -> None:
    api("alice", "PUT", "/groups/acme/designers/members/root")

    members = api("alice", "GET", "/groups/acme/designers/members").json()

    assert [(user["username"], user["is_staff"]) for user in members] == [("bob", False), ("root", True)]


# --- addresses


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("base", ["/1.0", "/api/1.0", "/!api/1.0", "/%21api/1.0"])
def test_every_address_answers_under_every_base_path_with_and_without_a_slash(api: Api, base: str, slash: str) -> None:
    life = [
        ("GET", "/groups", 200),
        ("POST", "/groups/acme", 200),
        ("GET", "/groups/acme", 200),
        ("GET", "/groups/acme/night-crew", 200),
        ("PUT", "/groups/acme/night-crew", 200),
        ("POST", "/groups/acme/night-crew", 200),
        ("PUT", "/groups/acme/night-crew/members/bob", 200),
        ("GET", "/groups/acme/night-crew/members", 200),
        ("GET", "/groups/acme/night-crew/members/bob", 200),
        ("DELETE", "/groups/acme/night-crew/members/bob", 204),
        ("DELETE", "/groups/acme/night-crew", 204),
    ]

    answers = [api("alice", method, base + path + slash, content="name=Night Crew") for method, path, _ in life]

    assert [answer.status_code for answer in answers] == [status for _, _, status in life]


@pytest.mark.parametrize("path", ["acme/Designers", "acme/designers%20", "acme/nothing", "globex/designers"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_only_the_exact_slug_of_a_group_of_that_account_finds_it(api: Api, method: str, path: str) -> None:
    answer = api("root", method, f"/groups/{path}")

    assert (answer.status_code, answer.text) == (404, NO_GROUP)


# --- G1: my groups


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("bob", ["designers", "developers"]),
        ("alice", ["administrators", "designers", "developers"]),
        ("mallory", []),
        ("root", ["administrators", "administrators", "designers", "developers", "developers"]),
    ],
)
def test_without_a_filter_i_get_the_groups_i_administer_or_am_in(api: Api, who: str, found: list[str]) -> None:
    assert slugs(api(who, "GET", "/groups")) == found


def test_groups_of_several_accounts_come_by_slug_then_by_owner(api: Api) -> None:
    api("bob", "POST", "/groups/bob", data={"name": "Designers"})
    api("bob", "POST", "/groups/bob", data={"name": "A Team"})

    mine = api("bob", "GET", "/groups").json()
    named = api("bob", "GET", "/groups?group=bob/designers&group=acme/developers&group=acme/designers").json()

    assert [(group["slug"], group["owner"]["username"]) for group in mine] == [
        ("a-team", "bob"), ("designers", "acme"), ("designers", "bob"), ("developers", "acme"),
    ]  # fmt: skip
    assert [(group["slug"], group["owner"]["username"]) for group in named] == [
        ("designers", "acme"), ("designers", "bob"), ("developers", "acme"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("group=acme/designers", ["designers"]),
        ("group=acme/developers&group=acme/designers", ["designers", "developers"]),
        ("group=acme/developers%26group%3Dacme/designers", ["designers", "developers"]),
        ("group=acme%2Fdevelopers%26group%3Dacme%2Fdesigners&group=acme/designers", ["designers", "developers"]),
        ("group=ACME/designers", ["designers"]),
        ("group=acme/administrators", []),
        ("group=acme/administrators&group=acme/designers&group=globex/developers", ["designers"]),
        ("group=acme/nothing", []),
        ("group=nobody/designers", []),
        ("group=acme", []),
        ("group=acme/", []),
        ("group=/designers", []),
        ("group=acme/designers/x", []),
        ("group=acme/Designers", []),
    ],
)
def test_a_filter_leaves_out_what_is_unknown_or_not_mine_to_see(api: Api, query: str, found: list[str]) -> None:
    assert slugs(api("bob", "GET", f"/groups?{query}")) == found


def test_a_filter_may_name_the_account_by_its_uuid(api: Api) -> None:
    uuid = api("bob", "GET", "/groups/acme/designers").json()["owner"]["uuid"]

    assert slugs(api("bob", "GET", "/groups", params={"group": f"{uuid}/designers"})) == ["designers"]


# --- G2: an account's groups


@pytest.mark.parametrize(
    ("who", "status", "found"),
    [
        ("alice", 200, ["administrators", "designers", "developers"]),
        ("root", 200, ["administrators", "designers", "developers"]),
        ("bob", 200, ["designers", "developers"]),
        ("dora", 200, ["developers"]),
        ("mallory", 403, None),
        ("gina", 403, None),
    ],
)
def test_administrators_see_all_groups_and_members_their_own(
    api: Api, who: str, status: int, found: list[str] | None
) -> None:
    answer = api(who, "GET", "/groups/acme")

    assert answer.status_code == status
    if found is not None:
        assert slugs(answer) == found


def test_a_list_is_complete_whatever_page_is_asked_for(api: Api) -> None:
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {number:03}") for number in range(150)])

    found = slugs(api("alice", "GET", "/groups/acme?limit=2&pagelen=2&page=7&start=3"))

    crews = [f"crew-{number:03}" for number in range(150)]
    assert found == ["administrators", *crews, "designers", "developers"]


@pytest.mark.parametrize(
    "query", ["exclude_members=true", "exclude_members=1", "exclude-members=True", "exclude-members=1"]
)
def test_members_can_be_left_out_of_every_group_that_is_answered(api: Api, query: str) -> None:
    shown = [
        *api("alice", "GET", f"/groups?{query}").json(),
        *api("alice", "GET", f"/groups?group=acme/designers&{query}").json(),
        *api("alice", "GET", f"/groups/acme?{query}").json(),
        api("alice", "GET", f"/groups/acme/designers?{query}").json(),
        api("alice", "POST", f"/groups/acme?{query}", data={"name": "Night Crew"}).json(),
        api("alice", "PUT", f"/groups/acme/designers?{query}").json(),
    ]

    assert [list(group) for group in shown] == [[key for key in GROUP_KEYS if key != "members"]] * len(shown)


@pytest.mark.parametrize(
    "query", ["exclude_members=false", "exclude_members=0", "exclude_members=", "Exclude_Members=1"]
)
def test_members_are_shown_unless_they_are_to_be_left_out(api: Api, query: str) -> None:
    shown = api("alice", "GET", f"/groups/acme/designers?{query}").json()

    assert [user["username"] for user in shown["members"]] == ["bob"]


# --- personal accounts, and whoever runs the site


@pytest.mark.parametrize("who", ["dora", "root"])
def test_a_personal_account_owns_groups_like_a_team(api: Api, who: str) -> None:
    made = api(who, "POST", "/groups/dora", data={"name": "Friends"})
    api(who, "PUT", "/groups/dora/friends/members/bob")

    assert (made.status_code, made.json()["owner"]["username"]) == (200, "dora")
    assert slugs(api("dora", "GET", "/groups/dora")) == slugs(api("bob", "GET", "/groups/dora")) == ["friends"]
    assert api("bob", "POST", "/groups/dora", data={"name": "Foes"}).status_code == 403
    assert api(who, "DELETE", "/groups/dora/friends").status_code == 204


def test_the_formats_say_the_same(api: Api) -> None:
    said = api("alice", "GET", "/groups/acme/designers?format=json").json()

    xml = api("alice", "GET", "/groups/acme/designers?format=xml").text
    yaml = api("alice", "GET", "/groups/acme/designers?format=yaml").text

    assert f"<slug>{said['slug']}</slug><permission>None</permission><auto_add>False</auto_add>" in xml
    assert f"uuid: {json.dumps(said['owner']['uuid'])}" in yaml
