"""Values that the server stores about itself, by name."""

from sqlalchemy import bindparam, delete, select

from onebucket.store.engine.row_mapper import scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import site

_VALUE = scalar(site.c.value)
_FIND = Statement(select(site.c.value).where(site.c.name == bindparam("name")), _VALUE)
_SET = Statement(
    lambda insert: (to := insert(site)).on_conflict_do_update(
        index_elements=["name"], set_={"value": to.excluded.value}
    )
)
_REMOVE = Statement(delete(site).where(site.c.name == bindparam("name"), site.c.value == bindparam("value")))


def get_value(tx: Transaction, name: str) -> str | None:
    """Return the value with that name."""
    value: str | None = tx.row(_FIND, name=name)
    return value


def set_value(tx: Transaction, name: str, value: str) -> None:
    """Store a value under a name."""
    tx.run(_SET, name=name, value=value)


def delete_value(tx: Transaction, name: str, value: str) -> bool:
    """Delete a value if it is the one stored under that name; return True if it was."""
    return tx.run(_REMOVE, name=name, value=value) == 1
