"""Access reviews: what each one covers, who answers, and what becomes of the access that it lists."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from onebucket.domain import ends
from onebucket.domain.accounts import Account
from onebucket.domain.ends import NEVER, EndWish
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text

# Rows of one review, those of one answer, and reviews of an account that are open at once.
MAX_ROWS, MAX_ANSWERED, MAX_OPEN = 20_000, 2_000, 20
MAX_REVIEWERS = 50
LONGEST_TITLE, LONGEST_REASON = 100, 500
LONGEST_REVIEW = timedelta(days=366)
# How long before the end reviewers are reminded; of a review shorter than twice that, at half of its time.
REMINDED_BEFORE = timedelta(days=1)
# Between two reminders that an administrator sends.
REMINDER_PAUSE = timedelta(days=1)


class Scope(StrEnum):
    """What a review covers."""

    ACCOUNT = "account"
    PROJECT = "project"
    GROUPS = "groups"


class Reviewers(StrEnum):
    """Who answers: people who were chosen, or the administrators of each repository and project."""

    PEOPLE = "people"
    ADMINISTRATORS = "administrators"


class PlaceKind(StrEnum):
    """Where a person has the access that a row lists: a membership of a group, or a level that was set for them."""

    GROUP = "group"
    REPOSITORY = "repository"
    PROJECT = "project"


class RowState(StrEnum):
    """What has become of a row.

    `CHANGED` access isn't what it was when the review started, and `GONE` access isn't there any more; both were
    found so, and not answered. `UNANSWERED` is what was open when the review ended.
    """

    OPEN = "open"
    KEPT = "kept"
    ENDED = "ended"
    CHANGED = "changed"
    GONE = "gone"
    UNANSWERED = "unanswered"


class Decision(StrEnum):
    """What a reviewer says about access."""

    KEEP = "keep"
    END = "end"

    @property
    def state(self) -> RowState:
        """What it makes of a row."""
        return RowState.KEPT if self is Decision.KEEP else RowState.ENDED


class ReviewState(StrEnum):
    """Whether a review takes answers."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a row lists, as it was or is: the level, if a level was set; since when, and until when."""

    level: int | None
    since: datetime
    until: datetime | None

    def word(self, kind: PlaceKind) -> str:
        """The level's word; that of a membership is `member`."""
        if self.level is None:
            return "member"
        return (ProjectLevel if kind is PlaceKind.PROJECT else Level)(self.level).word


@dataclass(frozen=True, slots=True)
class Review:
    """An access review of an account.

    `covers` names the project or the groups of the scope. `started_by` and `closed_by` are usernames, None where the
    command line or the clock did it; `starter_id` is the account of whoever started it. `acts_at` is when the clock
    does something about it next: remind, or close it.
    """

    account_id: str
    id: str
    title: str
    scope: Scope
    covers: tuple[str, ...]
    reviewers: Reviewers
    ends_unanswered: bool
    started_at: datetime
    starter_id: str | None
    due_at: datetime
    acts_at: datetime | None = None
    reminded_at: datetime | None = None
    closed_at: datetime | None = None
    is_cancelled: bool = False
    started_by: str | None = None
    closed_by: str | None = None

    @property
    def state(self) -> ReviewState:
        """Whether it takes answers."""
        if self.closed_at is None:
            return ReviewState.OPEN
        return ReviewState.CANCELLED if self.is_cancelled else ReviewState.CLOSED

    @property
    def scope_text(self) -> str:
        """What it covers, in words."""
        if self.scope is Scope.ACCOUNT:
            return "the whole account"
        if self.scope is Scope.PROJECT:
            return f"the project {self.covers[0]}"
        return f"the group{'s' if len(self.covers) > 1 else ''} {', '.join(self.covers)}"


@dataclass(frozen=True, slots=True)
class Row:
    """Access of one person, as it was when a review started (`then`) and as it is (`now`; None if it is gone).

    `place` is the present name of the group, repository or project; `answered_by` a username, None where the clock
    answered. `note` is the reviewer's reason, or why the access couldn't be ended.
    """

    number: int
    kind: PlaceKind
    place_id: str
    place: str
    person: Account
    then: Grant
    now: Grant | None
    answer: RowState | None = None
    note: str = ""
    answered_by: str | None = None
    answered_at: datetime | None = None

    @property
    def state(self) -> RowState:
        """What has become of it."""
        if self.answer is not None:
            return self.answer
        if self.now is None:
            return RowState.GONE
        return RowState.OPEN if self.now == self.then else RowState.CHANGED

    @property
    def what(self) -> str:
        """The access in a few words: `bob in the group designers`."""
        if self.kind is PlaceKind.GROUP:
            return f"{self.person.username} in the group {self.place}"
        place = f"the project {self.place}" if self.kind is PlaceKind.PROJECT else self.place
        return f"{self.person.username} with {self.then.word(self.kind)} on {place}"


def counts(rows: Iterable[Row]) -> dict[RowState, int]:
    """Count rows by what has become of them."""
    numbers = dict.fromkeys(RowState, 0)
    for row in rows:
        numbers[row.state] += 1
    return numbers


def due(wish: EndWish, *, at: datetime) -> datetime:
    """Return when a review ends that starts now. Raises Invalid for no end, one that has passed, or too late a one."""
    if wish is None or wish is NEVER:
        raise Invalid("a review needs an end: say until when reviewers can answer", field="until")
    end = ends.settled(wish, None, at=at)
    assert end is not None
    if end - at > LONGEST_REVIEW:
        raise Invalid(f"a review takes at most {LONGEST_REVIEW.days} days", field="until")
    return end


def reminder(due_at: datetime, *, at: datetime) -> datetime:
    """Return when the reviewers of a review that starts now are reminded.

    >>> from datetime import UTC
    >>> reminder(datetime(2026, 3, 9, tzinfo=UTC), at=datetime(2026, 3, 1, tzinfo=UTC)).day
    8
    """
    length = due_at - at
    return due_at - (REMINDED_BEFORE if length > 2 * REMINDED_BEFORE else length / 2)


def clean_title(text: str, otherwise: str) -> str:
    """Check a title; an empty one becomes `otherwise`. Raises Invalid."""
    return (
        clean_text(text, what="the title", field="title", longest=LONGEST_TITLE, empty=True)
        or otherwise[:LONGEST_TITLE]
    )


def clean_reason(text: str, answer: Decision) -> str:
    """Check the reason of an answer, which ending access needs. Raises Invalid."""
    one_line = " ".join(text.splitlines())
    return clean_text(one_line, what="the reason", longest=LONGEST_REASON, empty=answer is Decision.KEEP)


_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", re.ASCII)


def parse_rows(text: str) -> list[int]:
    """Parse numbers of rows, as `ranges` writes them. Raises Invalid.

    >>> parse_rows("1-3,7")
    [1, 2, 3, 7]
    """
    numbers: dict[int, None] = {}
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first or last - first >= MAX_ANSWERED:
            raise Invalid("the rows are numbers such as 1-3,7")
        numbers.update(dict.fromkeys(range(first, last + 1)))
        if len(numbers) > MAX_ANSWERED:
            raise Invalid(f"that is more than {MAX_ANSWERED:,} rows at once")
    return [*numbers]


def ranges(numbers: Sequence[int]) -> str:
    """Write numbers in order, in few characters.

    >>> ranges([7, 1, 2, 3])
    '1-3,7'
    """
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
