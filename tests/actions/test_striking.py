"""Striking out: names and addresses leave the journal, and what is changed otherwise is still found."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cast import Api
from commands import Command
from office import Office
from onebucket.actions import (
    access_history,
    accounts,
    deletion,
    groups,
    invitations,
    journal,
    privileges,
    repositories,
)
from onebucket.actions.access_history import ChangeQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from onebucket.domain.striking import NameSpan, StoredEntry, Strike, Traces
from onebucket.store.journal_chain import ChainHead

DORA, ACME = "d0a00000-0000-4000-8000-000000000001", "ac000000-0000-4000-8000-000000000002"
WORD = "struck-out-d0a00000"


def strike(event: str, subject: str = "", **how: Any) -> StoredEntry:
    """An entry of acme's journal without what tells of dora, who was called dolly until 10."""
    traces = Traces(
        DORA,
        (NameSpan("dolly", 0, 10), NameSpan("dora", 10, 99)),
        frozenset({"dora@example.com"}),
        frozenset({"Dora Ó Néill", "Bob"}),
    )
    before, after = (json.dumps(how[name]) if name in how else None for name in ("before", "after"))
    place = (how.get("account_id", ACME), 7, "acme", how.get("at", 50), how.get("actor_id"), how.get("actor", "root"))
    return Strike(traces).strike(
        StoredEntry(*place, "operator", how.get("address"), event, subject, before, after, "request")
    )


@pytest.mark.parametrize(
    ("event", "subject", "after", "subject_then", "after_then"),
    [
        ("member.added", "dora", {"member": "dora", "id": DORA}, "dora", {"member": WORD, "id": DORA}),
        ("privilege.set", "x", {"user": "Dora", "privilege": "write"}, "x", {"user": WORD, "privilege": "write"}),
        ("invitation.added", "dora@example.com", {"groups": ["dora"]}, WORD, {"groups": ["dora"]}),
        ("repository.deleted", "x", {"users": {"dora": "read"}, "groups": {"dora": "admin"}}, "x",
         {"users": {WORD: "read"}, "groups": {"dora": "admin"}}),
        ("team.deleted", "t", {"groups": {"dora": ["dora", "bob"]}}, "t", {"groups": {"dora": [WORD, "bob"]}}),
        ("change.refused", "PUT /1.0/groups/acme/x/members/dora%40example.com", {"reason": "dora is x"},
         f"PUT /1.0/groups/acme/x/members/{WORD}", {"reason": f"{WORD} is x"}),
        ("review.answered", "r", {"rows": ["dora in x", "dora2 in dora-x", "x@dora.com"], "reason": "ask Dora."},
         "r", {"rows": [f"{WORD} in x", "dora2 in dora-x", "x@dora.com"], "reason": f"ask {WORD}."}),
        ("mirror.set", "x", {"user": "Dora Ó Néill", "email": "DORA@example.com"}, "x", {"user": WORD, "email": WORD}),
        ("member.added", "x", {"member": "Bob"}, "x", {"member": "Bob"}),
    ],
)  # fmt: skip
def test_names_of_the_person_go_and_those_of_things_and_others_stay(
    event: str, subject: str, after: dict[str, Any], subject_then: str, after_then: dict[str, Any]
) -> None:
    struck = strike(event, subject, after=after)

    assert (struck.subject, json.loads(struck.after or "")) == (subject_then, after_then)
    assert strike(event, subject, before=after).before == struck.after


def test_a_name_is_struck_out_only_while_it_was_theirs() -> None:
    assert json.loads(strike("member.added", after={"member": "dolly"}, at=9).after or "") == {"member": WORD}
    assert json.loads(strike("member.added", after={"member": "dolly"}, at=11).after or "") == {"member": "dolly"}
    assert json.loads(strike("member.added", after={"member": "dora"}, at=9).after or "") == {"member": "dora"}


def test_network_addresses_go_with_the_actor_only() -> None:
    theirs = strike("group.added", "x", actor_id=DORA, actor="dora", address="192.0.2.1")
    others = strike("group.added", "x", actor_id=ACME, actor="dora", address="192.0.2.1")

    assert (theirs.actor, theirs.address) == (WORD, WORD)
    assert (others.actor, others.address) == ("dora", "192.0.2.1")


# -- with the database -----------------------------------------------------------------------------


@pytest.fixture
def busy(office: Office) -> Office:
    """Dora and bob have done something, been refused, and been renamed."""
    work = office.operator
    accounts.change_user(work, "dora", username="dolly", display_name="Dolly Ó Néill")
    groups.add_member(office.as_("alice"), "acme", "designers", "dolly")
    groups.add_member(work, "acme", "administrators", "dolly")
    dolly = office.as_("dolly")
    dolly.address = "192.0.2.77"
    repositories.add(dolly, "acme", "ship")
    privileges.grant_direct(dolly, "acme", "ship", "bob", Level.READ)
    invitations.set_groups(work, "acme", "dolly@example.org", ["designers"], inviter="dolly")
    journal.change_refused(dolly, "acme", "PUT /1.0/groups/acme/x/members/dolly", {"reason": "no group x for dolly"})
    accounts.set_email(work, "dolly", "dolly@example.org")
    return office


def rows(work: UnitOfWork) -> list[Any]:
    return [entry._replace(hash="") for entry in journal.entries(work)]


def heads(work: UnitOfWork) -> dict[str, ChainHead]:
    return {chain.account_id: chain.head for chain in journal.verify(work)}


def test_nothing_in_any_journal_names_them_and_the_chain_still_holds(busy: Office) -> None:
    work = busy.operator
    id, before = accounts.profile(work, "dolly").account.id, heads(work)

    gone = deletion.delete(work, "dolly", strikes_out=True)

    told = repr(rows(work)).lower()
    assert [word for word in ("dora", "dolly", "néill", "192.0.2.77") if word in told] == []
    assert gone.struck_out > 10
    chains = list(journal.verify(work, expected=before))
    assert all(chain.is_whole for chain in chains), [chain.faults for chain in chains]
    assert sum(chain.struck_out for chain in chains) == gone.struck_out
    word = f"struck-out-{id[:8]}"
    [added] = [entry for entry in rows(work) if entry.subject == "ship" and entry.event.value == "repository.added"]
    assert (added.actor, added.actor_id, added.address) == (word, id, word)
    assert next(iter(journal.entries(work, id))).account == word


def test_access_changes_go_on_and_a_second_person_can_be_struck_out(busy: Office) -> None:
    work = busy.operator
    before = _changes(work)
    deletion.delete(work, "dolly", strikes_out=True)
    deletion.delete(work, "bob", strikes_out=True)

    assert Counter(_changes(work)[-len(before) :]) == Counter(before)
    told = repr(rows(work)).lower()
    assert "dolly" not in told and "'bob'" not in told
    assert all(chain.is_whole for chain in journal.verify(work))


def _changes(work: UnitOfWork) -> list[tuple[Any, ...]]:
    page = access_history.page(work, "acme", ChangeQuery(), at_most=1000)
    assert page.not_known_before is None, page.because
    return [(each.entry.number, each.person_id, each.before, each.after) for each in page.changes]


Tamper = Callable[[sqlite3.Connection, str], object]


def _forge(connection: sqlite3.Connection, acme: str) -> None:
    connection.execute(
        "UPDATE journal SET actor = 'mallory' WHERE account_id = ? AND event = 'member.added'"
        " AND after LIKE '%struck-out%'", (acme,)
    )  # fmt: skip


def _strike_without_entry(connection: sqlite3.Connection, acme: str) -> None:
    connection.execute("UPDATE journal SET actor = 'struck-out' WHERE account_id = ? AND number = 2", (acme,))


def _widen_voucher(connection: sqlite3.Connection, acme: str) -> None:
    """Let the entry that vouches name one more, without a new hash."""
    _strike_without_entry(connection, acme)
    columns = connection.execute("SELECT * FROM journal WHERE account_id = ? AND number = 2", (acme,)).fetchone()[:-1]
    hash = sha256(json.dumps(columns, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
    (after,) = connection.execute("SELECT after FROM journal WHERE event = 'journal.struck-out' AND account_id = ?",
                                  (acme,)).fetchone()  # fmt: skip
    facts = json.loads(after)
    facts["entries"].append([2, hash])
    connection.execute("UPDATE journal SET after = ? WHERE event = 'journal.struck-out' AND account_id = ?",
                       (json.dumps(facts), acme))  # fmt: skip


@pytest.mark.parametrize("tamper", [_forge, _strike_without_entry, _widen_voucher])
def test_what_is_changed_behind_the_servers_back_is_found(command: Command, tmp_path: Path, tamper: Tamper) -> None:
    heads = tmp_path / "heads.txt"
    heads.write_text(command("journal", "--verify").out)
    gone = command("user", "delete", "dora", "--strike-out", "--yes")
    assert gone.out.endswith("deleted dora\n")
    assert command("journal", "--verify", "--expect", str(heads)).code == 0

    with closing(sqlite3.connect(tmp_path / "onebucket.db", isolation_level=None)) as connection:
        (acme,) = connection.execute("SELECT id FROM accounts WHERE username = 'acme'").fetchone()
        tamper(connection, acme)

    told = command("journal", "--verify")
    assert told.code == 1 and "was changed or moved" in told.out


def test_the_output_of_verify_says_how_many_and_is_accepted_later(command: Command, tmp_path: Path) -> None:
    command("user", "delete", "dora", "--strike-out", "--yes")
    heads = tmp_path / "heads.txt"

    told = command("journal", "--verify")
    heads.write_text(told.out)

    assert "       names are struck out of " in told.out
    assert command("journal", "--verify", "--expect", str(heads)) == told
    assert any(json.loads(line)["struck_out"] for line in command("journal", "--verify", "--json").out.splitlines())
    assert command("user", "delete", "bob", "--dry-run", "--strike-out").code == 0


@pytest.mark.runs_on("SQLite", "both")
def test_over_the_api(api: Api) -> None:
    dry = api("root", "DELETE", "/api/people/dora?strike_out=true&dry_run=true").json()
    gone = api("root", "DELETE", "/api/people/dora?strike_out=true").json()

    assert dry["struck_out"] is None and gone["struck_out"] > 5
    entries = api("root", "GET", "/api/journal?account=acme&limit=1000").json()["entries"]
    assert entries[0]["event"] == "journal.struck-out" and "dora" not in json.dumps(entries)
