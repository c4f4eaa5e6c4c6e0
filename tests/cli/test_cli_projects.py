"""The command `project`: what it prints, what it changes, and one sentence for each mistake."""

import json

import pytest

from commands import Command, Done, done, refused

OPS = {
    "path": "acme/OPS",
    "name": "Operations",
    "description": "",
    "is_private": True,
    "repository_count": 0,
}


@pytest.fixture
def ops(command: Command) -> Done:
    """A project of acme without repositories."""
    return command("project", "add", "acme/OPS", "--name", "Operations")


def test_project_add_list_change_delete(command: Command, ops: Done) -> None:
    assert ops == done("added the private project acme/OPS\n")
    assert OPS in command("project", "list", "acme", "--json").json
    assert command("project", "list", "acme").out.splitlines()[:2] == [
        "PROJECT    NAME             REPOSITORIES",
        "acme/OPS   Operations       0",
    ]

    changed = command("project", "change", "acme/ops", "--key", "FLEET", "--description", "Ships", "--public")

    assert changed == done("changed the public project acme/FLEET\n")
    assert command("project", "change", "acme/FLEET", "--description", "") == done(
        "changed the public project acme/FLEET\n"
    )
    assert OPS | {"path": "acme/FLEET", "is_private": False} in command("project", "list", "--json").json
    assert command("project", "delete", "acme/FLEET", "--yes") == done("deleted the project acme/FLEET\n")
    assert "acme/FLEET" not in command("project", "list").out


def test_what_is_granted_on_a_project_holds_on_its_repositories_until_it_is_revoked(
    command: Command, ops: Done
) -> None:
    command("repo", "add", "acme/engine", "--project", "OPS")

    granted = [
        command("project", "grant", "acme/OPS", "create-repo", "--group", "designers"),
        command("project", "grant", "acme/ops", "read", "--user", "gina@example.com"),
    ]
    shown, table = command("project", "show", "acme/OPS", "--json").json, command("project", "show", "acme/OPS").out
    checked = [command("check", who, "acme/engine", "read", "--explain").out for who in ("bob", "gina")]
    revoked = [
        command("project", "revoke", "acme/OPS", "--group", "designers"),
        command("project", "revoke", "acme/OPS", "--user", "gina"),
    ]

    assert granted == [
        done("gave the group designers create-repo on the project acme/OPS\n"),
        done("gave gina read on the project acme/OPS\n"),
    ]
    assert shown == OPS | {
        "repository_count": 1,
        "repositories": ["engine"],
        "groups": {"designers": "create-repo"},
        "users": {"gina": "read"},
    }
    assert table == (
        "acme/OPS  Operations  private\nrepositories: engine\n\n"
        "GROUP      PERMISSION\ndesigners  create-repo\n\nUSER  PERMISSION\ngina  read\n"
    )
    assert "also: write, through the group acme/designers on the project acme/OPS, since " in checked[0]
    assert checked[1].startswith("yes\ndecides: read, given to them on the project acme/OPS, since ")
    assert revoked == [
        done("removed create-repo on the project acme/OPS from the group designers\n"),
        done("removed read on the project acme/OPS from gina\n"),
    ]
    assert command("check", "gina", "acme/engine", "read").code == 1
    events = [json.loads(line)["event"] for line in command("journal", "--json").out.splitlines()]
    assert events[-4:] == [
        "project-group-privilege.set",
        "project-privilege.set",
        "project-group-privilege.removed",
        "project-privilege.removed",
    ]


LEVELS = "the permission on a project must be read, write, create-repo or admin"
ONE_HOLDER = "name one group with --group or one person with --user"
KEYS = "a capital letter, then up to 127 capitals, digits and '_'"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("project add OPS", "'OPS' is not TEAM/KEY"),
        ("project add acme/2nd", f"'2nd' can't be a project key: {KEYS}"),
        ("project add acme/PROJ", "the account has a project PROJ already"),
        ("project add nobody/OPS", "there is no account 'nobody'"),
        ("project change acme/PROJ", "say what to change: --key, --name, --description, --private or --public"),
        ("project change acme/NONE --name x", "acme has no project 'NONE'"),
        ("project change acme/OPS --key PROJ", "the account has a project PROJ already"),
        ("project delete acme/PROJ --yes", "the project PROJ has repositories: move or delete them first (2)"),
        ("project delete acme/NONE --yes", "acme has no project 'NONE'"),
        ("project list nobody", "there is no account 'nobody'"),
        ("project show acme/NONE", "acme has no project 'NONE'"),
        ("project grant acme/PROJ owner --user bob", LEVELS),
        ("project grant acme/PROJ none --user bob", LEVELS),
        ("project grant acme/PROJ read", ONE_HOLDER),
        ("project grant acme/PROJ read --user bob --group designers", ONE_HOLDER),
        ("project grant acme/PROJ read --user nobody", "there is no user 'nobody'"),
        (
            "project grant acme/PROJ read --group nobody",
            "the account has no such group: it may have been deleted or renamed",
        ),
        ("project revoke acme/PROJ", ONE_HOLDER),
        ("project revoke acme/PROJ --user bob", "bob has nothing on the project acme/PROJ"),
        ("project revoke acme/PROJ --group designers", "the group designers has nothing on the project acme/PROJ"),
        ("repo add acme/engine --project NONE", "acme has no project 'NONE'"),
        ("repo move acme/rocket NONE", "acme has no project 'NONE'"),
        ("repo move acme/engine PROJ", "acme has no repository 'engine'"),
    ],
)
def test_one_sentence_for_each_mistake(command: Command, ops: Done, line: str, sentence: str) -> None:
    assert command(*line.split()) == refused(sentence)
