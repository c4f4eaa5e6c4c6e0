"""What was attempted in vain is in the journal: changes that were refused, credentials that were no good."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import cast
import live
from cast import Api, basic, password, token
from onebucket.actions import tokens
from onebucket.http.auth.failed_attempts import HourlyQuota
from onebucket.http.limits.counters import InMemoryStampCounter
from onebucket.store import journal_rows
from onebucket.store.engine.transaction import Transaction

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

DESIGNERS = "/groups/acme/designers"
DORA = f"{DESIGNERS}/members/dora"

# -- changes that were refused ----------------------------------------------------------------------


def test_a_refused_change_is_told_to_the_account_it_was_about(api: Api) -> None:
    before = api.everything()

    answer = api("mallory", "PUT", DORA)

    (told,) = api.attempts()
    assert answer.status_code == 403
    assert (told["event"], told["account"], told["actor"]) == ("change.refused", "acme", "mallory")
    assert told["subject"] == f"PUT /1.0{DORA}"
    assert told["after"] == {"status": 403, "reason": "you may not add members to the group"}
    assert told["credential"].startswith("token:")
    assert (told["address"], told["request_id"]) == ("127.0.0.1", answer.headers["x-request-id"])
    assert api.everything() == before


REFUSED = {
    "forbidden": ("mallory", "DELETE", DESIGNERS, {}, 403, "acme"),
    "not found": ("alice", "DELETE", "/groups/acme/nothing", {}, 404, "acme"),
    "no such account": ("alice", "POST", "/groups/nobody", {"data": {"name": "x"}}, 404, "alice"),
    "already there": ("alice", "PUT", f"{DESIGNERS}/members/bob", {}, 409, "acme"),
    "a second group": ("alice", "POST", "/groups/acme", {"data": {"name": "Designers"}}, 400, "acme"),
    "a last administrator": ("alice", "DELETE", "/groups/acme/administrators", {}, 400, "acme"),
    "no privilege": ("alice", "PUT", "/group-privileges/acme/rocket/acme/designers", {"content": "x"}, 400, "acme"),
    "by another of its names": ("mallory", "PUT", "/groups/gina@example.com/x", {}, 404, "gina"),
    "no right to see it": ("mallory", "PUT", "/privileges/acme/rocket/dora", {"content": "read"}, 404, "acme"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_whatever_the_rules_refuse_is_told(api: Api, name: str) -> None:
    who, method, path, how, status, account = REFUSED[name]

    answer = api(who, method, path, **how)

    (told,) = api.attempts()
    assert (answer.status_code, told["after"]["status"], told["actor"], told["account"]) == (
        status,
        status,
        who,
        account,
    )


def test_a_token_that_was_not_made_for_it_is_told(api: Api) -> None:
    api(("alice", token("alice", "read")), "PUT", DORA)

    (told,) = api.attempts()
    assert told["after"] == {"status": 403, "reason": "the credentials lack a required scope"}


NOT_TOLD = {
    "reading": ("mallory", "GET", DESIGNERS, {}, 403),
    "asking": ("mallory", "POST", "/api/access", {"content": "no list"}, 400),
    "nothing at that address": ("mallory", "PUT", "/nothing", {}, 404),
    "another method": ("mallory", "PATCH", DESIGNERS, {}, 405),
    "what was removed": ("mallory", "DELETE", "/user", {}, 410),
    "an unknown format": ("mallory", "PUT", f"{DORA}?format=csv", {}, 400),
    "a body that can't be read": ("alice", "POST", "/groups/acme", {"content": "{"}, 400),
    "a body that is too long": ("mallory", "PUT", DORA, {"content": b"x" * (1 << 20) + b"x"}, 413),
}


@pytest.mark.parametrize("name", NOT_TOLD)
def test_what_is_no_attempt_at_a_change_is_not_told(api: Api, name: str) -> None:
    who, method, path, how, status = NOT_TOLD[name]

    assert api(who, method, path, **how).status_code == status
    assert api.attempts() == []


def test_a_body_that_is_no_privilege_is_not_kept(api: Api) -> None:
    api("alice", "PUT", "/group-privileges/acme/rocket/acme/designers", content="my password")
    api("alice", "PUT", f"{DORA}?access_token=my+password")

    assert "my password" not in str(api.attempts())
    assert "my+password" not in str(api.attempts())


def test_nothing_of_the_account_is_another_for_it(api: Api) -> None:
    asked = "/api/access/acme/rocket?user=bob"
    before = api("alice", "GET", asked)

    api("mallory", "DELETE", DESIGNERS)

    assert api("alice", "GET", asked).headers["etag"] == before.headers["etag"]
    assert api("alice", "GET", asked).json()["revision"] == before.json()["revision"]


def test_what_was_done_before_it_was_refused_is_undone_and_the_attempt_is_told(api: Api) -> None:
    came = api.everybody_at_once(
        ("alice", "PUT", DORA), ("alice", "PUT", DORA), ("mallory", "DELETE", DESIGNERS), ("alice", "DELETE", DORA)
    )

    assert sorted(answer.status_code for answer in came) == [200, 204, 403, 409]
    assert sorted(told["after"]["status"] for told in api.attempts()) == [403, 409]
    assert [event for _, event, _, _ in api.journal()] == ["member.added", "member.removed"]


@pytest.mark.runs_on("SQLite")
def test_an_attempt_that_can_not_be_told_is_refused_all_the_same(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise sqlite3.IntegrityError("made up")

    monkeypatch.setattr(journal_rows, "add", broken)
    refused = api("mallory", "DELETE", DESIGNERS)
    monkeypatch.undo()

    assert (refused.status_code, api.attempts()) == (403, [])
    assert api("alice", "PUT", DORA).status_code == 200


# -- credentials that were no good ------------------------------------------------------------------

WRONG = "wrong password or app password"
FAILED = {
    "a wrong password": (basic("alice", "guess"), "alice", "password", WRONG),
    "by e-mail": (basic("Alice@Example.com", "guess"), "alice", "password", WRONG),
    "a team": (basic("acme", "guess"), "acme", "password", WRONG),
    "somebody disabled": (basic("ghost", password("ghost")), "ghost", "password", "the person is disabled"),
    "somebody disabled, an app password": (f"Bearer {token('ghost')}", "ghost", "token", "the person is disabled"),
    "expired": (basic("bob", token("bob", "expired")), "bob", "token", "the app password has ended"),
    "expired, as Bearer": (f"Bearer {token('bob', 'expired')}", "bob", "token", "the app password has ended"),
    "another's": (basic("mallory", token("root")), "mallory", "token", "somebody else's app password"),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_failed_sign_in_is_told_to_the_account_that_was_named(api: Api, name: str) -> None:
    header, account, credential, reason = FAILED[name]
    before = api.everything()

    answer = api(None, "GET", "/groups", headers={"Authorization": header})

    (told,) = api.attempts()
    assert answer.status_code == 401
    assert (told["event"], told["account"], told["subject"], told["actor"]) == (
        "sign-in.failed",
        account,
        account,
        "nobody",
    )
    assert (told["actor"], told["actor_id"], told["credential"], told["address"]) == (
        "nobody",
        None,
        "nobody",
        "127.0.0.1",
    )
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["after"] == {"credential": told["after"]["credential"], "reason": reason}
    assert told["after"]["credential"].partition(":")[0] == credential
    assert api.everything() == before


@pytest.mark.parametrize(
    "header",
    [
        None,
        basic("nobody", "guess"),
        basic("nobody@example.com", "guess"),
        basic("alice@", "guess"),
        basic("alice", ""),
        "Bearer guess",
        "Basic guess",
        "Token guess",
    ],
)
def test_where_nobody_known_is_named_there_is_no_journal_to_tell(api: Api, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}

    assert api(None, "PUT", DORA, headers=headers).status_code == 401
    assert api.attempts() == []


def test_what_was_guessed_is_nowhere_in_the_journal(api: Api) -> None:
    for login in ("alice", "alice@example.com", "nobody", "my secret"):
        api((login, "my secret"), "GET", "/groups")
    api(None, "GET", "/groups", headers={"Authorization": "Bearer my-secret"})

    assert "secret" not in str(api.attempts())
    assert len(api.attempts()) == 2


def test_a_revoked_app_password_that_is_still_remembered_is_told(api: Api) -> None:
    assert api("bob", "GET", "/groups").status_code == 200

    def revoke(work: object) -> None:
        for each in tokens.of_person(work, "bob"):
            tokens.revoke(work, each.id)

    api.operate(revoke)

    assert api("bob", "GET", "/groups").status_code == 401
    assert [(told["account"], told["after"]["reason"]) for told in api.attempts()] == [("bob", WRONG)]


@pytest.mark.runs_on("SQLite")
def test_nobody_waits_for_it(api: Api) -> None:
    """Whoever fails is answered while the database takes no changes: so the answer comes before the entry."""
    with closing(sqlite3.connect(api.db.name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        known, unknown = api(("alice", "guess"), "GET", "/groups"), api(("nobody", "guess"), "GET", "/groups")
        held_up = other.execute("SELECT count(*) FROM journal WHERE event = 'sign-in.failed'").fetchone()
        other.execute("COMMIT")

    assert (known.status_code, unknown.status_code, held_up) == (401, 401, (0,))
    assert [told["account"] for told in api.attempts()] == ["alice"]


# -- so many an hour --------------------------------------------------------------------------------


@pytest.fixture
def two_an_hour(api: Api) -> Iterator[Api]:
    told = api.server.recorders.failure_audit
    told._refused, told._failed = HourlyQuota(2, InMemoryStampCounter(9)), HourlyQuota(2, InMemoryStampCounter(9))
    yield api


def test_only_so_many_attempts_an_hour_are_told_and_the_last_says_so(two_an_hour: Api) -> None:
    api = two_an_hour
    for name in ("mallory", "mallory", "mallory", "mallory", "bob"):
        assert api(name, "DELETE", DESIGNERS).status_code == 403
    for name in ("alice", "alice", "alice", "bob"):
        assert api((name, "guess"), "GET", "/groups").status_code == 401

    told = api.attempts()

    refused = [each for each in told if each["event"] == "change.refused"]
    failed = [each for each in told if each["event"] == "sign-in.failed"]
    assert sorted(each["actor"] for each in refused) == ["bob", "mallory", "mallory"]
    assert sorted(each["account"] for each in failed) == ["alice", "alice", "bob"]
    assert sorted("further_left_out_until" in each["after"] for each in refused) == [False, False, True]
    assert sorted("further_left_out_until" in each["after"] for each in failed) == [False, False, True]


def test_an_hour_later_there_are_as_many_again() -> None:
    quota = HourlyQuota(2, InMemoryStampCounter(9))
    start = datetime(2026, 3, 4, 12, tzinfo=UTC)

    def take(minutes: float, key: str = "a") -> tuple[bool, datetime | None]:
        return quota.take(key, start + timedelta(minutes=minutes))

    end = start + timedelta(hours=1)
    assert [take(0), take(1), take(2), take(59.9)] == [(True, None), (True, end), (False, None), (False, None)]
    assert [take(60), take(61), take(62)] == [(True, None), (True, end + timedelta(hours=1)), (False, None)]
    assert take(62, "b") == (True, None)


def test_what_is_counted_is_bounded() -> None:
    taken = InMemoryStampCounter(50)
    quota = HourlyQuota(1, taken)
    for number in range(60):
        quota.take(str(number), datetime(2026, 3, 4, tzinfo=UTC))

    assert len(taken) == 50


# -- over a real server -----------------------------------------------------------------------------


@pytest.mark.subprocess
def test_attempts_are_on_disk_when_the_server_has_stopped_and_the_chain_is_whole(
    cast_template: Path, tmp_path: Path
) -> None:
    with live.with_the_cast(cast_template, tmp_path) as running:
        assert running("mallory", "DELETE", f"/1.0{DESIGNERS}").status_code == 403
        assert running(("alice", "guess"), "GET", "/1.0/groups").status_code == 401
        assert running.stop() == 0

    printed = running.run("journal", "--json").stdout.splitlines()
    told = [entry for entry in map(json.loads, printed) if entry["event"] in cast.ATTEMPTS]
    assert [(entry["event"], entry["actor"], entry["address"]) for entry in told] == [
        ("change.refused", "mallory", "127.0.0.1"),
        ("sign-in.failed", "nobody", "127.0.0.1"),
    ]
    lines = running.run("journal").stdout.splitlines()
    assert any(line.split()[1:5] == ["mallory", "change.refused", "acme", "DELETE"] for line in lines)
    assert running.run("journal", "--verify").returncode == 0


def test_a_transaction_of_nobodys_job_that_fails_harms_no_other(api: Api) -> None:
    def fail(tx: Transaction) -> None:
        raise ValueError("made up")

    api.server.services.write_queue.submit_in_background(fail)

    assert api("alice", "PUT", DORA).status_code == 200
