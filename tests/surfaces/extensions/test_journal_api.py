"""GET /api/journal: who may read what, in which order, and that pages give every entry exactly once."""

import random
from typing import Any

import pytest

from cast import Api, token
from onebucket.actions import groups, journal, repositories, teams
from onebucket.domain.groups import AccountPrivilege

pytestmark = pytest.mark.runs_on("SQLite", "both")


def read(api: Api, who: str = "alice", **query: Any) -> list[dict[str, Any]]:
    """Every entry there is, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = api(who, "GET", "/api/journal", params=query).raise_for_status().json()
        assert set(page) == {"entries", "next"}
        found += page["entries"]
        if page["next"] is None:
            return found
        query["before"] = page["next"]


def test_an_entry_says_everything_that_is_known(api: Api) -> None:
    done = api("alice", "PUT", "/groups/acme/designers/members/dora")

    entry = api("alice", "GET", "/api/journal?account=acme&limit=1").json()["entries"][0]

    assert {name: entry[name] for name in ("account", "actor", "address", "event", "subject", "before")} == {
        "account": "acme",
        "actor": "alice",
        "address": "127.0.0.1",
        "event": "member.added",
        "subject": "designers",
        "before": None,
    }
    assert entry["after"]["member"] == "dora"
    assert entry["request_id"] == done.headers["x-request-id"]
    assert (entry["credential"][:6], len(entry["hash"]), entry["at"][-1]) == ("token:", 64, "Z")
    assert entry["account_uuid"] == api("alice", "GET", "/groups/acme/designers").json()["owner"]["uuid"]


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
@pytest.mark.parametrize("query", [{}, {"account": "acme"}, {"account": "globex"}])
def test_pages_together_are_everything_newest_first(api: Api, limit: int, query: dict[str, str]) -> None:
    whole = read(api, "root", limit=1000, **query)

    paged = read(api, "root", limit=limit, **query)

    assert paged == whole
    places = [(entry["at"], entry["account_uuid"], entry["number"]) for entry in whole]
    assert places == sorted(places, reverse=True)
    assert len({place[1:] for place in places}) == len(places) > 3


def test_pages_give_every_entry_once_while_others_write(api: Api) -> None:
    choose = random.Random(7)
    for query in ({"account": "acme"}, {}):
        there = {(entry["account"], entry["number"]) for entry in read(api, "root", **query)}
        found: list[tuple[str, int]] = []
        before: dict[str, str] = {}
        while True:
            page = api("root", "GET", "/api/journal", params={**query, **before, "limit": 3}).json()
            found += [(entry["account"], entry["number"]) for entry in page["entries"]]
            for _ in range(choose.randrange(3)):
                method = choose.choice(["PUT", "DELETE"])
                api("alice", method, "/groups/acme/designers/members/dora")
            if page["next"] is None:
                break
            before = {"before": page["next"]}

        assert len(found) == len(set(found))
        assert set(found) == there


def test_it_can_be_read_from_a_moment_on_and_for_one_event_and_one_actor(api: Api) -> None:
    api("alice", "PUT", "/groups/acme/designers/members/dora")
    moment = read(api, account="acme")[0]["at"]
    api("root", "DELETE", "/groups/acme/designers/members/dora")
    api("alice", "PUT", "/groups/acme/designers/members/dora")

    def events(**query: str) -> list[tuple[str, str]]:
        return [(entry["actor"], entry["event"]) for entry in read(api, account="acme", **query)]

    assert events(since=moment) == [("alice", "member.added"), ("root", "member.removed"), ("alice", "member.added")]
    assert events(since="2099-01-01") == []
    assert events(event="member.removed") == [("root", "member.removed")]
    assert events(actor="ALICE") == [("alice", "member.added")] * 2
    assert events(actor="alice", event="member.removed") == []
    assert len(events(since="2020-01-01T00:00:00+02:00")) == len(events())
    assert [entry["account"] for entry in read(api, "root", since=moment)] == ["acme"] * 3


@pytest.mark.parametrize("query", [{"account": "acme"}, {}])
@pytest.mark.runs_on("SQLite")
def test_what_few_entries_answer_takes_several_pages_and_keeps_nobody_waiting(
    api: Api, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setattr(journal, "MAX_EXAMINED", 4)
    first = api("root", "GET", "/api/journal", params={**query, "event": "team.added"}).json()

    found = read(api, "root", event="team.added", **query)

    assert (first["entries"], first["next"] is None) == ([], False)
    assert {entry["event"] for entry in found} == {"team.added"}
    assert len(found) == (1 if query else 2)
    assert read(api, "root", since="2099-01-01", **query) == []


def test_the_journal_of_a_deleted_team_is_for_whoever_runs_the_site(api: Api) -> None:
    api.operate(lambda work: teams.delete(work, "globex"))

    assert read(api, "root", account="globex")[0]["event"] == "team.deleted"
    assert api("gina", "GET", "/api/journal?account=globex").status_code == 404


def test_a_member_may_not_read_it_and_a_person_reads_their_own(api: Api) -> None:
    assert api("bob", "GET", "/api/journal?account=acme").status_code == 403
    assert api("bob", "GET", "/api/journal").status_code == 403
    assert {entry["account"] for entry in read(api, "bob", account="bob")} == {"bob"}
    api.add_token("alice", "journal", ["journal"])
    assert api(("alice", token("alice", "journal")), "GET", "/api/journal?account=acme").status_code == 200
    assert api(("alice", token("alice", "read")), "GET", "/api/journal?account=acme").status_code == 403


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=yesterday", "since is not a time such as 2026-03-04 or 2026-03-04T05:06:07Z: 'yesterday'"),
        ("event=member.lost", "there is no event 'member.lost'"),
        ("before=5", "before is not a cursor from `next`"),
        ("limit=0", "limit must be 1 to 1000"),
        ("limit=1001", "limit must be 1 to 1000"),
        ("limit=ten", "limit must be 1 to 1000"),
    ],
)
def test_what_can_not_be_meant_is_refused(api: Api, query: str, sentence: str) -> None:
    answer = api("alice", "GET", f"/api/journal?account=acme&{query}")

    assert (answer.status_code, answer.text) == (400, f"Bad Request: {sentence}.")


@pytest.mark.parametrize("format", ["xml", "yaml"])
def test_it_comes_in_every_format(api: Api, format: str) -> None:
    api.operate(lambda work: repositories.add(work, "acme", "new", name="New", is_private=True))

    answer = api("alice", "GET", f"/api/journal?account=acme&format={format}")

    assert answer.status_code == 200
    assert "repository.added" in answer.text


def test_who_administers_a_personal_account_is_not_told_how_the_person_signs_in(api: Api) -> None:
    api("alice", "POST", "/groups/alice", data={"name": "Helpers"})
    api.operate(lambda work: groups.set_account_privilege(work, "alice", "helpers", AccountPrivilege.ADMIN))
    api("alice", "PUT", "/groups/alice/helpers/members/bob", json={})
    api("alice", "POST", "/api/tokens", json={"label": "x", "scopes": ["account"]})

    def told(who: str) -> list[dict[str, object]]:
        entries: list[dict[str, object]] = api(who, "GET", "/api/journal?account=alice").json()["entries"]
        return entries

    helper, own, root = told("bob"), told("alice"), told("root")
    assert {"member.added", "group.added"} <= {each["event"] for each in helper}
    assert "token.added" not in {each["event"] for each in helper}
    assert "token.added" in {each["event"] for each in own} and own == root
    assert {each["address"] for each in helper if each["actor"] == "alice"} == {None}
    assert {each["address"] for each in own if each["actor"] == "alice"} != {None}
