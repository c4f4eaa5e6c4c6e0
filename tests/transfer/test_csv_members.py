"""`onebucket import csv`: who is in which group, from a table."""

from pathlib import Path

import pytest

from commands import Command, Done


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def imported(command: Command, *options: str) -> Done:
    return command("import", "csv", "people.csv", "--team", "acme", *options)


def members(command: Command, group: str) -> list[str]:
    teams = command("export", "acme", "--format", "json").json["teams"]
    return next(each.get("members", []) for each in teams[0]["groups"] if each["name"] == group)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("user,group\nmallory,Designers\n", "a username"),
        ("User , GROUP\r\n MALLORY , designers \r\n\r\n", "a username in capitals, and blanks"),
        ("\ufeffemail;group\nmallory@example.com;designers\n", "an address, as spreadsheets write it"),
        ("group,email,note\ndesigners,Mallory@Example.com,\"a, b\"\n", "more columns"),
        ("user,group\nMallory,designers\n", "a display name"),
    ],
)  # fmt: skip
def test_people_are_added_to_groups(command: Command, table: Path, content: str, name: str) -> None:
    before = members(command, "Designers")
    table.write_text(content, encoding="utf-8")

    planned, done = imported(command, "--dry-run", "--exit-code"), imported(command)

    assert (planned.code, "+ mallory in acme/designers" in planned.out) == (2, True), planned
    assert done.code == 0
    assert members(command, "Designers") == sorted([*before, "mallory"])
    assert "nothing to change" in imported(command).out


def test_a_group_that_is_missing_is_made_and_nobody_is_removed(command: Command, table: Path) -> None:
    before = members(command, "Designers")
    table.write_text("user,group\nbob,Night Crew\nbob,night crew\nalice,Night Crew\n")

    assert imported(command).code == 0

    assert sorted(members(command, "Night Crew")) == ["alice", "bob"]
    assert members(command, "Designers") == before


def test_ids_name_a_person_too(command: Command, table: Path) -> None:
    [mallory] = [user for user in command("export", "--format", "json").json["users"] if user["username"] == "mallory"]
    table.write_text(f"user,group\n{mallory['uuid']},Night Crew\n{mallory['account_id']},Night Crew\n")

    imported(command)

    assert members(command, "Night Crew") == ["mallory"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "people.csv:1: the first line names the columns: user,group or email,group"),
        ("name,group\na,b\n", "people.csv:1: the first line names the columns: user,group or email,group"),
        ("user,group\nbob\n", "people.csv:2: this line has no group"),
        ("user,group\n,designers\n", "people.csv:2: this line has no person"),
        ("user,group\nbob,designers,more\n", "people.csv:2: this line has 3 columns, the first one 2"),
        ("user,group\nbob,???\n", "people.csv:2: name has no letter or digit"),
        ("user,group\nnobody,designers\nbob,designers\nnone@x.org,x\n",
         "people.csv: line 2: there is no 'nobody'; line 4: there is no 'none@x.org'"),
        ("user,group\nSam Doe,designers\n", "people.csv: line 2: 'Sam Doe' may be sam or samuel"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_nothing_changes(
    command: Command, table: Path, content: str, sentence: str
) -> None:
    people = "users: [{username: sam, display_name: Sam Doe}, {username: samuel, nickname: sam doe}]"
    command("apply", "-", "--yes", given=f"onebucket: 1\n{people}\n")
    before = command("export").out
    table.write_text(content)

    done = imported(command)

    assert (done.code, sentence in done.err) == (1, True), done
    assert command("export").out == before


def test_unknown_teams_and_files_are_told(command: Command, table: Path) -> None:
    missing = imported(command)
    table.write_text("user,group\nbob,designers\n")
    elsewhere = command("import", "csv", "people.csv", "--team", "nowhere")
    binary = table.write_bytes(b"user,group\n\xff\xfe,x\n") and imported(command)

    assert "people.csv: can't be read: No such file or directory" in missing.err
    assert "nowhere" in elsewhere.err
    assert "can't be read" in binary.err
    assert {missing.code, elsewhere.code, binary.code} == {1}
