"""The webhooks of an account: make, change, test and delete them, and see what they have sent."""

from typing import Any

import msgspec
from starlette.responses import Response

from onebucket.actions import account_overview, webhook_deliveries, webhooks
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.domain.webhooks import EVERY_EVENT, OFFERED, parse_position
from onebucket.surfaces.web.core.form_fields import error_beside
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest

DONE = {
    "saved": "Webhook saved.",
    "deleted": "Webhook deleted, with everything that it has sent.",
    "pinged": "A test waits to be sent: reload this page in a moment.",
    "resent": "It waits to be sent again: reload this page in a moment.",
}
_MOST_DELIVERIES = 25


async def show_all(request: PageRequest) -> Response:
    """List the webhooks of an account, with a form for a new one."""
    name = request.path_parameter("name")

    def load(work: UnitOfWork) -> dict[str, Any]:
        _, found = webhooks.of_account(work, name)
        return {"webhooks": found, "summary": account_overview.account_summary(work, name)}

    done = DONE.get(request.query("done"), "")
    return request.page("webhooks/list.html", **await request.read(load), events=_choices(), done=done)


async def make(request: PageRequest) -> Response:
    """Make a webhook and show its secret, this once."""
    name, label, url, events = request.path_parameter("name"), *_form(request)
    try:
        _, made = await request.write(lambda work: webhooks.add(work, name, url=url, events=events, label=label))
    except (Invalid, Conflict) as refusal:
        raise _form_errors(refusal) from None
    return await _show_secret(request, made.id, made.secret_id)


async def show(request: PageRequest) -> Response:
    """Show a webhook: its form, and what it has sent last."""
    name, id = request.path_parameter("name"), request.path_parameter("id")
    start = parse_position(request.query("before"))

    def load(work: UnitOfWork) -> dict[str, Any]:
        webhook, found = webhook_deliveries.page(work, name, id, before=start, at_most=_MOST_DELIVERIES)
        summary = account_overview.account_summary(work, name)
        return {"webhook": webhook, "deliveries": found, "summary": summary, "at": work.at}

    done = DONE.get(request.query("done"), "")
    page = await request.read(load)
    return request.page(
        "webhooks/page.html", **page, events=_choices(), done=done, is_full=len(page["deliveries"]) == _MOST_DELIVERIES
    )


async def change(request: PageRequest) -> Response:
    """Change a webhook, or switch it on or off."""
    name, id = request.path_parameter("name"), request.path_parameter("id")
    label, url, events = _form(request)
    is_active = request.is_checked("active")
    try:
        await request.write(
            lambda work: webhooks.change(work, name, id, url=url, events=events, label=label, is_active=is_active)
        )
    except Invalid as refusal:
        raise _form_errors(refusal) from None
    return request.redirect(f"{_address(request)}?done=saved")


async def rotate(request: PageRequest) -> Response:
    """Make another secret and show it, this once."""
    name, id = request.path_parameter("name"), request.path_parameter("id")
    _, changed = await request.write(lambda work: webhooks.rotate(work, name, id))
    return await _show_secret(request, changed.id, changed.secret_id)


async def ping(request: PageRequest) -> Response:
    """Send a test."""
    name, id = request.path_parameter("name"), request.path_parameter("id")
    await request.write(lambda work: webhook_deliveries.ping(work, name, id))
    return request.redirect(f"{_address(request)}?done=pinged")


async def ask_to_delete(request: PageRequest) -> Response:
    """Ask whether to delete a webhook."""
    return request.page("webhooks/delete.html", **await request.read(lambda work: _found(work, request)))


async def delete(request: PageRequest) -> Response:
    """Delete a webhook."""
    name, id = request.path_parameter("name"), request.path_parameter("id")
    await request.write(lambda work: webhooks.remove(work, name, id))
    return request.redirect(f"/accounts/{request.segment('name')}/webhooks?done=deleted")


async def show_delivery(request: PageRequest) -> Response:
    """Show a delivery: its body, and what was answered to the last attempt."""
    name, id, delivery_id = (request.path_parameter(each) for each in ("name", "id", "delivery"))

    def load(work: UnitOfWork) -> dict[str, Any]:
        webhook, delivery = webhook_deliveries.find(work, name, id, delivery_id)
        return {
            "webhook": webhook,
            "delivery": delivery,
            "body": msgspec.json.format(delivery.body, indent=2),
            "summary": account_overview.account_summary(work, name),
        }

    done = DONE.get(request.query("done"), "")
    return request.page("webhooks/delivery.html", **await request.read(load), done=done)


async def resend(request: PageRequest) -> Response:
    """Send a delivery again."""
    name, id, delivery_id = (request.path_parameter(each) for each in ("name", "id", "delivery"))
    await request.write(lambda work: webhook_deliveries.resend(work, name, id, delivery_id))
    return request.redirect(f"{_address(request)}/deliveries/{request.segment('delivery')}?done=resent")


async def _show_secret(request: PageRequest, id: str, secret_id: str) -> Response:
    page = await request.read(lambda work: _found(work, request, id))
    return request.page("webhooks/secret.html", **page, secret=request.backend.webhook_secret(secret_id))


def _found(work: UnitOfWork, request: PageRequest, id: str = "") -> dict[str, Any]:
    name = request.path_parameter("name")
    _, webhook = webhooks.find(work, name, id or request.path_parameter("id"))
    return {"webhook": webhook, "summary": account_overview.account_summary(work, name)}


def _form(request: PageRequest) -> tuple[str, str, list[str]]:
    """Return the label, URL and events of the form. Raises FormErrors."""
    url, events = request.line("url"), request.texts("event")
    if not url:
        raise FormErrors(url="enter a URL")
    return request.line("label"), url, events


def _form_errors(refusal: Invalid | Conflict) -> FormErrors:
    """Put a refusal beside the field that it is about."""
    return error_beside(refusal, label="label", url="url", events="event")


def _choices() -> tuple[str, ...]:
    return (EVERY_EVENT, *(event.value for event in OFFERED))


def _address(request: PageRequest) -> str:
    return f"/accounts/{request.segment('name')}/webhooks/{request.segment('id')}"


_ONE = "/accounts/{name}/webhooks/{id}"

PAGES = (
    Page("/accounts/{name}/webhooks", show_all, make, is_private=True, is_guarded=True),
    Page(_ONE, show, change, is_private=True),
    Page(f"{_ONE}/rotate", show, rotate, is_private=True, is_guarded=True),
    Page(f"{_ONE}/ping", show, ping, is_private=True),
    Page(f"{_ONE}/delete", ask_to_delete, delete, is_private=True),
    Page(f"{_ONE}/deliveries/{{delivery}}", show_delivery, resend, is_private=True),
)
