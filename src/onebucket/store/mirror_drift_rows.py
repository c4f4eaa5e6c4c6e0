"""What the last comparison of each mirror found, in the database."""

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, insert, select

from onebucket.domain.mirrors import Drift, DriftKind
from onebucket.domain.privileges import Level
from onebucket.store.engine.row_mapper import mapped
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import mirror_drift


def _drift(
    kind: str, repository: str, person: str, name: str, here: int, there: int, target: int, refused: str
) -> Drift:
    return Drift(DriftKind(kind), repository, person, name, Level(here), Level(there), Level(target), refused)


_DRIFT = mapped(
    mirror_drift.c.kind,
    mirror_drift.c.repository,
    mirror_drift.c.person,
    mirror_drift.c.person_name,
    mirror_drift.c.here,
    mirror_drift.c.there,
    mirror_drift.c.target,
    mirror_drift.c.refused,
    make=_drift,
)
_of_account = mirror_drift.c.account_id == bindparam("of_account")
_of_mirror = (_of_account, mirror_drift.c.mirror == bindparam("mirror_name"))
_OF_MIRROR = Statement(
    select(*_DRIFT.columns)
    .where(*_of_mirror)
    .order_by(mirror_drift.c.kind, mirror_drift.c.repository, mirror_drift.c.person_name, mirror_drift.c.person),
    _DRIFT,
)
_ADD = Statement(insert(mirror_drift))
_REMOVE = Statement(
    delete(mirror_drift).where(
        *_of_mirror,
        mirror_drift.c.kind == bindparam("its_kind"),
        mirror_drift.c.repository == bindparam("slug"),
        mirror_drift.c.person == bindparam("person_id"),
    )
)
_REMOVE_OF_MIRROR = Statement(delete(mirror_drift).where(*_of_mirror))


def of_mirror(tx: Transaction, account_id: str, name: str) -> list[Drift]:
    """Return what the last comparison found, by kind, repository and name."""
    return tx.rows(_OF_MIRROR, of_account=account_id, mirror_name=name)


def change(tx: Transaction, account_id: str, name: str, *, gone: Iterable[Drift], new: Iterable[Drift]) -> None:
    """Store what a comparison found, as the difference to what is stored."""
    tx.run_many(
        _REMOVE,
        [
            {"of_account": account_id, "mirror_name": name, "its_kind": each.kind.value, "slug": each.repository,
             "person_id": each.person_id}
            for each in gone
        ],
    )  # fmt: skip
    tx.run_many(
        _ADD,
        [
            {"account_id": account_id, "mirror": name, "kind": each.kind.value, "repository": each.repository,
             "person": each.person_id, "person_name": each.name, "here": int(each.here), "there": int(each.there),
             "target": int(each.target), "refused": each.refused}
            for each in new
        ],
    )  # fmt: skip


def remove_of_mirror(tx: Transaction, account_id: str, name: str) -> None:
    """Forget what a mirror found."""
    tx.run(_REMOVE_OF_MIRROR, of_account=account_id, mirror_name=name)
