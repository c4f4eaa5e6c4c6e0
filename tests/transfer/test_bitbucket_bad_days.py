"""What `import bitbucket` says and does when the workspace is not as it should be: a sentence, nothing by mistake."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import commands
import mirroring
from commands import Command, Done
from onebucket.remote import bitbucket_workspace
from onebucket.testing import Double

pytestmark = pytest.mark.subprocess

REPOSITORIES, GROUPS = "/2.0/repositories/acme", "/1.0/groups/acme"
CONFIG = f"{REPOSITORIES}/*/permissions-config"
GONE = {"uuid": "{11111111-1111-4111-8111-111111111111}", "display_name": "Sam", "account_id": None}
OTHER = GONE | {"uuid": "{22222222-2222-4222-8222-222222222222}"}


def page(*values: object) -> str:
    return json.dumps({"values": values})


def given(*people: object) -> str:
    """A page of permissions."""
    return page(*({"permission": "write", "user": each} for each in people))


@pytest.fixture(scope="module")
def bitbucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Double]:
    """The host."""
    seed = tmp_path_factory.mktemp("seed") / "acme.json"
    seed.write_text(json.dumps(mirroring.workspace(probe={"dave": "read"})))
    with Double(seed=[seed]) as double:
        yield double


@pytest.fixture
def command(
    bitbucket: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs commands in an empty folder, with the token of somebody who administers the workspace."""
    bitbucket.reset()
    run = commands.runner(tmp_path, monkeypatch, capsys)
    token = bitbucket.api_token("alice")
    monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
    monkeypatch.setenv("BITBUCKET_TOKEN", token.password)
    return run


def imported(command: Command, bitbucket: Double) -> Done:
    return command("import", "bitbucket", "acme", "--api", bitbucket.url)


def users_of(command: Command) -> dict[str, dict[str, str]]:
    """What people have on each repository here."""
    [team] = command("export", "acme", "--format", "json").json["teams"]
    return {each["slug"]: each["users"] for each in team["repositories"]}


@pytest.mark.parametrize(
    ("path", "answer", "sentence"),
    [
        (REPOSITORIES, {"body": '{"values": ['}, "GET /2.0/repositories/acme answers JSON that is broken or ends"),
        (REPOSITORIES, {"body": "<p>", "headers": {"Content-Type": "text/html"}}, "answers text/html where JSON is"),
        (REPOSITORIES, {"body": '{"size": 3}'}, "answers no page of a list"),
        (REPOSITORIES, {"body": page({"slug": "rocket"})}, "a repository is not what Bitbucket's API answers"),
        (GROUPS, {"body": "{}"}, "/1.0/groups/acme answers no list"),
        (
            GROUPS,
            {"body": json.dumps([{"name": "Devs", "slug": "devs"}, {"name": "devs", "slug": "Devs"}])},
            "the account has a group with the slug 'devs' already",
        ),
        (f"{CONFIG}/users", {"body": given(GONE | {"uuid": "nonsense"})}, "Sam has the UUID 'nonsense'"),
        ("/2.0/user", {"status": 401}, "the credential is refused"),
        ("/2.0/workspaces/acme", {"status": 402}, "the plan there doesn't allow it"),
    ],
)
def test_what_can_not_be_right_changes_nothing(
    command: Command, bitbucket: Double, path: str, answer: dict[str, Any], sentence: str
) -> None:
    bitbucket.fail("GET", path, **{"status": 200, "headers": {"Content-Type": "application/json"}} | answer)

    done = imported(command, bitbucket)

    assert done.code == 1
    [said] = [line for line in done.err.splitlines() if line.startswith("onebucket: ")]
    assert sentence in said
    assert "acme" not in command("team", "list").out


@pytest.mark.parametrize(
    ("path", "answer", "named"),
    [
        (f"{CONFIG}/users", {"status": 402}, "permissions of people on the repository probe: the plan there doesn't"),
        (f"{REPOSITORIES}/probe/permissions-config/users", {"status": 404}, "the repository probe: it vanished while"),
        ("/2.0/workspaces/acme/projects/PROJ/*", {"status": 404}, "permissions on the project PROJ: "),
        # Frozen: Bitbucket may take the lists of API 1.0 away too.
        ("/1.0/*", {"status": 410}, "groups and their members: GET /1.0/groups/acme answers 410"),
        ("/2.0/user", {"status": 403}, "whose credential it is: GET /2.0/user answers 403"),
    ],
)
def test_what_can_not_be_read_is_named(
    command: Command, bitbucket: Double, path: str, answer: dict[str, Any], named: str
) -> None:
    bitbucket.fail("GET", path, **answer)

    done = imported(command, bitbucket)

    assert done.code == 3
    assert f"not read: {named}" in done.err
    assert "rocket" in command("export", "acme").out


@pytest.mark.parametrize(
    ("scopes", "code", "sentence"),
    [
        (("account", "repository:admin"), 0, ""),
        (("account", "repository"), 3, "permissions on the repository probe: the credential needs repository:admin"),
        (("account",), 3, "repositories: the credential needs repository"),
        (("repository:admin",), 1, "the credential needs account"),
    ],
)
def test_a_token_without_a_scope_hears_which_one_it_needs(
    command: Command,
    bitbucket: Double,
    monkeypatch: pytest.MonkeyPatch,
    scopes: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    monkeypatch.setenv("BITBUCKET_TOKEN", bitbucket.api_token("alice", *scopes).password)

    done = imported(command, bitbucket)

    assert (done.code, sentence in done.err) == (code, True), done


def test_many_repositories_of_one_trouble_are_one_sentence(
    command: Command, bitbucket: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitbucket_workspace, "MAX_NAMED", 2)
    bitbucket.fail("GET", f"{CONFIG}/*", status=403)

    told = imported(command, bitbucket).err.splitlines()

    assert [line for line in told if "repositories" in line] == [
        "not read: permissions of people on 3 repositories (probe, rocket …): "
        "GET /2.0/repositories/acme/probe/permissions-config/groups answers 403"
    ]


def test_what_somebody_who_does_not_administer_the_workspace_does_not_see_is_named(
    command: Command, bitbucket: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bitbucket.api_token("bob")
    monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
    monkeypatch.setenv("BITBUCKET_TOKEN", token.password)

    done = imported(command, bitbucket)

    # Its repositories are private, so there are none in bob's lists, and none of these answers 403.
    assert done.code == 3
    assert "not read: what bob doesn't see there: the credential is bob's, who doesn't administer the work" in done.err


def test_people_without_an_account_id_and_with_one_name_are_two_people_each_time(
    command: Command, bitbucket: Double
) -> None:
    bitbucket.fail("GET", f"{REPOSITORIES}/rocket/permissions-config/users", status=200, body=given(GONE, OTHER))

    first, second = imported(command, bitbucket), imported(command, bitbucket)

    assert (first.code, "note: Sam becomes Sam-2, because there is a Sam already" in first.out) == (0, True), first
    assert (second.code, "nothing to change" in second.out) == (0, True), second
    assert users_of(command)["rocket"] == {"Sam": "write", "Sam-2": "write"}


def test_slugs_that_differ_in_case_only_are_two_repositories(command: Command, bitbucket: Double) -> None:
    both = page({"full_name": "acme/rocket"}, {"full_name": "acme/Rocket"})
    bitbucket.fail("GET", REPOSITORIES, status=200, body=both)
    bitbucket.fail("GET", f"{REPOSITORIES}/Rocket/permissions-config/groups", status=200, body=page())
    bitbucket.fail("GET", f"{REPOSITORIES}/Rocket/permissions-config/users", status=200, body=given(GONE))
    bitbucket.fail("GET", "/1.0/invitations/acme/Rocket", status=200, body="[]")

    done = imported(command, bitbucket)

    assert (done.code, done.err) == (0, "")
    assert users_of(command) == {"Rocket": {"Sam": "write"}, "rocket": {}}


def test_a_workspace_whose_changes_are_frozen_comes_in_whole(command: Command, bitbucket: Double) -> None:
    bitbucket.behave(as_of="2026-07-28")

    done = imported(command, bitbucket)

    assert (done.code, done.err) == (0, "")


def test_a_host_whose_clock_is_wrong_is_waited_for_as_long_as_it_means(command: Command, bitbucket: Double) -> None:
    date, retry_at = "Mon, 01 Jan 2035 00:00:00 GMT", "Mon, 01 Jan 2035 00:00:01 GMT"
    bitbucket.fail("GET", GROUPS, status=429, headers={"Date": date, "Retry-After": retry_at}, times=1)

    done = imported(command, bitbucket)

    assert (done.code, done.err) == (0, f"{bitbucket.url} asks to wait 1 seconds\n")
