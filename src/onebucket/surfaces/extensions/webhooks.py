"""Handlers of `/api/webhooks`. Only the responses that make a secret show it."""

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from onebucket.actions import webhook_deliveries, webhooks
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.domain.webhooks import EVERY_EVENT, OFFERED, parse_position
from onebucket.surfaces.core import webhook_shapes
from onebucket.surfaces.core.surface import ApiRequest, Parameter, Route
from onebucket.surfaces.core.webhook_shapes import DeliveryShape, SecretWebhook, WebhookShape, WholeDelivery
from onebucket.surfaces.extensions import journal
from onebucket.wire import request_body

_EVENTS = [EVERY_EVENT, *(event.value for event in OFFERED)]
EventName = Annotated[str, Meta(extra_json_schema={"enum": _EVENTS})]
# One line, without control characters and bidirectional overrides.
Label = Annotated[
    str,
    Meta(max_length=255, extra_json_schema={"pattern": r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$"}),
]
Url = Annotated[str, Meta(max_length=2000, extra_json_schema={"format": "uri"})]


class NewWebhook(Struct, frozen=True):
    """A webhook to be added; `events` are names of the journal, or `*` for all."""

    url: Url
    events: Annotated[list[EventName], Meta(min_length=1)]
    label: Label = ""


class WebhookChange(Struct, frozen=True):
    """What to change of a webhook; what is left out stays."""

    url: Url | UnsetType = UNSET
    events: Annotated[list[EventName], Meta(min_length=1)] | UnsetType = UNSET
    label: Label | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class DeliveriesPage(Struct, frozen=True):
    """A page of deliveries. `next` is what to give as `before` for the page after this one; null on the last."""

    deliveries: list[DeliveryShape]
    next: int | None


def list_webhooks(work: UnitOfWork, request: ApiRequest) -> list[WebhookShape]:
    """List the webhooks of an account."""
    _, found = webhooks.of_account(work, _account(request))
    return [webhook_shapes.webhook_shape(each) for each in found]


def add_webhook(work: UnitOfWork, request: ApiRequest) -> SecretWebhook:
    """Add a webhook."""
    wanted = request_body.document(request.body, NewWebhook, "{url, events, label}")
    _, webhook = webhooks.add(work, _account(request), url=wanted.url, events=wanted.events, label=wanted.label)
    return webhook_shapes.secret_webhook(webhook, request.webhook_secret(webhook.secret_id))


def read_webhook(work: UnitOfWork, request: ApiRequest) -> WebhookShape:
    """Show a webhook."""
    return webhook_shapes.webhook_shape(webhooks.find(work, _account(request), _id(request))[1])


def change_webhook(work: UnitOfWork, request: ApiRequest) -> WebhookShape:
    """Change a webhook, or switch it on or off."""
    wanted = request_body.document(request.body, WebhookChange, "{url, events, label, active}")
    _, webhook = webhooks.change(
        work,
        _account(request),
        _id(request),
        url=_given(wanted.url),
        events=_given(wanted.events),
        label=_given(wanted.label),
        is_active=_given(wanted.active),
    )
    return webhook_shapes.webhook_shape(webhook)


def remove_webhook(work: UnitOfWork, request: ApiRequest) -> None:
    """Delete a webhook."""
    webhooks.remove(work, _account(request), _id(request))


def rotate_secret(work: UnitOfWork, request: ApiRequest) -> SecretWebhook:
    """Make another secret."""
    _, webhook = webhooks.rotate(work, _account(request), _id(request))
    return webhook_shapes.secret_webhook(webhook, request.webhook_secret(webhook.secret_id))


def ping(work: UnitOfWork, request: ApiRequest) -> WholeDelivery:
    """Send a test delivery."""
    return webhook_shapes.whole_delivery(webhook_deliveries.ping(work, _account(request), _id(request)))


def list_deliveries(work: UnitOfWork, request: ApiRequest) -> DeliveriesPage:
    """List what a webhook has sent, newest first."""
    size, start = journal.page_size(journal.last_value(request, "limit")), journal.last_value(request, "before")
    _, found = webhook_deliveries.page(
        work, _account(request), _id(request), before=parse_position(start), at_most=size
    )
    return DeliveriesPage(
        [webhook_shapes.delivery_shape(each) for each in found], found[-1].number if len(found) == size else None
    )


def read_delivery(work: UnitOfWork, request: ApiRequest) -> WholeDelivery:
    """Show a delivery with its body and the answer."""
    delivery_id = request.path_parameters["delivery"]
    return webhook_shapes.whole_delivery(webhook_deliveries.find(work, _account(request), _id(request), delivery_id)[1])


def resend(work: UnitOfWork, request: ApiRequest) -> WholeDelivery:
    """Send a delivery again."""
    delivery_id = request.path_parameters["delivery"]
    return webhook_shapes.whole_delivery(webhook_deliveries.resend(work, _account(request), _id(request), delivery_id))


def _account(request: ApiRequest) -> str:
    return request.path_parameters["accountname"]


def _id(request: ApiRequest) -> str:
    return request.path_parameters["id"]


def _given(value: Any) -> Any:
    return None if value is UNSET else value


_READ, _WRITE, _DELETE = scope_rules.READ_WEBHOOKS, scope_rules.CHANGE_WEBHOOKS, scope_rules.DELETE_WEBHOOKS
_ALL = "/webhooks/{accountname}"
_ONE = f"{_ALL}/{{id}}"
_DELIVERIES = f"{_ONE}/deliveries"
_DELIVERY = f"{_DELIVERIES}/{{delivery}}"
_PAGE: Sequence[Parameter] = (
    Parameter("before", "the `next` of the previous page", {"type": "integer", "minimum": 1}),
    Parameter("limit", "the most deliveries of a page",
              {"type": "integer", "minimum": 1, "maximum": journal.MOST, "default": journal.USUAL}),
)  # fmt: skip

ROUTES = (
    Route("GET", _ALL, list_webhooks, _READ, "listWebhooks", "An account's webhooks, without their secrets",
          list[WebhookShape], errors=(403, 404)),
    Route("POST", _ALL, add_webhook, _WRITE, "addWebhook",
          "Add a webhook; only this response contains its secret", SecretWebhook, json=NewWebhook,
          errors=(400, 403, 404, 409, 413)),
    Route("GET", _ONE, read_webhook, _READ, "readWebhook", "A webhook, without its secrets", WebhookShape,
          errors=(403, 404)),
    Route("PUT", _ONE, change_webhook, _WRITE, "changeWebhook", "Change a webhook, or switch it on or off",
          WebhookShape, json=WebhookChange, errors=(400, 403, 404, 413)),
    Route("DELETE", _ONE, remove_webhook, _DELETE, "removeWebhook", "Delete a webhook and what it has sent",
          errors=(403, 404, 413)),
    Route("POST", f"{_ONE}/secret", rotate_secret, _WRITE, "rotateWebhookSecret",
          "Make another secret; only this response contains it", SecretWebhook, errors=(403, 404, 413)),
    Route("POST", f"{_ONE}/ping", ping, _WRITE, "pingWebhook", "Send a webhook a test delivery", WholeDelivery,
          errors=(403, 404, 409, 413)),
    Route("GET", _DELIVERIES, list_deliveries, _READ, "listDeliveries", "What a webhook has sent, newest first",
          DeliveriesPage, query=(*_PAGE,), errors=(400, 403, 404)),
    Route("GET", _DELIVERY, read_delivery, _READ, "readDelivery", "A delivery with its body and the answer",
          WholeDelivery, errors=(403, 404)),
    Route("POST", f"{_DELIVERY}/resend", resend, _WRITE, "resendDelivery", "Send a delivery again", WholeDelivery,
          errors=(403, 404, 409, 413)),
)  # fmt: skip
