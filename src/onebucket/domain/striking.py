"""Striking out: a person's names and addresses in journal entries are replaced by a word that says nothing of them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

# What the word begins with; a part of the person's id follows, so that their entries still belong together.
WORD = "struck-out-"

# Entries whose subject is a place or a thing, which keeps its name even if that is a person's.
_OF_PLACES = frozenset({
    "group", "member", "project", "project-group-privilege", "project-privilege", "repository", "group-privilege",
    "privilege", "request", "consumer", "authorization", "access-token", "directory", "directory-key",
    "directory-person", "directory-group", "mirror", "team", "webhook",
})  # fmt: skip

# Facts that are names of places and things, levels and ids.
_OF_THINGS = frozenset({
    "name", "slug", "group", "groups", "repository", "repositories", "project", "projects", "key", "kind", "provider",
    "issuer", "mirror", "workspace", "privilege", "privileges", "permission", "account_privilege", "scopes", "id",
    "uuid", "session", "until", "with", "entry", "entries", "state", "event",
})  # fmt: skip

# Facts of a person that are theirs whole, in entries that are about nobody else.
_OF_THE_PERSON = frozenset({"display_name", "nickname", "identity", "subject", "user_name", "external_id", "comment"})

_LIKE_USERNAME = re.compile(r"[A-Za-z0-9_.-]{1,62}")

# A name is no part of a longer one, nor of an address.
_BEFORE, _AFTER = r"(?<![\w@-])(?<!\w[.+])", r"(?![\w@-]|[.+]\w)"


class NameSpan(NamedTuple):
    """A username, and from when until when somebody had it, in microseconds since 1970."""

    name: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Traces:
    """By what a person is known in the journal: usernames while they had them, and at any time the rest."""

    person_id: str
    usernames: tuple[NameSpan, ...]
    emails: frozenset[str]
    names: frozenset[str]

    @property
    def word(self) -> str:
        """The word that takes the place of their names and addresses."""
        return f"{WORD}{self.person_id[:8]}"


class StoredEntry(NamedTuple):
    """An entry as it is stored: facts are JSON, the time is in microseconds since 1970."""

    account_id: str
    number: int
    account: str
    at: int
    actor_id: str | None
    actor: str
    credential: str
    address: str | None
    event: str
    subject: str
    before: str | None
    after: str | None
    request_id: str


class Strike:
    """Replaces what tells of a person in stored entries."""

    def __init__(self, traces: Traces) -> None:
        self._traces, self._word = traces, traces.word
        # A display name that may be somebody's username stays, except in entries of the person alone.
        self._names = frozenset(name for name in traces.names if not _LIKE_USERNAME.fullmatch(name))
        self._all = _pattern({*(span.name for span in traces.usernames), *traces.emails})
        self._emails = _pattern(traces.emails)
        self._patterns: dict[tuple[str, ...], re.Pattern[str] | None] = {}
        # Facts are searched before they are parsed: most entries tell nothing of the person.
        told = {*traces.emails, *self._names, *(span.name for span in traces.usernames)}
        self._hints = re.compile(
            "|".join(re.escape(_encoded(each)[1:-1]) for each in sorted(told)) or "(?!)", re.IGNORECASE
        )

    def strike(self, entry: StoredEntry) -> StoredEntry:
        """Return the entry without the person's names and addresses; the same one if it has none."""
        is_own, is_actor = entry.account_id == self._traces.person_id, entry.actor_id == self._traces.person_id
        told = f"{entry.subject}\n{entry.before}\n{entry.after}"
        if not (is_own or is_actor or self._hints.search(told)):
            return entry
        names = self._all if is_own else self._names_at(entry.at)
        by_the_person = is_actor or (is_own and entry.actor_id is None)
        struck = entry._replace(
            account=self._word if is_own else entry.account,
            actor=self._word if is_actor else entry.actor,
            address=self._word if by_the_person and entry.address is not None else entry.address,
            subject=self._subject(entry, names),
            before=self._facts(entry, entry.before, names, is_own=is_own),
            after=self._facts(entry, entry.after, names, is_own=is_own),
        )
        return entry if struck == entry else struck

    def _names_at(self, at: int) -> re.Pattern[str] | None:
        had = tuple(sorted({span.name for span in self._traces.usernames if span.since <= at <= span.until}))
        if had not in self._patterns:
            self._patterns[had] = _pattern({*had, *self._traces.emails, *map(_escaped, self._traces.emails)})
        return self._patterns[had]

    def _subject(self, entry: StoredEntry, names: re.Pattern[str] | None) -> str:
        is_place = entry.event.partition(".")[0] in _OF_PLACES
        return self._text(entry.subject, self._emails if is_place else names)

    def _facts(
        self, entry: StoredEntry, facts: str | None, names: re.Pattern[str] | None, *, is_own: bool
    ) -> str | None:
        if facts is None or not (is_own or self._hints.search(facts)):
            return facts
        parsed = json.loads(facts)
        is_about_person = is_own or (isinstance(parsed, dict) and parsed.get("id") == self._traces.person_id)
        struck = self._value(parsed, "", names, whole=is_about_person)
        return facts if struck == parsed else _encoded(struck)

    def _value(self, value: Any, key: str, names: re.Pattern[str] | None, *, whole: bool) -> Any:
        if isinstance(value, str):
            if (whole and value and key in _OF_THE_PERSON) or (key not in _OF_THINGS and value in self._names):
                return self._word
            return self._text(value, self._emails if key in _OF_THINGS else names)
        if isinstance(value, list):
            return [self._value(each, key, names, whole=whole) for each in value]
        if not isinstance(value, dict):
            return value
        if key == "users":
            return {self._text(name, names): level for name, level in value.items()}
        # By the names of groups: lists are their members.
        return {
            name: self._value(each, "members" if isinstance(each, list) and key == "groups" else _key(key, name),
                              names, whole=whole)
            for name, each in value.items()
        }  # fmt: skip

    def _text(self, text: str, pattern: re.Pattern[str] | None) -> str:
        return text if pattern is None else pattern.sub(self._word, text)


def _key(outer: str, inner: str) -> str:
    """Return the key by which to judge a value: within names of things, all are names of things."""
    return outer if outer in _OF_THINGS else inner


def _pattern(texts: "set[str] | frozenset[str]") -> re.Pattern[str] | None:
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    if not longest_first:
        return None
    return re.compile(f"{_BEFORE}(?:{'|'.join(map(re.escape, longest_first))}){_AFTER}", re.IGNORECASE)


def _escaped(email: str) -> str:
    """Return an address as it may stand in the path of a request."""
    return quote(email, safe="")


def _encoded(facts: Any) -> str:
    """Return facts in JSON as the journal has them."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def spans(changes: Sequence[tuple[int, str | None, str | None]], *, last: int) -> tuple[NameSpan, ...]:
    """Return when a person had which usernames, of (time, name before, name after) in the order of time.

    >>> spans([(5, None, "bob"), (9, "bob", "robert")], last=12)
    (NameSpan(name='bob', since=5, until=9), NameSpan(name='robert', since=9, until=12))
    """
    found: list[NameSpan] = []
    for at, before, after in changes:
        if before == after:
            continue
        if before is not None:
            since = found.pop().since if found and found[-1].name == before else 0
            found.append(NameSpan(before, since, at))
        if after is not None:
            found.append(NameSpan(after, at, last))
    return tuple(found)
