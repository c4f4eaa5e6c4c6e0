"""Renders journal entries as a change report: one line per entry, and a summary in numbers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from onebucket.domain import journal_text
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry

ADDED, CHANGED, REMOVED = "+", "~", "-"

_SIGNS = {
    "added": ADDED,
    "removed": REMOVED,
    "deleted": REMOVED,
    "revoked": REMOVED,
    "withdrawn": REMOVED,
    "ended": REMOVED,
}


def describe_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield one line per entry: `+` for added, `~` for changed, `-` for removed."""
    for entry in entries:
        sign = _sign(entry)
        title, detail = journal_text.describe_subject(entry)
        if sign is CHANGED:
            yield f"{sign} {title}: {_STATES.get(entry.event) or _change(entry)}"
        else:
            yield f"{sign} {title}{f' ({detail})' if detail else ''}"


def summarize(entries: Sequence[Entry]) -> str:
    """Return how many entries add, change and remove something, as a sentence."""
    if not entries:
        return "nothing to change"
    counts = Counter(map(_sign, entries))
    verbs = ((ADDED, "added"), (CHANGED, "changed"), (REMOVED, "removed"))
    return ", ".join(f"{counts[sign]:,} {verb}" for sign, verb in verbs if counts[sign])


def _change(entry: Entry) -> str:
    changed = journal_text.changed_facts(entry.before or {}, entry.after or {})
    return ", ".join(f"{key} {was} → {now}" for key, was, now in changed) or "the same"


def _sign(entry: Entry) -> str:
    verb = entry.event.value.rpartition(".")[2]
    if verb == "set" and entry.before is None and entry.after is not None:
        return ADDED
    return _SIGNS.get(verb, CHANGED)


_STATES: Mapping[Event, str] = {
    Event.USER_DISABLED: "disabled",
    Event.USER_ENABLED: "enabled",
    Event.PASSWORD_SET: "a new one",
}
