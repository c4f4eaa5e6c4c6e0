"""Who gained and who lost which level on which repositories: computed from journal entries, newest first."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from onebucket.domain import access_undo
from onebucket.domain.access_state import AccessState, PastPerson, PastRepository
from onebucket.domain.access_undo import NotUndoable, Step
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.privileges import Level, Reason, Through
from onebucket.domain.refusals import Invalid

_Reasons = tuple[Reason, ...]


class Direction(StrEnum):
    """Whether somebody may do more than before or less."""

    GAINED = "gained"
    LOST = "lost"


class LevelChange(NamedTuple):
    """A person whose level on some repositories changed with a journal entry; `username` None means everybody.

    `ordinal` counts the changes of one entry. `way` is what decides about the higher of both levels. `invited_by` is
    who had invited the person, if they accepted an invitation. Names are those of that time.
    """

    entry: Entry
    ordinal: int
    person_id: str | None
    username: str | None
    repositories: list[str]
    before: Level
    after: Level
    way: Reason
    invited_by: str | None = None

    @property
    def position(self) -> "ChangePosition":
        """Where it is in the list of changes."""
        return ChangePosition(self.entry.account_id, self.entry.number, self.ordinal)

    @property
    def direction(self) -> Direction:
        """Whether it was gained or lost."""
        return Direction.GAINED if self.after > self.before else Direction.LOST

    def is_like(self, other: "LevelChange") -> bool:
        """Return whether both differ only in the person."""
        is_of_one = self.username is not None and other.username is not None
        return is_of_one and self.entry is other.entry and self[4:] == other[4:]


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes are wanted: from `since` on and before `until`, of one person, on one repository.

    `level` is one that must have been gained or lost: with `WRITE`, a change from read to admin, not from none to read.
    """

    since: datetime | None = None
    until: datetime | None = None
    person_id: str | None = None
    repository: str | None = None
    level: Level = Level.NONE
    direction: Direction | None = None

    def lets(self, before: Level, after: Level) -> bool:
        """Return whether a change between these levels is wanted."""
        low, high = sorted((before, after))
        if self.direction is not None and (after > before) != (self.direction is Direction.GAINED):
            return False
        return low < self.level <= high if self.level else True

    def covers(self, entry: Entry) -> bool:
        """Return whether changes of the time of an entry are wanted."""
        is_late_enough = self.since is None or entry.at >= self.since
        return is_late_enough and (self.until is None or entry.at < self.until)


def parse_direction(word: str) -> Direction:
    """Parse `gained` or `lost`. Raises Invalid."""
    try:
        return Direction(word)
    except ValueError:
        raise Invalid("change must be gained or lost") from None


class ChangePosition(NamedTuple):
    """The position of a change: its journal entry, and its place among those of that entry."""

    account_id: str
    number: int
    ordinal: int


CURSOR_PATTERN = r"([0-9a-f-]{36})\.([0-9]{1,17})\.([0-9]{1,9})"
_CURSOR = re.compile(CURSOR_PATTERN, re.ASCII)


def to_cursor(position: ChangePosition) -> str:
    """Format a position as a cursor.

    >>> to_cursor(ChangePosition("00000000-0000-4000-8000-000000000000", 12, 3))
    '00000000-0000-4000-8000-000000000000.12.3'
    """
    return ".".join(map(str, position))


def parse_cursor(cursor: str) -> ChangePosition:
    """Parse a cursor. Raises Invalid."""
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise Invalid("before is not a cursor from `next`")
    return ChangePosition(parts[1], int(parts[2]), int(parts[3]))


class LevelChanges:
    """The changes that a filter wants, newest first, up to `since` or to where the journal says too little.

    Takes back at most `most` entries. Iterate once. Afterwards `not_known_before` is None if all changes were found;
    otherwise they are known from that time on, and `because` says why not before. `repositories_now` are slugs.
    """

    def __init__(
        self,
        state: AccessState,
        entries: Iterable[Entry],
        wanted: ChangeFilter,
        *,
        after: ChangePosition | None = None,
        most: int,
    ) -> None:
        self._state, self._entries, self._wanted = state, entries, wanted
        self._after, self._most = after, most
        self.repositories_now = frozenset(state.repositories)
        self._inviters: dict[str, str] = {}
        self._repository = state.repositories.get(wanted.repository) if wanted.repository else None
        self.not_known_before: datetime | None = None
        self.because = ""

    def __iter__(self) -> Iterator[LevelChange]:
        after = self._after
        for count, entry in enumerate(self._entries):
            if self._wanted.since is not None and entry.at < self._wanted.since:
                return
            if count == self._most:
                self._end(entry, f"more than {self._most:,} journal entries are newer")
                return
            if entry.event is Event.INVITATION_ACCEPTED and entry.before:
                self._inviters[entry.request_id] = entry.before.get("invited_by", "")
            try:
                step = access_undo.step(self._state, entry)
            except NotUndoable as reason:
                self._end(entry, str(reason))
                return
            is_here = after is not None and (entry.account_id, entry.number) == after[:2]
            if step is not None and (after is None or is_here) and self._wanted.covers(entry):
                first = 0 if after is None else after.ordinal + 1
                yield from (change for change in self._changes(entry, step) if change.ordinal >= first)
            elif step is not None:
                step.undo()
            after = None if is_here else after

    def _end(self, entry: Entry, because: str) -> None:
        self.not_known_before = entry.at + timedelta(microseconds=1)
        self.because = because

    def _changes(self, entry: Entry, step: Step) -> Iterator[LevelChange]:
        """Undo an entry; yield what it had changed."""
        state, wanted, repository = self._state, self._wanted, step.of_repository
        repositories = self._repositories_of(step)
        people = self._people_of(step) if repositories is None or repositories else []
        if not people and (repository is None or not repositories):
            step.undo()
            return
        everybody_after = _level_of_everybody(repository)
        after = _levels(state, people, repositories)
        step.undo()
        before = _levels(state, people, repositories)

        # Changes that differ only in the person come one after the other.
        ranks: dict[tuple[_Difference, tuple[str, ...]], int] = {}
        found: list[tuple[int, PastPerson | None, _Difference, list[str]]] = []
        everybody = _level_of_everybody(repository), everybody_after
        if repository is not None and repositories and wanted.person_id is None and everybody[0] is not everybody[1]:
            found.append((-1, None, (*everybody, Reason(Level.READ, Through.PUBLIC)), [repository.name]))
        compared: dict[tuple[int, int], list[tuple[int, _Difference, list[str]]]] = {}
        for person in people:
            levels = before[person], after[person]
            key = id(levels[0]), id(levels[1])
            if key not in compared:
                compared[key] = [
                    (ranks.setdefault((difference, (*names,)), len(ranks)), difference, names)
                    for difference, names in _differences(*levels, state).items()
                ]
            for rank, difference, names in compared[key]:
                if difference[:2] != everybody or wanted.person_id is not None:
                    found.append((rank, person, difference, names))
        found.sort(key=itemgetter(0))

        invited_by = self._inviters.get(entry.request_id)
        for index, (_, somebody, (was, now, way), names) in enumerate(found):
            if wanted.lets(was, now):
                person_id, username = (somebody.id, somebody.username) if somebody else (None, None)
                yield LevelChange(entry, index, person_id, username, names, was, now, way, invited_by)

    def _repositories_of(self, step: Step) -> Collection[PastRepository] | None:
        """Return the repositories that a step may be about and that the filter wants; None for all."""
        name = self._wanted.repository
        found = [step.of_repository] if step.of_repository is not None else step.repositories
        if name is None:
            return found
        names = sorted({name, self._repository.name if self._repository else name})
        among = map(self._state.repositories.get, names) if found is None else found
        return [each for each in among if each and (each is self._repository or each.name == name)]

    def _people_of(self, step: Step) -> Sequence[PastPerson]:
        """Return the people whom a step may be about and whom the filter wants, by username."""
        if self._wanted.person_id is not None:
            only = self._state.person(self._wanted.person_id)
            is_concerned = only is not None and (step.of_repository is not None or only in step.people)
            return [only] if only is not None and is_concerned else []
        people = dict.fromkeys(step.people)
        if step.of_repository is not None:
            people |= self._state.holders(step.of_repository)
        return sorted(people, key=lambda person: person.username.lower())


# The levels before and after, and what decides about the higher of both.
_Difference = tuple[Level, Level, Reason]


class _PersonLevels(NamedTuple):
    """Why somebody had a level on some repositories, and on all others by whether they are private."""

    special: Mapping[PastRepository, _Reasons]
    usual: Mapping[bool, _Reasons]

    def on(self, repository: PastRepository) -> _Reasons:
        found = self.special.get(repository)
        return self.usual[repository.is_private] if found is None else found


def _levels(
    state: AccessState, people: Iterable[PastPerson], repositories: Collection[PastRepository] | None
) -> dict[PastPerson, _PersonLevels]:
    """Evaluate people's levels on some repositories, None for all; those who are alike get the same object."""
    by_kind: dict[object, _PersonLevels] = {}
    found = {}
    for person in people:
        kind = state.kind(person)
        levels = by_kind.get(kind)
        if levels is None:
            special = state.special_repositories(person) if repositories is None else repositories
            levels = by_kind[kind] = _PersonLevels(
                {repository: state.reasons(person, repository) for repository in special},
                {is_private: state.usual_reasons(person, is_private=is_private) for is_private in (True, False)}
                if repositories is None
                else {},
            )
        found[person] = levels
    return found


def _differences(before: _PersonLevels, after: _PersonLevels, state: AccessState) -> dict[_Difference, list[str]]:
    """Return the names of the repositories on which levels differ, by how they do."""
    found: dict[_Difference, list[str]] = {}
    special = {**before.special, **after.special}
    others: Iterable[PastRepository] = ()
    if {key: _level(reasons) for key, reasons in before.usual.items()} != {
        key: _level(reasons) for key, reasons in after.usual.items()
    }:
        others = (each for each in state.repositories.values() if each not in special)
    for repository in (*special, *others):
        was, now = before.on(repository), after.on(repository)
        if _level(was) is not _level(now):
            way = (now if _level(now) > _level(was) else was)[0]
            found.setdefault((_level(was), _level(now), way), []).append(repository.name)
    for names in found.values():
        names.sort()
    return found


def _level(reasons: _Reasons) -> Level:
    return reasons[0].level if reasons else Level.NONE


def _level_of_everybody(repository: PastRepository | None) -> Level:
    """Return the level that everybody has on a repository."""
    is_public = repository is not None and repository.exists and not repository.is_private
    return Level.READ if is_public else Level.NONE
