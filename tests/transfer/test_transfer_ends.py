"""Ends in account documents and in CSV files: given, kept, moved, and exported."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cast import Api
from commands import Command
from onebucket.domain import ends
from onebucket.domain.refusals import Invalid
from onebucket.transfer import apply, document, export
from onebucket.transfer.document import Document
from onebucket.transfer.source_tree import UnreadableDocument

END = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
UNTIL, LATER = ends.text(END), ends.text(END + timedelta(days=1))

pytestmark = pytest.mark.runs_on("SQLite")


def acme(**parts: Any) -> Document:
    return read({"username": "acme", **parts})


def read(team: dict[str, Any]) -> Document:
    return document.read(msgspec.json.encode({"onebucket": 1, "teams": [team]}), source="here")


def applied(api: Api, wanted: Document) -> list[str]:
    """Apply a document, and return the events of what it changed."""

    def run(work: Any) -> list[str]:
        apply.apply(work, [wanted], prune=False)
        return [entry.event.value for entry in work.entries]

    events: list[str] = api.operate(run)
    return events


def exported(api: Api) -> Any:
    text = api.operate(lambda work: document.write(export.export(work, ["acme"], with_secrets=False), "json"))
    return msgspec.json.decode(text)["teams"][0]


FULL = {
    "groups": [{"name": "Designers", "members": ["bob", "dora"], "members_until": {"dora": UNTIL}}],
    "projects": [
        {
            "key": "PROJ",
            "privileges": {"designers": "read"},
            "privileges_until": {"designers": UNTIL},
            "users": {"gina": "read"},
            "users_until": {"gina": UNTIL},
        }
    ],
    "repositories": [
        {
            "slug": "rocket",
            "privileges": {"designers": "admin"},
            "privileges_until": {"designers": UNTIL},
            "users": {"gina": "write"},
            "users_until": {"gina": UNTIL},
        }
    ],
    "invitations": [{"email": "erin@example.net", "groups": ["designers"], "invited_by": "alice", "until": UNTIL}],
}


def test_applying_an_export_changes_nothing_and_what_ends_is_in_it(api: Api) -> None:
    first, again = applied(api, acme(**FULL)), applied(api, acme(**FULL))

    team = exported(api)
    [designers] = [each for each in team["groups"] if each["name"] == "Designers"]
    [rocket] = [each for each in team["repositories"] if each["slug"] == "rocket"]
    [project] = team["projects"]
    [erin] = [each for each in team["invitations"] if each["email"] == "erin@example.net"]
    assert (len(first), again) == (6, [])
    assert designers["members_until"] == {"dora": UNTIL}
    assert [each[key] for each in (rocket, project) for key in ("privileges_until", "users_until")] == [
        {"designers": UNTIL},
        {"gina": UNTIL},
    ] * 2
    assert erin["until"] == UNTIL
    assert applied(api, read(team)) == []


def test_a_document_without_an_end_leaves_it_and_another_moves_it(api: Api) -> None:
    applied(api, acme(**FULL))
    group = {"name": "Designers", "members": ["bob", "dora"]}

    events = [
        applied(api, acme(groups=[group | more]))
        for more in ({}, {"members_until": {"dora": LATER}}, {"members_until": {"dora": "never"}})
    ]

    assert events == [[], ["member.changed"], ["member.changed"]]
    assert all("members_until" not in each for each in exported(api)["groups"])


def test_what_has_ended_is_not_given_again_by_a_document_that_still_lists_it(api: Api) -> None:
    past = "2020-01-01"
    wanted = acme(
        groups=[{"name": "Designers", "members": ["dora"], "members_until": {"dora": past}}],
        repositories=[{"slug": "rocket", "users": {"gina": "read"}, "users_until": {"gina": past}}],
        invitations=[{"email": "erin@example.net", "groups": ["designers"], "invited_by": "alice", "until": past}],
    )

    assert applied(api, wanted) == []


@pytest.mark.parametrize("until", [{"dora": "2027-02-31"}, {"gina": UNTIL}, {"dora": "soon"}])
def test_an_end_that_makes_no_sense_is_refused_with_its_place(api: Api, until: dict[str, str]) -> None:
    with pytest.raises((Invalid, UnreadableDocument), match=r"dora|gina"):
        applied(api, acme(groups=[{"name": "Designers", "members": ["dora"], "members_until": until}]))


def test_what_a_csv_file_leaves_out_a_command_may_say(command: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"user,group,until\ndora,Designers,{LATER}\ngina,Designers,\n")
    line = ("import", "csv", "people.csv", "--team", "acme", "--until")

    late = command(*line, "2020-01-01")
    command(*line, UNTIL)
    found = command("access", "ends", "acme", "--json").json

    assert late.err.startswith("onebucket: until must be in the future")
    assert sorted((each["holder"], each["until"]) for each in found) == [("dora", LATER), ("gina", UNTIL)]


def test_a_csv_file_may_say_until_when(command: Command, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"user,group,until\ndora,Designers,{UNTIL}\ngina,Designers,\n")

    command("import", "csv", "people.csv", "--team", "acme")
    teams = command("export", "acme", "--format", "json").json["teams"]
    explained = command("check", "dora", "acme/rocket", "write", "--explain").out

    [designers] = [each for each in teams[0]["groups"] if each["name"] == "Designers"]
    assert designers["members_until"] == {"dora": UNTIL}
    assert f"until {UNTIL.replace('T', ' ').replace('Z', ' UTC')}" in explained
