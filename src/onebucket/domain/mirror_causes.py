"""Which change of an account a mirror carries to its host: found in the journal, as well as that goes."""

from collections.abc import Sequence

from onebucket.domain.journal_entry import Entry

# What can change somebody's access to an account's repositories, by the first word of the event.
_NOUNS = frozenset({
    "team", "group", "member", "project", "project-group-privilege", "project-privilege", "repository",
    "group-privilege", "privilege",
})  # fmt: skip


def because(entries: Sequence[Entry], name: str) -> str:
    """Return the entry that explains best why what `name` has is changed; "" if there is none.

    `entries` are those since the last comparison, the newest first, and `name` is of a person or a group. Best is one
    that names them, then one that names no person, such as a group's new level.
    """
    possible = [each for each in entries if each.event.value.partition(".")[0] in _NOUNS]
    about = [each for each in possible if name in _people(each)]
    of_nobody = [each for each in possible if not _people(each)]
    best = next(iter(about or of_nobody or possible), None)
    return f"{best.event.value} by {best.actor} (entry {best.number})" if best else ""


def _people(entry: Entry) -> set[object]:
    """Return the people whom an entry names."""
    found = [facts.get(key) for facts in (entry.before, entry.after) if facts for key in ("member", "user")]
    return {each for each in found if each}
