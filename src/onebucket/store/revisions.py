"""Cache dependencies of a response: the stamps of the accounts it was made from, and of the directory of accounts.

What was read from an account's groups, repositories and privileges is current while the account's stamp is unchanged;
users and e-mail addresses are current while the directory's stamp is. So a cached response can be confirmed without
making it again, although other accounts have changed or a backup was restored.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import bindparam, select

from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import Row
from onebucket.store.engine.state_stamps import NewStamp
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import Id, accounts, site

# Rows of an account's id, its stamp, and the directory's stamp.
CacheDependencies = tuple[Row, ...]

# A response that depends on more accounts is cheaper to make again than to check.
MAX_ACCOUNTS = 100

# The name under which the directory's stamp is stored.
DIRECTORY = "directory"
_REVISE = Statement(
    lambda insert: (
        insert(site)
        .values(name=DIRECTORY, value=NewStamp())
        .on_conflict_do_update(index_elements=["name"], set_={"value": NewStamp()})
    )
)
_NOW = Statement(
    select(
        accounts.c.id,
        accounts.c.stamp,
        select(site.c.value).where(site.c.name == bindparam("directory")).scalar_subquery(),
    )
    .where(accounts.c.id.in_(values_of("ids", Id)))
    .order_by(accounts.c.id)
)


def bump_revision(tx: Transaction) -> None:
    """Renew the directory's stamp at the end of the transaction: accounts or addresses were changed."""
    tx.defer(_REVISE, DIRECTORY)


def dependencies_of(tx: Transaction, also: Iterable[str] = ()) -> CacheDependencies | None:
    """Return the stamps that a response depends on: those of all the transaction has read, and of the accounts `also`.

    Returns None if it may have read anything, or more than `MAX_ACCOUNTS` accounts.
    """
    read_set = tx.read_set
    if read_set is None or read_set.is_unbounded or len(read_set.accounts) > MAX_ACCOUNTS:
        return None
    return _current(tx, read_set.accounts.union(also))


def unchanged(tx: Transaction, foundation: CacheDependencies) -> bool:
    """Return True if everything a cached response depends on is unchanged."""
    return _current(tx, [account_id for account_id, _, _ in foundation]) == foundation


def _current(tx: Transaction, ids: Collection[str]) -> CacheDependencies:
    if tx.states.keys() >= {*ids}:
        return tuple((id, tx.states[id].stamp, tx.states[id].directory) for id in sorted(ids))
    return tuple(tx.rows(_NOW, ids=ids, directory=DIRECTORY))
