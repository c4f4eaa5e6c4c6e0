"""Deleting people: everything that is theirs goes at once or not at all, and whoever comes after inherits nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

import cast
import ssh_keygen
from cast import Api
from commands import Command, done, refused
from directory import Provider
from office import Office
from onebucket.actions import (
    access_history,
    access_requests,
    accounts,
    consumers,
    deletion,
    groups,
    invitations,
    journal,
    privileges,
    project_privileges,
    repositories,
    reviews,
    second_factors,
    session_links,
    ssh_keys,
    webhooks,
)
from onebucket.actions.access_history import ChangeQuery
from onebucket.actions.reviews import ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, LastAdministrator, NotFound
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import journal as journal_table
from onebucket.store.tables import journal_heads, metadata
from onebucket.transfer import apply, document

# Who gave, began or answered something of others, by an id that names nobody any more.
BY = {"added_by", "granted_by", "started_by", "closed_by", "answered_by"}
STAYING = {journal_table.name, journal_heads.name}
ROWS = {table.name: Statement(select(table)) for table in metadata.sorted_tables if table.name not in STAYING}


@pytest.fixture
def with_dora(office: Office) -> Office:
    """Dora has, owns and was sent something of every kind that this test knows to make."""
    work, dora = office.operator, office.as_("dora")
    project_privileges.set_for_person(work, "acme", "OPS", "dora", ProjectLevel.WRITE)
    groups.add_member(work, "acme", "administrators", "dora")
    invitations.set_groups(work, "acme", "dora@example.com", ["designers"], inviter="alice")
    invitations.set_groups(work, "acme", "eve@example.org", ["designers"], inviter="dora")
    privileges.grant_direct(work, "globex", "satellite", "dora", Level.READ)
    access_requests.ask(dora, "globex", "rockets", Level.READ, "to see", None)
    until = ends.parse(f"{work.at + timedelta(days=9):%Y-%m-%d}")
    reviews.start(work, "acme", ReviewPlan(people=["dora", "alice"], until=until))
    ssh_keys.add(work, "dora", ssh_keygen.public(), label="laptop", expires_at=None)
    second_factors.start_app(dora, "phone")
    session_links.make(work, "dora", secret_hash="hash")
    groups.create(work, "dora", name="Friends")
    groups.add_member(work, "dora", "friends", "bob")
    repositories.add(work, "dora", "diary")
    privileges.grant_direct(work, "dora", "diary", "bob", Level.WRITE)
    webhooks.add(work, "dora", url="https://hooks.example.com/", events=["*"])
    for owner in ("dora", "acme"):
        consumers.add(work, owner, key=f"key-of-{owner}", label="Builds", scopes=frozenset({"account"}), acts_as="dora")
    return office


def remains(work: UnitOfWork, *words: str) -> list[str]:
    """Where any of these words is in a row."""
    work.tx.run_deferred()
    return [
        f"{name}.{column}: {value}"
        for name, statement in ROWS.items()
        for row in work.tx.rows(statement)
        for column, value in zip(metadata.tables[name].c.keys(), row, strict=True)
        if column not in BY and any(word in str(value).lower() for word in words)
    ]


def test_nothing_of_theirs_is_left_but_the_journal(with_dora: Office) -> None:
    work = with_dora.operator
    id = accounts.profile(work, "dora").account.id

    planned = deletion.plan(work, "dora")
    gone = deletion.delete(work, "dora")

    assert gone == planned
    assert gone.contents.groups == {"friends": ["bob"]} and gone.contents.repositories == ["diary"]
    assert [each.email for _, each in gone.invitations] == ["eve@example.org"]
    assert [each.key for _, each in gone.apps] == ["key-of-acme"]
    assert remains(work, id, "dora", "eve@example.org", "key-of-") == []
    [entry] = [entry for entry in journal.entries(work, id) if entry.event.value == "user.deleted"]
    assert entry.before is not None and entry.before["emails"] == ["dora@example.com"]
    assert entry.before["repositories"] == ["diary"]
    assert all(chain.is_whole for chain in journal.verify(work))


def test_access_changes_still_tell_of_them(with_dora: Office) -> None:
    work = with_dora.operator
    before = _told(work)

    deletion.delete(work, "dora")
    accounts.add_user(work, "dora", email="dora@example.com")
    groups.add_member(work, "acme", "designers", "dora")

    assert _told(work)[-len(before) :] == before
    assert len({change.person_id for change in _changes(work) if change.username == "dora"}) == 2


def _changes(work: UnitOfWork) -> Any:
    page = access_history.page(work, "acme", ChangeQuery(), at_most=1000)
    assert page.not_known_before is None, page.because
    return page.changes


def _told(work: UnitOfWork) -> list[tuple[Any, ...]]:
    return [(each.entry.hash, each.username, each.before, each.after) for each in _changes(work)]


def test_a_document_that_names_them_adds_somebody_new(with_dora: Office) -> None:
    work = with_dora.operator
    id = accounts.profile(work, "dora").account.id
    deletion.delete(work, "dora")
    text = "onebucket: 1\nusers: [{username: dora, email: dora@example.com}]"

    apply.apply(work, [document.read(text, source="crew.yaml")], prune=False)

    assert accounts.profile(work, "dora").account.id != id
    assert with_dora.level("dora", "rocket") == "none"


Refused = Callable[[UnitOfWork], Any]


@pytest.mark.parametrize(
    ("person", "refused", "kind", "sentence"),
    [
        ("root", lambda work: deletion.delete(work, "alice"), LastAdministrator, "without an administrator"),
        ("root", lambda work: deletion.delete(work, "root"), Conflict, "you can't delete yourself"),
        ("operator", lambda work: deletion.delete(work, "root"), Conflict, "root is the last site administrator"),
        ("operator", lambda work: deletion.plan(work, "acme"), Invalid, ""),
        ("root", lambda work: deletion.delete(work, "nobody"), NotFound, "nobody"),
        ("alice", lambda work: deletion.plan(work, "dora"), Forbidden, ""),
        ("dora", lambda work: deletion.delete(work, "dora"), Forbidden, ""),
    ],
)
def test_refusals(office: Office, person: str, refused: Refused, kind: type[Exception], sentence: str) -> None:
    work = office.operator if person == "operator" else office.as_(person)

    with pytest.raises(kind) as raised:
        refused(work)

    assert sentence in str(raised.value) or sentence in getattr(raised.value, "sentence", "")


# -- over the API, on both databases ---------------------------------------------------------------

both = pytest.mark.runs_on("SQLite", "both")


@both
def test_a_dry_run_shows_what_is_deleted_and_changes_nothing(api: Api) -> None:
    shown = api("root", "DELETE", "/api/people/dora?dry_run=true").json()
    before = api.journal()
    gone = api("root", "DELETE", "/api/people/dora").json()

    assert before == []
    assert shown == gone | {"dry_run": True}
    assert gone["accounts"][0]["groups"] == ["developers"] and gone["credentials"]["app_passwords"] == 3
    assert [entry[1] for entry in api.journal()][-2:] == ["user.disabled", "user.deleted"]
    assert api("root", "DELETE", "/api/people/dora").status_code == 404


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_somebody_new_of_the_same_name_inherits_nothing(api: Api) -> None:
    assert api("dora", "GET", "/groups/acme").status_code == 200
    assert api("dora", "GET", "/api/journal?account=dora").json()["entries"] != []
    api("root", "DELETE", "/api/people/dora")

    assert api("dora", "GET", "/groups/acme").status_code == 401
    api.operate(lambda work: accounts.add_user(work, "dora", email="dora@example.com"))

    assert api("dora", "GET", "/groups/acme").status_code == 401
    api.add_token("dora", "new", ["account", "repository:admin", "journal"])
    new = ("dora", cast.token("dora", "new"))
    entries = api("root", "GET", "/api/journal?account=dora").json()["entries"]
    # Failed sign-ins are recorded after their answers.
    assert {each["event"] for each in entries} - {"sign-in.failed"} == {"user.added", "token.added"}
    assert (entries[-1]["event"], entries[-1]["number"]) == ("user.added", 1)
    assert api(new, "GET", "/groups/acme").status_code == 403


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_a_directory_loses_whom_it_has_brought_and_may_bring_somebody_new(api: Api) -> None:
    okta = Provider(api)
    dora = okta.add_user("dora@example.com")
    group = okta.add_group("Kept", dora["id"])

    gone = api("root", "DELETE", "/api/people/dora").json()

    assert gone["directories"] == [{"account": "acme", "name": "okta"}]
    assert okta("GET", f"/Users/{dora['id']}").status_code == 404
    assert okta.members(group) == []
    again = okta.add_user("dora@example.com")
    assert again["id"] != dora["id"]
    assert api.members("developers") == ["alice", "bob"]


# -- at the command line ---------------------------------------------------------------------------


def test_the_command_says_what_goes(command: Command) -> None:
    lines = [
        "acme: leaves the group developers",
        "acme: no longer has admin on website directly",
        "acme: admin on website becomes none",
        "app passwords: 3, OAuth apps: 0, SSH keys: 0, sessions: 0",
    ]

    assert command("user", "delete", "dora", "--dry-run") == done("\n".join([*lines, "would delete dora\n"]))
    assert command("user", "delete", "dora", "--yes") == done("\n".join([*lines, "deleted dora\n"]))
    assert command("user", "delete", "dora", "--yes").code == 1
    assert command("user", "delete", "root", "--yes") == refused(
        "root is the last site administrator: make somebody else one first"
    )


def test_a_backup_brings_them_back_disabled(command: Command) -> None:
    command("backup", "b.db")
    command("user", "delete", "dora", "--yes")

    command("restore", "b.db")

    [dora] = [each for each in command("user", "list", "--json").json if each["username"] == "dora"]
    assert dora["is_active"] is False
