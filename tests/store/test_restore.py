"""A restore brings back what was, and no credential that was ended since; also while it is served."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import cast
import codes
import consuming
import ssh_keygen
from browsing import done_by
from cast import Api
from commands import Command, done
from onebucket.actions import (
    access_requests,
    accounts,
    consumers,
    emails,
    invitations,
    second_factors,
    ssh_keys,
    tokens,
)
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.privileges import Level
from onebucket.store import account_rows, oauth_consumer_rows
from onebucket.store.connect import connect
from tests.cli.test_cli_mistakes import damage

DEVELOPERS = "/groups/acme/developers"


@pytest.fixture
def served(command: Command, tmp_path: Path) -> Iterator[Api]:
    """A server on the database that the commands are about."""
    with closing(Api(connect(f"sqlite:///{tmp_path}/onebucket.db"))) as api:
        yield api


def counts(file: Path, *tables: str) -> list[int]:
    with closing(sqlite3.connect(file)) as connection:
        return [connection.execute(f"SELECT count(*) FROM {each}").fetchone()[0] for each in tables]


def as_bob(work: UnitOfWork) -> UnitOfWork:
    bob = account_rows.by_username(work.tx, "bob")
    return UnitOfWork(Actor(bob, "password"), work.tx, work.at, work.request_id, work.new_id)


def restored(tmp_path: Path) -> dict[str, Any]:
    """What the journal tells of the restore."""
    with closing(sqlite3.connect(tmp_path / "onebucket.db")) as connection:
        [(subject, after)] = connection.execute("SELECT subject, after FROM journal WHERE event = 'site.restored'")
    return {"subject": subject, **json.loads(after)}


def test_what_is_good_for_a_while_only_ends_with_a_restore(command: Command, served: Api, tmp_path: Path) -> None:
    consumer = consuming.add(served)
    # In a browser, that is with a session.
    code = consuming.code(served, consumer)
    served.operate(lambda work: emails.ask_for(as_bob(work), "bob", "other@example.com"))
    with served.db.writing() as tx:
        found = oauth_consumer_rows.by_key(tx, consumer.key)
        assert found is not None
        work = cast.operator(tx)
        oauth_consumer_rows.add_request(
            tx, oauth_consumer_rows.OAuth1Request(found.account_id, found.id, "hash", "oob", work.at + timedelta(1))
        )
    command("backup", "b.db")

    told = command("restore", "b.db")

    file = tmp_path / "onebucket.db"
    assert told.out.splitlines()[:2] == [
        "restored b.db",
        "ended: 1 sessions, 1 links in e-mails, 1 OAuth codes, 1 OAuth requests",
    ]
    assert counts(file, "sessions", "links", "oauth_requests") == [0, 0, 0]
    assert (
        consuming.post(served, consumer, grant_type="authorization_code", code=code).json()["error"] == "invalid_grant"
    )
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM letters WHERE due_at IS NOT NULL").fetchone() == (0,)
    assert restored(tmp_path)["ended"] == {"sessions": 1, "links": 1, "codes": 1, "requests": 1}


def test_second_factors_are_what_they_were_in_the_replaced_database(
    command: Command, served: Api, tmp_path: Path
) -> None:
    lost, kept = codes.set_up(served, "alice", "lost"), codes.set_up(served, "alice", "kept")
    codes.set_up(served, "bob")
    command("backup", "b.db")
    served.operate(lambda work: second_factors.remove(work, "alice", lost.id))
    served.operate(lambda work: second_factors.remove(work, "bob", "phone"))
    added = codes.set_up(served, "dora")

    command("restore", "b.db")

    told = {name: served.operate(lambda work, name=name: second_factors.of_person(work, name))
            for name in ("alice", "bob", "dora")}  # fmt: skip
    assert {name: [each.id for each in held.factors] for name, held in told.items()} == {
        "alice": [kept.id],
        "bob": [],
        "dora": [added.id],
    }
    assert {name: (held.person.has_second_factor, held.recovery_codes) for name, held in told.items()} == {
        "alice": (True, 10),
        "bob": (False, 0),
        "dora": (True, 10),
    }


def test_what_was_revoked_since_the_backup_stays_revoked(command: Command, served: Api, tmp_path: Path) -> None:
    consumer = consuming.add(served)
    access = consuming.tokens(served, consumer)["access_token"]
    other = consuming.add(served, label="Other", acts_as="alice")
    command("backup", "b.db")

    def since(work: UnitOfWork) -> None:
        for each in tokens.of_person(work, "bob"):
            if each.label == "all":
                tokens.revoke(work, each.id)
        consumers.revoke(work, other.key)
        accounts.set_active(work, "dora", False)
        accounts.set_password(work, "alice", cast.cheap_hash("another one"))
        for _, invitation in invitations.found(work, account_name="acme"):
            invitations.withdraw(work, invitation.id)

    served.operate(since)
    with served.db.writing() as tx:
        tx.connection.execute("DELETE FROM issued")
        found = oauth_consumer_rows.by_key(tx, consumer.key)
        assert found is not None
        assert oauth_consumer_rows.use_nonce(tx, found, "a nonce", until=cast.operator(tx).at + timedelta(1))

    told = command("restore", "b.db")

    assert told.out.splitlines() == [
        "restored b.db",
        "ended: 1 sessions, 1 OAuth codes",
        "still revoked: the app password of bob: all",
        "still ended: 1 OAuth apps",
        "still ended: 2 tokens of OAuth apps",
        "still ended: 1 invitations",
        "still used: 1 nonces",
        "still disabled: dora",
        "kept the current password of: alice",
    ]
    tried = [("bob", cast.token("bob")), ("bob", cast.token("bob", "read")), ("dora", cast.password("dora")),
             ("alice", cast.password("alice")), ("alice", "another one")]  # fmt: skip
    assert [served(who, "GET", DEVELOPERS).status_code for who in tried] == [401, 200, 401, 401, 200]
    assert consuming.bearer(served, access).status_code == 401
    assert counts(tmp_path / "onebucket.db", "consumers", "invitations", "nonces") == [1, 0, 1]
    assert restored(tmp_path)["kept"]["app_passwords"] == ["bob: all"]


def test_an_ssh_key_that_was_removed_since_the_backup_stays_removed(
    command: Command, served: Api, tmp_path: Path
) -> None:
    for name in ("laptop", "desk"):
        served.operate(lambda work, name=name: ssh_keys.add(work, "bob", ssh_keygen.public(name=name), label=name))
    command("backup", "b.db")
    served.operate(lambda work: ssh_keys.remove(work, "bob", ssh_keys.of_person(work, "bob")[1][0].id))

    told = command("restore", "b.db")

    _, held = served.operate(lambda work: ssh_keys.of_person(work, "bob"))
    assert "still ended: 1 SSH keys" in told.out.splitlines()
    assert [key.label for key in held] == ["desk"]
    assert restored(tmp_path)["kept"] == {"ssh_keys": 1}


def test_a_request_that_was_answered_since_the_backup_does_not_wait_again(
    command: Command, served: Api, tmp_path: Path
) -> None:
    for slug in ("rocket", "none"):
        wish = ("acme", slug, Level.READ, "to see it")
        served.operate(done_by("mallory", lambda work, wish=wish: access_requests.ask(work, *wish)))
    command("backup", "b.db")
    _, (other, answered) = served.operate(lambda work: access_requests.of_account(work, "acme"))
    served.operate(lambda work: access_requests.deny(work, answered.id, "no"))

    told = command("restore", "b.db")

    _, waiting = served.operate(lambda work: access_requests.of_account(work, "acme"))
    assert "still ended: 1 requests for access" in told.out.splitlines()
    assert [each.id for each in waiting if each.is_waiting] == [other.id]


def test_with_as_it_was_what_the_backup_holds_is_good_again(command: Command, served: Api, tmp_path: Path) -> None:
    command("backup", "b.db")
    served.operate(lambda work: [tokens.revoke(work, each.id) for each in tokens.of_person(work, "bob")])

    told = command("restore", "--as-it-was", "b.db")

    assert told == done("restored b.db\n")
    assert served("bob", "GET", DEVELOPERS).status_code == 200


def test_in_a_place_of_its_own_a_backup_loses_no_app_password(command: Command, tmp_path: Path) -> None:
    command("backup", "b.db")

    assert command("restore", "b.db", "--data", tmp_path / "new").code == 0

    assert counts(tmp_path / "new/onebucket.db", "tokens") == counts(tmp_path / "onebucket.db", "tokens")


def test_a_restore_over_what_cannot_be_read_says_what_is_good_again(command: Command, tmp_path: Path) -> None:
    command("backup", "b.db")
    damage(tmp_path / "onebucket.db")

    told = command("restore", "b.db")

    assert told.code == 0
    assert "warning: what was revoked since the backup works again" in told.out
    assert command("journal", "--verify").code == 0


def test_a_restore_is_told_in_a_journal_that_stays_whole(command: Command, served: Api, tmp_path: Path) -> None:
    command("backup", "b.db")
    for _ in range(2):
        assert command("restore", "b.db").code == 0
        assert command("journal", "--verify").code == 0
        command("backup", f"{restored(tmp_path)['subject']}.again")

    told = [
        each for each in served("root", "GET", "/api/journal").json()["entries"] if each["event"] == "site.restored"
    ]

    assert [(each["account"], each["subject"], each["actor"]) for each in told] == [("(site)", "b.db", "operator")]
    assert "site.restored" in command("journal").out
    assert command("journal", "--account", "(site)").out.count("\n") == 1
    assert served("alice", "GET", "/api/journal?account=(site)").status_code in (403, 404)
