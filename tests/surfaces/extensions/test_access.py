"""May she, why, and what would be lost: `/api/access`, and the command that asks the same."""

from pathlib import Path
from typing import Any

import pytest

import cast
from commands import Command, runner
from onebucket.actions import accounts, groups, privileges, repositories
from onebucket.domain.privileges import Level

pytestmark = pytest.mark.runs_on("SQLite", "both", "split")

ROCKET, WEBSITE = "/api/access/acme/rocket", "/api/access/acme/website"


@pytest.mark.parametrize(
    ("path", "user", "level", "ways"),
    [
        (ROCKET, "bob", "write", [("write", "group", "acme/designers")]),
        (ROCKET, "dora", None, []),
        (ROCKET, "mallory", None, []),
        (ROCKET, "alice", "admin", [("admin", each, "acme/administrators") for each in ("account", "group")]),
        (ROCKET, "root", "admin", [("admin", "account", None)]),
        (ROCKET, "ghost", None, []),
        (WEBSITE, "ghost", None, []),
        (WEBSITE, "mallory", "read", [("read", "public", None)]),
        (WEBSITE, "bob", "write", [("write", "group", "acme/developers"), ("read", "public", None)]),
        (WEBSITE, "dora", "admin",
         [("admin", "direct", None), ("write", "group", "acme/developers"), ("read", "public", None)]),
    ],
)  # fmt: skip
def test_the_answer_names_every_way_and_the_one_that_decides_first(api, path, user, level, ways):
    answer = api("alice", "GET", f"{path}?user={user}")

    told = answer.json()
    assert (told["user"], told["repository"]) == (user, path.removeprefix("/api/access/"))
    assert (told["level"], told["allowed"]) == (level, level is not None)
    assert [(way["level"], way["through"], way.get("group")) for way in told["because"]] == ways


@pytest.mark.parametrize(("level", "allowed"), [("read", True), ("write", True), ("admin", False)])
def test_allowed_is_about_the_level_that_was_asked_for(api, level, allowed):
    assert api("alice", "GET", f"{ROCKET}?user=bob&level={level}").json()["allowed"] is allowed


def test_a_way_says_since_when_and_by_whom(api):
    api("alice", "PUT", "/group-privileges/acme/rocket/acme/designers", content=b"admin")

    way = api("bob", "GET", ROCKET).json()["because"][0]

    assert way["granted_by"] == "alice"
    assert len(way["since"]) == len("2026-03-04T10:15:09Z")


def test_the_revision_grows_with_every_change_of_the_account(api):
    before = api("bob", "GET", ROCKET).json()["revision"]
    api("alice", "PUT", "/group-privileges/acme/rocket/acme/designers", content=b"read")

    assert api("bob", "GET", ROCKET).json()["revision"] > before


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("bob", f"{ROCKET}?user=dora", 403),
        ("bob", f"{ROCKET}?user=bob", 200),
        ("dora", f"{WEBSITE}?user=bob", 200),
        ("mallory", f"{WEBSITE}?user=bob", 403),
        ("mallory", f"{ROCKET}?user=mallory", 404),
        ("gina", f"{ROCKET}?user=bob", 404),
        ("alice", f"{ROCKET}?user=nobody", 404),
        ("alice", f"{ROCKET}?user=no@example.com", 400),
        ("alice", f"{ROCKET}?user=globex", 400),
        ("alice", f"{ROCKET}?user=bob&level=owner", 400),
        ("alice", f"{ROCKET}?user=bob&level=none", 400),
        ("alice", "/api/access/acme/nothing?user=bob", 404),
        ("alice", "/api/access/nobody/rocket?user=bob", 404),
        (None, f"{ROCKET}?user=bob", 401),
        (("alice", cast.token("alice", "read")), f"{ROCKET}?user=bob", 403),
    ],
)
def test_who_may_ask_and_about_what(api, who, path, status):
    assert api(who, "GET", path).status_code == status


def test_many_questions_are_answered_in_order_and_each_by_itself(api):
    asked = [
        {"user": "bob", "repository": "acme/rocket", "level": "admin"},
        {"user": "nobody", "repository": "acme/rocket"},
        {"user": "bob", "repository": "acme/nothing"},
        {"user": "bob", "repository": "rubbish"},
        {"user": "bob@example.com", "repository": "acme/website", "level": "read"},
    ]

    told = api("alice", "POST", "/api/access", json=asked).json()

    assert [(each["level"], each["allowed"]) for each in told] == [
        ("write", False), (None, False), (None, False), (None, False), ("write", True)
    ]  # fmt: skip
    assert ["refused" in each for each in told] == [False, True, True, True, False]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b'[{"user":"bob"}]', b'[{"user":["bob"],"repository":"acme/rocket"}]', b"[", b"\xff"]
)
def test_questions_that_cannot_be_read_are_refused_in_a_sentence(api, body):
    answer = api("alice", "POST", "/api/access", content=body)

    assert answer.status_code == 400
    assert answer.text.startswith("Bad Request: the body must be a list of {user, repository, level}")


def test_more_than_a_thousand_questions_are_too_many(api):
    asked = [{"user": "bob", "repository": "acme/rocket"}] * 1001

    assert len(api("bob", "POST", "/api/access", json=asked[:1000]).json()) == 1000
    assert api("bob", "POST", "/api/access", json=asked).status_code == 400


def test_the_impact_of_deleting_a_group_is_what_is_really_lost(api):
    before = {user: api("root", "GET", f"{ROCKET}?user={user}").json()["level"] for user in cast.PEOPLE}
    foretold = api("alice", "GET", "/api/access/acme/groups/designers/impact").json()

    api("alice", "DELETE", "/groups/acme/designers")

    after = {user: api("root", "GET", f"{ROCKET}?user={user}").json()["level"] for user in cast.PEOPLE}
    assert {user for user in cast.PEOPLE if before[user] != after[user]} == {"bob"}
    assert foretold == {
        "group": "acme/designers",
        "losses": [{"user": "bob", "repository": "acme/rocket", "before": "write", "after": None}],
        "invitations": [
            {"email": "carol@example.net", "groups": ["acme/designers"], "repository": None, "permission": None}
        ],
    }


@pytest.mark.runs_on("SQLite")
def test_the_impact_of_leaving_is_that_members_alone(api):
    with api.db.writing() as tx:
        groups.add_member(cast.operator(tx), "acme", "designers", "mallory")

    told = api("alice", "GET", "/api/access/acme/groups/designers/members/mallory/impact").json()

    assert [loss["user"] for loss in told["losses"]] == ["mallory"]
    assert api("alice", "GET", "/api/access/acme/groups/designers/members/dora/impact").status_code == 404


@pytest.mark.runs_on("SQLite")
def test_a_repository_may_be_called_like_a_part_of_an_address(api):
    with api.db.writing() as tx:
        work = cast.operator(tx)
        repositories.add(work, "acme", "groups")
        privileges.grant_direct(work, "acme", "groups", "mallory", Level.READ)

    assert api("alice", "GET", "/api/access/acme/groups?user=mallory").json()["level"] == "read"


@pytest.mark.runs_on("SQLite")
def test_disabling_ends_it_at_once(api):
    assert api("alice", "GET", f"{ROCKET}?user=bob").json()["allowed"] is True
    with api.db.writing() as tx:
        accounts.set_active(cast.operator(tx), "bob", False)

    assert api("alice", "GET", f"{ROCKET}?user=bob").json()["allowed"] is False


@pytest.fixture
def command(cast_template: Path, tmp_path: Path, monkeypatch, capsys) -> Command:
    cast.copy(cast_template, tmp_path).close()
    return runner(tmp_path, monkeypatch, capsys)


def test_check_says_yes_or_no_by_its_exit_code(command):
    yes, no = command("check", "bob", "acme/rocket", "write"), command("check", "bob", "acme/rocket", "admin")

    assert (yes.code, yes.out) == (0, "yes\n")
    assert (no.code, no.out) == (1, "no\n")


def test_check_explains_through_what(command):
    told = command("check", "dora", "acme/website", "write", "--explain").out.splitlines()

    assert [line.partition(", since")[0] for line in told] == [
        "yes",
        "decides: admin, given to them directly",
        "also: write, through the group acme/developers",
        "also: read, because the repository is public",
    ]


@pytest.mark.runs_on("SQLite")
def test_check_tells_programs_what_the_api_tells(command, api):
    told = command("check", "bob", "acme/website", "write", "--json").json

    asked = api("alice", "GET", f"{WEBSITE}?user=bob&level=write").json()
    assert list(told) == list(asked)
    # Both come from databases of their own, made at different moments.
    assert [without_moment(told), *map(without_moment, told["because"])] == [
        without_moment(asked), *map(without_moment, asked["because"])
    ]  # fmt: skip
    assert {len(way["since"]) for way in told["because"] if "since" in way} == {len("2026-03-04T05:06:07Z")}


def without_moment(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in ("since", "revision", "because")}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("bob", "acme/rocket", "owner"), 2),
        (("nobody", "acme/rocket", "read"), 2),
        (("bob", "acme/nothing", "read"), 2),
        (("bob", "rocket", "read"), 2),
    ],
)
def test_check_refuses_what_it_cannot_answer(command, arguments, code):
    assert command("check", *arguments).code == code
