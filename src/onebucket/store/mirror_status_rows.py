"""How mirrors are doing, in the database."""

from dataclasses import astuple
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, null, or_, select, update

from onebucket.domain.mirrors import DriftCounts, MirrorFailure, MirrorState, MirrorStatus
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import mapped
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import mirrors


def _status(*row: Any) -> MirrorStatus:
    values = dict(zip(mirrors.c.keys(), row, strict=True))
    moment = timestamps.optional_from_number
    failure = None
    if values["error"] is not None:
        failure = MirrorFailure(
            values["error"],
            timestamps.from_number(values["failed_at"]),
            timestamps.from_number(values["failing_since"]),
            moment(values["next_attempt_at"]),
        )
    return MirrorStatus(
        account_id=values["account_id"],
        name=values["name"],
        workspace=values["workspace"],
        api=values["api"],
        can_change=bool(values["can_change"]),
        outcome=MirrorState(values["outcome"]),
        paused_at=moment(values["paused_at"]),
        paused_by=values["paused_by"],
        resumed_at=moment(values["resumed_at"]),
        allowed_removals=values["allowed_removals"],
        last_run_at=moment(values["last_run_at"]),
        last_compared_at=moment(values["last_compared_at"]),
        revision=values["revision"],
        failure=failure,
        counts=DriftCounts(
            values["differences"],
            values["removals"],
            values["foreign_count"],
            values["inherited"],
            values["strangers"],
            values["compared"],
        ),
        carried=values["carried"],
        requests=values["requests"],
        throttled=values["throttled"],
        holder=values["holder"],
        held_until=moment(values["held_until"]),
    )


_STATUS = mapped(*mirrors.c, make=_status)
_COUNTS = ("differences", "removals", "foreign_count", "inherited", "strangers", "compared")
_OUTCOME = ("outcome", "last_run_at", "last_compared_at", "revision", "error", "failed_at", "failing_since",
            "next_attempt_at")  # fmt: skip
_TOTALS = ("carried", "requests", "throttled")
_of_account = mirrors.c.account_id == bindparam("of_account")
_this_one = (_of_account, mirrors.c.name == bindparam("mirror_name"))

_ALL = Statement(select(*_STATUS.columns).order_by(mirrors.c.account_id, mirrors.c.name), _STATUS)
_OF_ACCOUNT = Statement(select(*_STATUS.columns).where(_of_account).order_by(mirrors.c.name), _STATUS)
_ONE = Statement(select(*_STATUS.columns).where(*_this_one), _STATUS)
_REGISTER = Statement(
    lambda insert: (to := insert(mirrors)).on_conflict_do_update(
        index_elements=["account_id", "name"],
        set_={name: getattr(to.excluded, name) for name in ("workspace", "api", "can_change")},
    )
)
_PAUSE = Statement(
    update(mirrors).where(*_this_one).values(paused_at=bindparam("new_paused_at"), paused_by=bindparam("new_paused_by"))
)
_RESUME = Statement(
    update(mirrors)
    .where(*_this_one)
    .values(
        paused_at=null(),
        paused_by="",
        resumed_at=bindparam("new_resumed_at"),
        allowed_removals=bindparam("new_allowed_removals"),
    )
)
_USE_ALLOWANCE = Statement(update(mirrors).where(*_this_one).values(allowed_removals=null()))
_RECORD = Statement(
    update(mirrors)
    .where(*_this_one)
    .values(
        {name: bindparam(f"new_{name}") for name in (*_OUTCOME, *_COUNTS)}
        | {name: mirrors.c[name] + bindparam(f"more_{name}") for name in _TOTALS}
    )
)
_HOLD = Statement(
    update(mirrors)
    .where(
        *_this_one,
        or_(
            mirrors.c.held_until.is_(None),
            mirrors.c.held_until <= bindparam("at"),
            mirrors.c.holder == bindparam("new_holder"),
        ),
    )
    .values(holder=bindparam("new_holder"), held_until=bindparam("new_held_until"))
)
_RELEASE = Statement(
    update(mirrors).where(*_this_one, mirrors.c.holder == bindparam("old_holder")).values(holder="", held_until=null())
)
_REMOVE = Statement(delete(mirrors).where(*_this_one))


def all_mirrors(tx: Transaction) -> list[MirrorStatus]:
    """Return the mirrors of all accounts."""
    return tx.rows(_ALL)


def of_account(tx: Transaction, account_id: str) -> list[MirrorStatus]:
    """Return the mirrors of an account, by name."""
    return tx.rows(_OF_ACCOUNT, of_account=account_id)


def find(tx: Transaction, account_id: str, name: str) -> MirrorStatus | None:
    """Return the mirror of that name."""
    return tx.row(_ONE, of_account=account_id, mirror_name=name)


def register(tx: Transaction, account_id: str, name: str, *, workspace: str, api: str, can_change: bool) -> None:
    """Store a mirror that has never run, or what one that is stored is configured as now."""
    tx.run(
        _REGISTER,
        **dict.fromkeys(mirrors.c.keys())
        | dict.fromkeys((*_COUNTS, *_TOTALS), 0)
        | {"account_id": account_id, "name": name, "workspace": workspace, "api": api, "can_change": can_change,
           "outcome": MirrorState.NEVER_RUN.value, "paused_by": "", "holder": ""},
    )  # fmt: skip


def pause(tx: Transaction, account_id: str, name: str, *, by: str, at: datetime) -> None:
    """Pause a mirror."""
    moment = timestamps.to_number(at)
    tx.run(_PAUSE, of_account=account_id, mirror_name=name, new_paused_at=moment, new_paused_by=by)


def resume(tx: Transaction, account_id: str, name: str, *, allowed_removals: int | None, at: datetime) -> None:
    """End a mirror's pause, and let it compare everything again."""
    tx.run(
        _RESUME,
        of_account=account_id,
        mirror_name=name,
        new_resumed_at=timestamps.to_number(at),
        new_allowed_removals=allowed_removals,
    )


def use_allowance(tx: Transaction, account_id: str, name: str) -> None:
    """Forget how many removals were allowed."""
    tx.run(_USE_ALLOWANCE, of_account=account_id, mirror_name=name)


def record(tx: Transaction, status: MirrorStatus, *, carried: int, requests: int, throttled: int) -> None:
    """Store the outcome of a run, its failure and what it found, and add to the totals."""
    failure = status.failure
    tx.run(
        _RECORD,
        of_account=status.account_id,
        mirror_name=status.name,
        new_outcome=status.outcome.value,
        new_last_run_at=timestamps.optional_to_number(status.last_run_at),
        new_last_compared_at=timestamps.optional_to_number(status.last_compared_at),
        new_revision=status.revision,
        new_error=failure.sentence if failure else None,
        new_failed_at=timestamps.to_number(failure.at) if failure else None,
        new_failing_since=timestamps.to_number(failure.since) if failure else None,
        new_next_attempt_at=timestamps.optional_to_number(failure.next_attempt_at) if failure else None,
        **{f"new_{name}": value for name, value in zip(_COUNTS, astuple(status.counts), strict=True)},
        more_carried=carried,
        more_requests=requests,
        more_throttled=throttled,
    )


def hold(tx: Transaction, account_id: str, name: str, *, holder: str, until: datetime, at: datetime) -> bool:
    """Take a mirror for a process, or keep it; return False if another process has it."""
    return bool(
        tx.run(
            _HOLD,
            of_account=account_id,
            mirror_name=name,
            at=timestamps.to_number(at),
            new_holder=holder,
            new_held_until=timestamps.to_number(until),
        )
    )


def release(tx: Transaction, account_id: str, name: str, *, holder: str) -> None:
    """Let another process take a mirror, if `holder` has it."""
    tx.run(_RELEASE, of_account=account_id, mirror_name=name, old_holder=holder)


def remove(tx: Transaction, account_id: str, name: str) -> None:
    """Forget how a mirror is doing."""
    tx.run(_REMOVE, of_account=account_id, mirror_name=name)
