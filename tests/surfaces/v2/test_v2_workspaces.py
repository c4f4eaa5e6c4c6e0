"""API 2.0: who one is, which workspaces one is in, and who else is in them."""

from pathlib import Path
from urllib.parse import quote

import pytest

import cast
from cast import BASE, Api
from onebucket.actions import project_privileges
from onebucket.domain.projects import ProjectLevel

ACME = "/2.0/workspaces/acme"
pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


def values(api: Api, who: str, path: str, place: str) -> list[str]:
    """What stands at one place of every value of a page, such as `user.username`; people are sorted by name."""
    if path.startswith(ACME) and "sort=" not in path:
        path += "&sort=user.username" if "?" in path else "?sort=user.username"
    answer = api(who, "GET", path)
    assert answer.status_code == 200, answer.text
    found = []
    for value in answer.json()["values"]:
        for name in place.split("."):
            value = value[name]
        found.append(value)
    return found


def test_the_caller_is_shown_as_clients_read_them(api: Api) -> None:
    user = api("bob", "GET", "/2.0/user").json()

    assert user["type"] == "user"
    assert user["uuid"].startswith("{") and user["uuid"].endswith("}")
    assert (user["username"], user["nickname"], user["display_name"]) == ("bob", "bob", "Bob Example")
    assert (user["account_status"], user["is_staff"], user["has_2fa_enabled"]) == ("active", False, False)
    assert user["created_on"].endswith("+00:00") and "." in user["created_on"]
    assert user["links"]["html"]["href"] == f"{BASE}/accounts/bob"
    assert user["links"]["self"]["href"] == f"{BASE}/2.0/users/%7B{user['uuid'][1:-1]}%7D"
    assert "email" not in user


def test_a_person_is_found_by_uuid_and_account_id(api: Api) -> None:
    bob = api("bob", "GET", "/2.0/user").json()

    # Others aren't told whether they have a second factor.
    assert bob.pop("has_2fa_enabled") is False
    assert api("mallory", "GET", bob["links"]["self"]["href"]).json() == bob
    assert api("mallory", "GET", f"/2.0/users/{bob['uuid']}/").json() == bob
    assert api("mallory", "GET", f"/2.0/users/{bob['account_id']}").json() == bob


def test_a_team_is_not_a_user(api: Api) -> None:
    answer = api("bob", "GET", "/2.0/users/acme")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "There is no user 'acme': it is a team."


def test_the_callers_addresses(api: Api) -> None:
    [address] = api("bob", "GET", "/2.0/user/emails").json()["values"]

    assert (address["type"], address["email"], address["is_primary"], address["is_confirmed"]) == (
        "email", "bob@example.com", True, True,
    )  # fmt: skip
    assert api("bob", "GET", address["links"]["self"]["href"]).json() == address
    assert api("bob", "GET", "/2.0/user/emails/BOB@example.com").json() == address
    assert api("bob", "GET", "/2.0/user/emails/alice@example.com").status_code == 404


def test_a_workspace_is_a_team_or_a_person(api: Api) -> None:
    acme, dora = (api("mallory", "GET", f"/2.0/workspaces/{name}").json() for name in ("acme", "dora"))

    assert (acme["type"], acme["slug"], acme["name"], acme["is_personal"]) == ("workspace", "acme", "Acme", False)
    assert (dora["slug"], dora["is_personal"]) == ("dora", True)
    assert api("mallory", "GET", f"/2.0/workspaces/{acme['uuid']}").json() == acme
    assert api("mallory", "GET", f"/2.0/workspaces/%7B{acme['uuid'][1:-1]}%7D").json() == acme


def test_workspaces_of_the_caller_by_role(api: Api) -> None:
    assert values(api, "alice", "/2.0/workspaces", "slug") == ["acme", "alice"]
    assert values(api, "bob", "/2.0/workspaces?role=owner", "slug") == ["bob"]
    assert values(api, "alice", "/2.0/workspaces?role=owner", "slug") == ["acme", "alice"]
    assert api("bob", "GET", "/2.0/workspaces?role=boss").status_code == 400


def test_workspace_access_says_who_administers(api: Api) -> None:
    assert values(api, "bob", "/2.0/user/workspaces", "workspace.slug") == ["acme", "bob"]
    assert values(api, "bob", "/2.0/user/workspaces", "administrator") == [False, True]
    assert values(api, "bob", "/2.0/user/workspaces?administrator=true", "workspace.slug") == ["bob"]
    [access, _] = api("bob", "GET", "/2.0/user/workspaces").json()["values"]
    assert (access["type"], access["workspace"]["type"]) == ("workspace_access", "workspace_base")


def test_own_membership_of_a_workspace(api: Api) -> None:
    membership = api("alice", "GET", "/2.0/user/workspaces/acme/permission").json()

    assert (membership["type"], membership["permission"]) == ("workspace_membership", "owner")
    assert (membership["user"]["username"], membership["workspace"]["slug"]) == ("alice", "acme")
    assert values(api, "bob", "/2.0/user/permissions/workspaces", "permission") == ["member", "owner"]


def test_members_are_everybody_in_a_group(api: Api) -> None:
    assert values(api, "bob", f"{ACME}/members", "user.username") == ["alice", "bob", "dora"]
    assert values(api, "bob", "/2.0/workspaces/bob/members", "user.username") == ["bob"]


def test_permissions_show_owners_members_and_collaborators(api: Api) -> None:
    api("alice", "PUT", "/privileges/acme/rocket/gina", content="read")

    assert values(api, "alice", f"{ACME}/permissions", "user.username") == ["alice", "bob", "dora", "gina"]
    assert values(api, "alice", f"{ACME}/permissions", "permission") == ["owner", "member", "member", "collaborator"]
    assert values(api, "alice", f"{ACME}/members", "user.username") == ["alice", "bob", "dora"]
    assert api("alice", "GET", f"{ACME}/members/gina").status_code == 404


def test_addresses_are_for_administrators_who_ask(api: Api) -> None:
    asked = f"{ACME}/members?fields=%2Bvalues.user.email"

    assert values(api, "alice", asked, "user.email")[0] == "alice@example.com"
    assert "email" not in api("alice", "GET", f"{ACME}/members").json()["values"][0]["user"]
    assert "email" not in api("bob", "GET", asked).json()["values"][0]["user"]
    assert api("alice", "GET", f"{ACME}/members/bob?fields=user.email").json() == {"user": {"email": "bob@example.com"}}


@pytest.mark.parametrize("path", ["/2.0/workspaces", "/2.0/user/permissions/workspaces"])
def test_lists_over_all_workspaces_can_be_turned_off(cast_template: Path, tmp_path: Path, path: str) -> None:
    api = Api(cast.copy(cast_template, tmp_path), cross_workspace_lists="gone")

    answer = api("alice", "GET", path)

    assert answer.status_code == 410
    assert "CHANGE-2770" in answer.json()["error"]["message"]
    assert answer.json()["error"]["data"]["announcement_url"].startswith("https://")
    assert api("alice", "GET", "/2.0/user/workspaces").status_code == 200
    api.close()


def test_pages_of_members(api: Api) -> None:
    first = api("alice", "GET", f"{ACME}/members?pagelen=2&sort=user.username").json()
    second = api("alice", "GET", first["next"]).json()
    beyond = api("alice", "GET", f"{ACME}/members?pagelen=2&page=9").json()

    assert [len(page["values"]) for page in (first, second, beyond)] == [2, 1, 0]
    assert {page["size"] for page in (first, second, beyond)} == {3}
    assert second["values"][0]["user"]["username"] == "dora"
    assert api("alice", "GET", f"{ACME}/members?pagelen=101").status_code == 400


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ('permission="owner"', ["alice"]),
        ('permission>"collaborator" AND user.nickname!="bob"', ["alice", "dora"]),
        ('user.display_name ~ "BOB" OR user.username = "gina"', ["bob", "gina"]),
        ('user.email IN ("ALICE@example.com", "bob@example.com", "nobody@example.com", "x")', ["alice", "bob"]),
        ('user.email ~ "@example.com" AND user.account_id != null AND permission < "member"', ["gina"]),
    ],
)
def test_people_are_found_by_a_condition(api: Api, q: str, names: list[str]) -> None:
    api("alice", "PUT", "/privileges/acme/rocket/gina", content="read")

    assert values(api, "alice", f"{ACME}/permissions?q={quote(q)}", "user.username") == names
    page = api("alice", "GET", f"{ACME}/permissions?q={quote(q)}&pagelen=1&sort=-user.username").json()
    assert (page["size"], page["values"][0]["user"]["username"]) == (len(names), names[-1])
    assert ("next" in page) == (len(names) > 1)


def test_a_person_is_found_by_uuid(api: Api) -> None:
    uuid = api("bob", "GET", "/2.0/user").json()["uuid"].upper()
    q = quote(f'user.uuid = "{uuid}"')

    assert values(api, "alice", f"{ACME}/members?q={q}", "user.username") == ["bob"]


def test_people_are_sorted(api: Api) -> None:
    assert values(api, "alice", f"{ACME}/members?sort=-user.display_name", "user.username") == ["dora", "bob", "alice"]
    assert values(api, "alice", f"{ACME}/permissions?sort=-permission", "permission") == ["owner", "member", "member"]
    assert api("alice", "GET", f"{ACME}/members?sort=user.email").status_code == 400


def test_people_are_in_the_order_of_their_ids_unless_they_are_sorted(api: Api) -> None:
    for path in ("members", "permissions"):
        found = [each["user"]["uuid"] for each in api("alice", "GET", f"{ACME}/{path}").json()["values"]]
        assert found == sorted(found)
        pages = [api("alice", "GET", f"{ACME}/{path}?pagelen=1&page={page}").json() for page in (1, 2, 3)]
        assert [page["values"][0]["user"]["uuid"] for page in pages] == found
    equal = api("alice", "GET", f"{ACME}/permissions?sort=permission").json()["values"]
    assert [each["user"]["uuid"] for each in equal][:2] == sorted(each["user"]["uuid"] for each in equal[:2])


def test_a_permission_on_a_project_makes_a_collaborator(api: Api) -> None:
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "PROJ", "gina", ProjectLevel.READ))

    assert values(api, "alice", f"{ACME}/permissions", "user.username") == ["alice", "bob", "dora", "gina"]
    assert api("gina", "GET", "/2.0/user/workspaces/acme/permission").json()["permission"] == "collaborator"
    assert values(api, "gina", "/2.0/user/permissions/workspaces", "workspace.slug") == ["acme", "gina", "globex"]


def test_the_owners_of_a_workspace_are_at_its_link(api: Api) -> None:
    owners = api("bob", "GET", ACME).json()["links"]["owners"]["href"]

    assert values(api, "bob", owners.removeprefix(BASE), "user.username") == ["alice"]


def test_people_are_looked_for_by_address_by_administrators_only(api: Api) -> None:
    q = quote('user.nickname="x" OR user.email="alice@example.com"')
    by_address = f"{ACME}/members?q={q}"

    refused = api("bob", "GET", by_address)

    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == "Only who administers acme may look for people by their addresses."
    assert values(api, "alice", by_address, "user.username") == ["alice"]


def test_workspaces_are_found_and_sorted(api: Api) -> None:
    assert values(api, "alice", "/2.0/user/workspaces?sort=-slug", "workspace.slug") == ["alice", "acme"]
    assert values(api, "alice", "/2.0/workspaces?q=" + quote('name ~ "CM"'), "slug") == ["acme"]
    mine = "/2.0/user/permissions/workspaces?q=" + quote('permission="member" AND workspace.slug="acme"')
    assert values(api, "bob", mine, "workspace.slug") == ["acme"]
    assert values(api, "alice", mine, "workspace.slug") == []


def test_what_is_not_understood_is_refused_with_its_place(api: Api) -> None:
    answer = api("alice", "GET", f"{ACME}/members?q=" + quote('user.nickname="a" AND (user.name="b"'))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Character 24 of q: there is no field 'user.name' in this list")
    assert api("alice", "GET", f"{ACME}/members?q={'(' * 8000}").status_code == 400
    assert api("alice", "GET", f"{ACME}/members?fields={'a.' * 1000}a").status_code == 400


def test_a_change_with_bad_fields_changes_nothing(api: Api) -> None:
    designers = "/2.0/repositories/acme/rocket/permissions-config/groups/designers"
    before = api("alice", "GET", designers).json()
    wanted = {"permission": "read" if before["permission"] == "admin" else "admin"}

    assert api("alice", "PUT", f"{designers}?fields=a..b", json=wanted).status_code == 400
    assert api("alice", "GET", designers).json() == before
    assert api("alice", "PUT", f"{designers}?fields=permission", json=wanted).json() == wanted
