"""What a mirror says and does when the host is not as it should be: one sentence, and nothing is changed by mistake."""

import json

import pytest

from commands import Command
from mirroring import Configure, here, there
from onebucket.testing import Double

pytestmark = pytest.mark.subprocess

HTML = {"status": 200, "body": "<h1>Sign in</h1>", "headers": {"Content-Type": "text/html"}}
ON_ROCKET = "/2.0/repositories/acme/rocket/permissions-config"


@pytest.mark.parametrize(
    ("path", "fault", "sentence"),
    [
        ("/2.0/user", {"status": 401}, "the credential is refused; GET /2.0/user answers 401"),
        ("/2.0/workspaces/acme/members", {"status": 402}, "the plan there doesn't allow it"),
        ("/1.0/groups/acme", {"status": 410}, "GET /1.0/groups/acme answers 410"),
        (f"{ON_ROCKET}/users", {"status": 403}, f"GET {ON_ROCKET}/users answers 403"),
        # It is in the list of repositories all the same, so it has not been deleted.
        (f"{ON_ROCKET}/users", {"status": 404}, f"GET {ON_ROCKET}/users answers 404"),
        ("/2.0/repositories/acme", HTML, "answers text/html where JSON is expected"),
        ("/2.0/repositories/acme", {"status": 200, "body": '{"values": ['}, "where JSON is expected"),
        ("/2.0/repositories/acme", {"status": 200, "body": '{"size": 1}'}, "answers no page of a list"),
        ("/1.0/groups/acme", {"status": 200, "body": "{}"}, "answers no list"),
    ],
)
def test_what_can_not_be_read_ends_it_with_a_sentence_before_anything_is_changed(
    command: Command, bitbucket: Double, path: str, fault: dict[str, object], sentence: str
) -> None:
    here(command, "probe", bob="write")
    bitbucket.fail("GET", path, **fault)  # type: ignore[arg-type]

    with bitbucket.unchanged():
        done = command("mirror", "run")

    assert done.code == 1
    assert sentence in done.err
    assert there(bitbucket)["probe"] == {"dave": "read"}


def test_a_token_without_the_scope_says_which_one_it_needs(
    command: Command, bitbucket: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(command, "rocket", bob="write")
    monkeypatch.setenv("BITBUCKET_TOKEN", bitbucket.api_token("service", "account", "repository").password)

    done = command("mirror", "run")

    assert (done.code, "the credential needs " in done.err) == (1, True), done


def test_a_token_of_somebody_who_does_not_administer_the_workspace_changes_nothing(
    command: Command, bitbucket: Double, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(command, "rocket", bob="write")
    token = bitbucket.api_token("carol")
    configure(username=token.username)
    monkeypatch.setenv("BITBUCKET_TOKEN", token.password)

    done = command("mirror", "run")

    assert (done.code, "the credential is carol's, who doesn't administer the workspace" in done.err) == (1, True), done
    assert there(bitbucket)["rocket"] == {}


def test_a_repository_that_is_deleted_while_it_is_read_is_left_out(command: Command, bitbucket: Double) -> None:
    here(command, "probe", bob="write")
    # The second list has it no more.
    bitbucket.fail("GET", f"{ON_ROCKET}/users", status=404)
    page = {"values": [{"full_name": "acme/probe"}, {"full_name": "acme/site"}], "pagelen": 100}
    bitbucket.fail("GET", "/2.0/repositories/acme", status=200, body=json.dumps(page), nth=2)

    done = command("mirror", "run")

    assert done.code == 0, done
    assert there(bitbucket)["probe"] == {"bob": "write", "dave": "read"}


def test_two_people_with_one_name_are_told_apart(command: Command, bitbucket: Double) -> None:
    names = [{"username": name, "nickname": "sam", "display_name": "Sam"} for name in ("bob", "carol")]
    bitbucket.apply({"users": names})
    here(command, "rocket", bob="write", carol="read")

    assert command("mirror", "run").code == 0
    assert there(bitbucket)["rocket"] == {"bob": "write", "carol": "read"}


def test_slugs_that_differ_in_case_only_are_one_repository_here_and_the_other_is_left_alone(
    command: Command, bitbucket: Double
) -> None:
    page = {
        "values": [{"full_name": f"acme/{slug}"} for slug in ("rocket", "Rocket", "probe", "site")], "pagelen": 100
    }  # fmt: skip
    bitbucket.fail("GET", "/2.0/repositories/acme", status=200, body=json.dumps(page))
    here(command, "rocket", bob="write")

    assert command("mirror", "run").code == 0
    asked = {each.path for each in bitbucket.requests}
    assert not any("/Rocket/" in path for path in asked)
    assert there(bitbucket)["rocket"] == {"bob": "write"}


def test_people_without_an_account_id_are_left_alone(command: Command, bitbucket: Double) -> None:
    people = [
        {"user": {"type": "user", "uuid": "{1}", "display_name": "Gone", "account_id": None}, "permission": "admin"}
    ]
    bitbucket.fail("GET", f"{ON_ROCKET}/users", status=200, body=json.dumps({"values": people}))

    assert command("mirror", "diff").out == "nothing differs\n"
