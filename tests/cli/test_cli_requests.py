"""`onebucket request`: what waits, granted and denied at the command line."""

from pathlib import Path

import pytest

import cast
from commands import Command, done, refused
from onebucket.actions import access, access_requests
from onebucket.domain.accounts import Actor
from onebucket.domain.privileges import Level
from onebucket.store.connect import connect


@pytest.fixture
def id(command: Command, tmp_path: Path) -> str:
    """A request of mallory for write on rocket."""
    db = connect(f"sqlite:///{tmp_path}/onebucket.db")
    with db.writing() as tx:
        work = cast.operator(tx)
        with work.on_behalf(Actor(access.person(work, "mallory"), "password")):
            _, request = access_requests.ask(work, "acme", "rocket", Level.WRITE, "I build the release")
    db.close()
    return request.id


def test_a_request_is_listed_and_granted_once(command: Command, id: str) -> None:
    table = command("request", "list", "acme").out.splitlines()
    [listed] = command("request", "list", "acme", "--json").json

    assert table[0].split() == ["ID", "WHO", "FOR", "UNTIL", "ASKED", "STATE", "REASON"]
    assert table[1].startswith(f"{id}  mallory  write on rocket")
    assert (listed["id"], listed["state"], listed["repository"]) == (id, "waiting", "acme/rocket")
    assert command("request", "grant", id, "--level", "read", "--until", "2099-12-03") == done(
        "mallory has read on acme/rocket until 2099-12-03T23:59:59Z\n"
    )
    assert command("request", "grant", id) == refused("the request is granted by operator already: nothing was changed")
    assert command("request", "list", "acme", "--json").json == []
    [answered] = command("request", "list", "acme", "--all", "--json").json
    assert (answered["state"], answered["answered_by"]) == ("granted", "operator")


def test_a_request_is_denied_with_a_sentence_and_bad_input_is_refused(command: Command, id: str) -> None:
    assert command("request", "grant", id, "--level", "admin") == refused("mallory asks for write: give that or less")
    assert command("request", "grant", id, "--until", "2099-02-31") == refused(
        "until is not in the calendar: '2099-02-31'"
    )
    assert command("request", "deny", "nothing", "no") == refused("there is no such request")
    assert command("request", "deny", id, "") == refused("the sentence that says why is missing")
    assert command("request", "deny", id, "ask again in May") == done("denied mallory write on acme/rocket\n")
    assert "denied by operator" in command("request", "list", "acme", "--all").out
