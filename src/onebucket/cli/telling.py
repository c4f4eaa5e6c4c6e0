"""Journal entries, for people and for programs."""

import json

from onebucket.store.journal import Entry, Facts


def as_line(entry: Entry) -> str:
    """One entry on one line: when, who, what, to which subject, and what was different."""
    subject = entry.account if entry.subject == entry.account else f"{entry.account}/{entry.subject}"
    when = entry.at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{when}  {entry.actor:<12} {entry.event.value:<22} {subject}{_difference(entry.before, entry.after)}"


def as_json(entry: Entry) -> str:
    """One entry as a JSON object on one line, with everything that is known."""
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
        },
        ensure_ascii=False,
    )


def _difference(before: Facts | None, after: Facts | None) -> str:
    if before is not None and after is not None:
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return "".join(f"  {key}: {_word(before.get(key))} → {_word(after.get(key))}" for key in changed)
    facts = before if after is None else after
    shown = {key: value for key, value in (facts or {}).items() if value not in (None, False, [], {}, "")}
    return "".join(f"  {key}={_word(value)}" for key, value in shown.items() if key not in _TEDIOUS)


_TEDIOUS = frozenset({"id", "uuid", "slug"})


def _word(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return f"[{', '.join(str(each) for each in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
