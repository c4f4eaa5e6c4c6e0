"""Every command: what it prints for people and for programs, its exit code, and one sentence for each mistake."""

import json
import re
from contextlib import closing
from pathlib import Path

import pytest

import cast
import onebucket
import ssh_keygen
from commands import Command, done, refused
from onebucket import ssh_public_keys
from onebucket.store.connect import connect

# -- people -----------------------------------------------------------------------------------------


def test_user_add_list_disable_enable(command: Command) -> None:
    assert command("user", "add", "erin", "--email", "erin@example.com", "--display-name", "Erin E") == done(
        "added erin, without a password\n"
    )
    assert command(
        "user", "add", "frank", "--email", "f@example.com", "--admin", "--password-stdin", given="xyz xyz xyz\n"
    ) == done("added frank\n")
    assert command("user", "disable", "erin@example.com") == done("disabled erin\n")

    people = {person["username"]: person for person in command("user", "list", "--json").json}
    assert people["erin"] == {
        "username": "erin",
        "display_name": "Erin E",
        "emails": ["erin@example.com"],
        "uuid": people["erin"]["uuid"],
        "account_id": people["erin"]["account_id"],
        "is_active": False,
        "site_admin": False,
        "has_password": False,
        "has_second_factor": False,
    }
    assert (people["frank"]["site_admin"], people["frank"]["has_password"]) == (True, True)
    assert set(people) == {*cast.PEOPLE, "erin", "frank"}
    table = command("user", "list").out.splitlines()
    assert re.fullmatch(r"USERNAME +NAME +E-MAIL", table[0])
    assert re.fullmatch(r"erin +Erin E +erin@example\.com +disabled, no password", table[4])
    assert command("user", "enable", people["erin"]["uuid"]) == done("enabled erin\n")


def test_disabling_the_last_administrator_is_done_and_told(command: Command) -> None:
    assert command("user", "disable", "alice") == done(
        "disabled alice\nwarning: the team acme has no active administrator now\n"
    )


def test_user_password(command: Command, tmp_path: Path) -> None:
    assert command("user", "password", "bob", "--password-stdin", given="a new one\nand more\n") == done(
        "set the password of bob\n"
    )
    with closing(cast.Api(cast.connect(f"sqlite:///{tmp_path}/onebucket.db"))) as api:
        assert api(("bob", "a new one"), "GET", "/groups").status_code == 200
        assert api(("bob", cast.password("bob")), "GET", "/groups").status_code == 401


# -- teams and repositories -------------------------------------------------------------------------


def test_team_add_rename_list_delete(command: Command) -> None:
    assert command("team", "add", "initech", "--admin", "bob", "--display-name", "Initech Inc") == done(
        "added the team initech\n"
    )
    assert command("team", "rename", "initech", "initrode") == done("renamed initech to initrode\n")
    teams = command("team", "list", "--json").json
    assert [(team["username"], team["display_name"]) for team in teams] == [
        ("acme", "Acme"),
        ("globex", "Globex"),
        ("initrode", "Initech Inc"),
    ]
    assert command("team", "list").out.splitlines()[3] == "initrode  Initech Inc"
    assert command("team", "delete", "initrode", "--yes") == done("deleted the team initrode\n")
    assert command("team", "delete", "initrode", "--yes") == refused("there is no account 'initrode'")
    told = [entry["event"] for entry in map(json.loads, command("journal", "--json").out.splitlines())]
    assert told[-1] == "team.deleted"


def test_repo_add_list_delete(command: Command) -> None:
    for slug in ("rocket", "website"):
        command("repo", "delete", f"acme/{slug}", "--yes")
    command("repo", "delete", "globex/satellite", "--yes")
    assert command("repo", "add", "acme/rocket", "--name", "Rocket") == done(
        "added the private repository acme/rocket\n"
    )
    assert command("repo", "add", "alice/notes", "--public") == done("added the public repository alice/notes\n")
    assert command("repo", "list", "--json").json == [
        {"path": "acme/rocket", "name": "Rocket", "project": "PROJ", "is_private": True},
        {"path": "alice/notes", "name": "notes", "project": "PROJ", "is_private": False},
    ]
    assert command("repo", "list", "alice").out == (
        "REPOSITORY   NAME   PROJECT\nalice/notes  notes  PROJ     public\n"
    )
    assert command("repo", "delete", "acme/rocket", "--yes") == done("deleted the repository acme/rocket\n")
    assert command("repo", "list", "acme", "--json").json == []


def test_repo_add_and_move_put_a_repository_into_a_project(command: Command) -> None:
    command("project", "add", "acme/OPS")

    assert command("repo", "add", "acme/engine", "--project", "ops") == done(
        "added the private repository acme/engine\n"
    )
    assert command("repo", "move", "acme/rocket", "ops") == done(
        "moved the repository acme/rocket to the project acme/OPS\n"
    )

    assert {each["path"]: each["project"] for each in command("repo", "list", "acme", "--json").json} == {
        "acme/engine": "OPS",
        "acme/rocket": "OPS",
        "acme/website": "PROJ",
    }


# -- app passwords ----------------------------------------------------------------------------------


def test_token_add_list_revoke(command: Command) -> None:
    made = command(
        "token", "add", "alice", "--scope", "account:write", "--scope", "team", "--label", "ci", "--expires", "90d"
    )
    assert made.code == 0
    assert re.fullmatch(r"obk_[\w-]{32}\n", made.out)
    assert re.fullmatch(r"id [0-9a-f]{8}, scopes: account:write, team\. It is not shown again\.\n", made.err)

    found = [each for each in command("token", "list", "alice", "--json").json if each["label"] == "ci"]
    assert [each["scopes"] for each in found] == [["account:write", "team"]]
    assert found[0]["expires_at"] > found[0]["created_at"]
    everything = command("token", "list", "alice").out + command("journal", "--json").out
    assert made.out.strip() not in everything

    assert command("token", "revoke", found[0]["id"][:8]) == done(f"revoked {found[0]['id'][:8]} ci\n")
    assert command("token", "revoke", found[0]["id"]) == refused(f"there is no app password '{found[0]['id']}'")


def test_token_add_says_what_one_for_reading_can_not_do(command: Command) -> None:
    made = command("token", "add", "bob", "--json")

    assert made.json["scopes"] == ["account"]
    assert set(made.json) == {"id", "secret", "label", "scopes"}
    assert "reading only" in command("token", "add", "bob").err


# -- SSH keys ---------------------------------------------------------------------------------------


def test_ssh_key_add_list_remove(command: Command, tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(f"{ssh_keygen.public()} alice@laptop\n")
    fingerprint = ssh_public_keys.parse(ssh_keygen.public()).fingerprint

    added = command("ssh-key", "add", "alice", tmp_path / "id.pub", "--label", "laptop", "--expires", "90d")
    again = command("ssh-key", "add", "bob", "-", given=ssh_keygen.public())
    [found] = command("ssh-key", "list", "alice", "--json").json
    table = command("ssh-key", "list", "alice@example.com").out.splitlines()

    assert added == done(f"added {fingerprint} to alice\n")
    assert again == refused("somebody else has that key already, and a key belongs to one person")
    assert (found["key"], found["comment"], found["label"]) == (ssh_keygen.public(), "alice@laptop", "laptop")
    assert found["expires_at"] > found["created_at"] and found["last_used_at"] is None
    assert [line.split()[:4] for line in table[1:]] == [[fingerprint, "ssh-ed25519", "laptop", "alice@laptop"]]
    assert command("ssh-key", "remove", "alice", fingerprint) == done(f"removed {fingerprint} laptop\n")
    assert command("ssh-key", "remove", "alice", "x") == refused("alice has no SSH key 'x'")


def test_ssh_key_add_refuses_a_private_key_and_repeats_nothing_of_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "id").write_text(ssh_keygen.private())

    told = command("ssh-key", "add", "alice", tmp_path / "id")

    assert (told.code, told.err.startswith("onebucket: that is a private key")) == (1, True)
    assert ssh_keygen.private().splitlines()[1] not in told.out + told.err + command("journal", "--json").out


def test_ssh_key_add_says_what_is_wrong_with_a_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"\xff\xd8")

    told = [command("ssh-key", "add", "alice", tmp_path / name) for name in ("photo", "none")]

    assert told == [
        refused(f"{tmp_path}/photo is not a text"),
        refused(f"can't read {tmp_path}/none: No such file or directory"),
    ]


# -- the journal, doctor, openapi -------------------------------------------------------------------


def test_journal(command: Command) -> None:
    command("team", "rename", "globex", "globex2")

    entries = [json.loads(line) for line in command("journal", "--json", "--account", "globex2").out.splitlines()]
    line = command("journal", "--account", "globex2").out.splitlines()[-1]

    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    assert (entries[-1]["event"], entries[-1]["actor"], entries[-1]["credential"]) == (
        "team.changed",
        "operator",
        "operator",
    )
    assert (entries[-1]["before"]["username"], entries[-1]["after"]["username"]) == ("globex", "globex2")
    assert re.fullmatch(r"\S+Z  operator +team\.changed +\S+  username: globex → globex2", line)
    assert command("journal", "--since", "1h").out.count("\n") == command("journal").out.count("\n")
    assert command("journal", "--since", "2099-01-01").out == ""


def test_doctor_finds_nothing_wrong(command: Command, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    healthy = command("doctor")
    told = command("doctor", "--json").json

    assert healthy.code == 0
    assert "WRONG" not in healthy.out
    assert all(check["ok"] for check in told["checks"])
    assert told["settings"]["data"] == {"value": str(tmp_path), "source": "environment"}
    assert told["settings"]["realm"]["source"] == "default"


def test_a_database_is_for_its_owner_alone_also_in_a_folder_that_is_everybodys(
    command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)

    command("user", "add", "uma", "--data", str(folder))
    with closing(connect(f"sqlite:///{folder}/onebucket.db")) as opened, opened.writing():
        modes = {each.name: each.stat().st_mode & 0o777 for each in folder.glob("onebucket.db*")}

    assert modes == dict.fromkeys(("onebucket.db", "onebucket.db-wal", "onebucket.db-shm"), 0o600)


def test_doctor_says_what_is_wrong_and_how_to_mend_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "onebucket.db"
    file.chmod(0o644)
    command("user", "disable", "gina")
    monkeypatch.setenv("ONEBUCKET_REALMM", "x")
    monkeypatch.setenv("ONEBUCKET_METRICS_TOKEN", "hush")

    sick = command("doctor")

    wrong = {check["what"]: check["mend"] for check in command("doctor", "--json").json["checks"] if not check["ok"]}
    assert (sick.code, sick.out.count("WRONG")) == (1, 4)
    assert wrong["ONEBUCKET_REALMM in the environment is not a setting of this version"].startswith("Remove it")
    assert wrong[f"every user of this machine can read {tmp_path}"] == f"chmod o= {tmp_path}"
    [(opened, mend)] = [(what, mend) for what, mend in wrong.items() if "every user of this machine can open" in what]
    assert str(file) in opened and mend.startswith(f"chmod o= {file}")
    assert "account_privilege: admin" in wrong["no active person administers globex"]
    assert "hush" not in sick.out
    assert "(set)" in sick.out


def test_openapi(command: Command) -> None:
    assert command("openapi").json["info"] == {**command("openapi").json["info"], "version": onebucket.__version__}


# -- documents --------------------------------------------------------------------------------------


def test_export_and_apply_change_nothing(command: Command, tmp_path: Path) -> None:
    for format in ("yaml", "json"):
        exported = command("export", "--format", format)
        (tmp_path / "all").write_text(exported.out)
        again = command("apply", "all")
        assert (exported.code, again.code) == (0, 0)
        assert command("apply", "-", given=exported.out).out == again.out
        assert command("export", "--format", format) == exported
    assert command("export", "acme").out.count("username: acme") == 1


def test_apply_shows_the_difference_and_a_dry_run_does_not_do_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("onebucket: 1\nusers:\n  - {username: zoe, email: zoe@example.com}\n")

    before = command("user", "list").out
    dry = command("apply", "more.yaml", "--dry-run")
    assert command("user", "list").out == before
    real = command("apply", "more.yaml")

    assert dry == real
    assert "zoe" in real.out
    assert "zoe" in command("user", "list").out


def test_a_document_that_will_not_do_changes_nothing_and_says_where(command: Command, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("onebucket: 1\nusers:\n  - {username: zoe, email: zoe@example.com}\n")
    (tmp_path / "bad.yaml").write_text("onebucket: 1\nusers:\n  - username: yan\n    emial: y@example.com\n")

    wrong = command("apply", "good.yaml", "bad.yaml")

    assert (wrong.code, wrong.out, wrong.err.count("\n")) == (1, "", 1)
    assert wrong.err.startswith("onebucket: bad.yaml")
    assert "4" in wrong.err
    assert "emial" in wrong.err
    assert "zoe" not in command("user", "list").out
