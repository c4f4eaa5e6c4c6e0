"""Deliveries of webhooks: made from the journal, claimed by the webhook worker, with outcomes and retries."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from onebucket.actions import access, journal, webhooks
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import journal_text
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.refusals import Conflict, NotFound
from onebucket.domain.webhooks import (
    GONE,
    NEWEST,
    PING,
    RETENTION,
    SWITCHED_OFF_AFTER,
    AttemptOutcome,
    Delivery,
    Webhook,
    next_attempt,
)
from onebucket.safe_text import quote_text
from onebucket.store import journal_rows, webhook_delivery_rows, webhook_rows

# Webhooks, and journal entries of each, that one transaction looks at.
_MOST_WEBHOOKS, _MOST_ENTRIES = 20, 100


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that a worker sends now, with the webhook and the account that it is of."""

    owner: Account
    webhook: Webhook
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Pending:
    """What a worker finds to do: whether journals have new entries for webhooks, and when the next delivery is due."""

    is_behind: bool
    next_due: datetime | None


def pending(work: UnitOfWork) -> Pending:
    """Return what there is to do for a webhook worker."""
    access.site(work)
    return Pending(bool(webhook_rows.behind(work.tx, most=1)), webhook_delivery_rows.next_due(work.tx))


def make(work: UnitOfWork) -> None:
    """Make deliveries of new journal entries; those of a webhook and the move of its position are one transaction.

    Looks at so many entries at once that others needn't wait for it: `pending` tells whether there are more.
    """
    access.site(work)
    for owner, webhook in webhook_rows.behind(work.tx, most=_MOST_WEBHOOKS):
        after = webhook
        for entry in journal_rows.after(work.tx, owner.id, webhook.position, most=_MOST_ENTRIES):
            after = replace(after, position=entry.number)
            if webhook.wants(entry.event):
                after = replace(after, last_number=after.last_number + 1)
                _add(work, after, entry.event.value, _body_of_entry(work, entry), entry_number=entry.number)
        webhook_rows.change(work.tx, after)


def ping(work: UnitOfWork, account_name: str, id: str) -> Delivery:
    """Send a webhook a test delivery, after those that wait. Raises NotFound, Forbidden, Conflict if it is off."""
    owner, webhook = webhooks.find(work, account_name, id)
    _require_active(webhook)
    webhook = replace(webhook, last_number=webhook.last_number + 1)
    shown = {"id": webhook.id, "label": webhook.label, "events": list(webhook.events)}
    body = {
        "event": PING, "at": journal_text.moment(work.at), "text": f"{work.actor.name} sends a test",
        "account": {"username": owner.username, "uuid": f"{{{owner.id}}}"}, "webhook": shown,
    }  # fmt: skip

    webhook_rows.change(work.tx, webhook)
    delivery = _add(work, webhook, PING, body)
    work.record_attempt(Event.WEBHOOK_PINGED, owner, webhook.label, after={"id": webhook.id, "delivery": delivery.id})
    return delivery


def resend(work: UnitOfWork, account_name: str, id: str, delivery_id: str) -> Delivery:
    """Send a delivery again, whatever came of it, with the same id and body, before those that wait.

    Raises NotFound, Forbidden, Conflict while it is being sent or if the webhook is off.
    """
    owner, webhook, delivery = _find(work, account_name, id, delivery_id)
    _require_active(webhook)
    if not webhook_delivery_rows.resend(work.tx, delivery, at=work.at):
        raise Conflict("it is being sent right now: look again in a moment")
    facts = {"id": webhook.id, "delivery": delivery.id, "event": delivery.event}
    work.record_attempt(Event.WEBHOOK_RESENT, owner, webhook.label, after=facts)
    again = webhook_delivery_rows.one(work.tx, webhook, delivery.id)
    assert again is not None
    return again


def find(work: UnitOfWork, account_name: str, id: str, delivery_id: str) -> tuple[Webhook, Delivery]:
    """Return a webhook and its delivery with that id. Raises NotFound, Forbidden."""
    _, webhook, delivery = _find(work, account_name, id, delivery_id)
    return webhook, delivery


def _find(work: UnitOfWork, account_name: str, id: str, delivery_id: str) -> tuple[Account, Webhook, Delivery]:
    owner, webhook = webhooks.find(work, account_name, id)
    delivery = webhook_delivery_rows.one(work.tx, webhook, delivery_id)
    if delivery is None:
        raise NotFound(f"the webhook {webhook.label} has no delivery {quote_text(delivery_id)}")
    return owner, webhook, delivery


def page(
    work: UnitOfWork, account_name: str, id: str, *, before: int = NEWEST, at_most: int
) -> tuple[Webhook, list[Delivery]]:
    """Return a webhook and its deliveries with smaller numbers than `before`, newest first.

    Raises NotFound, Forbidden.
    """
    _, webhook = webhooks.find(work, account_name, id)
    return webhook, webhook_delivery_rows.page(work.tx, webhook, before=before, most=at_most)


def claim(work: UnitOfWork, *, most: int, lease: timedelta) -> list[Claimed]:
    """Claim deliveries that are due, at most one of each webhook; no other worker gets them before the lease ends."""
    access.site(work)
    claimed = []
    for owner, webhook, delivery in webhook_delivery_rows.due(work.tx, work.at, most=most):
        leased = replace(delivery, leased_until=work.at + lease, attempts=delivery.attempts + 1, tried_at=work.at)
        webhook_delivery_rows.claim(work.tx, leased)
        claimed.append(Claimed(owner, webhook, leased))
    return claimed


def record(work: UnitOfWork, claimed: Claimed, answer: AttemptOutcome, *, jitter: float) -> None:
    """Store what came of an attempt, and when the next one is; switch off a webhook that fails for long.

    Writes nothing if the lease was over and another worker has the delivery, or if the webhook is gone.
    """
    access.site(work)
    delivery = claimed.delivery
    due_at = None if answer.is_success else next_attempt(delivery.attempts, work.at, jitter=jitter)
    delivered_at = work.at if answer.is_success else None
    settled = replace(delivery, due_at=due_at, delivered_at=delivered_at, answer=answer)
    webhook = webhook_rows.one(work.tx, delivery.account_id, delivery.webhook_id)
    if webhook is None or not webhook_delivery_rows.settle(work.tx, delivery, settled):
        return
    if answer.is_success:
        if webhook.failing_since is not None:
            webhook_rows.change(work.tx, replace(webhook, failing_since=None, trouble=None))
        return
    _record_failure(work, claimed, webhook, answer)


def _record_failure(work: UnitOfWork, claimed: Claimed, webhook: Webhook, answer: AttemptOutcome) -> None:
    # A failure long after the last one begins anew: in between, there was nothing to deliver.
    since = webhook.failing_since
    if since is None or claimed.delivery.created_at - since >= SWITCHED_OFF_AFTER:
        since = work.at
    failing = replace(webhook, failing_since=since, trouble=answer.sentence)
    if answer.status == GONE:
        reason = f"it answers {GONE}, so it is gone for good"
    elif webhook.is_active and work.at - since >= SWITCHED_OFF_AFTER:
        reason = f"for {SWITCHED_OFF_AFTER.days} days, nothing was delivered: {answer.sentence}"
    else:
        webhook_rows.change(work.tx, failing)
        return
    webhook_rows.change(work.tx, replace(failing, is_active=False, trouble=reason))
    if webhook.is_active:
        facts = {"id": webhook.id, "url": webhook.url, "reason": reason}
        work.record_attempt(Event.WEBHOOK_SWITCHED_OFF, claimed.owner, webhook.label, after=facts)
        work.notify_administrators(claimed.owner)


def delete_old(work: UnitOfWork) -> None:
    """Delete deliveries that were made more than `RETENTION` ago."""
    access.site(work)
    webhook_delivery_rows.delete_old(work.tx, before=work.at - RETENTION)


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """Numbers of all accounts: deliveries that wait, and webhooks that fail."""

    waiting: int
    failing: int


def counts(work: UnitOfWork) -> DeliveryCounts:
    """Return how many deliveries wait, and how many webhooks fail."""
    access.site(work)
    return DeliveryCounts(webhook_delivery_rows.waiting(work.tx), webhook_rows.failing(work.tx))


def _require_active(webhook: Webhook) -> None:
    if not webhook.is_active:
        raise Conflict("the webhook is off: switch it on first")


def _add(
    work: UnitOfWork, webhook: Webhook, event: str, body: dict[str, Any], *, entry_number: int | None = None
) -> Delivery:
    id = work.new_id()
    text = msgspec.json.encode({"id": id} | body).decode()
    delivery = Delivery(
        webhook.account_id, webhook.id, id, webhook.last_number, event, text, work.at, entry_number, due_at=work.at
    )
    webhook_delivery_rows.add(work.tx, delivery)
    return delivery


def _body_of_entry(work: UnitOfWork, whole: Entry) -> dict[str, Any]:
    """Return what is sent of a journal entry: what other administrators than the owner see on the journal's page."""
    entry = journal.redacted(whole)
    return {
        "event": entry.event.value,
        "at": journal_text.moment(entry.at),
        "text": f"{entry.actor} {journal_text.describe_entry(entry)}",
        "account": {"username": entry.account, "uuid": f"{{{entry.account_id}}}"},
        "actor": {"name": entry.actor, "uuid": f"{{{entry.actor_id}}}" if entry.actor_id else None},
        "entry": {
            "number": entry.number,
            "subject": entry.subject,
            "before": entry.before,
            "after": entry.after,
            "credential": entry.credential,
            "address": entry.address,
            "request_id": entry.request_id,
            "hash": entry.hash,
        },
    }
