"""The shape of webhooks and their deliveries in JSON: the API and the command line share it."""

from msgspec import Struct, structs

from onebucket.domain.webhooks import Delivery, Webhook
from onebucket.wire.times import to_iso


class WebhookShape(Struct, frozen=True):
    """A webhook, without its secrets. Times are UTC.

    Since `failing_since` nothing was delivered; `trouble` is why, or why it was switched off. Until
    `old_secret_until` the previous secret signs too.
    """

    id: str
    label: str
    url: str
    events: list[str]
    active: bool
    created_on: str
    failing_since: str | None
    trouble: str | None
    old_secret_until: str | None


class SecretWebhook(WebhookShape, frozen=True):
    """A webhook with its new secret, which is never shown again."""

    secret: str


class DeliveryShape(Struct, frozen=True):
    """A delivery: `state` is `waiting`, `failing`, `delivered` or `given up`.

    `status` and `error` are those of the last attempt, which took `milliseconds`.
    """

    id: str
    number: int
    event: str
    state: str
    attempts: int
    created_on: str
    tried_on: str | None
    next_attempt_on: str | None
    delivered_on: str | None
    status: int | None
    error: str | None
    milliseconds: int | None


class WholeDelivery(DeliveryShape, frozen=True):
    """A delivery with the `body` that is sent and the beginning of the `answer` to the last attempt."""

    body: str
    answer: str | None


def webhook_shape(webhook: Webhook) -> WebhookShape:
    """Shape a webhook."""
    return WebhookShape(
        id=webhook.id,
        label=webhook.label,
        url=webhook.url,
        events=[*webhook.events],
        active=webhook.is_active,
        created_on=to_iso(webhook.created_at),
        failing_since=to_iso(webhook.failing_since) if webhook.failing_since else None,
        trouble=webhook.trouble,
        old_secret_until=to_iso(webhook.old_secret_until) if webhook.old_secret_until else None,
    )


def secret_webhook(webhook: Webhook, secret: str) -> SecretWebhook:
    """Shape a webhook whose secret was just made."""
    return SecretWebhook(**structs.asdict(webhook_shape(webhook)), secret=secret)


def delivery_shape(delivery: Delivery) -> DeliveryShape:
    """Shape a delivery."""
    answer = delivery.answer
    return DeliveryShape(
        id=delivery.id,
        number=delivery.number,
        event=delivery.event,
        state=delivery.state.value,
        attempts=delivery.attempts,
        created_on=to_iso(delivery.created_at),
        tried_on=to_iso(delivery.tried_at) if delivery.tried_at else None,
        next_attempt_on=to_iso(delivery.due_at) if delivery.due_at else None,
        delivered_on=to_iso(delivery.delivered_at) if delivery.delivered_at else None,
        status=answer.status if answer else None,
        error=answer.error if answer else None,
        milliseconds=answer.milliseconds if answer else None,
    )


def whole_delivery(delivery: Delivery) -> WholeDelivery:
    """Shape a delivery with its body and the answer."""
    answer = delivery.answer.text if delivery.answer else None
    return WholeDelivery(**structs.asdict(delivery_shape(delivery)), body=delivery.body, answer=answer)
