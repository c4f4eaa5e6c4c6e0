"""Lists that may be longer than memory should hold: what is done with them in a transaction, by its span."""

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, literal_column

if TYPE_CHECKING:
    from onebucket.store.engine.database import Transaction
    from onebucket.store.engine.statement import Row, Statement

# So many rows are held at once where more can be read as they are sent.
MAX_BUFFERED_ROWS = 5000

# The limit of a statement that reads few: it finds out that there are more.
ROW_LIMIT: ColumnElement[int] = literal_column(str(MAX_BUFFERED_ROWS + 1))


class ResultTooLarge(Exception):
    """There are more than few: they are to be read in a transaction that lasts, as they are sent."""


class ReadMode(Enum):
    """What a transaction does with a list of more than few."""

    # It is read whole nevertheless.
    BUFFERED = "whole"
    # TooMany is raised.
    BOUNDED = "brief"
    # It is read a row at a time by whoever goes through it, while the transaction lasts.
    STREAMED = "lasting"


def iterate(tx: "Transaction", whole: "Statement", few: "Statement", **values: Any) -> "Iterable[Row]":
    """What a statement finds; `few` finds the same and has `ROW_LIMIT` as its limit. Raises ResultTooLarge."""
    if tx.read_mode is ReadMode.STREAMED:
        return tx.stream(whole, **values)
    return fetch_bounded(tx, whole, few, **values)


def fetch_bounded(tx: "Transaction", whole: "Statement", few: "Statement", **values: Any) -> "list[Row]":
    """The same, and all of it also in a transaction that lasts. Raises ResultTooLarge."""
    if tx.read_mode is not ReadMode.BOUNDED:
        return tx.rows(whole, **values)
    found = tx.rows(few, **values)
    if len(found) > MAX_BUFFERED_ROWS:
        raise ResultTooLarge
    return found
