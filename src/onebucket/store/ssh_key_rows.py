"""SSH keys of users in the database."""

from sqlalchemy import bindparam, delete, insert, select, update

from onebucket.domain.ssh_keys import SshKey
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import mapped
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import ssh_keys


def _key(
    account_id: str,
    id: str,
    key: str,
    fingerprint: str,
    comment: str,
    label: str,
    created_at: int,
    expires_at: int | None,
    last_used_at: int | None,
) -> SshKey:
    return SshKey(
        account_id=account_id,
        id=id,
        key=key,
        fingerprint=fingerprint,
        comment=comment,
        label=label,
        created_at=timestamps.from_number(created_at),
        expires_at=timestamps.optional_from_number(expires_at),
        last_used_at=timestamps.optional_from_number(last_used_at),
    )


_KEY = mapped(
    ssh_keys.c.account_id,
    ssh_keys.c.id,
    ssh_keys.c.key,
    ssh_keys.c.fingerprint,
    ssh_keys.c.comment,
    ssh_keys.c.label,
    ssh_keys.c.created_at,
    ssh_keys.c.expires_at,
    ssh_keys.c.last_used_at,
    make=_key,
)
_keys = select(*_KEY.columns)
_of_account = ssh_keys.c.account_id == bindparam("account_id")
_this_one = (_of_account, ssh_keys.c.id == bindparam("key_id"))
_OF_PERSON = Statement(_keys.where(_of_account).order_by(ssh_keys.c.created_at, ssh_keys.c.id), _KEY)
_BY_FINGERPRINT = Statement(_keys.where(ssh_keys.c.fingerprint == bindparam("fingerprint")), _KEY)
_ADD = Statement(insert(ssh_keys))
_LABEL = Statement(update(ssh_keys).where(*_this_one).values(label=bindparam("new_label")))
_REMOVE = Statement(delete(ssh_keys).where(*_this_one))


def of_person(tx: Transaction, account_id: str) -> list[SshKey]:
    """Return a user's keys, oldest first."""
    return tx.rows(_OF_PERSON, account_id=account_id)


def by_fingerprint(tx: Transaction, fingerprint: str) -> SshKey | None:
    """Return the key with that fingerprint, of any account."""
    return tx.row(_BY_FINGERPRINT, fingerprint=fingerprint)


def add(tx: Transaction, key: SshKey) -> None:
    """Store a key; nobody may have it yet."""
    tx.run(
        _ADD,
        account_id=key.account_id,
        id=key.id,
        key=key.key,
        fingerprint=key.fingerprint,
        comment=key.comment,
        label=key.label,
        created_at=timestamps.to_number(key.created_at),
        expires_at=timestamps.to_number(key.expires_at) if key.expires_at else None,
        last_used_at=None,
    )


def set_label(tx: Transaction, account_id: str, id: str, label: str) -> None:
    """Give a key another label."""
    tx.run(_LABEL, account_id=account_id, key_id=id, new_label=label)


def remove(tx: Transaction, account_id: str, id: str) -> None:
    """Delete a key."""
    tx.run(_REMOVE, account_id=account_id, key_id=id)
