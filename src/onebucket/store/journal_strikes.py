"""Journal entries read to strike names out of them, and stored without these; their hashes stay."""

from sqlalchemy import Integer, bindparam, select, tuple_, update

from onebucket.domain.striking import StoredEntry
from onebucket.store.engine.row_mapper import named
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import access_requests, journal, mirror_settings, mirrors

_STORED = named(StoredEntry, *(journal.c[name] for name in StoredEntry._fields))
_position = (journal.c.account_id, journal.c.number)
_NEXT = Statement(
    select(*_STORED.columns)
    .where(tuple_(*_position) > tuple_(*(bindparam(f"after_{each.name}", type_=each.type) for each in _position)))
    .order_by(*_position)
    .limit(bindparam("most", type_=Integer)),
    _STORED,
)
_CHANGED = ("account", "actor", "address", "subject", "before", "after")
_STRIKE = Statement(
    update(journal)
    .where(journal.c.account_id == bindparam("of_account"), journal.c.number == bindparam("its_number"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGED})
)
# Names that are kept as the journal has them, besides the journal.
_NAMES = tuple(
    Statement(update(column.table).where(column == bindparam("name")).values({column: bindparam("word")}))
    for column in (access_requests.c.answered_by, mirror_settings.c.set_by, mirrors.c.paused_by)
)


def following(tx: Transaction, account_id: str, number: int, *, most: int) -> list[StoredEntry]:
    """Return at most `most` entries that come after one, in the order of accounts and numbers."""
    return tx.rows(_NEXT, after_account_id=account_id, after_number=number, most=most)


def store(tx: Transaction, struck: StoredEntry) -> None:
    """Store an entry as it reads now."""
    changed = {f"new_{name}": getattr(struck, name) for name in _CHANGED}
    tx.run(_STRIKE, of_account=struck.account_id, its_number=struck.number, **changed)


def replace_name(tx: Transaction, name: str, word: str) -> None:
    """Put a word in the place of a person's name where requests, mirrors and their settings have it."""
    for statement in _NAMES:
        tx.run(statement, name=name, word=word)
