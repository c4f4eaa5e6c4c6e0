"""API 2.0: permissions of groups and people on a repository."""

import pytest

from cast import BASE, Api

ROCKET = "/2.0/repositories/acme/rocket/permissions-config"
pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


def permissions_of_groups(api: Api) -> dict[str, str]:
    answer = api("alice", "GET", f"{ROCKET}/groups?pagelen=100").json()
    return {each["group"]["slug"]: each["permission"] for each in answer["values"]}


def test_the_list_of_groups_holds_what_they_have_set_or_by_default(api: Api) -> None:
    assert permissions_of_groups(api) == {"administrators": "admin", "designers": "write"}

    api("alice", "PUT", "/groups/acme/developers", data={"name": "Developers", "permission": "read"})
    assert "developers" not in permissions_of_groups(api), "none was set there, which overrides the default"


def test_a_group_permission_is_shaped_as_clients_read_it(api: Api) -> None:
    found = api("alice", "GET", f"{ROCKET}/groups/designers").json()

    assert (found["type"], found["permission"]) == ("repository_group_permission", "write")
    assert (found["group"]["type"], found["group"]["full_slug"]) == ("group", "acme:designers")
    assert found["group"]["workspace"]["slug"] == "acme"
    assert (found["repository"]["type"], found["repository"]["full_name"]) == ("repository", "acme/rocket")
    assert found["links"]["self"]["href"] == f"{BASE}{ROCKET}/groups/designers"
    assert api("alice", "GET", found["links"]["self"]["href"]).json() == found


def test_a_permission_of_a_group_is_set_and_removed(api: Api) -> None:
    there = f"{ROCKET}/groups/developers"
    assert api("alice", "GET", there).json()["permission"] == "none"

    answer = api("alice", "PUT", there, json={"permission": "admin"})
    assert (answer.status_code, answer.json()["permission"]) == (200, "admin")
    assert api("alice", "GET", "/group-privileges/acme/rocket/acme/developers").json()[0]["privilege"] == "admin"

    assert api("alice", "DELETE", there).status_code == 204
    assert api("alice", "GET", there).json()["permission"] == "none"
    assert api("alice", "DELETE", there).status_code == 204


def test_removing_overrides_the_default_of_the_group(api: Api) -> None:
    api("alice", "DELETE", f"{ROCKET}/groups/administrators")

    assert api("alice", "GET", f"{ROCKET}/groups/administrators").json()["permission"] == "none"
    assert "administrators" not in permissions_of_groups(api)


def test_a_permission_of_a_person_is_set_and_removed(api: Api) -> None:
    gina = api("gina", "GET", "/2.0/user").json()
    there = f"{ROCKET}/users/{gina['uuid']}"
    assert api("alice", "GET", there).json()["permission"] == "none"

    answer = api("alice", "PUT", there, json={"permission": "write"})

    assert (answer.status_code, answer.json()["permission"]) == (200, "write")
    assert answer.json()["user"]["uuid"] == gina["uuid"]
    [listed] = api("alice", "GET", f"{ROCKET}/users").json()["values"]
    assert (listed["user"]["username"], listed["permission"]) == ("gina", "write")
    assert api("alice", "GET", f"{ROCKET}/users/{gina['account_id']}").json() == listed
    assert api("alice", "DELETE", there).status_code == 204
    assert api("alice", "GET", f"{ROCKET}/users").json()["values"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("groups/designers", {"permission": "create-repo"}, 400, "permission"),
        ("groups/designers", {"permission": "none"}, 400, "permission"),
        ("groups/designers", {}, 400, "permission"),
        ("groups/designers", ["write"], 400, "permission"),
        ("groups/nothing", {"permission": "read"}, 404, "no group 'nothing'"),
        ("users/nobody", {"permission": "read"}, 404, "there is no user"),
        ("users/acme", {"permission": "read"}, 400, "is a team"),
    ],
)
def test_bad_input_changes_nothing(api: Api, path: str, body: object, status: int, message: str) -> None:
    before = api.everything()

    answer = api("alice", "PUT", f"{ROCKET}/{path}", json=body)

    assert answer.status_code == status, answer.text
    assert message.lower() in answer.json()["error"]["message"].lower()
    assert api.everything() == before


def test_a_change_is_journalled_as_in_1_0(api: Api) -> None:
    api("alice", "PUT", f"{ROCKET}/groups/developers", json={"permission": "read"})
    api("alice", "DELETE", f"{ROCKET}/groups/developers")

    assert [entry[1] for entry in api.journal()] == ["group-privilege.set", "group-privilege.set"]
