"""Read modes: what a transaction does with result sets that may not fit in memory."""

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, literal_column

if TYPE_CHECKING:
    from onebucket.store.engine.database import Transaction
    from onebucket.store.engine.statement import Row, Statement

# Rows that are held in memory at once; longer results are streamed as they are sent.
MAX_BUFFERED_ROWS = 5000

# One row more than that, so that a bounded query notices when there are too many.
ROW_LIMIT: ColumnElement[int] = literal_column(str(MAX_BUFFERED_ROWS + 1))


class ResultTooLarge(Exception):
    """A query found more than `MAX_BUFFERED_ROWS` rows; repeat it in a streaming transaction."""


class ReadMode(Enum):
    """How to treat result sets of more than `MAX_BUFFERED_ROWS` rows."""

    # Read it all into memory.
    BUFFERED = "whole"
    # Raise ResultTooLarge.
    BOUNDED = "brief"
    # Read rows with a cursor as the caller iterates, while the transaction is open.
    STREAMED = "lasting"


def iterate(tx: "Transaction", whole: "Statement", few: "Statement", **values: Any) -> "Iterable[Row]":
    """Iterate over the rows of `whole`; read them lazily if the transaction streams.

    `few` is the same query with `ROW_LIMIT` as its limit. Raises ResultTooLarge in a bounded transaction.
    """
    if tx.read_mode is ReadMode.STREAMED:
        return tx.stream(whole, **values)
    return fetch_bounded(tx, whole, few, **values)


def fetch_bounded(tx: "Transaction", whole: "Statement", few: "Statement", **values: Any) -> "list[Row]":
    """Fetch the rows of `whole` as a list, in a streaming transaction too.

    `few` is the same query with `ROW_LIMIT` as its limit. Raises ResultTooLarge in a bounded transaction.
    """
    if tx.read_mode is not ReadMode.BOUNDED:
        return tx.rows(whole, **values)
    rows = tx.rows(few, **values)
    if len(rows) > MAX_BUFFERED_ROWS:
        raise ResultTooLarge
    return rows
