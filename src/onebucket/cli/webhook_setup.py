"""Builds the webhook worker from the settings; the checks of `doctor` about webhooks."""

from collections.abc import Iterator
from datetime import UTC, datetime

from onebucket import webhook_addresses
from onebucket.actions import webhooks
from onebucket.cli import common
from onebucket.cli.finding import Finding
from onebucket.settings import Settings
from onebucket.store.engine.database import Database
from onebucket.webhooks.worker import WebhookWorker


def webhook_worker(chosen: Settings, opened: Database, key: bytes) -> WebhookWorker:
    """Return the webhook worker of a server."""
    return WebhookWorker(
        opened,
        key=key,
        operate=common.work,
        clock=lambda: datetime.now(UTC),
        allowed=webhook_addresses.parse_allowed(chosen.webhook_allow),
        seconds=chosen.webhook_timeout,
    )


def findings(opened: Database) -> Iterator[Finding]:
    """Check that webhooks reach their receivers."""
    with opened.reading() as tx:
        troubled = webhooks.troubled(common.work(tx))
    for owner, webhook in troubled:
        name = f"the webhook {webhook.label} of {owner.username}"
        if webhook.is_active:
            since = f"{webhook.failing_since:%Y-%m-%d %H:%M} UTC" if webhook.failing_since else "now"
            mend = "Fix the receiver: it is tried again by itself."
            yield Finding(False, f"{name} fails since {since}: {webhook.trouble}", mend)
        else:
            mend = f"Fix the receiver, then: {common.program()} webhook on {owner.username} {webhook.id}"
            yield Finding(False, f"{name} was switched off: {webhook.trouble}", mend)
    if not troubled:
        yield Finding(True, "no webhook fails")
