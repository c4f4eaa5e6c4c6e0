"""`/group-privileges`, `/privileges` and `/users/{a}/privileges`: what contract and operations say of them (spec 4)."""

import xml.etree.ElementTree as ElementTree
from urllib.parse import quote

import pytest
import yaml

import cast
from cast import Api
from onebucket.actions import groups, repositories

pytestmark = pytest.mark.runs_on("SQLite", "both", "split", "streamed")

ROCKET = "/group-privileges/acme/rocket"
DESIGNERS = f"{ROCKET}/acme/designers"


def told(api: Api, path: str, who: str = "alice") -> list[str]:
    """A listing, an entry a line: repository, group and level."""
    answer = api(who, "GET", path)
    assert answer.status_code == 200, answer.text
    return [f"{each['repo']} {each['group']['slug']} {each['privilege']}" for each in answer.json()]


def operate(api: Api, deed) -> None:
    """Do something as the operator, behind the server's back."""
    with api.db.writing() as tx:
        deed(cast.operator(tx))


EVERYTHING = [
    "acme/rocket administrators admin",
    "acme/rocket designers write",
    "acme/website administrators admin",
    "acme/website developers write",
]


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_account_shows_every_group_and_repository_where_the_group_has_something(api, slash):
    assert told(api, f"/group-privileges/acme{slash}") == EVERYTHING


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (ROCKET, EVERYTHING[:2]),
        ("/group-privileges/acme/website", EVERYTHING[2:]),
        ("/group-privileges/acme/acme/developers", EVERYTHING[3:]),
        ("/group-privileges/acme/acme/designers", EVERYTHING[1:2]),
        (DESIGNERS, EVERYTHING[1:2]),
        (f"{ROCKET}/acme/developers", []),
        ("/group-privileges/acme?filter=read", EVERYTHING),
        ("/group-privileges/acme?filter=write", EVERYTHING),
        ("/group-privileges/acme?filter=admin", [EVERYTHING[0], EVERYTHING[2]]),
        ("/group-privileges/acme?private=true", EVERYTHING[:2]),
        ("/group-privileges/acme?private=true&filter=admin", EVERYTHING[:1]),
        (f"{DESIGNERS}?filter=admin", []),
    ],
)
def test_the_number_of_segments_and_the_filters_decide_what_is_shown(api, path, shown):
    assert told(api, path) == shown


def test_an_entry_looks_as_documented(api):
    entry = api("alice", "GET", DESIGNERS).json()[0]

    assert list(entry) == ["repo", "privilege", "group", "repository"]
    assert list(entry["group"]) == ["owner", "name", "members", "slug"]
    assert list(entry["repository"]) == ["owner", "name", "slug"]
    assert [member["username"] for member in entry["group"]["members"]] == ["bob"]
    member, owner = entry["group"]["members"][0], entry["repository"]["owner"]
    assert "resource_uri" not in member | owner
    assert (member["mention_id"], owner["mention_id"]) == (member["account_id"], None)


def test_repo_is_the_accounts_name_whatever_was_asked_for(api):
    uuid = api("alice", "GET", DESIGNERS).json()[0]["repository"]["owner"]["uuid"]

    for name in (uuid, quote(uuid), uuid[1:-1], "ACME"):
        assert told(api, f"/group-privileges/{name}/rocket/{name}/designers") == EVERYTHING[1:2]


def test_who_administers_only_the_repository_sees_the_members_of_a_group_that_they_grant_to(api):
    assert api("dora", "GET", "/groups/acme/designers/members").status_code == 403

    [entry] = api("dora", "PUT", "/group-privileges/acme/website/acme/designers", content=b"read").json()

    assert [member["username"] for member in entry["group"]["members"]] == ["bob"]


def test_members_can_be_left_out(api):
    answer = api("alice", "GET", "/group-privileges/acme?exclude_members=true").json()

    assert [list(entry["group"]) for entry in answer] == [["owner", "name", "slug"]] * 4


@pytest.mark.parametrize("path", ["/group-privileges/acme", f"{ROCKET}/acme/developers", "/privileges/acme"])
def test_the_formats_say_the_same(api, path):
    plain = api("alice", "GET", path)

    in_yaml = yaml.safe_load(api("alice", "GET", f"{path}?format=yaml").content)
    in_xml = ElementTree.fromstring(api("alice", "GET", f"{path}?format=xml").content)
    script = api("alice", "GET", f"{path}?callback=show").text

    assert in_yaml == plain.json()
    assert [entry.findtext("repo") for entry in in_xml] == [entry["repo"] for entry in plain.json()]
    assert script == f"/**/show({plain.text});"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json", "application/xml", "x/y; charset=utf-16"])
@pytest.mark.parametrize("body", [b"read", b" admin\r\n"])
def test_the_bare_word_counts_under_every_content_type(api, body, kind):
    answer = api("alice", "PUT", DESIGNERS, content=body, headers={"Content-Type": kind} if kind else {})

    assert answer.status_code == 200
    assert [entry["privilege"] for entry in answer.json()] == [body.decode().strip()]
    assert told(api, DESIGNERS) == [f"acme/rocket designers {body.decode().strip()}"]


@pytest.mark.runs_on("SQLite", "streamed")
def test_granting_the_same_again_changes_nothing(api):
    api("alice", "PUT", DESIGNERS, content=b"read")
    before = api.everything()

    assert api("alice", "PUT", DESIGNERS, content=b"read").status_code == 200
    assert api.everything() == before


@pytest.mark.parametrize(
    "word", ["none", "READ", "privilege=admin", '"read"', "", "read write", '{"privilege":"read"}']
)
@pytest.mark.runs_on("SQLite", "streamed")
def test_a_bad_word_is_said_back_and_changes_nothing(api, word):
    before = api.everything()

    answer = api("alice", "PUT", DESIGNERS, content=word.encode())

    assert (answer.status_code, answer.text) == (400, f"{word} is not a valid privilege")
    assert api.everything() == before


@pytest.mark.parametrize(("body", "status"), [(b"x" * (1 << 20), 400), (b"x" * ((1 << 20) + 1), 413), (b"\xff", 400)])
@pytest.mark.runs_on("SQLite", "streamed")
def test_a_body_that_is_no_word_at_all_is_refused_in_a_short_sentence(api, body, status):
    before = api.everything()

    answer = api("alice", "PUT", DESIGNERS, content=body)

    assert answer.status_code == status
    assert len(answer.text) < 120
    assert api.everything() == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", f"{ROCKET}/globex/developers", 404),
        ("PUT", f"{ROCKET}/nobody/developers", 404),
        ("PUT", f"{ROCKET}/acme/nothing", 404),
        ("PUT", "/group-privileges/acme/nothing/acme/designers", 404),
        ("PUT", "/group-privileges/acme/Rocket/acme/designers", 404),
        ("PUT", "/group-privileges/nobody/rocket/acme/designers", 404),
        ("PUT", ROCKET, 405),
        ("PUT", "/group-privileges/acme/acme/designers", 405),
        ("DELETE", f"{ROCKET}/acme/developers", 404),
        ("DELETE", f"{ROCKET}/acme/nothing", 404),
        ("DELETE", ROCKET, 405),
        ("DELETE", "/group-privileges/acme", 405),
        ("GET", "/group-privileges/acme/acme/nothing", 404),
        ("GET", "/group-privileges/acme/globex/developers", 404),
        ("GET", "/group-privileges", 404),
        ("GET", "/group-privileges/acme?filter=owner", 400),
    ],
)
@pytest.mark.runs_on("SQLite", "streamed")
def test_what_is_not_there_or_not_meant_so_is_refused_and_changes_nothing(api, method, path, status):
    before = api.everything()

    answer = api("alice", method, path, content=b"read" if method == "PUT" else b"")

    assert answer.status_code == status
    assert api.everything() == before


def test_deleting_sets_nothing_so_that_the_default_does_not_come_back(api):
    assert api("alice", "DELETE", "/group-privileges/acme/website/acme/developers").status_code == 204

    assert told(api, "/group-privileges/acme/website") == ["acme/website administrators admin"]
    assert api("alice", "DELETE", "/group-privileges/acme/website/acme/developers").status_code == 404
    api("alice", "PUT", "/groups/acme/developers", json={"permission": "admin"})
    assert told(api, "/group-privileges/acme/website") == ["acme/website administrators admin"]


@pytest.mark.runs_on("SQLite", "streamed")
def test_a_groups_permission_reaches_every_repository_where_nothing_was_set_also_new_ones(api):
    api("alice", "PUT", "/groups/acme/developers", json={"permission": "read"})
    operate(api, lambda work: repositories.add(work, "acme", "lander"))

    assert told(api, "/group-privileges/acme/acme/developers") == [
        "acme/lander developers read",
        "acme/website developers read",
    ]


def test_a_group_can_lose_everything_at_once(api):
    assert api("alice", "DELETE", "/group-privileges/acme/acme/administrators").status_code == 204

    assert told(api, "/group-privileges/acme/acme/administrators") == []
    assert told(api, "/group-privileges/acme") == [EVERYTHING[1], EVERYTHING[3]]


@pytest.mark.runs_on("SQLite", "streamed")
def test_renaming_keeps_and_deleting_ends_what_a_group_had(api):
    api("alice", "PUT", "/groups/acme/designers", json={"name": "Night Crew"})
    renamed = told(api, "/group-privileges/acme/acme/night-crew")
    operate(api, lambda work: groups.delete(work, "acme", "night-crew"))
    api("alice", "POST", "/groups/acme", data={"name": "Night Crew"})

    assert renamed == ["acme/rocket night-crew write"]
    assert told(api, "/group-privileges/acme/acme/night-crew") == []


def test_an_administrator_of_the_repository_may_grant_there_and_nowhere_else(api):
    granted = api("dora", "PUT", "/group-privileges/acme/website/acme/designers", content=b"admin")
    elsewhere = api("dora", "PUT", DESIGNERS, content=b"read")

    assert (granted.status_code, elsewhere.status_code) == (200, 404)


def test_the_journal_says_what_was_so_before_and_after(api):
    api("alice", "PUT", DESIGNERS, content=b"read")
    api("alice", "DELETE", DESIGNERS)

    assert api.journal() == [("alice", "group-privilege.set", "acme", "rocket")] * 2


def direct(api: Api, path: str, who: str = "alice") -> list[str]:
    return [f"{each['repo']} {each['user']['username']} {each['privilege']}" for each in api(who, "GET", path).json()]


def test_what_was_given_to_people_directly_can_be_seen_set_and_ended(api):
    given = api("alice", "PUT", "/privileges/acme/rocket/mallory@example.com", content=b"read")

    assert list(given.json()[0]) == ["repo", "privilege", "user", "repository"]
    assert direct(api, "/privileges/acme") == ["acme/rocket mallory read", "acme/website dora admin"]
    assert direct(api, "/privileges/acme?filter=admin") == ["acme/website dora admin"]
    assert direct(api, "/privileges/acme?private=1") == ["acme/rocket mallory read"]
    assert direct(api, "/privileges/acme/rocket/mallory") == ["acme/rocket mallory read"]
    assert api("alice", "DELETE", "/privileges/acme/rocket/mallory").status_code == 204
    assert api("alice", "DELETE", "/privileges/acme/rocket/mallory").status_code == 404
    assert api("alice", "DELETE", "/privileges/acme").status_code == 204
    assert direct(api, "/privileges/acme") == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/privileges/acme/rocket/nobody", b"read", 404),
        ("/privileges/acme/rocket/no@example.com", b"read", 400),
        ("/privileges/acme/rocket/globex", b"read", 400),
        ("/privileges/acme/nothing/bob", b"read", 404),
        ("/privileges/acme/rocket/bob", b"none", 400),
        ("/privileges/acme/rocket", b"read", 405),
    ],
)
@pytest.mark.runs_on("SQLite", "streamed")
def test_giving_what_cannot_be_meant_is_refused_and_changes_nothing(api, path, body, status):
    before = api.everything()

    assert api("alice", "PUT", path, content=body).status_code == status
    assert api.everything() == before


def test_what_a_group_may_do_with_the_account_can_be_seen_set_and_ended(api):
    developers = "/users/acme/privileges/acme/developers"

    assert api("alice", "GET", "/users/acme/privileges").json() == {"acme/administrators": "admin"}
    assert api("alice", "GET", developers).status_code == 404
    assert api("alice", "PUT", developers, data={"privileges": "admin"}).json() == {"acme/developers": "admin"}
    assert api("alice", "GET", developers).json() == {"acme/developers": "admin"}
    assert api("dora", "GET", "/groups/acme/designers").status_code == 200
    assert api("alice", "POST", developers, json={"privileges": "collaborator"}).json() == {
        "acme/developers": "collaborator"
    }
    assert api("dora", "GET", "/groups/acme/designers").status_code == 403
    assert api("alice", "DELETE", developers).status_code == 204
    assert api("alice", "DELETE", developers).status_code == 404


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
@pytest.mark.runs_on("SQLite", "streamed")
def test_the_last_group_that_administers_keeps_doing_so(api, method):
    before = api.everything()

    answer = api("alice", method, "/users/acme/privileges/acme/administrators", data={"privileges": "collaborator"})

    assert answer.status_code == 400
    assert "without an administrator" in answer.text
    assert api.everything() == before


@pytest.mark.parametrize("value", ["owner", "", "ADMIN", None])
def test_an_account_privilege_that_is_none_is_refused(api, value):
    answer = api("alice", "PUT", "/users/acme/privileges/acme/developers", json={"privileges": value})

    assert (answer.status_code, answer.text) == (400, "Bad Request: privileges must be admin or collaborator.")
