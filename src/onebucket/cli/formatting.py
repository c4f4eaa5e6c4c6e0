"""Text of journal entries, access decisions and restores."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onebucket.actions.access_checks import AccessDecision
from onebucket.domain import journal_text
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.privileges import Reason

if TYPE_CHECKING:
    from onebucket.actions.restore import Settled


def entry_line(entry: Entry) -> str:
    """Format an entry as one line of text: time, actor, event, subject, changed values."""
    subject = entry.account if entry.subject == entry.account else f"{entry.account}/{entry.subject}"
    if entry.event is Event.CHANGE_REFUSED:
        subject = f"{entry.account}  {entry.subject}"
    when = entry.at.isoformat(timespec="seconds").replace("+00:00", "Z")
    changes = "".join(f"  {change}" for change in journal_text.describe_change(entry.before, entry.after))
    return f"{when}  {entry.actor:<12} {entry.event.value:<22} {subject}{changes}"


def decision_lines(decision: AccessDecision) -> Iterator[str]:
    """Yield a line for each way in which the user has access; the one that decides comes first."""
    name, repository = decision.person.username, f"{decision.owner.username}/{decision.repository.slug}"
    if not decision.person.is_active:
        yield f"{name} is disabled"
    elif not decision.ways:
        yield f"{name} has no access to {repository}"
    for index, way in enumerate(decision.ways):
        yield f"{'decides' if index == 0 else 'also'}: {way.level.word}, {_through(way)}"


def _through(way: Reason) -> str:
    by = f" by {way.granted_by}" if way.granted_by else ""
    since = f", since {way.since:%Y-%m-%d %H:%M} UTC{by}" if way.since else ""
    until = f", until {way.until:%Y-%m-%d %H:%M:%S} UTC" if way.until else ""
    return f"{journal_text.describe_way(way)}{since}{until}"


_NAMES = {
    "sessions": "sessions",
    "links": "links in e-mails",
    "codes": "OAuth codes",
    "requests": "OAuth requests",
    "consumers": "OAuth apps",
    "issued": "tokens of OAuth apps",
    "invitations": "invitations",
    "ssh_keys": "SSH keys",
    "access_requests": "requests for access",
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
        yield f"kept the current password of: {', '.join(settled.passwords)}"
