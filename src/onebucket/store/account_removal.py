"""Deletes accounts: every row that is theirs, and every row of other accounts that is about the person."""

from sqlalchemy import bindparam, delete

from onebucket.store import account_rows
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import issued, journal, journal_heads, metadata

# The journal outlives the account.
_STAYING = (journal, journal_heads)
# What refers to other rows goes before these.
_TABLES = [table for table in reversed(metadata.sorted_tables) if "account_id" in table.c and table not in _STAYING]
_OWN = {table.name: Statement(delete(table).where(table.c.account_id == bindparam("account_id"))) for table in _TABLES}
_ABOUT = {
    table.name: Statement(delete(table).where(table.c.person_id == bindparam("its_person_id")))
    for table in _TABLES
    if "person_id" in table.c
}
_ISSUED_TO = Statement(delete(issued).where(issued.c.consumer_account_id == bindparam("account_id")))


def delete_with_rows(tx: Transaction, account_id: str) -> None:
    """Delete an account with all that it owns.

    The invitations that a person has sent, and the consumers of others that act for them, must be gone already.
    """
    for about in _ABOUT.values():
        tx.run(about, its_person_id=account_id)
    tx.run(_ISSUED_TO, account_id=account_id)
    for own in _OWN.values():
        tx.run(own, account_id=account_id)
    account_rows.delete_account(tx, account_id)
