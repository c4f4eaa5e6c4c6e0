"""API 2.0: everybody's effective permission on each repository, and the caller's own."""

from pathlib import Path
from urllib.parse import quote

import pytest

import cast
from cast import BASE, Api
from onebucket.actions import accounts, privileges, project_privileges
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel

THERE = "/2.0/workspaces/acme/permissions/repositories"
OWN, OWN_THERE = "/2.0/user/permissions/repositories", "/2.0/user/workspaces/acme/permissions/repositories"
pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


def found(api: Api, who: str, path: str) -> list[tuple[str, str, str]]:
    """The repository, the person and the permission of every value of a page."""
    answer = api(who, "GET", path)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["size"] >= len(page["values"])
    return [(each["repository"]["full_name"], each["user"]["username"], each["permission"]) for each in page["values"]]


def test_everybody_s_level_on_each_repository(api: Api) -> None:
    api.operate(lambda work: project_privileges.set_for_person(work, "acme", "PROJ", "gina", ProjectLevel.CREATE_REPO))

    assert found(api, "alice", f"{THERE}?pagelen=100") == [
        ("acme/rocket", "alice", "admin"),
        ("acme/rocket", "bob", "write"),
        ("acme/rocket", "gina", "write"),
        ("acme/rocket", "root", "admin"),
        ("acme/website", "alice", "admin"),
        ("acme/website", "bob", "write"),
        ("acme/website", "dora", "admin"),
        ("acme/website", "gina", "write"),
        ("acme/website", "root", "admin"),
    ]
    on_website = found(api, "dora", f"{THERE}/website?pagelen=100")
    assert on_website == found(api, "alice", f'{THERE}?q=repository.full_name="acme/website"')
    assert len(on_website) == 5


def test_a_value_is_shaped_as_clients_read_it(api: Api) -> None:
    bob = api("bob", "GET", "/2.0/user").json()
    value = api("alice", "GET", f'{THERE}/rocket?q=user.uuid="{bob["uuid"]}"').json()["values"][0]
    rocket = api("alice", "GET", "/2.0/repositories/acme/rocket").json()

    assert (value["type"], value["permission"]) == ("repository_permission", "write")
    own = ("created_on", "has_2fa_enabled")
    assert value["user"] == {name: each for name, each in bob.items() if name not in own}
    assert value["repository"] == {
        "type": "repository",
        "uuid": rocket["uuid"],
        "name": "Rocket",
        "full_name": "acme/rocket",
        "links": {"self": {"href": f"{BASE}/2.0/repositories/acme/rocket"}},
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('q=permission="write"', ["rocket bob", "website bob"]),
        ('q=permission>"read" AND user.nickname="dora"', ["website dora"]),
        ('q=repository.name="Rocket" AND permission!="admin"', ["rocket bob"]),
        ('q=user.display_name ~ "BOB" OR user.username IN ("dora")', ["rocket bob", "website bob", "website dora"]),
        ("sort=permission&pagelen=3", ["rocket bob", "website bob", "rocket alice"]),
        ("sort=-user.display_name&pagelen=3", ["rocket root", "website root", "website dora"]),
        ("sort=-repository.name&pagelen=1&page=2", ["website bob"]),
        ('q=permission="none"', []),
        ("page=9", []),
    ],
)
def test_the_list_is_filtered_and_sorted(api: Api, query: str, names: list[str]) -> None:
    name, _, condition = query.partition("=")
    path = f"{THERE}?q={quote(condition)}" if name == "q" else f"{THERE}?{query}"

    assert [f"{slug.removeprefix('acme/')} {who}" for slug, who, _ in found(api, "alice", path)] == names


def test_pages_follow_each_other(api: Api) -> None:
    path, seen = f"{THERE}?pagelen=2&q=permission%3D%22admin%22", []
    while path:
        page = api("alice", "GET", path).json()
        assert page["size"] == 5
        seen += [each["user"]["username"] for each in page["values"]]
        path = page.get("next")

    assert seen == ["alice", "root", "alice", "dora", "root"]


def test_the_caller_s_own_levels(api: Api) -> None:
    api.operate(lambda work: privileges.grant_direct(work, "globex", "satellite", "bob", Level.READ))

    assert found(api, "bob", OWN) == [
        ("acme/rocket", "bob", "write"),
        ("acme/website", "bob", "write"),
        ("globex/satellite", "bob", "read"),
    ]
    assert found(api, "bob", OWN_THERE) == found(api, "bob", OWN)[:2]
    assert found(api, "bob", OWN + "?q=" + quote('permission<"write"')) == [("globex/satellite", "bob", "read")]
    assert found(api, "bob", f"{OWN}?sort=-repository.name&pagelen=1") == [("acme/website", "bob", "write")]
    # What all can read is nobody's own.
    assert found(api, "mallory", OWN) == []
    assert len(found(api, "root", OWN)) == 3


def test_repositories_of_all_workspaces(api: Api) -> None:
    def names(who: str, query: str = "") -> list[str]:
        return [each["full_name"] for each in api(who, "GET", f"/2.0/repositories{query}").json()["values"]]

    api.operate(lambda work: privileges.grant_direct(work, "globex", "satellite", "bob", Level.READ))
    assert names("mallory") == ["acme/website"]
    assert names("bob") == ["acme/rocket", "acme/website", "globex/satellite"]
    assert names("root") == names("bob")
    assert names("gina") == ["acme/website", "globex/satellite"]
    assert names("bob", "?role=contributor") == ["acme/rocket", "acme/website"]
    assert names("alice", "?role=admin") == ["acme/rocket", "acme/website"]
    assert names("mallory", "?role=member") == []
    assert names("bob", "?q=" + quote('full_name ~ "SAT" OR project.key = "X"')) == ["globex/satellite"]
    assert names("bob", "?after=2020-01-01&sort=-name") == ["acme/website", "globex/satellite", "acme/rocket"]
    assert names("bob", "?after=2222-01-01") == []
    assert api("bob", "GET", "/2.0/repositories?after=yesterday").status_code == 400
    assert api("bob", "GET", "/2.0/repositories?role=boss").status_code == 400


def test_a_disabled_person_has_nothing(api: Api) -> None:
    api.operate(lambda work: accounts.set_active(work, "bob", False))

    assert "bob" not in {who for _, who, _ in found(api, "alice", f"{THERE}?pagelen=100")}


@pytest.mark.parametrize("path", [OWN, "/2.0/repositories"])
def test_lists_over_all_workspaces_can_be_turned_off(cast_template: Path, tmp_path: Path, path: str) -> None:
    api = Api(cast.copy(cast_template, tmp_path), cross_workspace_lists="gone")

    answer = api("alice", "GET", path)

    assert answer.status_code == 410
    assert "CHANGE-2770" in answer.json()["error"]["message"]
    assert api("alice", "GET", OWN_THERE).status_code == 200
    api.close()
