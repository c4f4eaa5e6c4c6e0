"""The settings of mirrors that pages have set, in the database."""

import json

from sqlalchemy import bindparam, delete, select

from onebucket.domain.mirror_settings import StoredSetting
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import mirror_settings


def _made(name: str, value: str, set_by: str, set_at: int) -> StoredSetting:
    parsed = json.loads(value)
    found = tuple(parsed) if isinstance(parsed, list) else parsed
    return StoredSetting(name, found, set_by, timestamps.from_number(set_at))


_SETTING = mapped(
    mirror_settings.c.name, mirror_settings.c.value, mirror_settings.c.set_by, mirror_settings.c.set_at, make=_made
)
_NAMED = joined(scalar(mirror_settings.c.mirror, str), _SETTING)
_of_account = mirror_settings.c.account_id == bindparam("account_id")
_of_mirror = (_of_account, mirror_settings.c.mirror == bindparam("mirror_name"))
_OF_MIRROR = Statement(select(*_SETTING.columns).where(*_of_mirror), _SETTING)
_OF_ACCOUNT = Statement(
    select(*_NAMED.columns).where(_of_account).order_by(mirror_settings.c.mirror, mirror_settings.c.name), _NAMED
)
_PUT = Statement(
    lambda insert: (to := insert(mirror_settings)).on_conflict_do_update(
        index_elements=[column.name for column in mirror_settings.primary_key],
        set_={name: to.excluded[name] for name in ("value", "set_by", "set_at")},
    )
)
_REMOVE = Statement(delete(mirror_settings).where(*_of_mirror, mirror_settings.c.name == bindparam("setting")))
_REMOVE_OF_MIRROR = Statement(delete(mirror_settings).where(*_of_mirror))


def of_mirror(tx: Transaction, account_id: str, mirror: str) -> list[StoredSetting]:
    """Return what was set for a mirror."""
    return tx.rows(_OF_MIRROR, account_id=account_id, mirror_name=mirror)


def of_account(tx: Transaction, account_id: str) -> dict[str, list[StoredSetting]]:
    """Return what was set for each mirror of an account, by its name."""
    found: dict[str, list[StoredSetting]] = {}
    for mirror, setting in tx.rows(_OF_ACCOUNT, account_id=account_id):
        found.setdefault(mirror, []).append(setting)
    return found


def put(tx: Transaction, account_id: str, mirror: str, setting: StoredSetting) -> None:
    """Store a setting, in place of its earlier value."""
    tx.run(
        _PUT,
        account_id=account_id,
        mirror=mirror,
        name=setting.name,
        value=json.dumps(setting.value),
        set_by=setting.set_by,
        set_at=timestamps.to_number(setting.set_at),
    )


def remove(tx: Transaction, account_id: str, mirror: str, name: str) -> None:
    """Forget a setting of a mirror."""
    tx.run(_REMOVE, account_id=account_id, mirror_name=mirror, setting=name)


def remove_of_mirror(tx: Transaction, account_id: str, mirror: str) -> None:
    """Forget every setting of a mirror."""
    tx.run(_REMOVE_OF_MIRROR, account_id=account_id, mirror_name=mirror)
