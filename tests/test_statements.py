"""Every statement names the account whose rows it touches, or stands in docs/scale.md with the reason why it can't."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench import statements
from sqlalchemy import and_, bindparam, cast, delete, insert, or_, select, update
from sqlalchemy.types import Text

from onebucket import store
from onebucket.store.hints import not_by
from onebucket.store.tables import accounts, emails, groups, memberships, repositories, site

TOP = Path(__file__).parents[1]
PAGE = TOP / "docs" / "scale.md"
EVERY = dict(statements.every())
ID = bindparam("account_id")


def listed(heading: str) -> list[str]:
    """The statements that are named in the first column of the table under a heading of docs/scale.md."""
    _, _, after = PAGE.read_text().partition(f"\n### {heading}\n")
    cells = re.findall(r"^\| (`.*?) \|", after.partition("\n#")[0], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def reaches(name: str) -> statements.Reach:
    return statements.reach(statements.clause(EVERY[name]))


def test_every_statement_stays_in_one_account_or_is_listed_with_the_reason() -> None:
    astray = [name for name in EVERY if not reaches(name).stays]

    assert sorted(listed("Statements of several accounts")) == sorted(astray)


def test_every_statement_that_looks_people_up_is_listed() -> None:
    found = [name for name in EVERY if reaches(name).stays and reaches(name).looks_people_up]

    assert sorted(listed("Statements that look people up")) == sorted(found)


def test_no_statement_is_made_where_it_would_not_be_found() -> None:
    folder = Path(store.__file__).parent
    inner = []
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "Statement"
                for each in ast.walk(node)
            ):
                inner.append(f"{path.stem}.{node.name}")

    # What is called when its module is loaded, and nowhere else.
    assert sorted(inner) == ["privileges._set_or_replace", "rosters._groups_from", "rosters._members_from"]
    assert len(EVERY) > 150


_with_groups = and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id)
_members = select(memberships.c.person_id).join(groups, _with_groups)
_people = _members.join(accounts, accounts.c.id == memberships.c.person_id)
_theirs = select(memberships.c.group_id).where(memberships.c.account_id == groups.c.account_id)


@pytest.mark.parametrize(
    "made",
    [
        lambda: select(groups.c.name).where(groups.c.account_id == ID),
        lambda: select(groups.c.name).where(not_by(groups.c.account_id) == ID),
        lambda: _members.where(memberships.c.account_id == ID),
        lambda: _people.where(groups.c.account_id == ID),
        lambda: select(groups.c.id).where(groups.c.account_id == ID, or_(groups.c.id.in_(_theirs), _theirs.exists())),
        lambda: insert(memberships),
        lambda: update(accounts).where(accounts.c.id == ID).values(revision=1),
        lambda: delete(groups).where(groups.c.account_id == ID),
    ],
)  # fmt: skip
def test_a_statement_stays_when_every_table_of_it_is_bound_to_the_account(made: Callable[[], Any]) -> None:
    assert statements.reach(made()).stays


@pytest.mark.parametrize(
    "made",
    [
        lambda: select(groups.c.name),
        lambda: select(groups.c.name).where(or_(groups.c.account_id == ID, groups.c.slug == bindparam("slug"))),
        lambda: select(groups.c.name).where(~(groups.c.account_id == ID)),
        lambda: select(groups.c.name).where(cast(groups.c.account_id, Text) == ID),
        lambda: select(groups.c.name).where(groups.c.account_id.in_([ID])),
        # A join that forgets the account.
        lambda: select(groups.c.name).join(memberships, memberships.c.group_id == groups.c.id).where(
            groups.c.account_id == ID),
        lambda: _members.where(memberships.c.account_id == ID, groups.c.account_id == bindparam("another")).join(
            repositories, repositories.c.slug == groups.c.slug),
        lambda: select(groups.c.id).where(groups.c.account_id == ID, groups.c.id.in_(select(memberships.c.group_id))),
        lambda: select(emails.c.email).join(accounts, accounts.c.id == emails.c.account_id),
        lambda: insert(site),
        lambda: update(groups).values(name="x"),
        lambda: delete(groups).where(groups.c.slug == bindparam("slug")),
        lambda: select(site.c.value).where(site.c.name == bindparam("name")),
    ],
)  # fmt: skip
def test_a_statement_that_forgets_an_account_is_noticed(made: Callable[[], Any]) -> None:
    assert not statements.reach(made()).stays


def test_what_is_found_through_a_person_is_noticed() -> None:
    bound = _people.where(groups.c.account_id == ID)

    assert statements.reach(bound).looks_people_up
    assert not statements.reach(_members.where(groups.c.account_id == ID)).looks_people_up
