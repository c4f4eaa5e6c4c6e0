"""Text and JSON of journal entries, access decisions and restores."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from onebucket.actions.access_checks import AccessDecision
from onebucket.domain import journal_text
from onebucket.domain.events import Event
from onebucket.domain.privileges import Reason
from onebucket.store.journal_rows import Entry, Facts

if TYPE_CHECKING:
    from onebucket.actions.restore import Settled


def entry_line(entry: Entry) -> str:
    """Format an entry as one line of text: time, actor, event, subject, changed values."""
    subject = entry.account if entry.subject == entry.account else f"{entry.account}/{entry.subject}"
    if entry.event is Event.CHANGE_REFUSED:
        subject = f"{entry.account}  {entry.subject}"
    when = entry.at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{when}  {entry.actor:<12} {entry.event.value:<22} {subject}{_difference(entry.before, entry.after)}"


def entry_json(entry: Entry) -> str:
    """Format an entry as one line of JSON with all its fields."""
    return json.dumps(
        {
            "account": entry.account,
            "account_uuid": f"{{{entry.account_id}}}",
            "number": entry.number,
            "at": entry.at.isoformat(),
            "actor": entry.actor,
            "actor_uuid": f"{{{entry.actor_id}}}" if entry.actor_id else None,
            "credential": entry.credential,
            "address": entry.address,
            "event": entry.event.value,
            "subject": entry.subject,
            "before": entry.before,
            "after": entry.after,
            "request_id": entry.request_id,
            "hash": entry.hash,
        },
        ensure_ascii=False,
    )


def _difference(before: Facts | None, after: Facts | None) -> str:
    return "".join(f"  {change}" for change in journal_text.describe_change(before, after))


def decision_lines(decision: AccessDecision) -> Iterator[str]:
    """Yield a line for each way in which the user has access; the one that decides comes first."""
    name, repository = decision.person.username, f"{decision.owner.username}/{decision.repository.slug}"
    if not decision.person.is_active:
        yield f"{name} is disabled"
    elif not decision.ways:
        yield f"{name} has nothing on {repository}"
    for index, way in enumerate(decision.ways):
        yield f"{'decides' if index == 0 else 'also'}: {way.level.word}, {_through(way)}"


def decision_json(decision: AccessDecision, *, allowed: bool) -> dict[str, Any]:
    """Return a decision with the keys of `/api/access`; unlike there, nulls stay and times end in `+00:00`."""
    return {
        "user": decision.person.username,
        "repository": f"{decision.owner.username}/{decision.repository.slug}",
        "level": decision.level.word if decision.level else None,
        "allowed": allowed,
        "because": [
            {
                "level": way.level.word,
                "through": way.through.value,
                "group": way.group,
                "since": way.since.isoformat(timespec="seconds") if way.since else None,
                "granted_by": way.granted_by,
            }
            for way in decision.ways
        ],
        "revision": decision.revision,
    }


def _through(way: Reason) -> str:
    by = f" by {way.granted_by}" if way.granted_by else ""
    return journal_text.describe_way(way) + (f", since {way.since:%Y-%m-%d %H:%M} UTC{by}" if way.since else "")


_NAMES = {
    "sessions": "sessions",
    "links": "links of letters",
    "codes": "OAuth codes",
    "requests": "OAuth requests",
    "consumers": "OAuth consumers",
    "issued": "tokens of OAuth consumers",
    "invitations": "invitations",
}


def settled_as_lines(settled: "Settled") -> Iterator[str]:
    """Yield lines about what a restore ended, and what it kept of the replaced state."""
    if ended := ", ".join(f"{count} {_NAMES[name]}" for name, count in settled.ended.items() if count):
        yield f"ended: {ended}"
    for line in settled.app_passwords:
        yield f"still revoked: the app password of {line}"
    for name, count in settled.kept.items():
        yield f"still ended: {count} {_NAMES[name]}" if name in _NAMES else f"still used: {count} {name}"
    if settled.disabled:
        yield f"still disabled: {', '.join(settled.disabled)}"
    if settled.passwords:
        yield f"still with the password of now: {', '.join(settled.passwords)}"
