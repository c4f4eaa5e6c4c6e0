"""`groups = "on"`: what groups have here arrives at the host's groups of the same slugs, and at nobody else."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import commands
from commands import Command, Done
from onebucket.testing import Double

pytestmark = pytest.mark.subprocess

PEOPLE = ("bob", "carol", "dave")
SEED: dict[str, Any] = {
    "onebucket": 1,
    "users": [{"username": name, "email": f"{name}@example.com"} for name in ("service", *PEOPLE)],
    "teams": [
        {
            "username": "acme",
            "groups": [
                {"name": "Administrators", "account_privilege": "admin", "members": ["service"]},
                {"name": "Developers", "members": ["bob", "carol"]},
                {"name": "Night Crew", "members": ["dave"]},
            ],
            "projects": [
                {"key": "OPS", "repositories": ["rocket", "probe"]},
                {"key": "WEB", "repositories": ["site", "blog"]},
            ],
            "repositories": [{"slug": slug} for slug in ("rocket", "probe", "site", "blog")],
        }
    ],
}


@pytest.fixture(scope="module")
def bitbucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Double]:
    """The host, whose groups have nothing yet."""
    seed = tmp_path_factory.mktemp("seed") / "acme.json"
    seed.write_text(json.dumps(SEED))
    with Double(seed=[seed]) as double:
        yield double


Configure = Callable[..., None]


@pytest.fixture
def command(
    bitbucket: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs commands in a folder whose database has the host's workspace."""
    bitbucket.reset()
    run = commands.runner(tmp_path, monkeypatch, capsys)
    token = bitbucket.api_token("service")
    monkeypatch.setenv("BITBUCKET_TOKEN", token.password)
    monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
    assert run("import", "bitbucket", "acme", "--api", bitbucket.url).code == 0
    return run


@pytest.fixture(autouse=True)
def configure(bitbucket: Double, command: Command, tmp_path: Path) -> Configure:
    """Writes the mirror's table into onebucket.toml."""

    def write(**settings: object) -> None:
        table = {
            "account": "acme", "workspace": "acme", "api": bitbucket.url, "username": "service@example.com",
            "token_env": "BITBUCKET_TOKEN", "mode": "apply", "max_removals": "100%", "groups": "on",
        } | settings  # fmt: skip
        lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        (tmp_path / "onebucket.toml").write_text("\n".join(["[mirror.cloud]", *lines]) + "\n")

    write()
    return write


def grant(command: Command, slug: str, level: str, *, group: str = "developers") -> None:
    repository = {"slug": slug, "privileges": {group: level}}
    document = {"onebucket": 1, "teams": [{"username": "acme", "repositories": [repository]}]}
    assert command("apply", "-", "--yes", given=json.dumps(document)).code == 0


def leave(command: Command, group: str, member: str) -> None:
    document = command("export", "acme", "--format", "json").json
    [found] = [each for each in document["teams"][0]["groups"] if each["name"] == group]
    found["members"].remove(member)
    assert command("apply", "-", "--yes", "--prune", given=json.dumps(document)).code == 0


def there(bitbucket: Double) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """What groups and people were given at the host, by repository; without those that gave nothing."""
    given = {
        each["slug"]: (
            {group: level for group, level in each.get("privileges", {}).items() if level != "none"},
            each.get("users", {}),
        )
        for each in bitbucket.state()["teams"][0]["repositories"]
    }
    return {slug: both for slug, both in given.items() if any(both)}


def on_project(bitbucket: Double, key: str) -> dict[str, str]:
    projects = {each["key"]: each for each in bitbucket.state()["teams"][0]["projects"]}
    return dict(projects[key].get("privileges", {}))


def test_a_grant_arrives_as_a_grant_with_a_journal_entry_and_goes_again(command: Command, bitbucket: Double) -> None:
    grant(command, "rocket", "write")

    given = command("mirror", "run")
    arrived = there(bitbucket)
    grant(command, "rocket", "none")
    taken = command("mirror", "run")

    assert given == Done(0, "+ group Developers on rocket: none there, write here\n1 carried over, 0 refused\n", "")
    assert arrived == {"rocket": ({"developers": "write"}, {})}
    assert (taken.code, there(bitbucket)) == (0, {})
    assert "mirror.removed" in command("journal", "--account", "acme").out
    assert command("mirror", "diff") == Done(0, "nothing differs\n", "")


def test_who_leaves_the_group_here_loses_it_there_and_the_others_keep_it(command: Command, bitbucket: Double) -> None:
    grant(command, "rocket", "write")
    command("mirror", "run")
    asked = len(bitbucket.requests)
    leave(command, "Developers", "carol")

    done = command("mirror", "run")

    assert done.code == 0
    assert there(bitbucket) == {"rocket": ({}, {"bob": "write"})}
    changes = [each.method for each in list(bitbucket.requests)[asked:] if each.method != "GET"]
    # Bob's own permission comes before the group loses its.
    assert changes == ["PUT", "DELETE"]


def test_a_group_too_large_to_split_keeps_it_there_until_who_left_is_taken_out_there_too(
    command: Command, bitbucket: Double, configure: Configure
) -> None:
    grant(command, "rocket", "write")
    command("mirror", "run")
    leave(command, "Developers", "carol")
    configure(max_split=0)

    with bitbucket.unchanged():
        kept = command("mirror", "run")
    as_json = command("mirror", "diff", "--json").json
    service = httpx.BasicAuth("service@example.com", os.environ["BITBUCKET_TOKEN"])
    httpx.delete(f"{bitbucket.url}/1.0/groups/acme/developers/members/carol", auth=service).raise_for_status()
    after = command("mirror", "run")

    assert kept.code == 2
    assert kept.out.splitlines()[:2] == [
        "= carol on rocket: write there through a group or project, none here",
        "! the group Developers keeps what it has there: its people would need 1 permission of their own, because of"
        " carol: take them out of it there",
    ]
    assert as_json["groups_to_leave_there"] == [{"group": "developers", "permissions": 1, "users": ["carol"]}]
    assert (after.code, there(bitbucket)) == (0, {"rocket": ({"developers": "write"}, {})})
    assert command("mirror", "diff") == Done(0, "nothing differs\n", "")


def test_a_grant_on_a_project_is_carried_where_the_whole_project_is_mirrored(
    command: Command, bitbucket: Double, configure: Configure
) -> None:
    projects = [{"key": key, "privileges": {"developers": "create-repo"}} for key in ("OPS", "WEB")]
    document = {"onebucket": 1, "teams": [{"username": "acme", "projects": projects}]}
    command("apply", "-", "--yes", given=json.dumps(document))
    configure(never_touch=["blog"])

    done = command("mirror", "run")

    assert done.out.splitlines()[:2] == [
        "+ group Developers on project OPS: none there, write here",
        "+ group Developers on site: none there, write here",
    ]
    assert (on_project(bitbucket, "OPS"), on_project(bitbucket, "WEB")) == ({"developers": "write"}, {})
    assert there(bitbucket) == {"site": ({"developers": "write"}, {})}


def test_what_others_gave_groups_there_and_groups_that_are_never_touched_stay(
    command: Command, bitbucket: Double, configure: Configure
) -> None:
    given = {"slug": "probe", "privileges": {"developers": "read", "night-crew": "admin"}}
    bitbucket.apply({"onebucket": 1, "teams": [{"username": "acme", "repositories": [given]}]})
    configure(never_touch=["night-*"])

    left = command("mirror", "run")
    configure(never_touch=["night-*"], take_over="on")
    taken = command("mirror", "run")

    assert left.code == 2
    assert "? group Developers on probe: read there, not set by the mirror" in left.out
    assert there(bitbucket) == {"probe": ({"night-crew": "admin"}, {})}
    assert "= dave on probe: admin there through a group or project, none here" in taken.out


def test_where_the_host_refuses_a_group_its_people_get_it_themselves(command: Command, bitbucket: Double) -> None:
    grant(command, "rocket", "write")
    bitbucket.fail("PUT", "/2.0/repositories/acme/rocket/permissions-config/groups/*", status=403)

    done = command("mirror", "run")

    assert done.code == 2
    assert done.err.startswith("refused: group Developers on rocket: PUT /2.0/repositories/acme/rocket/")
    assert there(bitbucket) == {"rocket": ({}, {"bob": "write", "carol": "write"})}


def test_a_group_that_is_not_there_leaves_its_people_to_be_given_it_themselves(
    command: Command, bitbucket: Double
) -> None:
    document = {"onebucket": 1, "teams": [{"username": "acme", "groups": [{"name": "Juniors", "members": ["dave"]}]}]}
    command("apply", "-", "--yes", given=json.dumps(document))
    grant(command, "rocket", "read", group="juniors")

    assert command("mirror", "run").code == 0
    assert there(bitbucket) == {"rocket": ({}, {"dave": "read"})}


@pytest.fixture
def zoe(command: Command, configure: Configure) -> None:
    """Zoe is in a group here, and no member there."""
    configure(invite="on")
    document = {
        "onebucket": 1,
        "users": [{"username": "zoe", "email": "zoe@example.com"}],
        "teams": [{"username": "acme", "groups": [{"name": "Developers", "members": ["zoe"]}]}],
    }
    command("apply", "-", "--yes", given=json.dumps(document))
    grant(command, "rocket", "write")


@pytest.mark.usefixtures("zoe")
def test_who_is_no_member_there_is_invited_once_and_has_their_access_when_they_accept(
    command: Command, bitbucket: Double
) -> None:
    told = command("mirror", "diff")
    first, second = command("mirror", "run"), command("mirror", "run")
    letters = [letter.to for letter in bitbucket.letters]
    bitbucket.accept_invitation("zoe@example.com")
    grant(command, "probe", "read")
    third = command("mirror", "run")

    assert (told.code, "! zoe is not a member there, to be invited to the group developers" in told.out) == (2, True)
    assert "invited zoe to the group developers" in first.out
    assert (second.code, "invited" in second.out) == (0, False)
    assert letters == ["zoe@example.com"]
    assert "mirror.invited" in command("journal", "--account", "acme").out
    # Zoe has another account_id there, and is known by her address.
    assert third == Done(0, "+ group Developers on probe: none there, read here\n1 carried over, 0 refused\n", "")
    assert command("mirror", "diff") == Done(0, "nothing differs\n", "")


@pytest.mark.usefixtures("zoe")
def test_where_the_old_api_is_frozen_it_is_told_and_the_rest_is_carried(command: Command, bitbucket: Double) -> None:
    bitbucket.fail("PUT", "/1.0/*", status=410)

    done = command("mirror", "run")
    bitbucket.heal()

    assert done.code == 2
    assert "zoe can't be invited, and nobody else is until the next full comparison: only API 1.0 invites" in done.err
    assert there(bitbucket) == {"rocket": ({"developers": "write"}, {})}
    assert "invited zoe" in command("mirror", "run").out
