"""Who gained and who lost access: `/api/access/{account}/changes`, the page, and the command."""

import csv
from pathlib import Path
from typing import Any

import pytest

import cast
from browsing import Visitor
from cast import Api
from commands import runner

pytestmark = pytest.mark.runs_on("SQLite", "both")

CHANGES = "/api/access/acme/changes"


@pytest.fixture
def changed(api: Api) -> Api:
    """Dora joins the designers, and website is no longer public."""
    api("alice", "PUT", "/groups/acme/designers/members/dora")
    api("root", "PUT", "/2.0/repositories/acme/website", json={"is_private": True})
    return api


def told(answer: Any) -> list[tuple[str | None, str, list[str], str | None, str | None]]:
    return [
        (each["user"], each["change"], each["repositories"], each["before"], each["after"])
        for each in answer.json()["changes"]
    ]


def test_changes_are_listed_with_what_decided_and_who_did_it(changed: Api) -> None:
    answer = changed("alice", "GET", f"{CHANGES}?limit=2")

    assert told(answer) == [
        (None, "lost", ["acme/website"], "read", None),
        ("dora", "gained", ["acme/rocket"], None, "write"),
    ]
    dora = answer.json()["changes"][1]
    assert {name: dora[name] for name in ("through", "group", "project", "by", "event", "account")} == {
        "through": "group", "group": "acme/designers", "project": None, "by": "alice", "event": "member.added",
        "account": "acme",
    }  # fmt: skip
    older = changed("alice", "GET", f"{CHANGES}?limit=1000&before={answer.json()['next']}").json()
    assert [older[name] for name in ("next", "not_known_before", "because")] == [None, None, None]


@pytest.mark.parametrize(
    ("query", "users"),
    [
        ("person=dora&limit=2", ["dora", "dora"]),
        ("repository=rocket&limit=1", ["dora"]),
        ("level=read&change=lost&limit=1", [None]),
        ("level=write&change=gained&limit=1", ["dora"]),
        ("until=2020-01-01", []),
        ("since=2090-01-01T00:00:00Z", []),
    ],
)
def test_filters_leave_what_is_asked_for(changed: Api, query: str, users: list[str | None]) -> None:
    assert [each[0] for each in told(changed("alice", "GET", f"{CHANGES}?{query}"))] == users


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("person=nobody", 404, "there is no user 'nobody'"),
        ("level=none", 400, "the permission must be read, write or admin"),
        ("change=kept", 400, "change must be gained or lost"),
        ("since=31+February", 400, "since is not a time such as"),
        ("before=1", 400, "before is not a cursor from `next`"),
        ("limit=0", 400, "limit must be 1 to 1000"),
    ],
)
def test_a_bad_question_gets_a_sentence(api: Api, query: str, status: int, sentence: str) -> None:
    answer = api("alice", "GET", f"{CHANGES}?{query}")

    assert (answer.status_code, sentence in answer.text) == (status, True)


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_the_page_shows_the_last_days_with_downloads(changed: Api) -> None:
    with Visitor(changed, "alice") as alice:
        page = alice.open("/accounts/acme/changes?person=dora")
        file = alice.ask("GET", "/accounts/acme/changes?person=dora&format=csv")
        listed = alice.ask("GET", "/accounts/acme/changes?person=dora&format=json").json()
        wrong = alice.ask("GET", "/accounts/acme/changes?until=31+February")
        refused = alice.ask("GET", "/accounts/acme/changes?level=none&format=csv")

    assert "✓ Verified" in page.text and "group designers" in " ".join(page.text.split())
    rows = [*csv.DictReader(file.text.splitlines())]
    assert (rows[0]["user"], rows[0]["repository"], rows[0]["after"]) == ("dora", "acme/rocket", "write")
    assert [each["user"] for each in listed] == ["dora"] * len(listed) and listed
    assert (wrong.status_code, refused.status_code) == (400, 400)
    assert "is not a time such as" in wrong.text and refused.text.startswith("the permission must be")


def test_the_command_prints_lines_objects_or_csv(
    cast_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cast.copy(cast_template, tmp_path).close()
    run = runner(tmp_path, monkeypatch, capsys)

    lines = run("access", "changes", "acme", "--person", "dora", "--level", "admin").out.splitlines()
    first = run("access", "changes", "acme", "--person", "dora", "--json").out.splitlines()[0]
    table = [*csv.DictReader(run("access", "changes", "acme", "--since", "2d", "--csv").out.splitlines())]

    assert [line.partition("  ")[2] for line in lines] == [
        "dora gained access to website: write → admin, given to them directly, by operator"
    ]
    assert '"user":"dora"' in first
    assert {"alice", "bob", "dora", "ghost", "root", ""} == {row["user"] for row in table}
    assert run("access", "changes", "acme", "--json", "--csv").err == "onebucket: choose --json or --csv\n"
    assert run("access", "changes", "nobody").code == 1
