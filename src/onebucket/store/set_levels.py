"""Levels as the tables of privileges hold them: what is set, by whom, when, and until when."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, Table

from onebucket.domain.privileges import Level
from onebucket.store.engine import timestamps
from onebucket.store.engine.statement import AnyStatement, Statement
from onebucket.store.engine.transaction import Transaction


class SetLevel(NamedTuple):
    """A level that is set somewhere, and when it ends, as the tables hold both."""

    level: int
    ends_at: int | None

    @property
    def until(self) -> datetime | None:
        """When it ends."""
        return timestamps.optional_from_number(self.ends_at)


def level_and_end(found: SetLevel | None) -> tuple[Level | None, datetime | None]:
    """Return a level on a repository, and when it ends; None for both if nothing is set."""
    return (None, None) if found is None else (Level(found.level), found.until)


class Grant(NamedTuple):
    """By whom (an id) and when a level is set, and until when."""

    by: str | None
    at: datetime
    until: datetime | None = None

    def columns(self, tx: Transaction) -> dict[str, Any]:
        """Return the columns to store; the transaction takes note of the end."""
        at, ends_at = timestamps.to_number(self.at), tx.noted_end(self.until)
        return {"granted_at": at, "granted_by": self.by, "ends_at": ends_at}


def set_or_replace(table: Table) -> AnyStatement:
    """Make the statement that sets a level, with by whom and when, or replaces the one that is there."""

    def upsert(insert: Any) -> ClauseElement:
        new = insert(table)
        replaced: ClauseElement = new.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key],
            set_={name: new.excluded[name] for name in ("level", "granted_at", "granted_by", "ends_at")},
        )
        return replaced

    return Statement(upsert)
