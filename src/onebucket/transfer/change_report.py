"""Renders journal entries as a change report: one line per entry, and a summary in numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from onebucket.domain.events import Event
from onebucket.domain.text import quote_text
from onebucket.store.journal_rows import Entry, Facts

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
        title, detail = _TITLES.get(entry.event.value.partition(".")[0], _other)(entry, _facts(entry))
        if sign is CHANGED:
            change = _STATES.get(entry.event) or _change(entry.before or {}, entry.after or {})
            yield f"{sign} {title}: {change}"
        else:
            yield f"{sign} {title}{f' ({detail})' if detail else ''}"


def summarize(entries: Sequence[Entry]) -> str:
    """Return how many entries add, change and remove something, as a sentence."""
    if not entries:
        return "nothing to change"
    counts = Counter(map(_sign, entries))
    verbs = ((ADDED, "added"), (CHANGED, "changed"), (REMOVED, "removed"))
    return ", ".join(f"{counts[sign]:,} {verb}" for sign, verb in verbs if counts[sign])


def _sign(entry: Entry) -> str:
    verb = entry.event.value.rpartition(".")[2]
    if verb == "set" and entry.before is None and entry.after is not None:
        return ADDED
    return _SIGNS.get(verb, CHANGED)


def _facts(entry: Entry) -> Facts:
    return entry.after if entry.after is not None else entry.before or {}


_STATES: Mapping[Event, str] = {
    Event.USER_DISABLED: "disabled",
    Event.USER_ENABLED: "enabled",
    Event.PASSWORD_SET: "another one",
}


def _change(before: Facts, after: Facts) -> str:
    keys = [key for key in after if after[key] != before.get(key)]
    return ", ".join(f"{key} {_word(before.get(key))} → {_word(after[key])}" for key in keys) or "the same"


def _word(value: Any) -> str:
    match value:
        case None | [] | "":
            return "nothing"
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(str, value))
    return str(value)


# -- title and detail of an entry, by kind of event --------------------------------------------------

Title = tuple[str, str]


def _user(entry: Entry, facts: Facts) -> Title:
    return f"user {entry.subject}", facts.get("email") or ""


def _password(entry: Entry, facts: Facts) -> Title:
    return f"password of {entry.subject}", ""


def _email(entry: Entry, facts: Facts) -> Title:
    return f"{facts['email']} of {entry.subject}", ""


def _token(entry: Entry, facts: Facts) -> Title:
    label = f" {quote_text(facts['label'])}" if facts["label"] else ""
    return f"app password{label} of {entry.subject}", ", ".join(facts["scopes"])


def _team(entry: Entry, facts: Facts) -> Title:
    return f"team {entry.subject}", ""


def _group(entry: Entry, facts: Facts) -> Title:
    permission = facts.get("permission")
    return f"group {entry.account}/{entry.subject}", f"permission {permission}" if permission else ""


def _member(entry: Entry, facts: Facts) -> Title:
    return f"{facts['member']} in {entry.account}/{entry.subject}", ""


def _repository(entry: Entry, facts: Facts) -> Title:
    return f"repository {entry.account}/{entry.subject}", "private" if facts["is_private"] else "public"


def _group_privilege(entry: Entry, facts: Facts) -> Title:
    return f"group {entry.account}/{facts['group']} on {entry.account}/{entry.subject}", facts["privilege"]


def _privilege(entry: Entry, facts: Facts) -> Title:
    return f"{facts['user']} on {entry.account}/{entry.subject}", facts["privilege"]


def _invitation(entry: Entry, facts: Facts) -> Title:
    slugs = [facts["repository"]] if "repository" in facts else facts.get("groups", ())
    places = ", ".join(f"{entry.account}/{slug}" for slug in slugs)
    return f"{entry.subject} invited to {places or entry.account}", facts.get("permission") or ""


def _other(entry: Entry, facts: Facts) -> Title:
    return f"{entry.event.value.partition('.')[0]} {entry.account}/{entry.subject}", ""


_TITLES: Mapping[str, Callable[[Entry, Facts], Title]] = {
    "user": _user,
    "password": _password,
    "email": _email,
    "token": _token,
    "team": _team,
    "group": _group,
    "member": _member,
    "repository": _repository,
    "group-privilege": _group_privilege,
    "privilege": _privilege,
    "invitation": _invitation,
}
