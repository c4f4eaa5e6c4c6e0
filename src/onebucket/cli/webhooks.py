"""The command `webhook`: URLs that are told what happens in an account."""

from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption

if TYPE_CHECKING:
    from onebucket.domain.webhooks import Delivery, Webhook

webhook = typer.Typer(help="Webhooks: add, list, test, resend, rotate, remove.", no_args_is_help=True)

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The team or person that it is of")]
WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The id, from `webhook list`")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="The id, from `webhook deliveries`")]
Events = Annotated[
    list[str] | None, typer.Option("--event", help="Such as member.added; can be repeated. Default: every event.")
]
Label = Annotated[
    str, typer.Option("--label", metavar="L", help="A name for it; default: its host", show_default=False)
]


@webhook.command("add")
def add_webhook(
    account: Account,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where deliveries are sent")],
    event: Events = None,
    label: Label = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add a webhook and print its secret, which is not shown again."""
    from onebucket.actions import webhooks
    from onebucket.domain.webhooks import EVERY_EVENT

    with common.writing(database, data) as work:
        _, added = webhooks.add(work, account, url=url, events=event or [EVERY_EVENT], label=label)
    _show_secret(added, database, data, json=json)


@webhook.command("list")
def list_webhooks(
    account: Account, json: JsonOption = False, database: DatabaseOption = "", data: DataOption = ""
) -> None:
    """List the webhooks of an account, without their secrets."""
    from onebucket.actions import webhooks
    from onebucket.surfaces.core.webhook_shapes import webhook_shape

    with common.reading(database, data) as work:
        _, found = webhooks.of_account(work, account)
    if json:
        _show_json([webhook_shape(each) for each in found])
        return
    rows = [[each.id, each.label, each.url, _state(each), " ".join(each.events)] for each in found]
    common.show_table(["ID", "LABEL", "URL", "STATE", "EVENTS"], rows)


@webhook.command("deliveries")
def list_deliveries(
    account: Account,
    id: WebhookId,
    limit: Annotated[int, typer.Option(metavar="N", help="The most to list", min=1, max=1000)] = 20,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List what a webhook has sent, newest first; with --json, bodies and answers too."""
    from onebucket.actions import webhook_deliveries
    from onebucket.surfaces.core.webhook_shapes import whole_delivery

    with common.reading(database, data) as work:
        _, found = webhook_deliveries.page(work, account, id, at_most=limit)
    if json:
        _show_json([whole_delivery(each) for each in found])
        return
    rows = [
        [each.id, f"{each.created_at:%Y-%m-%d %H:%M:%S}", each.event, each.state.value, str(each.attempts), _came(each)]
        for each in found
    ]
    common.show_table(["ID", "MADE", "EVENT", "STATE", "ATTEMPTS", "ANSWER"], rows)


@webhook.command("ping")
def ping(account: Account, id: WebhookId, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Send a webhook a test delivery; a running server sends it."""
    from onebucket.actions import webhook_deliveries

    with common.writing(database, data) as work:
        delivery = webhook_deliveries.ping(work, account, id)
    common.show(f"{delivery.id} waits to be sent")


@webhook.command("resend")
def resend(
    account: Account, id: WebhookId, delivery: DeliveryId, database: DatabaseOption = "", data: DataOption = ""
) -> None:
    """Send a delivery again, with the same id and body; a running server sends it."""
    from onebucket.actions import webhook_deliveries

    with common.writing(database, data) as work:
        again = webhook_deliveries.resend(work, account, id, delivery)
    common.show(f"{again.id} waits to be sent")


@webhook.command("rotate")
def rotate(
    account: Account, id: WebhookId, json: JsonOption = False, database: DatabaseOption = "", data: DataOption = ""
) -> None:
    """Make another secret and print it; for a day, the one before signs too."""
    from onebucket.actions import webhooks

    with common.writing(database, data) as work:
        _, changed = webhooks.rotate(work, account, id)
    _show_secret(changed, database, data, json=json)


@webhook.command("on")
def switch_on(account: Account, id: WebhookId, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Switch a webhook on: it is told what happens from now on, after what waited."""
    _switch(account, id, database, data, on=True)


@webhook.command("off")
def switch_off(account: Account, id: WebhookId, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Switch a webhook off; what waits is sent when it is switched on again."""
    _switch(account, id, database, data, on=False)


@webhook.command("remove")
def remove(account: Account, id: WebhookId, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Delete a webhook with everything that it has sent, and what waits."""
    from onebucket.actions import webhooks

    with common.writing(database, data) as work:
        _, removed = webhooks.remove(work, account, id)
    common.show(f"removed {removed.label}, {removed.url}")


def _switch(account: str, id: str, database: str, data: str, *, on: bool) -> None:
    from onebucket.actions import webhooks

    with common.writing(database, data) as work:
        _, changed = webhooks.change(work, account, id, is_active=on)
    common.show(f"{changed.label} is {'on' if on else 'off'}")


def _show_secret(changed: "Webhook", database: str, data: str, *, json: bool) -> None:
    from onebucket import hashing
    from onebucket.cli import keys
    from onebucket.surfaces.core.webhook_shapes import secret_webhook

    secret = hashing.webhook_secret(keys.secret_key(common.settings(database, data)), changed.secret_id)
    if json:
        _show_json(secret_webhook(changed, secret))
        return
    common.show(f"id      {changed.id}")
    common.show(f"secret  {secret}")
    typer.echo("The secret is not shown again.", err=True)


def _state(webhook: "Webhook") -> str:
    if not webhook.is_active:
        return "off"
    return "failing" if webhook.failing_since else "on"


def _came(delivery: "Delivery") -> str:
    answer = delivery.answer
    return "" if answer is None else str(answer.status or answer.error)


def _show_json(shapes: object) -> None:
    import msgspec

    common.show_json(msgspec.to_builtins(shapes))
