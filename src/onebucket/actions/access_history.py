"""Who gained and who lost access in an account, when, through what and by whom; for its administrators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import level_changes, privileges
from onebucket.domain.accounts import Account
from onebucket.domain.level_changes import ChangeFilter, ChangePosition, Direction, LevelChange, LevelChanges
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.store.access_state_rows import AccessHistory

# Entries that are taken back for one list of changes: one second of work, or less. Older changes aren't known.
MAX_ENTRIES = 100_000

# Names of repositories and people on a page: one change of a group can be about all of them.
MAX_NAMES = 20_000

# Levels that are evaluated in the time that it takes to read a row.
LEVELS_OF_A_ROW = 4


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """Which changes are asked for; `person` and `repository` are names. See `ChangeFilter`."""

    since: datetime | None = None
    until: datetime | None = None
    person: str | None = None
    repository: str | None = None
    level: Level = Level.NONE
    direction: Direction | None = None

    @classmethod
    def parse(cls, since: datetime | None, until: datetime | None, words: Mapping[str, str | None]) -> "ChangeQuery":
        """Make a query of `person`, `repository`, `level` and `change`, of which each may be empty. Raises Invalid."""
        level, change = words["level"], words["change"]
        return cls(
            since,
            until,
            words["person"] or None,
            words["repository"] or None,
            privileges.parse_level(level) if level else Level.NONE,
            level_changes.parse_direction(change) if change else None,
        )


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes, newest first, in batches that differ only in the person.

    `next_position` is where the next page starts, None on the last one. The journal says too little about what was
    before `not_known_before`, and `because` says what; None if it says enough. `repositories_now` are slugs.
    """

    owner: Account
    batches: list[list[LevelChange]]
    next_position: ChangePosition | None
    not_known_before: datetime | None
    because: str
    repositories_now: frozenset[str]

    @property
    def changes(self) -> list[LevelChange]:
        """All changes of the page."""
        return [change for batch in self.batches for change in batch]


def all_changes(
    work: UnitOfWork, account_name: str, query: ChangeQuery, *, after: ChangePosition | None = None
) -> tuple[Account, LevelChanges]:
    """Return an account and its changes, which are computed while they are iterated. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.READ_JOURNAL)
    person = access.person(work, query.person) if query.person is not None else None
    wanted = ChangeFilter(
        query.since, query.until, person.id if person else None, query.repository, query.level, query.direction
    )
    history = AccessHistory(work.tx, owner, person)
    work.tx.spend(len(history.state.people) * len(history.state.repositories) // LEVELS_OF_A_ROW)
    return owner, LevelChanges(history.state, history.entries(since=query.since), wanted, after=after, most=MAX_ENTRIES)


def page(
    work: UnitOfWork,
    account_name: str,
    query: ChangeQuery,
    *,
    after: ChangePosition | None = None,
    at_most: int,
    in_batches: bool = False,
) -> ChangePage:
    """Return a page of the changes of an account; with `in_batches`, so many of these.

    It ends earlier when its repositories and people are more than `MAX_NAMES`. Raises NotFound, Forbidden.
    """
    owner, changes = all_changes(work, account_name, query, after=after)
    batches: list[list[LevelChange]] = []
    number = names = 0
    for change in changes:
        is_more = in_batches and bool(batches) and change.is_like(batches[-1][-1])
        number += not is_more
        names += 1 if is_more else len(change.repositories)
        if number > at_most or (names > MAX_NAMES and batches):
            return ChangePage(owner, batches, batches[-1][-1].position, None, "", changes.repositories_now)
        if is_more:
            batches[-1].append(change)
        else:
            batches.append([change])
    end = changes.not_known_before, changes.because
    return ChangePage(owner, batches, None, *end, changes.repositories_now)
