"""Webhooks of account documents: which one of an account each of them is; what is added, changed and removed."""

from collections.abc import Callable, Sequence

from onebucket.actions import webhooks
from onebucket.domain.webhooks import EVERY_EVENT, Webhook, parse_events
from onebucket.transfer import model
from onebucket.transfer.apply_context import ApplyContext, Subject, describe
from onebucket.transfer.model import given_fields

# How alike a webhook and one of a document are: the first that holds finds it.
_LIKENESSES: Sequence[Callable[[model.Webhook, Webhook], bool]] = (
    lambda wanted, present: _has_label(wanted, present) and _has_events(wanted, present),
    lambda wanted, present: _has_label(wanted, present),
    lambda wanted, present: True,
)


def _has_label(wanted: model.Webhook, present: Webhook) -> bool:
    return given_fields(wanted.label) in (None, present.label)


def _has_events(wanted: model.Webhook, present: Webhook) -> bool:
    events = given_fields(wanted.events)
    return events is None or parse_events(events) == present.events


def _found(subject: Subject) -> dict[int, Webhook]:
    """Return the account's webhooks that those of the documents are, by their places in the documents.

    A webhook is found by its URL; of several with the same one, by its label and its events.
    """
    wanted, left = given_fields(subject.after.webhooks) or [], [*subject.before.webhooks]
    found: dict[int, Webhook] = {}
    for is_alike in _LIKENESSES:
        for place, webhook in enumerate(wanted):
            if place in found:
                continue
            match = next((each for each in left if each.url == webhook.url and is_alike(webhook, each)), None)
            if match is not None:
                found[place] = match
                left.remove(match)
    return found


def add_and_change(task: ApplyContext, subject: Subject) -> None:
    """Add the webhooks that the account doesn't have, and change the others. Raises Refusal."""
    found = _found(subject)
    for place, webhook in enumerate(given_fields(subject.after.webhooks) or ()):
        with describe(f"{subject.where} webhooks/{webhook.url}"):
            label, events = given_fields(webhook.label), given_fields(webhook.events)
            active = given_fields(webhook.active)
            if place in found:
                webhooks.change(task.work, subject.name, found[place].id, label=label, events=events, is_active=active)
            else:
                webhooks.add(
                    task.work,
                    subject.name,
                    url=webhook.url,
                    events=[EVERY_EVENT] if events is None else events,
                    label=label or "",
                    is_active=active is not False,
                )
        task.progress.advance()


def prune(task: ApplyContext, subject: Subject) -> None:
    """Remove the account's webhooks that the documents leave out, if they list any, or none on purpose."""
    if given_fields(subject.after.webhooks) is None:
        return
    kept = {each.id for each in _found(subject).values()}
    for webhook in subject.before.webhooks:
        if webhook.id not in kept:
            with describe(f"{subject.where} webhooks/{webhook.url}"):
                webhooks.remove(task.work, subject.name, webhook.id)
