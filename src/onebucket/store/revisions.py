"""The directory of all accounts: its stamp, and whether what was read before is still so.

Whatever was read from an account's groups, repositories and privileges holds as long as the account's stamp is the
same; who people are, as long as the directory's is. So what was made of both can be known to hold still without being
made anew, although others have changed other accounts, or a backup was put in the place of everything.
"""

from collections.abc import Iterable

from sqlalchemy import bindparam, select

from onebucket.store.engine.database import Transaction
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.state_stamps import NewStamp
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import Id, accounts, site

# Accounts and their stamps, and with each the directory's.
CacheDependencies = tuple[Row, ...]

# An answer that rests on more accounts than that is cheaper made anew than looked after.
MAX_ACCOUNTS = 100

_NAME = "directory"
_REVISE = Statement(
    lambda insert: (
        insert(site)
        .values(name=_NAME, value=NewStamp())
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
    """Let the directory's stamp be another: somebody has come, gone, or is not who they were."""
    tx.defer(_REVISE, _NAME)


def dependencies_of(tx: Transaction, also: Iterable[str] = ()) -> CacheDependencies | None:
    """What the answer rests on that is made of all that the transaction has read, and of the accounts `also`.

    None when that may be anything.
    """
    seen = tx.read_set
    if seen is None or seen.is_unbounded or len(seen.accounts) > MAX_ACCOUNTS:
        return None
    return _current(tx, seen.accounts.union(also))


def unchanged(tx: Transaction, foundation: CacheDependencies) -> bool:
    """Whether nothing has changed of what an answer rests on."""
    return _current(tx, [row[0] for row in foundation]) == foundation


def _current(tx: Transaction, ids: Iterable[str]) -> CacheDependencies:
    return tuple(tx.rows(_NOW, ids=ids, directory=_NAME))
