"""`onebucket import bitbucket`: a workspace of another server, which plays Bitbucket Cloud, comes in whole."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

import commands
from commands import Command, Done
from onebucket.testing import Double

pytestmark = pytest.mark.subprocess

PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank")
REPOSITORIES = ("rocket", "probe", "site", "secret")

SEED: dict[str, Any] = {
    "onebucket": 1,
    "users": [
        {"username": name, "email": f"{name}@example.com", "display_name": name.title(), "nickname": f"{name}.there"}
        for name in PEOPLE
    ],
    "teams": [
        {
            "username": "acme",
            "display_name": "Acme",
            "groups": [
                {"name": "Administrators", "account_privilege": "admin", "permission": "admin", "members": ["alice"]},
                {"name": "Developers", "permission": "write", "members": ["bob", "carol"], "auto_add": True},
                {"name": "Night Crew", "members": ["carol", "dave"]},
                {"name": "Nobody"},
            ],
            "projects": [
                {
                    "key": "OPS",
                    "name": "Operations",
                    "description": "what runs",
                    "repositories": ["rocket", "probe"],
                    "privileges": {"night-crew": "create-repo"},
                    "users": {"erin": "read"},
                },
                {"key": "WEB", "is_private": False, "repositories": ["site"], "users": {"erin": "admin"}},
            ],
            "repositories": [
                {"slug": "rocket", "name": "Rocket", "privileges": {"developers": "none"}, "users": {"frank": "write"}},
                {"slug": "probe", "description": "far away", "language": "python", "has_wiki": True},
                {"slug": "site", "is_private": False, "fork_policy": "no_forks", "privileges": {"nobody": "read"}},
                {"slug": "secret", "privileges": {"developers": "read", "administrators": "none"}},
            ],
            "invitations": [
                {"email": "gina@example.net", "groups": ["developers", "night-crew"], "invited_by": "alice"},
                {"email": "hugo@example.net", "repository": "probe", "permission": "write", "invited_by": "alice"},
            ],
        }
    ],
}


SNEAKY = {"name": "Sneaky", "members": ["mallory"]}


@pytest.fixture(scope="module")
def bitbucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Double]:
    """The other server."""
    seed = tmp_path_factory.mktemp("seed") / "acme.json"
    seed.write_text(json.dumps(SEED))
    with Double(seed=[seed]) as double:
        yield double


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands in an empty folder."""
    return commands.runner(tmp_path, monkeypatch, capsys)


@pytest.fixture(autouse=True)
def _token(bitbucket: Double, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    bitbucket.reset()
    token = bitbucket.api_token("alice")
    monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
    monkeypatch.setenv("BITBUCKET_TOKEN", token.password)


def imported(command: Command, bitbucket: Double, *options: object) -> Done:
    return command("import", "bitbucket", "acme", "--api", bitbucket.url, *options)


def applied(command: Command, **document: Any) -> None:
    """Apply a document to the database here."""
    assert command("apply", "-", "--yes", given=json.dumps({"onebucket": 1, **document})).code == 0


def levels(double: Double) -> dict[tuple[str, str], str | None]:
    """Everybody's level on each repository, as an access check tells it."""
    pairs = [(name, slug) for name in PEOPLE for slug in REPOSITORIES]
    body = json.dumps([{"user": name, "repository": f"acme/{slug}", "level": "read"} for name, slug in pairs])
    login = b64encode(":".join(double.api_token("alice")).encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
    with urlopen(Request(f"{double.url}/api/access", body.encode(), headers)) as response:
        return {pair: answer["level"] for pair, answer in zip(pairs, json.load(response), strict=True)}


def test_everybody_may_do_here_what_they_may_do_there(command: Command, bitbucket: Double, tmp_path: Path) -> None:
    with bitbucket.unchanged():
        done = imported(command, bitbucket)
    exported = tmp_path / "here.json"
    exported.write_text(command("export", "--format", "json").out)

    assert (done.code, done.err, done.database) == (0, "", f"made the database {tmp_path}/onebucket.db\n")
    assert done.out.splitlines()[0] == (
        "imported acme: 6 people, 4 groups, 5 memberships, 2 projects, 4 repositories, 2 invitations"
    )
    with Double(seed=[exported]) as here:
        assert levels(here) == levels(bitbucket)
        assert len(set(levels(here).values())) == 4


def test_names_ids_and_attributes_are_kept(command: Command, bitbucket: Double) -> None:
    imported(command, bitbucket)
    here, there = json.loads(command("export", "--format", "json").out), bitbucket.state()

    # The API tells addresses of members alone, and these two are in no group.
    unknown = {"erin", "frank"}
    assert {user["username"]: user for user in here["users"]} == {
        user["username"]: user
        | ({"email": f"{user['username']}@users.noreply.invalid"} if user["username"] in unknown else {})
        for user in there["users"]
    }
    [mine], [theirs] = here["teams"], there["teams"]
    for key in ("username", "uuid", "display_name", "invitations"):
        assert mine[key] == theirs[key]
    assert {each["key"]: each for each in mine["projects"]}.items() >= {
        each["key"]: each for each in theirs["projects"]
    }.items()
    for mine_one, theirs_one in zip(mine["repositories"], theirs["repositories"], strict=True):
        assert {**mine_one, "privileges": None} == {**theirs_one, "privileges": None}
    for mine_one, theirs_one in zip(mine["groups"], theirs["groups"], strict=True):
        assert mine_one == theirs_one


def test_a_second_import_changes_nothing_and_one_after_a_change_that_alone(command: Command, bitbucket: Double) -> None:
    imported(command, bitbucket)
    before = command("journal", "--account", "acme").out

    assert "nothing to change" in imported(command, bitbucket, "--dry-run", "--exit-code").out
    bitbucket.apply(
        {"onebucket": 1, "teams": [{"username": "acme", "groups": [{"name": "Nobody", "members": ["dave"]}]}]}
    )
    planned = imported(command, bitbucket, "--dry-run", "--exit-code", "--fresh")
    done = imported(command, bitbucket)

    assert planned.code == 2
    assert [line for line in planned.out.splitlines() if line[:1] in "+-~"] == ["+ dave in acme/nobody"]
    assert done.code == 0
    assert len(command("journal", "--account", "acme").out.splitlines()) == len(before.splitlines()) + 1


def test_prune_removes_what_is_no_longer_there_within_the_limit(command: Command, bitbucket: Double) -> None:
    imported(command, bitbucket)
    applied(command, users=[{"username": "mallory"}], teams=[{"username": "acme", "groups": [SNEAKY]}])

    kept = imported(command, bitbucket)
    refused = imported(command, bitbucket, "--prune", "--max-removals", "0")
    pruned = imported(command, bitbucket, "--prune")

    assert (kept.code, "nothing to change" in kept.out) == (0, True)
    assert refused.code == 1
    assert "--max-removals" in refused.err
    assert pruned.code == 0
    assert "Sneaky" not in command("export", "acme").out


def test_a_person_who_is_here_already_is_found_by_their_address(command: Command, bitbucket: Double) -> None:
    applied(command, users=[{"username": "bobby", "email": "bob@example.com"}])

    done = imported(command, bitbucket)

    assert "note: Bob is bobby here, by the address bob@example.com" in done.out
    assert "bobby" in next(
        group["members"]
        for group in json.loads(command("export", "acme", "--format", "json").out)["teams"][0]["groups"]
        if group["name"] == "Developers"
    )


def test_a_name_that_somebody_else_has_gets_a_number(command: Command, bitbucket: Double) -> None:
    applied(command, users=[{"username": "Bob", "email": "other@example.com"}])

    done = imported(command, bitbucket)

    assert "note: Bob becomes bob-2, because there is a bob already" in done.out


def test_without_addresses_a_file_gives_them(command: Command, bitbucket: Double, tmp_path: Path) -> None:
    people = {user["username"]: user for user in bitbucket.state()["users"]}
    (tmp_path / "people.csv").write_text(f"account_id,email\n{people['frank']['account_id']},frank@new.example\n")
    # Frank is in no group, so the list of members doesn't have him with his address.

    imported(command, bitbucket, "--people", "people.csv")

    emails = {
        user["username"]: user["email"] for user in json.loads(command("export", "--format", "json").out)["users"]
    }
    assert emails["frank"] == "frank@new.example"
    assert emails["erin"] == "erin@users.noreply.invalid"
    assert emails["bob"] == "bob@example.com"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name,email\na,b\n", "people.csv:1: the first line names the columns: account_id,email"),
        ("account_id,email\n1,nonsense\n", "people.csv:2: "),
        ("account_id,email\n1,a@example.com\n1,b@example.com\n", "people.csv:3: 1 has two addresses"),
    ],
)
def test_a_file_of_people_that_is_wrong_is_refused_with_its_line(
    command: Command, bitbucket: Double, tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "people.csv").write_text(content)

    done = imported(command, bitbucket, "--people", "people.csv")

    assert (done.code, sentence in done.err) == (1, True)


def test_busy_and_failing_hosts_are_asked_again(command: Command, bitbucket: Double) -> None:
    bitbucket.fail("GET", "/2.0/*", status=503, probability=0.2)
    bitbucket.fail("GET", "/1.0/*", status=429, headers={"Retry-After": "0"}, times=2)

    assert imported(command, bitbucket).code == 0


def test_what_was_read_is_not_read_again_after_a_stop(command: Command, bitbucket: Double) -> None:
    bitbucket.fail("GET", "/1.0/groups/*", status=401, times=1)

    stopped = imported(command, bitbucket)
    asked = len(bitbucket.requests)
    done = imported(command, bitbucket)

    assert stopped.code == 1
    assert "the credential is refused" in stopped.err
    assert done.out.startswith("using ")
    assert done.code == 0
    paths = [each.path for each in list(bitbucket.requests)[asked:]]
    assert "/2.0/workspaces/acme" not in paths


def test_a_dry_run_is_not_read_again_by_the_import_unless_asked(command: Command, bitbucket: Double) -> None:
    imported(command, bitbucket, "--dry-run")
    asked = len(bitbucket.requests)

    imported(command, bitbucket)
    assert len(bitbucket.requests) == asked

    imported(command, bitbucket)
    assert len(bitbucket.requests) == 2 * asked


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/1.0/groups/acme", 410, "not read: groups and their members: GET /1.0/groups/acme answers 410"),
        (
            "/2.0/repositories/acme/rocket/permissions-config/groups",
            403,
            "permissions of people on the repository rocket",
        ),
        ("/2.0/workspaces/acme/projects/OPS/permissions-config/users", 403, "permissions on the project OPS"),
        (
            "/1.0/invitations/acme/probe",
            405,
            "invitations to 1 repositories: GET /1.0/invitations/acme/probe answers 405",
        ),
        ("/2.0/workspaces/acme/members", 402, "members: the plan there doesn't allow it"),
    ],
)
def test_what_can_not_be_read_is_named_and_nothing_is_taken_away_for_it(
    command: Command, bitbucket: Double, path: str, status: int, named: str
) -> None:
    imported(command, bitbucket)
    before = command("export", "acme").out
    bitbucket.fail("GET", path, status=status)

    done = imported(command, bitbucket)
    refused = imported(command, bitbucket, "--prune")

    assert done.code == 3
    assert named in done.err
    assert command("export", "acme").out == before
    assert refused.code == 1
    assert "--prune needs everything" in refused.err


def test_a_repository_that_vanishes_while_it_is_read_is_left_out_and_named(command: Command, bitbucket: Double) -> None:
    bitbucket.fail("GET", "/2.0/repositories/acme/probe/permissions-config/groups", status=404)

    done = imported(command, bitbucket)

    assert done.code == 3
    assert "not read: the repository probe: it vanished while the workspace was read" in done.err
    assert "slug: probe" not in command("export", "acme").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "GET /2.0/workspaces/nowhere answers 404"),
        (["acme", "--api", "ftp://example.org"], "'ftp://example.org' is not the URL of an API"),
        (["acme", "--username", ""], "give --username or set BITBUCKET_USERNAME"),
        (["acme", "--token-file", "none"], "can't read none: No such file or directory"),
        (["acme", "--exit-code"], "--exit-code needs --dry-run"),
        (["acme", "--username", "mallory"], "the credential is refused"),
        (["acme", "--as", "a b"], "can't be a username"),
    ],
)
def test_mistakes_are_told_in_a_sentence_and_change_nothing(
    command: Command, bitbucket: Double, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    if "--username" in arguments:
        monkeypatch.delenv("BITBUCKET_USERNAME")
    if "--api" not in arguments:
        arguments = [*arguments, "--api", bitbucket.url]

    done = command("import", "bitbucket", *arguments)

    assert done.code == 1
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1


def test_without_a_token_nothing_is_asked(command: Command, bitbucket: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BITBUCKET_TOKEN")

    done = imported(command, bitbucket)

    assert (done.code, "there is no API token" in done.err) == (1, True)
    assert len(bitbucket.requests) == 0


def test_a_token_from_a_file_is_used(
    command: Command, bitbucket: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{bitbucket.api_token('alice').password}\n")
    monkeypatch.delenv("BITBUCKET_TOKEN")

    assert imported(command, bitbucket, "--token-file", "token").code == 0


def test_who_is_a_member_only_imports_what_they_may_see_and_hears_what_is_missing(
    command: Command, bitbucket: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bitbucket.api_token("bob")
    monkeypatch.setenv("BITBUCKET_USERNAME", token.username)
    monkeypatch.setenv("BITBUCKET_TOKEN", token.password)

    done = imported(command, bitbucket, "--dry-run")

    assert done.code == 3
    assert "not read: permissions on the repository" in done.err


def test_another_name_here(command: Command, bitbucket: Double) -> None:
    imported(command, bitbucket, "--as", "rockets")

    assert command("team", "list").out.split() != []
    assert "username: rockets" in command("export", "rockets").out


def test_html_where_json_is_meant_is_told(command: Command, bitbucket: Double) -> None:
    bitbucket.fail(
        "GET", "/2.0/workspaces/acme", status=200, body="<h1>Sign in</h1>", headers={"Content-Type": "text/html"}
    )

    done = imported(command, bitbucket)

    assert done.code == 1
    assert "answers text/html where JSON is expected" in done.err
