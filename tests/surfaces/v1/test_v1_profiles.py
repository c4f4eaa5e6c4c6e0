"""`/user` and `/users/{a}`: the profile from before 2019, which programs still read (spec U0); empty parameters."""

from contextlib import closing
from pathlib import Path

import pytest

import cast
from cast import Api

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


def slugs(answer: object) -> list[str]:
    assert isinstance(answer, dict)
    return [each["slug"] for each in answer["repositories"]]


@pytest.mark.parametrize("name", ["bob", "BOB", "bob@example.com", "uuid"])
def test_a_profile_says_who_somebody_is_however_they_are_named(api: Api, name: str) -> None:
    [bob] = api("alice", "GET", "/groups/acme/designers/members").json()

    answer = api("mallory", "GET", f"/users/{bob['uuid'] if name == 'uuid' else name}")

    assert answer.json() == {
        "user": {
            "username": "bob",
            "first_name": "Bob",
            "last_name": "Example",
            "display_name": "Bob Example",
            "avatar": f"{cast.BASE}/avatars/bob/32",
            "is_team": False,
            "resource_uri": "/1.0/users/bob",
        },
        "repositories": [],
    }


def test_one_reads_the_same_of_oneself(api: Api) -> None:
    assert api("bob", "GET", "/user").json() == api("alice", "GET", "/users/bob").json()
    assert api(None, "GET", "/user").status_code == 401
    assert api("bob", "GET", "/users/nobody").status_code == 404


@pytest.mark.parametrize(
    ("who", "seen"),
    [("alice", ["rocket", "website"]), ("root", ["rocket", "website"]), ("bob", ["rocket", "website"]),
     ("dora", ["website"]), ("mallory", ["website"])],
)  # fmt: skip
def test_a_profile_lists_the_repositories_that_the_caller_can_see(api: Api, who: str, seen: list[str]) -> None:
    profile = api(who, "GET", "/users/acme").json()

    assert slugs(profile) == seen
    assert profile["user"]["is_team"]
    invited = api(
        "alice", "POST", "/invitations/acme/website", data={"email": "eve@x.org", "permission": "write"}
    ).json()
    assert profile["repositories"][-1] == invited["repository"]


def test_what_somebody_sees_changes_with_what_they_may(api: Api) -> None:
    before = slugs(api("dora", "GET", "/users/acme").json())
    api("alice", "PUT", "/privileges/acme/rocket/dora", content=b"read")
    granted = slugs(api("dora", "GET", "/users/acme").json())
    api("alice", "DELETE", "/privileges/acme/rocket/dora")

    assert (before, granted, slugs(api("dora", "GET", "/users/acme").json())) == (
        ["website"],
        ["rocket", "website"],
        ["website"],
    )


def test_the_address_is_the_list_of_invitations_where_that_is_set(api: Api) -> None:
    with closing(Api(api.db, users_address="invitations")) as served:
        assert (
            served("alice", "GET", "/users/acme").json() == api("alice", "GET", "/users/acme/invitations").json() != []
        )
        assert served("mallory", "GET", "/users/acme").status_code == 403
        assert served("bob", "GET", "/user").json()["user"]["username"] == "bob"


def test_a_profile_of_more_repositories_than_memory_holds_is_sent_whole(cast_template: Path, tmp_path: Path) -> None:
    served = Api(cast.copy(cast_template, tmp_path))
    with served.db.writing() as tx:
        tx.connection.execute(
            "INSERT INTO repositories (account_id, id, slug, name, is_private, description, created_at, updated_at,"
            " project_id, fork_policy, language, has_issues, has_wiki, mainbranch) "
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) "
            "SELECT account_id, printf('b0b00000-0000-4000-8000-%012d', i), printf('r-%05d', i), 'R', i % 2, '', 1, 1,"
            " project_id, fork_policy, language, has_issues, has_wiki, mainbranch "
            "FROM repositories, n WHERE slug = 'website'"
        )
    with closing(served):
        assert len(slugs(served("alice", "GET", "/users/acme").json())) == 6002
        assert len(slugs(served("mallory", "GET", "/users/acme").json())) == 3001


# --- parameters without a value


@pytest.mark.parametrize(
    "address",
    ["/group-privileges/acme?filter=", "/group-privileges/acme?private=", "/privileges/acme?filter=",
     "/group-privileges/acme?filter=&exclude_members=", "/groups?group=", "/groups/acme?include=",
     "/api/access/acme/rocket?user=&level=", "/api/invitations?account=acme&email=",
     "/api/journal?account=acme&since=&event=&actor=&before=&limit="],
)  # fmt: skip
def test_an_empty_parameter_counts_as_absent(api: Api, address: str) -> None:
    path, _, query = address.partition("?")
    said = "&".join(each for each in query.split("&") if not each.endswith("="))

    empty, absent = api("alice", "GET", address), api("alice", "GET", f"{path}?{said}")

    assert (empty.status_code, empty.json()) == (200, absent.json())
