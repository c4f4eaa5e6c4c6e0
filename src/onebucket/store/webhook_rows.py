"""Webhooks in the database."""

from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from onebucket.domain.webhooks import Webhook
from onebucket.store import account_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.tables import accounts, journal_heads, webhook_deliveries, webhooks


def _webhook(*row: Any) -> Webhook:
    values = dict(zip(webhooks.c.keys(), row, strict=True))
    return Webhook(
        **values
        | {
            "events": tuple(values["events"].split()),
            "is_active": bool(values["is_active"]),
            "created_at": timestamps.from_number(values["created_at"]),
            "old_secret_until": timestamps.optional_from_number(values["old_secret_until"]),
            "failing_since": timestamps.optional_from_number(values["failing_since"]),
        }
    )


WEBHOOK = mapped(*webhooks.c, make=_webhook)
_webhooks = select(*WEBHOOK.columns)
_of_account = webhooks.c.account_id == bindparam("of_account")
_this = (_of_account, webhooks.c.id == bindparam("webhook_id"))
_CHANGED = (
    "label", "url", "events", "is_active", "secret_id", "position", "last_number", "old_secret_id", "old_secret_until",
    "failing_since", "trouble",
)  # fmt: skip

_ADD = Statement(insert(webhooks))
_ONE = Statement(_webhooks.where(*_this), WEBHOOK)
_OF_ACCOUNT = Statement(_webhooks.where(_of_account).order_by(webhooks.c.created_at, webhooks.c.id), WEBHOOK)
_CHANGE = Statement(update(webhooks).where(*_this).values({name: bindparam(f"new_{name}") for name in _CHANGED}))
_REMOVE = (
    Statement(
        delete(webhook_deliveries).where(
            webhook_deliveries.c.account_id == bindparam("of_account"),
            webhook_deliveries.c.webhook_id == bindparam("webhook_id"),
        )
    ),
    Statement(delete(webhooks).where(*_this)),
)
_WITH_ACCOUNT = joined(account_rows.ACCOUNT, WEBHOOK)
_with_account = select(*_WITH_ACCOUNT.columns)
_joined = accounts.join(webhooks, webhooks.c.account_id == accounts.c.id)
# Nobody is told of what happens to a person who is disabled.
_BEHIND = Statement(
    _with_account.select_from(
        _joined.join(
            journal_heads,
            and_(journal_heads.c.account_id == webhooks.c.account_id, journal_heads.c.number > webhooks.c.position),
        )
    )
    .where(webhooks.c.is_active, accounts.c.is_active)
    .order_by(webhooks.c.account_id, webhooks.c.id)
    .limit(bindparam("most")),
    _WITH_ACCOUNT,
)
_TROUBLED = Statement(
    _with_account.select_from(_joined)
    .where(webhooks.c.trouble.is_not(None))
    .order_by(accounts.c.username, webhooks.c.created_at),
    _WITH_ACCOUNT,
)
_FAILING = Statement(
    select(func.count()).select_from(webhooks).where(webhooks.c.failing_since.is_not(None)), scalar(func.count(), int)
)


def add(tx: Transaction, webhook: Webhook) -> None:
    """Store a webhook."""
    tx.run(
        _ADD,
        account_id=webhook.account_id,
        id=webhook.id,
        created_at=timestamps.to_number(webhook.created_at),
        **_values(webhook),
    )


def one(tx: Transaction, account_id: str, id: str) -> Webhook | None:
    """Return the webhook of an account with that id."""
    return tx.row(_ONE, of_account=account_id, webhook_id=id)


def of_account(tx: Transaction, account_id: str) -> list[Webhook]:
    """Return an account's webhooks, oldest first."""
    return tx.rows(_OF_ACCOUNT, of_account=account_id)


def change(tx: Transaction, webhook: Webhook) -> bool:
    """Store a webhook in place of what it was; return False if it is gone."""
    changed = {f"new_{name}": value for name, value in _values(webhook).items()}
    return tx.run(_CHANGE, of_account=webhook.account_id, webhook_id=webhook.id, **changed) == 1


def remove(tx: Transaction, webhook: Webhook) -> None:
    """Delete a webhook and its deliveries."""
    for statement in _REMOVE:
        tx.run(statement, of_account=webhook.account_id, webhook_id=webhook.id)


def behind(tx: Transaction, *, most: int) -> list[Any]:
    """Return accounts and their active webhooks whose journals have entries that weren't looked at."""
    return tx.rows(_BEHIND, most=most)


def troubled(tx: Transaction) -> list[Any]:
    """Return accounts and their webhooks that fail, or were switched off because they failed, by account."""
    return tx.rows(_TROUBLED)


def failing(tx: Transaction) -> int:
    """Return how many webhooks of all accounts fail."""
    return tx.row(_FAILING) or 0


def _values(webhook: Webhook) -> dict[str, Any]:
    return {name: getattr(webhook, name) for name in _CHANGED} | {
        "events": " ".join(webhook.events),
        "old_secret_until": timestamps.optional_to_number(webhook.old_secret_until),
        "failing_since": timestamps.optional_to_number(webhook.failing_since),
    }
