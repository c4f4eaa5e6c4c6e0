"""When and from where an app password was used last: known a minute late, and never in anybody's way."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import cast
from cast import Api
from live import Live, with_the_cast
from onebucket.actions import tokens
from onebucket.domain.tokens import TokenUse
from onebucket.store import app_password_rows

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


def used(api: Api, who: str) -> dict[str, tuple[datetime | None, str | None]]:
    """What is stored of each of somebody's app passwords."""
    found = api.operate(lambda work: tokens.of_person(work, who))
    return {each.label: (each.last_used_at, each.last_used_from) for each in found}


def test_uses_are_written_together_after_a_while_and_no_request_waits_for_that(api: Api) -> None:
    api.last_used.write_seconds = api.last_used.first_write_seconds = 0.2
    before = api.server.services.write_queue.batches
    for who in ("alice", "bob", "alice"):
        api(who, "GET", "/groups/acme")
    at_first = api.server.services.write_queue.batches, used(api, "alice")["all"]

    for _ in range(100):
        time.sleep(0.02)
        api((f"{'bob'}@example.com", cast.password("bob")), "GET", "/groups/acme")
        if used(api, "bob")["all"][0]:
            break

    assert at_first == (before, (None, None))
    assert api.server.services.write_queue.batches == before + 1
    for who in ("alice", "bob"):
        at, address = used(api, who)["all"]
        assert at is not None and datetime.now(UTC) - at < timedelta(minutes=1) and address == "127.0.0.1"
        assert used(api, who)["read"] == (None, None)


def test_the_first_use_of_an_app_password_is_known_soon_and_those_after_it_wait(api: Api) -> None:
    api.last_used.first_write_seconds = 0.05
    seen = []
    for _ in range(2):
        api("alice", "GET", "/groups/acme")
        for _ in range(20):
            time.sleep(0.02)
            api((f"{'bob'}@example.com", cast.password("bob")), "GET", "/groups/acme")
        seen.append(used(api, "alice")["all"][0])

    assert seen[0] is not None and seen[1] == seen[0]


def test_a_remembered_answer_is_a_use_and_a_refused_credential_is_none(api: Api) -> None:
    moments = [datetime.now(UTC) + timedelta(seconds=second) for second in range(3)]
    for at in moments:
        api.clock = lambda at=at: at
        api("alice", "GET", "/groups/acme")
    hits = api.server.cache.hits
    api(("alice", cast.token("alice", "expired")), "GET", "/groups/acme")
    api(("bob", cast.token("alice", "read")), "GET", "/groups/acme")

    api.last_used.close()

    assert hits == 2
    assert used(api, "alice") == {"all": (moments[-1], "127.0.0.1"), "read": (None, None), "expired": (None, None)}


@pytest.mark.runs_on("SQLite")
def test_what_a_database_can_not_take_now_is_written_later(api: Api) -> None:
    api.last_used.write_seconds = api.last_used.first_write_seconds = 0.05
    api("alice", "GET", "/groups/acme")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("onebucket.bounds.BUSY_SECONDS", 0)
        held = api.db.connect()
        held.execute("BEGIN IMMEDIATE")
        api.server.services.database._writer = None
        time.sleep(0.1)
        for _ in range(3):
            api("dora", "GET", "/groups/acme")
        held.execute("ROLLBACK")

    for _ in range(100):
        time.sleep(0.02)
        api("dora", "GET", "/groups/acme")
        if used(api, "alice")["all"][0]:
            break

    assert used(api, "alice")["all"][0] is not None


def test_a_later_use_that_somebody_else_has_stored_stays(api: Api) -> None:
    now = datetime.now(UTC)
    [token] = [each for each in api.operate(lambda work: tokens.of_person(work, "alice")) if each.label == "all"]

    for at, address in ((now, "192.0.2.1"), (now - timedelta(seconds=5), "192.0.2.2")):
        use = TokenUse(token.account_id, token.id, at, address)
        api.operate(lambda work, use=use: app_password_rows.record_use(work.tx, [use]))

    assert used(api, "alice")["all"] == (now, "192.0.2.1")


@pytest.mark.subprocess
def test_uses_are_written_when_the_server_stops_and_the_command_shows_them(cast_template: Path, tmp_path: Path) -> None:
    with with_the_cast(cast_template, tmp_path) as running:
        assert isinstance(running, Live)
        running("alice", "GET", "/1.0/groups")
        assert running.rows("SELECT count(*) FROM tokens WHERE last_used_at IS NOT NULL") == [(0,)]

    listed = running.run("token", "list", "alice").stdout

    assert "127.0.0.1" in listed
    assert listed.count("never") == 3 + 1
