"""What a statement rests on is what it reads: one account and who there is, or it may be anything."""

import pytest
from bench import statements

from onebucket.store.engine import dependencies
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import metadata

EVERY = dict(statements.every())
DIRECTORY = {"accounts", "emails"}
ACCESS = {
    "directories", "groups", "memberships", "projects", "project_group_privileges", "project_privileges",
    "repositories", "group_privileges", "privileges",
}  # fmt: skip


def bound(name: str) -> frozenset[str]:
    """The values that the account of every table in a statement equals, but for people that it looks up."""
    uses = statements.reach_of(EVERY[name]).uses
    return frozenset.intersection(*(use.values for use in uses if use.table not in DIRECTORY or use.values))


def tables(name: str) -> set[str]:
    return {use.table for use in statements.reach_of(EVERY[name]).uses}


RESTING = {name: statement.dependency for name, statement in EVERY.items() if statement.dependency is not None}


@pytest.mark.parametrize("name", [name for name, resting in RESTING.items() if resting == dependencies.ACCOUNT_ID])
def test_what_rests_on_an_account_reads_nothing_of_another(name: str) -> None:
    assert dependencies.ACCOUNT_ID in bound(name)
    assert tables(name) <= ACCESS | DIRECTORY


@pytest.mark.parametrize("name", [name for name, resting in RESTING.items() if resting != dependencies.ACCOUNT_ID])
def test_what_rests_on_the_directory_alone_reads_nothing_else(name: str) -> None:
    assert tables(name) <= DIRECTORY


def test_the_revision_of_an_account_is_not_the_directorys() -> None:
    assert EVERY["account_rows._REVISION"].dependency == "id"


def test_what_groups_privileges_and_checks_read_rests_on_their_account() -> None:
    needed = {
        "group_rows._BY_SLUG",
        "group_rows._ALL",
        "group_rows._STANDING",
        "group_members._MEMBERS[account]",
        "access_rows._MEMBERSHIPS",
    }

    assert needed <= {name for name, resting in RESTING.items() if resting == dependencies.ACCOUNT_ID}


@pytest.mark.parametrize("table", sorted({*metadata.tables} - ACCESS - DIRECTORY))
def test_what_reads_anything_else_may_rest_on_anything(table: str) -> None:
    naming = [name for name in EVERY if table in tables(name)]

    assert naming
    assert not [name for name in naming if name in RESTING]


def test_a_change_rests_on_nothing_that_could_be_relied_on() -> None:
    assert {
        EVERY[name].dependency for name in ("group_rows._ADD", "account_rows._UPDATE", "group_rows._ADD_MEMBER")
    } == {None}


def test_what_is_read_adds_up() -> None:
    seen = dependencies.ReadSet()
    for statement, values in (("group_rows._ALL", {"account_id": "a"}), ("account_rows._REVISION", {"id": "b"})):
        seen.add(EVERY[statement].dependency, values)
    known = (set(seen.accounts), seen.is_unbounded)

    seen.add(EVERY["account_rows._BY[username]"].dependency, {"key": "c"})
    seen.add(Statement(metadata.tables["journal"].select()).dependency, {})

    assert (known, seen.accounts, seen.is_unbounded) == (({"a", "b"}, False), {"a", "b"}, True)
