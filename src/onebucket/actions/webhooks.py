"""Webhooks of an account: add, change, rotate the secret of, remove and list them."""

from collections.abc import Sequence
from dataclasses import replace

from onebucket import webhook_addresses
from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import webhooks
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Conflict, Invalid, NotFound
from onebucket.domain.text import clean_text
from onebucket.domain.webhooks import MOST_WEBHOOKS, ROTATION_TIME, Webhook
from onebucket.safe_text import quote_text
from onebucket.store import webhook_delivery_rows, webhook_rows
from onebucket.webhook_addresses import BadAddress


def add(
    work: UnitOfWork, account_name: str, *, url: str, events: Sequence[str], label: str = "", is_active: bool = True
) -> tuple[Account, Webhook]:
    """Add a webhook, which is told what happens from now on. Raises Invalid, Conflict, NotFound, Forbidden.

    Without a label it is called by the host of its URL.
    """
    owner = access.account(work, account_name, to=To.MANAGE_WEBHOOKS)
    if len(webhook_rows.of_account(work.tx, owner.id)) >= MOST_WEBHOOKS:
        raise Conflict(f"{owner.username} has {MOST_WEBHOOKS} webhooks already, and there can be no more")
    webhook = Webhook(
        account_id=owner.id,
        id=work.new_id(),
        label=_label(work, label, url),
        url=_checked_url(work, url),
        events=webhooks.parse_events([*events]),
        is_active=is_active,
        secret_id=work.new_id(),
        created_at=work.at,
    )

    work.record(Event.WEBHOOK_ADDED, owner, webhook.label, after=_facts(webhook))
    # It isn't told of its own beginning.
    webhook = replace(webhook, position=work.entries[-1].number)
    webhook_rows.add(work.tx, webhook)
    return owner, webhook


def change(
    work: UnitOfWork,
    account_name: str,
    id: str,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    label: str | None = None,
    is_active: bool | None = None,
) -> tuple[Account, Webhook]:
    """Change what is given of a webhook. Raises Invalid, NotFound, Forbidden.

    One that is switched on again is told what happens from then on, after what waited when it was switched off.
    """
    owner, before = find(work, account_name, id)
    after = before
    if url is not None and url != before.url:
        after = replace(after, url=_checked_url(work, url))
    if events is not None:
        after = replace(after, events=webhooks.parse_events([*events]))
    if label is not None:
        after = replace(after, label=_label(work, label, after.url))
    if is_active is not None:
        after = replace(after, is_active=is_active)
    if after == before:
        return owner, before

    work.record(Event.WEBHOOK_CHANGED, owner, before.label, before=_facts(before), after=_facts(after))
    if after.is_active and not before.is_active:
        after = replace(after, position=work.entries[-1].number)
    if after.is_active and (after.url != before.url or not before.is_active):
        after = replace(after, failing_since=None, trouble=None)
        webhook_delivery_rows.hurry(work.tx, after, at=work.at)
    webhook_rows.change(work.tx, after)
    return owner, after


def rotate(work: UnitOfWork, account_name: str, id: str) -> tuple[Account, Webhook]:
    """Give a webhook another secret; the one before signs too for `ROTATION_TIME`. Raises NotFound, Forbidden."""
    owner, before = find(work, account_name, id)
    after = replace(
        before, secret_id=work.new_id(), old_secret_id=before.secret_id, old_secret_until=work.at + ROTATION_TIME
    )

    webhook_rows.change(work.tx, after)
    work.record(Event.WEBHOOK_ROTATED, owner, before.label, after={"id": before.id, "label": before.label})
    return owner, after


def remove(work: UnitOfWork, account_name: str, id: str) -> tuple[Account, Webhook]:
    """Delete a webhook with everything that it has sent, and what waits. Raises NotFound, Forbidden."""
    owner, webhook = find(work, account_name, id)

    webhook_rows.remove(work.tx, webhook)
    work.record(Event.WEBHOOK_REMOVED, owner, webhook.label, before=_facts(webhook))
    return owner, webhook


def find(work: UnitOfWork, account_name: str, id: str) -> tuple[Account, Webhook]:
    """Return an account's webhook with that id. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.MANAGE_WEBHOOKS)
    webhook = webhook_rows.one(work.tx, owner.id, id)
    if webhook is None:
        raise NotFound(f"{owner.username} has no webhook {quote_text(id)}")
    return owner, webhook


def of_account(work: UnitOfWork, account_name: str) -> tuple[Account, list[Webhook]]:
    """Return an account and its webhooks, oldest first. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.MANAGE_WEBHOOKS)
    return owner, webhook_rows.of_account(work.tx, owner.id)


def troubled(work: UnitOfWork) -> list[tuple[Account, Webhook]]:
    """Return the webhooks of all accounts that fail or were switched off for it. Raises Forbidden."""
    access.site(work)
    return webhook_rows.troubled(work.tx)


def _facts(webhook: Webhook) -> dict[str, object]:
    return {"id": webhook.id} | webhook.facts


def _checked_url(work: UnitOfWork, url: str) -> str:
    """Check a URL by itself; what its name resolves to is checked with each delivery. Raises Invalid."""
    try:
        webhook_addresses.parse_url(url, webhook_addresses.parse_allowed(work.site_limits.webhook_allow))
    except BadAddress as error:
        raise Invalid(str(error), field="url") from None
    return url


def _label(work: UnitOfWork, label: str, url: str) -> str:
    if label.strip():
        return clean_text(label, what="the label", field="label")
    return webhook_addresses.host_of(_checked_url(work, url))
