"""Questions, people, the journal and the site in a browser."""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

import consuming
from browsing import Visitor, done_by
from cast import Api
from onebucket.actions import accounts, groups, repositories, teams
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import journal_text
from onebucket.domain.accounts import SITE
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.store.connect import connect

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

ACME = "/accounts/acme"
ASK = f"{ACME}/ask"


@pytest.fixture
def alice(api: Api) -> Iterator[Visitor]:
    """The browser of alice, who administers acme."""
    with Visitor(api, "alice") as opened:
        yield opened


def words(text: str) -> str:
    return " ".join(text.split())


# -- asking ----------------------------------------------------------------------------------------


def test_may_they_and_why(alice: Visitor) -> None:
    yes = alice.open(f"{ASK}?person=bob&level=write&repository=rocket")
    no = alice.open(f"{ASK}?person=bob&level=admin&repository=rocket")
    mallory = alice.open(f"{ASK}?person=mallory@example.com&level=read&repository=rocket")

    assert "Yes bob has write access to rocket." in words(yes.text)
    assert "write through the group acme/designers since" in words(yes.text) and "decides" in yes.text
    assert "No bob has write access to rocket." in words(no.text)
    assert "No mallory has no access to rocket." in words(mallory.text)


def test_who_can_write_to_a_repository(alice: Visitor) -> None:
    text = words(alice.open(f"{ASK}?repository=website&level=write").text)

    assert "4 people can write to website" in text
    for line in ("aliceadminbecause members of acme/administrators administer", "doraadmingiven to them directly",
                 "rootadminbecause site administrators", "bobwritethrough the group acme/developers"):  # fmt: skip
        assert line in text
    assert "mallory" not in text


def test_what_somebody_can_reach_as_page_csv_and_json(api: Api, alice: Visitor) -> None:
    page = alice.open(f"{ASK}?person=dora&repository=&level=read")
    told = alice.ask("GET", f"{ASK}?person=dora&format=json")
    lines = alice.ask("GET", f"{ASK}?person=dora&format=csv")

    assert "dora has access to 1 repository" in words(page.text)
    assert {each.partition("format=")[2] for each in page.linked if "format=" in each} == {"csv", "json"}
    [row] = told.json()
    assert told.headers["content-type"] == "application/json"
    api_says = api("alice", "GET", "/api/access/acme/website?user=dora&level=read").json()
    assert row == api_says
    [line] = csv.DictReader(lines.text.splitlines())
    assert lines.headers["content-type"] == "text/csv; charset=utf-8"
    assert (line["user"], line["repository"], line["level"], line["through"]) == ("dora", "acme/website", "admin",
                                                                                 "direct")  # fmt: skip


def test_a_member_asks_only_about_themself(api: Api) -> None:
    with Visitor(api, "bob") as bob:
        own = bob.open(f"{ASK}?repository=rocket&level=write")
        others = bob.open(f"{ASK}?person=dora&repository=rocket")
        everybody = bob.open(f"{ASK}?person=&repository=rocket&level=read")
        hidden = bob.open(f"{ASK}?person=dora&repository=rocket&format=csv")

        assert "Yes bob has write access" in words(own.text)
        assert (others.status, hidden.status) == (403, 403)
        assert "Yes bob has write access" in words(everybody.text), "a member's question is about themself"
        assert "website" not in bob.open(ASK).text


@pytest.mark.parametrize(
    "query",
    ["person=nobody&repository=rocket", "person=bob&repository=none", "repository=none", "person=nobody",
     "person=acme&repository=rocket", "person=bob&level=owner", "person=<b>&repository=\u202e", "person=%00"],
    ids=ascii,
)  # fmt: skip
def test_a_question_that_has_no_answer_says_why_and_keeps_what_was_typed(alice: Visitor, query: str) -> None:
    page = alice.open(f"{ASK}?{query}")

    assert page.status in (400, 404)
    assert "That didn't work" in page.text
    assert "b" not in page.tags
    assert alice.ask("GET", f"{ASK}?{query}&format=json").status_code == page.status


# -- people ----------------------------------------------------------------------------------------


def test_everybody_is_listed_with_level_and_through_what(alice: Visitor) -> None:
    text = words(alice.open(f"{ACME}/people").text)

    assert "Alice Example alice admin on 2 administrators, developers" in text
    assert "Bob Example bob write on 2 designers, developers" in text
    assert "Dora Example dora admin on 1 granted directly, developers" in text
    assert "mallory" not in text and "Root" not in text


def test_one_is_found_among_many_in_as_many_queries(api: Api, alice: Visitor) -> None:
    def make(work: UnitOfWork) -> None:
        for n in range(150):
            accounts.add_user(work, f"person-{n:03}", email=None, display_name=f"שלום <b>{n}</b> {'w' * 50}")
            groups.add_member(work, "acme", "designers", f"person-{n:03}")
        for n in range(60):
            repositories.add(work, "acme", f"r{n:02}")

    api.operate(make)

    first, found = alice.open(f"{ACME}/people"), alice.open(f"{ACME}/people?find=PERSON-077")

    assert "1–25 of 153" in first.text and len(first.answer.content) < 100_000
    assert "1–1 of 1 matching, 153 in total" in words(found.text) and "person-077" in found.text
    assert "b" not in first.tags
    assert "Nobody matches “zzz”" in alice.open(f"{ACME}/people?find=zzz").text


# -- the journal -----------------------------------------------------------------------------------


def test_each_entry_is_a_sentence_and_can_be_found_by_whom_what_and_when(api: Api, alice: Visitor) -> None:
    api.operate(done_by("alice", lambda work: groups.add_member(work, "acme", "designers", "dora")))
    api.operate(done_by("root", lambda work: groups.create(work, "acme", name="Night Crew")))

    everything = words(alice.open(f"{ACME}/journal").text)
    about = words(alice.open(f"{ACME}/journal?about=DORA").text)
    by = words(alice.open(f"{ACME}/journal?actor=root").text)
    kind = words(alice.open(f"{ACME}/journal?event=group-privilege.set").text)

    assert "alice added dora to the group designers" in everything
    assert "root created the group night-crew" in everything
    assert "operator gave the group designers write on rocket" in kind and "night-crew" not in kind
    assert "dora to the group designers" in about and "gave dora admin on website" in about
    assert "night-crew" in by and "dora" not in by
    assert "No entries." in alice.open(f"{ACME}/journal?since=2999-01-01").text


def test_it_comes_in_pages_and_each_entry_on_one(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {n:03}") for n in range(120)])

    seen, path = "", f"{ACME}/journal?event=group.added"
    for _ in range(3):
        page = alice.open(path)
        seen += page.text
        path = next((each for each in page.linked if "before=" in each), "")

    assert path == ""
    assert all(seen.count(f"created the group crew-{n:03}") == 1 for n in range(120))


@pytest.mark.parametrize("query", ["event=x", "since=yesterday", "before=1", "before=%00", "since=0"])
def test_a_filter_that_will_not_do_says_so(alice: Visitor, query: str) -> None:
    page = alice.open(f"{ACME}/journal?{query}")

    assert (page.status, "That didn't work" in page.text) == (400, True)


@pytest.mark.runs_on("SQLite")
def test_it_is_verified_when_asked_and_tampering_is_told(api: Api, alice: Visitor) -> None:
    whole = alice.open(f"{ACME}/journal?verified=yes")
    assert "✓ Verified:" in whole.text and "entries, all unchanged" in whole.text

    with closing(sqlite3.connect(api.db.name)) as connection, connection:
        connection.execute("UPDATE journal SET actor = 'nobody' WHERE account = 'acme' AND number = 3")

    assert "The journal was tampered with" in alice.open(f"{ACME}/journal?verified=yes").text


def test_there_is_a_sentence_for_every_event() -> None:
    at = datetime(2026, 3, 4, tzinfo=UTC)
    for event in Event:
        facts = {"a": "x"}, {"a": "<b>"}
        entry = Entry("id", 1, "acme", at, None, "alice", "password", None, event, "thing", *facts, "request", "hash")
        said = journal_text.describe_entry(entry)
        assert said and "{" not in said


# -- the site --------------------------------------------------------------------------------------


def test_the_journal_of_the_site_tells_of_a_restore(api: Api) -> None:
    api.operate(
        lambda work: work.record_attempt(Event.SITE_RESTORED, SITE, "monday.db", after={"ended": {"sessions": 2}})
    )

    with Visitor(api, "root") as root:
        journal = root.open("/site/journal")

    assert (journal.status, "restored everything from monday.db" in words(journal.text)) == (200, True)


def test_whoever_runs_the_site_sees_people_teams_and_the_whole_journal(api: Api) -> None:
    consuming.add(api, "acme", label="Builds of acme", acts_as="alice")
    with Visitor(api, "root") as root:
        page, journal = root.open("/site"), root.open("/site/journal")

        text = words(page.text)
        assert "Teams (2)" in text and "People (7)" in text
        assert "Ghost Example ghost disabled" in text and "Root Example root site administrator" in text
        assert "OAuth apps (1) Builds of acme of Acme acts as alice" in text
        assert "/accounts/acme/consumers" in page.linked
        assert "/site" in root.open("/me").linked
        assert "acme: operator" in words(journal.text) and "globex: operator" in words(journal.text)


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (0, "There is no rate limit: each user may send any number of requests (rate_limit is 0)."),
        (1000, "Each user may send 1,000 requests an hour (rate_limit). Further ones get 429."),
    ],
)
def test_the_page_of_the_site_says_how_many_calls_each_user_may_make(api: Api, limit: int, sentence: str) -> None:
    with closing(Api(connect(api.db.url), rate_limit=limit)) as limited, Visitor(limited, "root") as root:
        assert sentence in words(root.open("/site").text)


def test_the_whole_journal_is_filtered_by_account_also_by_one_that_is_gone(api: Api) -> None:
    api.operate(lambda work: teams.delete(work, "globex"))

    with Visitor(api, "root") as root:
        acme, gone = root.open("/site/journal?account=acme"), root.open("/site/journal?account=globex")
        nobody = root.open("/site/journal?account=<b>none</b>&actor=alice")

        assert "acme: operator" in words(acme.text) and "globex: operator" not in words(acme.text)
        assert "operator deleted the team globex" in words(gone.text)
        assert (nobody.status, "That didn't work: there is no account" in nobody.text) == (404, True)
        assert "b" not in nobody.tags and nobody.inputs["actor"]["value"] == "alice"


def test_a_short_journal_is_examined_without_being_asked(api: Api, alice: Visitor) -> None:
    short = alice.open(f"{ACME}/journal")
    api.operate(lambda work: [groups.create(work, "acme", name=f"Crew {n}") for n in range(1000)])
    long, asked = alice.open(f"{ACME}/journal"), alice.open(f"{ACME}/journal?verified=yes")

    assert "✓ Verified: 16 entries" in words(short.text)
    assert "Verified" not in long.text and "Verify that no entry was changed" in long.text
    assert "✓ Verified: 1016 entries" in words(asked.text)


# -- settings and oneself --------------------------------------------------------------------------


def test_an_account_is_called_what_its_administrators_say(api: Api, alice: Visitor) -> None:
    page = alice.open(f"{ACME}/settings")

    done = alice.send(page, f"{ACME}/settings", display_name="  Acme & <b>Sons</b> ")
    again = alice.send(done, f"{ACME}/settings", display_name="x" * 256)

    assert "Settings of Acme & <b>Sons</b>" in done.text
    assert "You changed the team acme: display_name: Acme →" in words(done.text)
    assert (again.status, "longer than 255 characters" in again.text) == (400, True)
    assert again.form(f"{ACME}/settings").values["display_name"] == "x" * 256
    assert api("alice", "GET", "/groups/acme").json()[0]["owner"]["display_name"] == "Acme & <b>Sons</b>"
    assert api.journal()[-1] == ("alice", "team.changed", "acme", "acme")
    assert "display_name: Acme → Acme & <b>Sons</b>" in alice.open(f"{ACME}/journal").text


def test_whoever_can_do_much_sees_the_first_fifty_and_where_the_others_are(api: Api, alice: Visitor) -> None:
    api.operate(lambda work: [repositories.add(work, "acme", f"r{n:03}") for n in range(70)])

    page = alice.open("/me")

    assert "And 22 more. Show all in acme" in words(page.text)
    assert f"{ACME}/ask?person=alice#answer" in page.linked
