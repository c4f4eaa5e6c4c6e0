"""Lists that may be longer than memory should hold: what is done with them in a transaction, by its span."""

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, literal_column

if TYPE_CHECKING:
    from onebucket.store.database import Transaction
    from onebucket.store.statement import Row, Statement

# So many rows are held at once where more can be read as they are sent.
FEW = 5000

# The limit of a statement that reads few: it finds out that there are more.
ONE_MORE: ColumnElement[int] = literal_column(str(FEW + 1))


class TooMany(Exception):
    """There are more than few: they are to be read in a transaction that lasts, as they are sent."""


class Span(Enum):
    """What a transaction does with a list of more than few."""

    # It is read whole nevertheless.
    WHOLE = "whole"
    # TooMany is raised.
    BRIEF = "brief"
    # It is read a row at a time by whoever goes through it, while the transaction lasts.
    LASTING = "lasting"


def rows(tx: "Transaction", whole: "Statement", few: "Statement", **values: Any) -> "Iterable[Row]":
    """What a statement finds; `few` finds the same and has `ONE_MORE` as its limit. Raises TooMany."""
    if tx.span is Span.LASTING:
        return tx.each(whole, **values)
    return held(tx, whole, few, **values)


def held(tx: "Transaction", whole: "Statement", few: "Statement", **values: Any) -> "list[Row]":
    """The same, and all of it also in a transaction that lasts. Raises TooMany."""
    if tx.span is not Span.BRIEF:
        return tx.rows(whole, **values)
    found = tx.rows(few, **values)
    if len(found) > FEW:
        raise TooMany
    return found
