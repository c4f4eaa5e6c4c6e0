"""The accounts that a person switches between: a few, as one value, so that they come with whoever asks for a page."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, ScalarSelect, bindparam, select, union_all

from onebucket.domain.accounts import AccountName
from onebucket.store.engine.row_mapper import scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.text_aggregate import rows_of_text, texts_of_rows
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import Id, accounts, memberships

# One more than is shown says that there are more.
MOST = 10


def first_accounts(person_id: ColumnElement[Any], *of: FromClause) -> ScalarSelect[Any]:
    """Select a person's own account and the first of those in whose groups they are, by username, as one text."""
    account, part = accounts.alias("a"), memberships.alias("p")
    own = select(person_id).correlate(*of)
    of_groups = select(part.c.account_id).where(part.c.person_id == person_id).correlate(*of)
    few = (
        select(account.c.username, account.c.display_name)
        .where(account.c.id.in_(union_all(own, of_groups)))
        .order_by(account.c.username_key)
        .limit(MOST + 1)
        .subquery("few")
    )
    return select(texts_of_rows(few.c.username, few.c.display_name)).scalar_subquery()


def _names(text: str | None) -> tuple[AccountName, ...]:
    return tuple(sorted((AccountName(*row) for row in rows_of_text(text)), key=lambda each: each.username.lower()))


_person_id = bindparam("person_id", type_=Id)
_FIRST_NAMES = scalar(first_accounts(_person_id), _names)
_FIRST = Statement(select(*_FIRST_NAMES.columns), _FIRST_NAMES, is_cached=True)


def first(tx: Transaction, person_id: str) -> tuple[AccountName, ...]:
    """Return a person's own account and those in whose groups they are, by username: at most one more than `MOST`."""
    return tx.row(_FIRST, person_id=person_id) or ()


def cache_first(tx: Transaction, person_id: str, text: str | None) -> None:
    """Cache what `first` returns; `text` is what `first_accounts` has selected."""
    tx.cache_row(_FIRST, _names(text), person_id=person_id)
