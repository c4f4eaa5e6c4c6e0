"""What mirrors have set at code hosts, in the database."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select

from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.privileges import Level
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import mapped
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import mirror_permissions


class MirroredPermission(NamedTuple):
    """What a mirror has given at the host, to a person by the host's id of them, or to a group by its slug.

    `repository` is a project's key where it was given on one.
    """

    repository: str
    person: str
    level: Level
    kind: GrantKind = GrantKind.PERSON


_PERMISSION = mapped(
    mirror_permissions.c.repository,
    mirror_permissions.c.person,
    mirror_permissions.c.level,
    mirror_permissions.c.kind,
    make=lambda repository, person, level, kind: MirroredPermission(repository, person, Level(level), GrantKind(kind)),
)
_of_account = mirror_permissions.c.account_id == bindparam("account_id")
_of_mirror = (_of_account, mirror_permissions.c.mirror == bindparam("mirror_name"))
_this_one = (
    *_of_mirror,
    mirror_permissions.c.kind == bindparam("grant_kind"),
    mirror_permissions.c.repository == bindparam("slug"),
    mirror_permissions.c.person == bindparam("person_id"),
)
_OF_MIRROR = Statement(select(*_PERMISSION.columns).where(*_of_mirror), _PERMISSION)
_INVITED = Statement(
    select(mirror_permissions.c.person, mirror_permissions.c.set_at).where(
        *_of_mirror, mirror_permissions.c.kind == GrantKind.INVITATION.value
    )
)
_PUT = Statement(
    lambda insert: (to := insert(mirror_permissions)).on_conflict_do_update(
        index_elements=[column.name for column in mirror_permissions.primary_key],
        set_={"level": to.excluded.level, "set_at": to.excluded.set_at},
    )
)
_REMOVE = Statement(delete(mirror_permissions).where(*_this_one))
_REMOVE_OF_MIRROR = Statement(delete(mirror_permissions).where(*_of_mirror))


def of_mirror(tx: Transaction, account_id: str, mirror: str) -> list[MirroredPermission]:
    """Return what a mirror has set."""
    return tx.rows(_OF_MIRROR, account_id=account_id, mirror_name=mirror)


def invited(tx: Transaction, account_id: str, mirror: str) -> dict[str, datetime]:
    """Return whom a mirror has invited, by the host's id, and when last."""
    rows = tx.rows(_INVITED, account_id=account_id, mirror_name=mirror)
    return {person: timestamps.from_number(at) for person, at in rows}


def put(tx: Transaction, account_id: str, mirror: str, permission: MirroredPermission, *, at: datetime) -> None:
    """Store what a mirror sets, in place of what it had set there."""
    tx.run(
        _PUT,
        account_id=account_id,
        mirror=mirror,
        kind=permission.kind.value,
        repository=permission.repository,
        person=permission.person,
        level=int(permission.level),
        set_at=timestamps.to_number(at),
    )


def remove(tx: Transaction, account_id: str, mirror: str, permission: MirroredPermission) -> None:
    """Forget that a mirror has set a permission, whatever its level."""
    tx.run(
        _REMOVE,
        account_id=account_id,
        mirror_name=mirror,
        grant_kind=permission.kind.value,
        slug=permission.repository,
        person_id=permission.person,
    )


def remove_of_mirror(tx: Transaction, account_id: str, mirror: str) -> None:
    """Forget what a mirror has set, and whom it has invited."""
    tx.run(_REMOVE_OF_MIRROR, account_id=account_id, mirror_name=mirror)
