"""Cache dependencies: what a query reads, so that a cached response can be dropped when that changes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, TextClause
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import TableClause

from onebucket.store.tables import (
    accounts,
    directories,
    emails,
    group_privileges,
    groups,
    memberships,
    privileges,
    project_group_privileges,
    project_privileges,
    projects,
    repositories,
)

# The directory: who there is. A change of these tables renews its stamp (`revisions.bump_revision`).
_DIRECTORY = {accounts.name, emails.name}

# Who may do what in an account. A change of these tables renews the account's stamp (`account_rows.bump_revision`).
_ACCESS = {
    table.name
    for table in (
        groups,
        memberships,
        directories,
        projects,
        project_group_privileges,
        project_privileges,
        repositories,
        group_privileges,
        privileges,
    )
}

# The other tables (invitations, letters, app passwords, the journal) change without renewing a stamp.

ACCOUNT_ID = "account_id"


def dependency_of(clause: ClauseElement) -> str | None:
    """Return the name of the bind parameter that holds the id of the account this query depends on.

    Returns `""` if the query reads only the directory of accounts and e-mail addresses, and None if it may read
    anything: a response made from it doesn't survive a commit.
    """
    nodes = [*visitors.iterate(clause)]
    tables = {node.name for node in nodes if isinstance(node, TableClause)}
    parameters = {node.key for node in nodes if isinstance(node, BindParameter)}
    if not tables or any(isinstance(node, TextClause) for node in nodes):
        return None

    if tables <= _DIRECTORY:
        # An account's revision changes with the account, not with the directory.
        return "id" if any(node is accounts.c.revision or node is accounts.c.stamp for node in nodes) else ""
    return ACCOUNT_ID if tables <= _DIRECTORY | _ACCESS and ACCOUNT_ID in parameters else None


class ReadSet:
    """What a transaction has read: the ids of `accounts`; anything at all when `is_unbounded`."""

    __slots__ = ("accounts", "is_unbounded")

    def __init__(self) -> None:
        self.accounts: set[str] = set()
        self.is_unbounded = False

    def add(self, dependency: str | None, values: Mapping[str, Any]) -> None:
        """Add a query with the given dependency (see `dependency_of`) and bound values."""
        if dependency is None:
            self.is_unbounded = True
        elif dependency:
            self.accounts.add(values[dependency])
