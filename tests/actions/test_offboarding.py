"""Off-boarding: what a person has in an account or everywhere, ended all at once or not at all."""

from collections.abc import Callable
from typing import Any

import pytest

import ssh_keygen
from cast import Api
from office import Office
from onebucket.actions import (
    access_reports,
    accounts,
    invitations,
    offboarding,
    privileges,
    project_privileges,
    ssh_keys,
    tokens,
)
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, LastAdministrator, NotFound
from onebucket.store import session_rows


@pytest.fixture
def with_dora(office: Office) -> Office:
    """Dora has something of every kind in acme, and something in globex."""
    work = office.operator
    project_privileges.set_for_person(work, "acme", "OPS", "dora", ProjectLevel.WRITE)
    invitations.set_groups(work, "acme", "dora@example.com", ["designers"], inviter="alice")
    privileges.grant_direct(work, "globex", "satellite", "dora", Level.READ)
    return office


def levels(work: UnitOfWork, name: str, account: str = "acme") -> dict[str, str]:
    return {each.repository.slug: each.level.word for each in access_reports.of_person(work, account, name)}


def test_a_plan_lists_everything_and_what_is_lost(with_dora: Office) -> None:
    planned = offboarding.plan(with_dora.operator, "dora", "acme")

    [held] = planned.accounts
    assert [group.slug for group in held.groups] == ["developers"]
    assert [(repository.slug, level) for repository, level in held.repositories] == [("website", Level.ADMIN)]
    assert held.projects == {"OPS": ProjectLevel.WRITE}
    assert [invitation.email for invitation in held.invitations] == ["dora@example.com"]
    lost = {each.slug: (loss.before, loss.after) for loss in held.losses for each in loss.repositories}
    assert lost == {"engine": (Level.WRITE, Level.NONE), "website": (Level.ADMIN, Level.READ)}
    assert planned.credentials is None
    assert levels(with_dora.operator, "dora") == {"engine": "write", "website": "admin"}


def test_nothing_in_the_account_is_left_and_other_accounts_stay(with_dora: Office) -> None:
    work = with_dora.operator

    ended = offboarding.offboard(work, "dora", "acme")

    assert not ended.is_empty and offboarding.plan(work, "dora", "acme").is_empty
    assert levels(work, "dora") == {"website": "read"}
    assert levels(work, "dora", "globex") == {"satellite": "read"}
    assert accounts.profile(work, "dora").account.is_active


def test_everywhere_ends_credentials_too(with_dora: Office) -> None:
    work = with_dora.operator
    ssh_keys.add(work, "dora", ssh_keygen.public(), label="laptop", expires_at=None)

    counts = offboarding.offboard(work, "dora").credentials

    assert counts is not None and counts.is_active and counts.app_passwords == 3 and counts.ssh_keys == 1
    assert tokens.of_person(work, "dora") == [] and ssh_keys.of_person(work, "dora")[1] == []
    person = accounts.profile(work, "dora").account
    assert not person.is_active and session_rows.of_person(work.tx, person.id) == []
    assert offboarding.plan(work, "dora").is_empty


Refused = Callable[[UnitOfWork], Any]


@pytest.mark.parametrize(
    ("person", "refused", "kind", "sentence"),
    [
        (
            "alice",
            lambda work: offboarding.offboard(work, "alice", "acme"),
            LastAdministrator,
            "can't remove alice from administrators: the team would be left without an administrator",
        ),
        ("root", lambda work: offboarding.offboard(work, "alice"), LastAdministrator, "without an administrator"),
        ("root", lambda work: offboarding.offboard(work, "root"), Conflict, "you can't off-board yourself"),
        ("operator", lambda work: offboarding.offboard(work, "root"), Conflict, "root is the last site administrator"),
        ("operator", lambda work: offboarding.plan(work, "acme", "acme"), Invalid, ""),
        ("dora", lambda work: offboarding.plan(work, "dora", "dora"), Invalid, "dora is their own account"),
        ("root", lambda work: offboarding.plan(work, "nobody", "acme"), NotFound, "nobody"),
        ("bob", lambda work: offboarding.plan(work, "bob", "acme"), Forbidden, ""),
        ("alice", lambda work: offboarding.plan(work, "dora"), Forbidden, ""),
        ("alice", lambda work: offboarding.offboard(work, "gina", "globex"), Forbidden, ""),
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
def test_a_dry_run_shows_what_a_run_ends(api: Api) -> None:
    address, body = "/api/people/dora/offboard", {"account": "acme"}

    shown = api("alice", "POST", address, json=body | {"dry_run": True}).json()
    before = api.journal()
    ended = api("alice", "POST", address, json=body).json()

    assert before == []
    assert shown == ended | {"dry_run": True}
    assert shown["accounts"][0]["groups"] == ["developers"]
    assert shown["accounts"][0]["losses"] == [{"repository": "website", "before": "admin", "after": "read"}]
    assert [entry[:3] for entry in api.journal()] == [
        ("alice", "privilege.removed", "acme"),
        ("alice", "member.removed", "acme"),
    ]
    assert api("alice", "POST", address, json=body).json()["accounts"] == []


@both
def test_everything_stops_at_once_and_a_refusal_changes_nothing(api: Api) -> None:
    assert api("dora", "GET", "/groups/acme").status_code == 200

    refused = api("root", "POST", "/api/people/alice/offboard", json={})
    ended = api("root", "POST", "/api/people/dora/offboard", json={})

    assert refused.status_code == 400 and "without an administrator" in refused.text
    assert api("alice", "GET", "/groups/acme").status_code == 200
    assert ended.json()["credentials"]["app_passwords"] == 3
    assert api("dora", "GET", "/groups/acme").status_code == 401


@pytest.mark.runs_on("SQLite")
@pytest.mark.parametrize(
    ("who", "body", "status"),
    [
        ("alice", {}, 403),
        ("alice", {"account": "globex"}, 403),
        ("alice", {"account": "nowhere"}, 404),
        ("alice", {"account": 7}, 400),
        ("alice", [], 400),
        (None, {"account": "acme"}, 401),
    ],
)
def test_bad_requests_change_nothing(api: Api, who: str | None, body: object, status: int) -> None:
    answer = api(who, "POST", "/api/people/dora/offboard", json=body)

    assert (answer.status_code, api.journal()) == (status, [])
