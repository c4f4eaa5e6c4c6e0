"""API 2.0: repositories and projects."""

from pathlib import Path
from typing import Any

import pytest

import cast
from cast import BASE, Api

ACME = "/2.0/repositories/acme"
PROJECTS = "/2.0/workspaces/acme/projects"
pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


def slugs(api: Api, who: str, query: str = "") -> list[str]:
    answer = api(who, "GET", f"{ACME}{query}")
    assert answer.status_code == 200, answer.text
    return [each["slug"] for each in answer.json()["values"]]


def test_a_repository_is_shaped_as_clients_read_it(api: Api) -> None:
    found = api("alice", "GET", f"{ACME}/rocket").json()

    assert (found["type"], found["scm"], found["full_name"]) == ("repository", "git", "acme/rocket")
    assert found["uuid"].startswith("{")
    assert (found["name"], found["slug"], found["is_private"], found["fork_policy"]) == (
        "Rocket", "rocket", True, "allow_forks",
    )  # fmt: skip
    assert (found["project"]["type"], found["project"]["key"]) == ("project", "PROJ")
    assert (found["mainbranch"]["type"], found["mainbranch"]["name"]) == ("branch", "main")
    assert (found["owner"]["type"], found["owner"]["username"]) == ("team", "acme")
    assert found["workspace"]["slug"] == "acme"
    assert found["links"]["self"]["href"] == f"{BASE}{ACME}/rocket"
    assert found["links"]["clone"] == []


def test_a_list_holds_what_the_caller_can_see(api: Api) -> None:
    assert slugs(api, "alice") == ["rocket", "website"]
    assert slugs(api, "root") == ["rocket", "website"]
    assert slugs(api, "bob") == ["rocket", "website"], "designers may write"
    assert slugs(api, "dora") == ["website"], "none is set for developers on rocket"
    assert slugs(api, "mallory") == ["website"], "it is public"


@pytest.mark.parametrize(
    ("who", "role", "expected"),
    [
        ("bob", "member", ["rocket", "website"]),
        ("bob", "contributor", ["rocket", "website"]),
        ("bob", "admin", []),
        ("dora", "owner", ["website"]),
        ("mallory", "member", []),
    ],
)
def test_role_wants_a_level_of_ones_own(api: Api, who: str, role: str, expected: list[str]) -> None:
    assert slugs(api, who, f"?role={role}") == expected


@pytest.mark.parametrize("level", ["read", "create-repo"])
@pytest.mark.parametrize("way", ["groups/developers", "users/dora"])
def test_a_list_holds_what_a_project_gives(api: Api, way: str, level: str) -> None:
    api("alice", "PUT", f"{PROJECTS}/PROJ/permissions-config/{way}", json={"permission": level})

    assert slugs(api, "dora") == ["rocket", "website"]
    assert slugs(api, "dora", "?role=contributor") == (["rocket", "website"] if level != "read" else ["website"])


def test_a_list_is_filtered_sorted_and_cut(api: Api) -> None:
    assert slugs(api, "alice", "?q=is_private=true") == ["rocket"]
    assert slugs(api, "alice", '?q=full_name ~ "WEB"') == ["website"]
    assert slugs(api, "alice", '?q=project.key="PROJ" AND slug != "website"') == ["rocket"]
    assert slugs(api, "alice", "?sort=-slug") == ["website", "rocket"]
    page = api("alice", "GET", f"{ACME}?pagelen=1&fields=values.slug,next").json()
    assert page == {"values": [{"slug": "rocket"}], "next": f"{BASE}{ACME}?pagelen=1&fields=values.slug%2Cnext&page=2"}


def test_a_repository_is_created_changed_and_deleted(api: Api) -> None:
    body = {"scm": "git", "is_private": False, "description": "Lander", "fork_policy": "no_forks", "has_wiki": True,
            "language": "python", "project": {"key": "PROJ"}, "mainbranch": {"name": "trunk"}}  # fmt: skip
    made = api("alice", "POST", f"{ACME}/lander", json=body)

    assert made.status_code == 200, made.text
    assert {name: made.json()[name] for name in ("slug", "name", "is_private", "description", "fork_policy")} == {
        "slug": "lander", "name": "lander", "is_private": False, "description": "Lander", "fork_policy": "no_forks",
    }  # fmt: skip
    assert (made.json()["has_wiki"], made.json()["mainbranch"]["name"]) == (True, "trunk")

    changed = api("alice", "PUT", f"{ACME}/lander", json={"description": "Probe"})
    assert (changed.status_code, changed.json()["description"], changed.json()["fork_policy"]) == (
        200, "Probe", "no_forks",
    )  # fmt: skip
    assert api("alice", "DELETE", f"{ACME}/lander").status_code == 204
    assert api("alice", "GET", f"{ACME}/lander").status_code == 404


def test_a_put_creates_a_repository_that_is_missing(api: Api) -> None:
    created = api("alice", "PUT", f"{ACME}/made", json={"description": "New", "project": {"key": "proj"}})
    again = api("alice", "PUT", f"{ACME}/made", json={"description": "Newer"})

    assert (created.status_code, created.headers["location"]) == (201, f"{BASE}{ACME}/made")
    assert (created.json()["slug"], created.json()["is_private"], created.json()["description"]) == (
        "made",
        True,
        "New",
    )
    assert (again.status_code, again.json()["description"]) == (200, "Newer")
    assert [event for _, event, *_ in api.journal()] == ["repository.added", "repository.changed"]


def test_whoever_may_not_create_one_does_not_learn_whether_it_is_there(api: Api) -> None:
    before = api.everything()

    answers = {
        (who, slug): api(who, "PUT", f"/2.0/repositories/globex/{slug}", json={}).json()["error"]["message"]
        for who in ("alice", "mallory")
        for slug in ("satellite", "missing")
    }
    no_project = api("alice", "PUT", f"{ACME}/missing", json={"project": {"key": "NOPE"}})

    assert set(answers.values()) == {"Globex has no repository 'satellite'.", "Globex has no repository 'missing'."}
    assert (no_project.status_code, no_project.json()["error"]["message"]) == (404, "Acme has no project 'NOPE'.")
    assert api.everything() == before


def test_a_new_name_moves_a_repository_and_keeps_what_is_set_on_it(api: Api) -> None:
    moved = api("alice", "PUT", f"{ACME}/rocket", json={"name": "Moon Lander"})

    assert (moved.status_code, moved.headers["location"]) == (201, f"{BASE}{ACME}/moon-lander")
    assert moved.json()["slug"] == "moon-lander"
    assert api("alice", "GET", f"{ACME}/rocket").status_code == 404
    assert slugs(api, "bob") == ["moon-lander", "website"]


def test_a_name_alone_keeps_a_slug_that_does_not_follow_from_it(api: Api) -> None:
    api("alice", "POST", f"{ACME}/x1", json={"name": "Experiment"})

    renamed = api("alice", "PUT", f"{ACME}/x1", json={"name": "Another"})

    assert (renamed.status_code, renamed.json()["slug"], renamed.json()["name"]) == (200, "x1", "Another")


def test_pipelines_are_off_and_stay_off(api: Api) -> None:
    pipelines = f"{ACME}/rocket/pipelines_config"

    assert api("alice", "PUT", pipelines, json={"enabled": False}).json() == {
        "type": "repository_pipelines_configuration",
        "enabled": False,
    }
    refused = api("alice", "PUT", pipelines, json={"enabled": True})
    assert (refused.status_code, "can't be enabled" in refused.json()["error"]["message"]) == (400, True)
    asked = api("alice", "GET", pipelines)
    assert (asked.status_code, asked.json()["type"]) == (404, "error")
    assert api.journal() == []


def test_a_project_is_created_changed_and_deleted(api: Api) -> None:
    made = api("alice", "POST", PROJECTS, json={"key": "MARS", "name": "Mars", "is_private": False})
    assert made.status_code == 201, made.text
    assert (made.json()["type"], made.json()["key"], made.json()["is_private"]) == ("project", "MARS", False)
    assert made.json()["links"]["self"]["href"] == f"{BASE}{PROJECTS}/MARS"

    assert api("alice", "GET", f"{PROJECTS}/mars").json() == made.json()
    changed = api("alice", "PUT", f"{PROJECTS}/MARS", json={"description": "Red"}).json()
    assert (changed["name"], changed["description"]) == ("Mars", "Red")
    moved = api("alice", "PUT", f"{PROJECTS}/MARS", json={"key": "PHOBOS"})
    assert (moved.status_code, moved.headers["location"]) == (201, f"{BASE}{PROJECTS}/PHOBOS")

    api("alice", "PUT", f"{ACME}/rocket", json={"project": {"key": "PHOBOS"}})
    of_project = api("alice", "GET", moved.json()["links"]["repositories"]["href"]).json()["values"]
    assert [each["slug"] for each in of_project] == ["rocket"]
    refused = api("alice", "DELETE", f"{PROJECTS}/PHOBOS")
    assert (refused.status_code, "has repositories" in refused.json()["error"]["message"]) == (400, True)
    api("alice", "PUT", f"{ACME}/rocket", json={"project": {"key": "PROJ"}})
    assert api("alice", "DELETE", f"{PROJECTS}/PHOBOS").status_code == 204
    assert [each["key"] for each in api("alice", "GET", PROJECTS).json()["values"]] == ["PROJ"]


def test_permissions_on_a_project(api: Api) -> None:
    there = f"{PROJECTS}/PROJ/permissions-config"
    assert api("alice", "GET", f"{there}/groups/designers").json()["permission"] == "none"

    answer = api("alice", "PUT", f"{there}/groups/designers", json={"permission": "create-repo"})
    given = api("alice", "PUT", f"{there}/users/gina", json={"permission": "admin"})

    assert (answer.status_code, answer.json()["type"]) == (200, "project_group_permission")
    assert (answer.json()["permission"], answer.json()["project"]["key"]) == ("create-repo", "PROJ")
    assert (given.json()["type"], given.json()["user"]["username"]) == ("project_user_permission", "gina")
    assert api("alice", "GET", f"{there}/groups").json()["size"] == 1
    assert api("alice", "GET", f"{there}/users").json()["values"] == [given.json()]
    assert [api("alice", "DELETE", f"{there}/{each}").status_code for each in ("groups/designers", "users/gina")] == [
        204, 204,
    ]  # fmt: skip
    assert api("alice", "GET", f"{there}/users").json()["size"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", PROJECTS, {"key": "lower", "name": "x"}, 400),
        ("POST", PROJECTS, {"key": "PROJ", "name": "x"}, 409),
        ("POST", PROJECTS, {"name": "x"}, 400),
        ("POST", PROJECTS, [], 400),
        ("DELETE", f"{PROJECTS}/PROJ", None, 400),
        ("PUT", f"{PROJECTS}/PROJ/permissions-config/groups/designers", {"permission": "owner"}, 400),
        ("POST", f"{ACME}/rocket", {}, 409),
        ("POST", f"{ACME}/new", {"project": {"key": "NOPE"}}, 404),
        ("POST", f"{ACME}/new", {"fork_policy": "some"}, 400),
        ("POST", f"{ACME}/new", {"is_private": "yes"}, 400),
        ("POST", f"{ACME}/a%20b", {}, 400),
        ("PUT", f"{ACME}/rocket", {"slug": "website"}, 409),
        ("GET", f"{ACME}?role=boss", None, 400),
        ("GET", f"{ACME}?q=((is_private=true", None, 400),
        ("GET", f"{ACME}?q=secret=1", None, 400),
        ("GET", f"{ACME}?sort=color", None, 400),
    ],
)
def test_bad_input_changes_nothing(api: Api, method: str, path: str, body: object, status: int) -> None:
    before = api.everything()

    answer = api("alice", method, path, **({} if body is None else {"json": body}))

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert api.everything() == before


def test_clone_links_come_from_the_setting(cast_template: Path, tmp_path: Path) -> None:
    urls = ("https://git.example.com/{workspace}/{repository}.git", "git@git.example.com:{workspace}/{repository}.git")
    api = Api(cast.copy(cast_template, tmp_path), clone_url=urls)

    links = api("alice", "GET", f"{ACME}/rocket").json()["links"]

    assert links["clone"] == [
        {"name": "https", "href": "https://git.example.com/acme/rocket.git"},
        {"name": "ssh", "href": "git@git.example.com:acme/rocket.git"},
    ]
    api.close()


def test_others_may_not(api: Api) -> None:
    assert api("bob", "POST", f"{ACME}/new", json={}).status_code == 403
    assert api("bob", "POST", PROJECTS, json={"key": "X", "name": "x"}).status_code == 403
    assert api("bob", "PUT", f"{ACME}/rocket", json={"description": "x"}).status_code == 403
    assert api("mallory", "GET", f"{ACME}/rocket").status_code == 404
    assert api("dora", "DELETE", f"{ACME}/website").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"override_settings": {"branching_model": False}},
        # As the provider for Terraform sends it.
        {"branching_model": False, "default_merge_strategy": None},
        {"override_settings": {"branching_model": False, "default_merge_strategy": True}, "branching_model": True},
    ],
)
def test_what_a_repository_inherits_is_stored(api: Api, body: dict[str, Any]) -> None:
    path = f"{ACME}/rocket/override-settings"
    inherited = {"default_merge_strategy": True, "branching_model": True}
    before = api("bob", "GET", path).json()

    answer = api("alice", "PUT", path, json=body)

    after = inherited | {"branching_model": False}
    assert before == {"type": "repository_inheritance_state", "override_settings": inherited} | inherited
    assert (answer.status_code, answer.content) == (204, b"")
    assert api("bob", "GET", path).json() == before | {"override_settings": after} | after
    assert api.journal()[-1] == ("alice", "repository.changed", "acme", "rocket")
    assert api("alice", "PUT", path, json={}).status_code == 204
    assert [event for _, event, _, _ in api.journal()] == ["repository.changed"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"branching_model": "yes"}', b'{"override_settings": [true]}'])
def test_what_is_no_such_setting_is_refused(api: Api, body: bytes) -> None:
    answer = api("alice", "PUT", f"{ACME}/rocket/override-settings", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("The body must be {override_settings: ")
    assert api.journal() == []
