"""Verifies the audit log: each entry against the one before, and the last one against the stored head of the chain."""

import itertools
from collections.abc import Iterator, Mapping

from sqlalchemy import and_, bindparam, func, literal, select, union

from onebucket.store import journal_chain, journal_rows
from onebucket.store.engine.row_mapper import joined, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.journal_chain import ChainHead, VerifiedChain
from onebucket.store.journal_rows import CHAIN_HEAD, ENTRY
from onebucket.store.tables import accounts, journal, journal_heads

_of_account = journal.c.account_id == bindparam("account_id")
_ACCOUNTS = Statement(
    union(select(journal_heads.c.account_id), select(journal.c.account_id), select(accounts.c.id)).order_by(
        "account_id"
    )
)
# No mapper: somebody may have put anything into the columns.
_CHAIN = Statement(select(*ENTRY.columns).where(_of_account).order_by(journal.c.number))
_NAME = Statement(
    select(accounts.c.username).where(accounts.c.id == bindparam("account_id")), scalar(accounts.c.username)
)
_LAST_NAME = Statement(
    select(journal.c.account).where(_of_account).order_by(journal.c.number.desc()).limit(1), scalar(journal.c.account)
)


_number_of_last = select(func.max(journal.c.number)).where(_of_account).correlate(None).scalar_subquery()
_IN_CHAIN = joined(scalar(accounts.c.username), CHAIN_HEAD.optional, scalar(_number_of_last), ENTRY.raw.optional)
_SHORT_CHAIN = Statement(
    select(*_IN_CHAIN.columns)
    .select_from(
        select(literal(1).label("one"))
        .subquery("once")
        .outerjoin(accounts, accounts.c.id == bindparam("account_id"))
        .outerjoin(journal_heads, journal_heads.c.account_id == bindparam("account_id"))
        .outerjoin(journal, and_(_of_account, _number_of_last <= bindparam("at_most", type_=journal.c.number.type)))
    )
    .order_by(journal.c.number),
    _IN_CHAIN,
)


def verify_short(tx: Transaction, account_id: str, *, at_most: int) -> VerifiedChain | None:
    """Verify the audit log of an account in one statement; return None if it has more than `at_most` entries."""
    with tx.reading_anything():
        rows = iter(tx.stream(_SHORT_CHAIN, account_id=account_id, at_most=at_most))
        first = next(rows)
        name, kept, number, entry = first
        if number is not None and number > at_most:
            return None
        if name is None and entry is not None:
            name = tx.row(_LAST_NAME, account_id=account_id)
        chain = VerifiedChain(account_id, _shown(name), ChainHead(0, ""))
        entries = (entry for *_, entry in itertools.chain((first,), rows) if entry is not None)
        journal_chain.examine_chain(chain, entries, kept, None)
    return chain


def verify(tx: Transaction, *, account_id: str | None, expected: Mapping[str, ChainHead]) -> Iterator[VerifiedChain]:
    """Verify the audit log of an account, or of every account that exists, existed, or has an expected head."""
    with tx.reading_anything():
        ids = (
            [account_id]
            if account_id is not None
            else sorted({*expected, *(account for (account,) in tx.stream(_ACCOUNTS))}, key=str)
        )
        for id in ids:
            yield _verified(tx, id, expected.get(id))


def _verified(tx: Transaction, account_id: str, expected: ChainHead | None) -> VerifiedChain:
    name = tx.row(_NAME, account_id=account_id) or tx.row(_LAST_NAME, account_id=account_id)
    chain = VerifiedChain(account_id, _shown(name), ChainHead(0, ""))
    rows = tx.stream(_CHAIN, account_id=account_id)
    journal_chain.examine_chain(chain, rows, journal_rows.head(tx, account_id), expected)
    return chain


def _shown(name: object) -> str:
    return str(name).encode(errors="replace").decode() if name else "unknown"
