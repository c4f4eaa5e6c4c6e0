"""Access that ends: at its second, whatever was cached and whoever gave it, with an entry in the journal."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cast import Api
from onebucket import bounds
from onebucket.actions import accounts, groups, invitation_acceptance, invitations, privileges
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.accounts import Actor
from onebucket.domain.privileges import Level
from onebucket.store.engine.ends import Ends
from onebucket.store.engine.errors import DatabaseUnavailable

NOW = datetime.now(UTC).replace(microsecond=0)
END = NOW + timedelta(hours=2)
UNTIL = ends.text(END)
GIVEN_TO_GROUP = "/group-privileges/acme/rocket/acme/developers"
GIVEN_TO_PERSON = "/privileges/acme/rocket/gina"
MEMBER = "/groups/acme/designers/members/dora"
CONFIG = "/2.0/repositories/acme/rocket/permissions-config"
HOLDERS = ("groups/developers", "users/gina")
PROJECT = "/2.0/workspaces/acme/projects/PROJ/permissions-config"


def at(api: Api, moment: datetime) -> None:
    api.clock = lambda: moment


def put(api: Api, path: str, *, word: str | None = None, who: str = "alice", **query: str) -> Any:
    return api(who, "PUT", path, params=query, **({"content": word} if word else {}))


def put_2(api: Api, path: str, word: str, **query: str) -> Any:
    return api("alice", "PUT", path, params=query, json={"permission": word})


def level(api: Api, person: str, repository: str = "rocket") -> str | None:
    word: str | None = api("alice", "GET", f"/api/access/acme/{repository}?user={person}").json()["level"]
    return word


def last_entry(api: Api) -> tuple[str, str, str, Any]:
    entry = api("root", "GET", "/api/journal?account=acme&limit=1").json()["entries"][0]
    return entry["actor"], entry["event"], entry["subject"], entry["before"]


# What is given until the end; who has a level by it, which, and which one afterwards; what the journal then says.
GIFTS: dict[str, tuple[Callable[[Api], Any], str, tuple[str, str | None], tuple[str, str, dict[str, Any]]]] = {
    "a membership": (
        lambda api: put(api, MEMBER, until=UNTIL),
        "dora",
        ("write", None),
        ("member.ended", "designers", {"member": "dora"}),
    ),
    "a group's level": (
        lambda api: put(api, GIVEN_TO_GROUP, word="admin", until=UNTIL),
        "dora",
        # The group's default applies again.
        ("admin", "write"),
        ("group-privilege.ended", "rocket", {"group": "developers", "privilege": "admin"}),
    ),
    "a group's level on a project": (
        lambda api: put_2(api, f"{PROJECT}/groups/designers", "admin", until=UNTIL),
        "bob",
        ("admin", "write"),
        ("project-group-privilege.ended", "PROJ", {"group": "designers", "privilege": "admin"}),
    ),
    "a person's level on a project": (
        lambda api: put_2(api, f"{PROJECT}/users/gina", "read", until=UNTIL),
        "gina",
        ("read", None),
        ("project-privilege.ended", "PROJ", {"user": "gina", "privilege": "read"}),
    ),
    "a person's level": (
        lambda api: put(api, GIVEN_TO_PERSON, word="read", until=UNTIL),
        "gina",
        ("read", None),
        ("privilege.ended", "rocket", {"user": "gina", "privilege": "read"}),
    ),
}


@pytest.mark.runs_on("SQLite", "PostgreSQL")
@pytest.mark.parametrize("gift", GIFTS)
def test_access_ends_at_its_second_and_the_journal_says_so(api: Api, gift: str) -> None:
    give, person, levels, (event, subject, facts) = GIFTS[gift]
    at(api, NOW)
    assert give(api).status_code == 200

    answer = api("alice", "GET", f"/api/access/acme/rocket?user={person}").json()
    at(api, END - timedelta(seconds=1))
    before = level(api, person)
    at(api, END)
    after = level(api, person)

    assert answer["until"] == answer["because"][0]["until"] == UNTIL
    assert (before, after) == levels
    actor, *told, lost = last_entry(api)
    assert (actor, told) == ("clock", [event, subject])
    assert lost == lost | facts | {"until": UNTIL, "granted_by": "alice"}


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_a_cached_answer_is_not_used_once_the_next_end_is_reached(api: Api) -> None:
    at(api, NOW)
    put(api, MEMBER, until=UNTIL)
    named = [api.members("designers") for _ in range(3)]
    hits = api.server.cache.hits

    at(api, END)

    assert named == [["dora", "bob"]] * 3
    assert hits
    assert api.members("designers") == ["bob"]


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_an_end_that_another_process_gave_is_known_here(api: Api) -> None:
    at(api, NOW)
    api.members("designers")
    api.operate(lambda work: groups.add_member(work, "acme", "designers", "dora", END), elsewhere=True)
    api.members("designers")

    at(api, END)

    assert api.members("designers") == ["bob"]


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_a_change_is_decided_by_what_has_not_ended(api: Api) -> None:
    at(api, NOW)
    put(api, "/groups/acme/administrators/members/dora", until=UNTIL)
    assert put(api, GIVEN_TO_PERSON, word="read", who="dora").status_code == 200

    at(api, END)

    assert put(api, GIVEN_TO_PERSON, word="write", who="dora").status_code in (403, 404)


@pytest.mark.runs_on("SQLite")
def test_nothing_is_answered_while_an_end_can_not_be_applied(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    at(api, NOW)
    put(api, MEMBER, until=UNTIL)
    api.members("designers")
    monkeypatch.setattr(bounds, "BUSY_SECONDS", 0.1)
    writer = api.db.connect()
    writer.execute("BEGIN IMMEDIATE")

    at(api, END)
    answers = [api("alice", "GET", path) for path in ("/groups/acme/designers/members", "/api/access/acme/rocket")]
    writer.execute("ROLLBACK")

    assert [answer.status_code for answer in answers] == [503, 503]
    assert api.members("designers") == ["bob"]


@pytest.mark.runs_on("SQLite")
def test_a_process_without_requests_lets_access_end_too(api: Api) -> None:
    at(api, NOW)
    put(api, MEMBER, until=UNTIL)
    at(api, END)

    with api.db.reading():
        pass

    rows = api.db.connect().execute("SELECT event FROM journal ORDER BY at DESC LIMIT 1").fetchall()
    assert rows == [("member.ended",)]


@pytest.mark.runs_on("SQLite")
def test_what_ends_is_shown_to_those_who_ask(api: Api) -> None:
    at(api, NOW)
    assert "until" not in put(api, MEMBER, until=UNTIL).json()
    put(api, GIVEN_TO_GROUP, word="admin", until=UNTIL)
    put(api, GIVEN_TO_PERSON, word="read", until=UNTIL)

    for path in ("/groups/acme/designers/members", GIVEN_TO_GROUP, GIVEN_TO_PERSON, "/group-privileges/acme/rocket"):
        silent, asked = (api("alice", "GET", path, params=query).json() for query in ({}, {"include": "until"}))
        assert not any("until" in each for each in silent)
        assert UNTIL in [each.get("until") for each in asked]
    assert api("alice", "GET", f"{MEMBER}?include=until").json()["until"] == UNTIL


@pytest.mark.runs_on("SQLite", "streamed", "PostgreSQL")
def test_lists_of_groups_say_when_memberships_end_to_those_who_ask(api: Api) -> None:
    at(api, NOW)
    put(api, MEMBER, until=UNTIL)

    def ends_of(path: str, include: str) -> list[tuple[str, str, str]]:
        found = api("alice", "GET", path, params={"include": include}).json()
        return [
            (group["slug"], member["username"], member["until"])
            for group in (found if isinstance(found, list) else [found])
            for member in group["members"]
            if "until" in member
        ]

    for path in ("/groups", "/groups/acme", "/groups/acme/designers", "/groups?group=acme/designers"):
        assert ends_of(path, "pending") == []
        assert ends_of(path, "pending,until") == ends_of(path, "until") == [("designers", "dora", UNTIL)]


@pytest.mark.runs_on("SQLite")
def test_an_end_stays_until_another_is_named(api: Api) -> None:
    later = ends.text(END + timedelta(days=1))
    at(api, NOW)

    def end(**query: str) -> str | None:
        [entry] = put(api, GIVEN_TO_GROUP, **({"word": "read"} | query), include="until").json()
        shown: str | None = entry.get("until")
        return shown

    told = [end(until=UNTIL), end(), end(word="admin"), end(until=later), end(until="never"), end(until=UNTIL)]

    assert told == [UNTIL, UNTIL, UNTIL, later, None, UNTIL]
    assert api("alice", "DELETE", GIVEN_TO_GROUP).status_code == 204
    at(api, END)
    # What was taken away doesn't come back as the group's default.
    put(api, "/groups/acme/developers", content='{"permission": "read"}')
    assert level(api, "dora") is None


@pytest.mark.runs_on("SQLite")
def test_a_member_can_be_given_another_end(api: Api) -> None:
    at(api, NOW)
    put(api, MEMBER, until=UNTIL)
    later = ends.text(END + timedelta(days=1))

    again, moved = put(api, MEMBER), put(api, MEMBER, until=later, include="until")
    at(api, END)
    kept = api.members("designers")
    at(api, END + timedelta(days=1))

    assert again.status_code == 409
    assert moved.json()["until"] == later
    assert (kept, api.members("designers")) == (["dora", "bob"], ["bob"])


@pytest.mark.runs_on("SQLite")
@pytest.mark.parametrize("path", [f"{where}/{who}" for where in (CONFIG, PROJECT) for who in HOLDERS])
def test_the_api_2_gives_and_shows_ends(api: Api, path: str) -> None:
    at(api, NOW)
    where = path.rpartition("/")[0]

    given, asked = put_2(api, path, "read", until=UNTIL), put_2(api, path, "write", include="until")
    one, listed = (api("alice", "GET", f"{each}?include=until").json() for each in (path, where))
    refused = put_2(api, path, "read", until="2027-02-31")
    freed = put_2(api, path, "read", until="never", include="until")

    assert "until" not in given.json()
    assert asked.json()["until"] == one["until"] == UNTIL
    assert UNTIL in [each.get("until") for each in listed["values"]]
    assert refused.status_code == 400
    assert "until" not in freed.json()


@pytest.mark.runs_on("SQLite")
def test_taking_a_groups_level_away_in_2_0_lasts(api: Api) -> None:
    at(api, NOW)
    put(api, GIVEN_TO_GROUP, word="admin", until=UNTIL)

    api("alice", "DELETE", f"{CONFIG}/groups/developers")
    at(api, END)

    assert level(api, "dora") is None


INVITED = "mallory@example.com"
INVITATIONS = {
    "to a group": ("PUT", "/users/acme/invitations", {"email": INVITED, "group_slug": "designers"}),
    "to a repository": ("POST", "/invitations/acme/rocket", {"email": INVITED, "permission": "read"}),
}


def accept(api: Api, email: str) -> None:
    def accepted(work: UnitOfWork) -> None:
        [(_, invitation)] = invitations.found(work, email=email)
        person = accounts.profile(work, "mallory").account
        with work.on_behalf(Actor(person, "test")):
            invitation_acceptance.accept_mine(work, invitation.id)

    api.operate(accepted)


@pytest.mark.runs_on("SQLite", "PostgreSQL")
@pytest.mark.parametrize("kind", INVITATIONS)
def test_what_accepting_an_invitation_gives_ends_then(api: Api, kind: str) -> None:
    method, path, fields = INVITATIONS[kind]
    at(api, NOW)
    sent = api("alice", method, path, params={"until": UNTIL, "include": "until"}, data=fields)
    listed = api("alice", "GET", f"/api/invitations?account=acme&email={INVITED}").json()

    accept(api, INVITED)
    before = level(api, "mallory")
    at(api, END)

    assert sent.json()["until"] == listed[0]["until"] == UNTIL
    assert (bool(before), level(api, "mallory")) == (True, None)


@pytest.mark.runs_on("SQLite")
@pytest.mark.parametrize("kind", INVITATIONS)
def test_an_invitation_ends_when_what_it_gives_would_have_ended(api: Api, kind: str) -> None:
    method, path, fields = INVITATIONS[kind]
    at(api, NOW)
    api("alice", method, path, params={"until": UNTIL}, data=fields)

    at(api, END)

    assert api("alice", "GET", f"/api/invitations?account=acme&email={INVITED}").json() == []
    assert last_entry(api)[:3] == ("clock", "invitation.ended", INVITED)


BAD = {
    "in the past": ends.text(NOW - timedelta(seconds=1)),
    "now": ends.text(NOW),
    "31 February": "2027-02-31",
    "without a zone": "2099-12-03T10:00:00",
    "a span": "90d",
    "a week": "2099-W10-1",
    "words": "next Monday",
    "beyond the calendar": "9999-12-31",
}


@pytest.mark.runs_on("SQLite")
@pytest.mark.parametrize("kind", BAD)
def test_an_end_that_makes_no_sense_is_refused_with_a_sentence(api: Api, kind: str) -> None:
    at(api, NOW)

    answers = [
        put(api, MEMBER, until=BAD[kind]),
        put(api, GIVEN_TO_GROUP, word="read", until=BAD[kind]),
        put(api, GIVEN_TO_PERSON, word="read", until=BAD[kind]),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert [answer.text for answer in answers if not answer.text.startswith("Bad Request: until ")] == []
    assert api.members("designers") == ["bob"]


def test_a_date_is_the_end_of_its_day_and_offsets_are_carried_over() -> None:
    written = (
        "2026-12-03",
        "2026-12-03T10:00:00.9+01:00",
        "2026-12-03t10:00:00z",
        "2026-12-03 10:00:00 01:30",
        "never",
    )

    read = [ends.parse(text) for text in written]

    assert [ends.text(each) if isinstance(each, datetime) else each for each in read] == [
        "2026-12-03T23:59:59Z",
        "2026-12-03T09:00:00Z",
        "2026-12-03T10:00:00Z",
        "2026-12-03T08:30:00Z",
        ends.NEVER,
    ]


@pytest.mark.runs_on("SQLite")
def test_a_team_keeps_an_administrator_whose_membership_does_not_end(api: Api) -> None:
    at(api, NOW)
    administrators = "/groups/acme/administrators/members"

    refused = put(api, f"{administrators}/alice", until=UNTIL)
    put(api, f"{administrators}/dora", until=UNTIL)
    left = api("alice", "DELETE", f"{administrators}/alice")

    assert (refused.status_code, left.status_code) == (400, 400)
    assert "without an administrator" in refused.text
    assert "without an administrator" in left.text


@pytest.mark.runs_on("SQLite")
def test_a_default_applies_again_when_what_overrode_it_has_ended(api: Api) -> None:
    at(api, NOW)
    api("alice", "PUT", "/groups/acme/developers", content='{"permission": "read"}')

    def suspend(work: UnitOfWork) -> None:
        privileges.set_for_group(work, "acme", "rocket", "developers", Level.NONE, END)

    api.operate(suspend)
    before = level(api, "dora")
    at(api, END)

    assert (before, level(api, "dora")) == (None, "read")


@pytest.mark.runs_on("SQLite")
def test_an_unexpected_error_never_shows_what_has_ended(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    at(api, NOW)
    put(api, MEMBER, until=UNTIL)
    api.members("designers")

    def broken(*_: object) -> None:
        raise DatabaseUnavailable("the disk is full")

    assert api.db.ends is not None
    monkeypatch.setattr(api.db, "ends", ends_with(api, broken))
    at(api, END)

    assert api("alice", "GET", "/groups/acme/designers/members").status_code == 503


def ends_with(api: Api, apply: Callable[..., None]) -> Any:
    return Ends(lambda: api.clock(), time.monotonic, apply)
