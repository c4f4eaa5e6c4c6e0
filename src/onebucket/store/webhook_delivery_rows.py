"""What webhooks send, in the database: waiting deliveries, and those that were delivered or given up."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, and_, bindparam, delete, func, insert, null, or_, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.webhooks import AttemptOutcome, Delivery, Webhook
from onebucket.store import account_rows, webhook_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, webhook_deliveries, webhooks

_MOMENTS = ("due_at", "leased_until", "tried_at", "delivered_at")


def _delivery(*row: Any) -> Delivery:
    values = dict(zip(webhook_deliveries.c.keys(), row, strict=True))
    status, text, error, took = (values.pop(name) for name in ("status", "answer", "error", "milliseconds"))
    return Delivery(
        **values
        | {name: timestamps.optional_from_number(values[name]) for name in _MOMENTS}
        | {"created_at": timestamps.from_number(values["created_at"])},
        answer=None if took is None else AttemptOutcome(status, text, error, took),
    )


_DELIVERY = mapped(*webhook_deliveries.c, make=_delivery)
_deliveries = select(*_DELIVERY.columns)
_of_webhook = (
    webhook_deliveries.c.account_id == bindparam("of_account"),
    webhook_deliveries.c.webhook_id == bindparam("of_webhook"),
)
_this = (*_of_webhook, webhook_deliveries.c.number == bindparam("its_number"))
_waits = webhook_deliveries.c.due_at.is_not(None)

_ADD = Statement(insert(webhook_deliveries))
_PAGE = Statement(
    _deliveries.where(*_of_webhook, webhook_deliveries.c.number < bindparam("before"))
    .order_by(webhook_deliveries.c.number.desc())
    .limit(bindparam("most", type_=Integer)),
    _DELIVERY,
)
_ONE = Statement(_deliveries.where(*_of_webhook, webhook_deliveries.c.id == bindparam("delivery_id")), _DELIVERY)

# The first delivery of each webhook that waits: the next one isn't begun before it is over, so their order is kept.
_others = webhook_deliveries.alias("others")
_is_first = webhook_deliveries.c.number == (
    select(func.min(_others.c.number))
    .where(
        _others.c.account_id == webhook_deliveries.c.account_id,
        _others.c.webhook_id == webhook_deliveries.c.webhook_id,
        _others.c.due_at.is_not(None),
    )
    .scalar_subquery()
)
_of_active_webhook = and_(
    webhooks.c.account_id == webhook_deliveries.c.account_id,
    webhooks.c.id == webhook_deliveries.c.webhook_id,
    webhooks.c.is_active,
)
_joined = accounts.join(webhooks, webhooks.c.account_id == accounts.c.id).join(webhook_deliveries, _of_active_webhook)
_CLAIMABLE = joined(account_rows.ACCOUNT, webhook_rows.WEBHOOK, _DELIVERY)
_DUE = Statement(
    select(*_CLAIMABLE.columns)
    .select_from(_joined)
    .where(accounts.c.is_active, webhook_deliveries.c.due_at <= bindparam("at"), _is_first)
    .order_by(webhook_deliveries.c.due_at)
    .limit(bindparam("most")),
    _CLAIMABLE,
)
_EARLIEST = scalar(func.min(webhook_deliveries.c.due_at), timestamps.optional_from_number)
_NEXT = Statement(
    select(*_EARLIEST.columns).select_from(_joined).where(_waits, accounts.c.is_active, _is_first),
    _EARLIEST,
)
_WAITING = Statement(select(func.count()).select_from(webhook_deliveries).where(_waits), scalar(func.count(), int))
_CLAIM = Statement(
    update(webhook_deliveries)
    .where(*_this)
    .values(
        due_at=bindparam("new_due_at"), leased_until=bindparam("new_due_at"), attempts=bindparam("new_attempts"),
        tried_at=bindparam("new_tried_at"),
    )
)  # fmt: skip
# A worker that took longer than its lease writes nothing: another one has the delivery by then.
_SETTLE = Statement(
    update(webhook_deliveries)
    .where(
        *_this,
        webhook_deliveries.c.attempts == bindparam("its_attempts"),
        webhook_deliveries.c.leased_until == bindparam("its_lease"),
    )
    .values(
        due_at=bindparam("new_due_at"),
        leased_until=null(),
        delivered_at=bindparam("new_delivered_at"),
        status=bindparam("new_status"),
        answer=bindparam("new_answer"),
        error=bindparam("new_error"),
        milliseconds=bindparam("new_milliseconds"),
    )
)
_RESEND = Statement(
    update(webhook_deliveries)
    .where(
        *_this,
        or_(webhook_deliveries.c.leased_until.is_(None), webhook_deliveries.c.leased_until <= bindparam("at")),
    )
    .values(due_at=bindparam("new_due_at"), leased_until=null(), attempts=0, delivered_at=null())
)
_HURRY = Statement(
    update(webhook_deliveries)
    .where(*_of_webhook, _waits, webhook_deliveries.c.leased_until.is_(None))
    .values(due_at=bindparam("new_due_at"))
)
_FORGET = Statement(
    delete(webhook_deliveries).where(
        webhook_deliveries.c.created_at < bindparam("before"), webhook_deliveries.c.leased_until.is_(None)
    )
)


def add(tx: Transaction, delivery: Delivery) -> None:
    """Store a delivery that waits to be sent."""
    tx.run(
        _ADD,
        account_id=delivery.account_id,
        webhook_id=delivery.webhook_id,
        number=delivery.number,
        id=delivery.id,
        event=delivery.event,
        body=delivery.body,
        created_at=timestamps.to_number(delivery.created_at),
        entry_number=delivery.entry_number,
        due_at=timestamps.optional_to_number(delivery.due_at),
        attempts=0,
        **dict.fromkeys(("leased_until", "tried_at", "delivered_at", "status", "answer", "error", "milliseconds")),
    )


def page(tx: Transaction, webhook: Webhook, *, before: int, most: int) -> list[Delivery]:
    """Return deliveries of a webhook with smaller numbers than `before`, newest first."""
    return tx.rows(_PAGE, of_account=webhook.account_id, of_webhook=webhook.id, before=before, most=most)


def one(tx: Transaction, webhook: Webhook, id: str) -> Delivery | None:
    """Return the delivery of a webhook with that id."""
    return tx.row(_ONE, of_account=webhook.account_id, of_webhook=webhook.id, delivery_id=id)


def due(tx: Transaction, at: datetime, *, most: int) -> list[tuple[Account, Webhook, Delivery]]:
    """Return the deliveries of all accounts that can be sent now, one of each webhook at most, longest due first."""
    return tx.rows(_DUE, at=timestamps.to_number(at), most=most)


def next_due(tx: Transaction) -> datetime | None:
    """Return when the next delivery of any account can be sent; None if none waits."""
    return tx.row(_NEXT)


def waiting(tx: Transaction) -> int:
    """Return how many deliveries of all accounts wait."""
    return tx.row(_WAITING) or 0


def claim(tx: Transaction, delivery: Delivery) -> None:
    """Store that a worker sends a delivery until its `leased_until`."""
    tx.run(
        _CLAIM,
        **_key(delivery),
        new_due_at=timestamps.optional_to_number(delivery.leased_until),
        new_attempts=delivery.attempts,
        new_tried_at=timestamps.optional_to_number(delivery.tried_at),
    )


def settle(tx: Transaction, claimed: Delivery, settled: Delivery) -> bool:
    """Store what came of an attempt; return False if the delivery isn't that worker's any more."""
    answer = settled.answer
    assert answer is not None
    changed = tx.run(
        _SETTLE,
        **_key(claimed),
        its_attempts=claimed.attempts,
        its_lease=timestamps.optional_to_number(claimed.leased_until),
        new_due_at=timestamps.optional_to_number(settled.due_at),
        new_delivered_at=timestamps.optional_to_number(settled.delivered_at),
        new_status=answer.status,
        new_answer=answer.text,
        new_error=answer.error,
        new_milliseconds=answer.milliseconds,
    )
    return changed == 1


def resend(tx: Transaction, delivery: Delivery, *, at: datetime) -> bool:
    """Make a delivery due now, as if it was never tried; return False while a worker sends it."""
    now = timestamps.to_number(at)
    return tx.run(_RESEND, **_key(delivery), at=now, new_due_at=now) == 1


def hurry(tx: Transaction, webhook: Webhook, *, at: datetime) -> None:
    """Make what waits of a webhook due now."""
    tx.run(_HURRY, of_account=webhook.account_id, of_webhook=webhook.id, new_due_at=timestamps.to_number(at))


def delete_old(tx: Transaction, *, before: datetime) -> int:
    """Delete what was made before that time; return how many."""
    return tx.run(_FORGET, before=timestamps.to_number(before))


def _key(delivery: Delivery) -> dict[str, Any]:
    return {
        "of_account": delivery.account_id, "of_webhook": delivery.webhook_id, "its_number": delivery.number
    }  # fmt: skip
