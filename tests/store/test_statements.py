"""Every statement names the account whose rows it touches, or stands in docs/scale.md with the reason why it can't."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from bench import statements
from sqlalchemy import and_, bindparam, cast, delete, insert, or_, select, update
from sqlalchemy.types import Text

from checkout import TOP
from onebucket.store.engine.index_hints import without_index
from onebucket.store.tables import accounts, emails, groups, memberships, repositories, site

PAGE = TOP / "docs" / "scale.md"
EVERY = dict(statements.every())
ID = bindparam("account_id")


def listed(heading: str) -> list[str]:
    """The statements that are named in the first column of the table under a heading of docs/scale.md."""
    _, _, after = PAGE.read_text().partition(f"\n### {heading}\n")
    cells = re.findall(r"^\| (`.*?) \|", after.partition("\n#")[0], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def reaches(name: str) -> statements.Reach:
    return statements.reach_of(EVERY[name])


def test_every_statement_stays_in_one_account_or_is_listed_with_the_reason() -> None:
    astray = {name for name in EVERY if not reaches(name).stays}
    reasons = listed("Statements of several accounts")

    assert (astray - {*reasons}, {*reasons} - astray, len(reasons)) == (set(), set(), len(astray))


def test_every_statement_that_looks_people_up_is_listed() -> None:
    found = {name for name in EVERY if reaches(name).stays and reaches(name).looks_people_up}
    described = listed("Statements that look people up")

    assert (found - {*described}, {*described} - found, len(described)) == (set(), set(), len(found))


_COUNT = """
import gc
from bench import statements
from onebucket.store.engine.statement import Statement

every = [id(statement) for _, statement in statements.every()]
print(len(every), len({*every}), sum(isinstance(each, Statement) for each in gc.get_objects()))
"""


@pytest.mark.subprocess
def test_no_statement_is_made_where_it_would_not_be_found() -> None:
    """In a process of its own: other tests make statements too."""
    told = subprocess.run([sys.executable, "-c", _COUNT], cwd=TOP, capture_output=True, text=True, check=True).stdout
    listed, different, made = map(int, told.split())

    assert listed == different == made > 150


_with_groups = and_(groups.c.account_id == memberships.c.account_id, groups.c.id == memberships.c.group_id)
_members = select(memberships.c.person_id).join(groups, _with_groups)
_people = _members.join(accounts, accounts.c.id == memberships.c.person_id)
_theirs = select(memberships.c.group_id).where(memberships.c.account_id == groups.c.account_id)


@pytest.mark.parametrize(
    "made",
    [
        lambda: select(groups.c.name).where(groups.c.account_id == ID),
        lambda: select(groups.c.name).where(without_index(groups.c.account_id) == ID),
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
        lambda: select(groups.c.id).where(groups.c.account_id.in_(select(memberships.c.account_id).where(
            memberships.c.account_id == ID))),
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
