"""Reads of result sets that may not fit in memory: buffered, bounded or streamed, as the transaction wants it."""

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, literal_column

from onebucket.store.engine.read_mode import ReadMode
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction

_Found = TypeVar("_Found")

# Rows that are held in memory at once; longer results are streamed as they are sent.
MAX_BUFFERED_ROWS = 5000

# One row more than that, so that a bounded query notices when there are too many.
ROW_LIMIT: ColumnElement[int] = literal_column(str(MAX_BUFFERED_ROWS + 1))


class ResultTooLarge(Exception):
    """A query found more than `MAX_BUFFERED_ROWS` rows; repeat it in a streaming transaction."""


def iterate(tx: Transaction, whole: Statement[_Found], few: Statement[_Found], **values: Any) -> Iterable[_Found]:
    """Iterate over what `whole` finds; read it lazily if the transaction streams.

    `few` is the same query with `ROW_LIMIT` as its limit. Raises ResultTooLarge in a bounded transaction.
    """
    if tx.read_mode is ReadMode.STREAMED:
        return tx.stream(whole, **values)
    return fetch_bounded(tx, whole, few, **values)


def fetch_bounded(tx: Transaction, whole: Statement[_Found], few: Statement[_Found], **values: Any) -> list[_Found]:
    """Fetch what `whole` finds as a list, in a streaming transaction too.

    `few` is the same query with `ROW_LIMIT` as its limit. Raises ResultTooLarge in a bounded transaction.
    """
    if tx.read_mode is not ReadMode.BOUNDED:
        return tx.rows(whole, **values)
    rows = tx.rows(few, **values)
    if len(rows) > MAX_BUFFERED_ROWS:
        raise ResultTooLarge
    return rows
