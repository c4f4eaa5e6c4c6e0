"""What statements read: as long as nothing of that has changed, neither has what was made of it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, TextClause
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import TableClause

from onebucket.store.tables import accounts, emails, group_privileges, groups, memberships, privileges, repositories

# Who there is. Whoever changes these tables tells so (`directory.revise`).
_DIRECTORY = {accounts.name, emails.name}

# Who may do what in an account. Whatever changes them gives the account another stamp (`accounts.revise`).
_ACCESS = {table.name for table in (groups, memberships, repositories, group_privileges, privileges)}

# What else there is (invitations, letters, app passwords, the journal) changes without either.

ACCOUNT_ID = "account_id"


def dependency_of(clause: ClauseElement) -> str | None:
    """The name of the value that is the one account a statement rests on, besides the directory of all accounts.

    Empty where it rests on the directory alone; None where it may rest on anything.
    """
    parts = [*visitors.iterate(clause)]
    tables = {each.name for each in parts if isinstance(each, TableClause)}
    values = {each.key for each in parts if isinstance(each, BindParameter)}
    if not tables or any(isinstance(each, TextClause) for each in parts):
        return None

    if tables <= _DIRECTORY:
        # An account's own revision is not the directory's.
        return "id" if any(each is accounts.c.revision or each is accounts.c.stamp for each in parts) else ""
    return ACCOUNT_ID if tables <= _DIRECTORY | _ACCESS and ACCOUNT_ID in values else None


class ReadSet:
    """What a transaction has read: the ids of `accounts`, unless it may have been `anything`."""

    __slots__ = ("accounts", "is_unbounded")

    def __init__(self) -> None:
        self.accounts: set[str] = set()
        self.is_unbounded = False

    def add(self, grounds: str | None, values: Mapping[str, Any]) -> None:
        """Note a statement that rests on `grounds`, with these values."""
        if grounds is None:
            self.is_unbounded = True
        elif grounds:
            self.accounts.add(values[grounds])
