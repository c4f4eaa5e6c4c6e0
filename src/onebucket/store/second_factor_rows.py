"""Second factors of users in the database, with their recovery codes and wrong codes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, literal, select, update

from onebucket.domain.second_factors import FactorKind, PasskeyCredential, SecondFactor
from onebucket.store import revisions
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, recovery_codes, second_factors, used_challenges, wrong_codes


def _factor(
    account_id: str,
    id: str,
    kind: str,
    label: str,
    created_at: int,
    confirmed_at: int | None,
    last_used_at: int | None,
    last_step: int,
    credential_id: str | None,
    public_key: str | None,
    sign_count: int,
) -> SecondFactor:
    return SecondFactor(
        account_id=account_id,
        id=id,
        kind=FactorKind(kind),
        label=label,
        created_at=timestamps.from_number(created_at),
        confirmed_at=timestamps.optional_from_number(confirmed_at),
        last_used_at=timestamps.optional_from_number(last_used_at),
        last_step=last_step,
        passkey=PasskeyCredential(credential_id, public_key, sign_count) if credential_id and public_key else None,
    )


_columns = second_factors.c
_FACTOR = mapped(
    _columns.account_id,
    _columns.id,
    _columns.kind,
    _columns.label,
    _columns.created_at,
    _columns.confirmed_at,
    _columns.last_used_at,
    _columns.last_step,
    _columns.credential_id,
    _columns.public_key,
    _columns.sign_count,
    make=_factor,
)
_factors = select(*_FACTOR.columns)
_of_account = _columns.account_id == bindparam("account_id")
_this_one = (_of_account, _columns.id == bindparam("factor_id"))
_OF_PERSON = Statement(_factors.where(_of_account).order_by(_columns.created_at, _columns.id), _FACTOR)
_BY_CREDENTIAL = Statement(_factors.where(_columns.credential_id == bindparam("credential")), _FACTOR)
_ADD = Statement(insert(second_factors))
_CONFIRM = Statement(
    update(second_factors)
    .where(*_this_one, _columns.confirmed_at.is_(None))
    .values(confirmed_at=bindparam("now"), last_step=bindparam("step"))
)
_USE_STEP = Statement(
    update(second_factors)
    .where(*_this_one, _columns.last_step < bindparam("step"))
    .values(last_step=bindparam("new_step"), last_used_at=bindparam("now"))
)
_USE_PASSKEY = Statement(
    update(second_factors).where(*_this_one).values(sign_count=bindparam("count"), last_used_at=bindparam("now"))
)
_LABEL = Statement(update(second_factors).where(*_this_one).values(label=bindparam("new_label")))
_REMOVE = Statement(delete(second_factors).where(*_this_one))
_REMOVE_PENDING = Statement(delete(second_factors).where(_of_account, _columns.confirmed_at.is_(None)))
_confirmed_of = select(_columns.id).where(
    _columns.account_id == bindparam("account_id"), _columns.confirmed_at.is_not(None)
)
_MARK = Statement(
    update(accounts).where(accounts.c.id == bindparam("account_id")).values(has_second_factor=_confirmed_of.exists())
)

_codes_of_account = recovery_codes.c.account_id == bindparam("account_id")
_COUNT = scalar(func.count(), int)
_COUNT_CODES = Statement(select(*_COUNT.columns).select_from(recovery_codes).where(_codes_of_account), _COUNT)
_CODES_LEFT = scalar(
    select(func.count()).select_from(recovery_codes).where(_codes_of_account).correlate(None).scalar_subquery(), int
)
_FACTOR_AND_CODES = joined(_FACTOR.optional, _CODES_LEFT)
_WITH_CODES = Statement(
    select(*_FACTOR_AND_CODES.columns)
    .select_from(select(literal(1).label("one")).subquery("once").outerjoin(second_factors, _of_account))
    .order_by(_columns.created_at, _columns.id),
    _FACTOR_AND_CODES,
)
_ADD_CODES = Statement(insert(recovery_codes))
_USE_CODE = Statement(delete(recovery_codes).where(_codes_of_account, recovery_codes.c.code_hash == bindparam("hash")))
_REMOVE_CODES = Statement(delete(recovery_codes).where(_codes_of_account))

_wrong_of_account = wrong_codes.c.account_id == bindparam("account_id")
_WRONG_AT = scalar(wrong_codes.c.at, timestamps.from_number)
_WRONG = Statement(select(*_WRONG_AT.columns).where(_wrong_of_account), _WRONG_AT)
_ADD_WRONG = Statement(insert(wrong_codes))
_FORGET_WRONG = Statement(delete(wrong_codes).where(_wrong_of_account, wrong_codes.c.at < bindparam("before")))

_challenges_of_account = used_challenges.c.account_id == bindparam("account_id")
_FORGET_CHALLENGES = Statement(
    delete(used_challenges).where(_challenges_of_account, used_challenges.c.expires_at < bindparam("before"))
)
_USE_CHALLENGE = Statement(lambda insert: insert(used_challenges).on_conflict_do_nothing())


def of_person(tx: Transaction, account_id: str) -> list[SecondFactor]:
    """Return a user's second factors, oldest first, with one that isn't confirmed yet."""
    return tx.rows(_OF_PERSON, account_id=account_id)


def with_recovery_codes(tx: Transaction, account_id: str) -> tuple[list[SecondFactor], int]:
    """Return a user's second factors as `of_person` does, and how many recovery codes they have left."""
    found = tx.rows(_WITH_CODES, account_id=account_id)
    return [factor for factor, _ in found if factor is not None], max(number for _, number in found)


def by_credential(tx: Transaction, credential_id: str) -> SecondFactor | None:
    """Return the passkey with that id, of any account."""
    return tx.row(_BY_CREDENTIAL, credential=credential_id)


def add(tx: Transaction, factor: SecondFactor) -> None:
    """Store a second factor."""
    tx.run(
        _ADD,
        account_id=factor.account_id,
        id=factor.id,
        kind=factor.kind.value,
        label=factor.label,
        created_at=timestamps.to_number(factor.created_at),
        confirmed_at=timestamps.to_number(factor.confirmed_at) if factor.confirmed_at else None,
        last_used_at=None,
        last_step=factor.last_step,
        credential_id=factor.passkey.credential_id if factor.passkey else None,
        public_key=factor.passkey.public_key if factor.passkey else None,
        sign_count=factor.passkey.sign_count if factor.passkey else 0,
    )
    _mark(tx, factor.account_id)


def confirm(tx: Transaction, factor: SecondFactor, *, step: int, at: datetime) -> bool:
    """Let a factor count from now on; return True if it didn't yet. `step` is that of the code that confirms it."""
    values: dict[str, Any] = {"step": step, "now": timestamps.to_number(at)}
    is_new = tx.run(_CONFIRM, account_id=factor.account_id, factor_id=factor.id, **values) == 1
    _mark(tx, factor.account_id)
    return is_new


def use_step(tx: Transaction, factor: SecondFactor, *, step: int, at: datetime) -> bool:
    """Use the code of a step; return False if it, or a newer one, was used before."""
    values: dict[str, Any] = {"step": step, "new_step": step, "now": timestamps.to_number(at)}
    return tx.run(_USE_STEP, account_id=factor.account_id, factor_id=factor.id, **values) == 1


def use_passkey(tx: Transaction, factor: SecondFactor, *, sign_count: int, at: datetime) -> None:
    """Store that a passkey was used, and its new count."""
    values: dict[str, Any] = {"count": sign_count, "now": timestamps.to_number(at)}
    tx.run(_USE_PASSKEY, account_id=factor.account_id, factor_id=factor.id, **values)


def set_label(tx: Transaction, account_id: str, id: str, label: str) -> None:
    """Give a factor another name."""
    tx.run(_LABEL, account_id=account_id, factor_id=id, new_label=label)


def remove(tx: Transaction, account_id: str, id: str) -> None:
    """Delete a factor."""
    tx.run(_REMOVE, account_id=account_id, factor_id=id)
    _mark(tx, account_id)


def remove_pending(tx: Transaction, account_id: str) -> None:
    """Delete a user's factors that were never confirmed."""
    tx.run(_REMOVE_PENDING, account_id=account_id)


def count_recovery_codes(tx: Transaction, account_id: str) -> int:
    """Return how many recovery codes a user has left."""
    return tx.row(_COUNT_CODES, account_id=account_id) or 0


def set_recovery_codes(tx: Transaction, account_id: str, hashes: Iterable[str]) -> None:
    """Replace a user's recovery codes; only their hashes are stored."""
    tx.run(_REMOVE_CODES, account_id=account_id)
    tx.run_many(_ADD_CODES, [{"account_id": account_id, "code_hash": hash} for hash in hashes])


def use_recovery_code(tx: Transaction, account_id: str, hash: str) -> bool:
    """Delete the recovery code with that hash; return True if the user had it."""
    return tx.run(_USE_CODE, account_id=account_id, hash=hash) == 1


def times_of_wrong_codes(tx: Transaction, account_id: str) -> list[datetime]:
    """Return when a user's last wrong codes came."""
    return tx.rows(_WRONG, account_id=account_id)


def add_wrong_code(tx: Transaction, account_id: str, id: str, *, at: datetime, forget_before: datetime) -> None:
    """Store that a wrong code came, and delete old ones."""
    tx.run(_FORGET_WRONG, account_id=account_id, before=timestamps.to_number(forget_before))
    tx.run(_ADD_WRONG, account_id=account_id, id=id, at=timestamps.to_number(at))


def use_challenge(tx: Transaction, account_id: str, hash: str, *, expires_at: datetime, at: datetime) -> bool:
    """Store a challenge that a passkey of the user has signed; return False if it was used before."""
    tx.run(_FORGET_CHALLENGES, account_id=account_id, before=timestamps.to_number(at))
    values: dict[str, Any] = {"challenge_hash": hash, "expires_at": timestamps.to_number(expires_at)}
    return tx.run(_USE_CHALLENGE, account_id=account_id, **values) == 1


def _mark(tx: Transaction, account_id: str) -> None:
    """Store with the account whether it has a confirmed factor, so that signing in needs no query for it."""
    tx.run(_MARK, account_id=account_id)
    revisions.bump_revision(tx)
