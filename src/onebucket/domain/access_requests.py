"""Requests for access: what somebody asks for on a repository, and the rules for asking and answering."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from onebucket.domain import ends
from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import AlreadyAnswered, Conflict, Invalid
from onebucket.domain.repositories import Repository
from onebucket.domain.text import clean_text

# A request that nobody answers within this time lapses; nothing changes then.
LAPSES_AFTER = timedelta(days=30)
# Of one person in one account: how many may wait, and how many may be made in a day, withdrawn ones included.
MOST_WAITING, MOST_A_DAY = 10, 20
# Administrators of an account get at most one letter about requests in this time, and a last one at its end.
LETTER_PAUSE = timedelta(minutes=10)
LONGEST_TEXT = 500


class RequestState(StrEnum):
    """Whether a request waits, what the answer was, or how it ended without one."""

    WAITING = "waiting"
    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What `person` asks for in an account: a level on `repository`, perhaps only `until` a moment.

    `repository` is the slug that they wrote, which no repository may have; `place` is the repository that had it then,
    as it is now. `answered_by` is a name as in the journal, `answer` the sentence of whoever said no; `granted` and
    `granted_until` are what was given.
    """

    account_id: str
    id: str
    person: Account
    repository: str
    level: Level
    reason: str
    until: datetime | None
    asked_at: datetime
    state: RequestState = RequestState.WAITING
    answered_at: datetime | None = None
    answered_by: str | None = None
    answer: str = ""
    granted: Level | None = None
    granted_until: datetime | None = None
    place: Repository | None = None

    @property
    def slug(self) -> str:
        """The present slug of the repository, for those who may know it."""
        return self.place.slug if self.place else self.repository

    @property
    def lapses_at(self) -> datetime:
        """When it lapses if nobody answers."""
        return self.asked_at + LAPSES_AFTER

    @property
    def is_waiting(self) -> bool:
        """Whether somebody may still answer it."""
        return self.state is RequestState.WAITING

    @property
    def facts(self) -> dict[str, object]:
        """The journal's record of what was asked."""
        return {
            "request": self.id,
            "user": self.person.username,
            "permission": self.level.word,
            "reason": self.reason,
            **ends.facts(self.until),
        }


def seen_at(request: AccessRequest, at: datetime) -> AccessRequest:
    """Return a request as it is at a moment: one that has waited too long has lapsed."""
    if request.is_waiting and request.lapses_at <= at:
        return replace(request, state=RequestState.LAPSED)
    return request


def check_reason(reason: str) -> str:
    """Trim and check why somebody asks: one line. Raises Invalid."""
    return clean_text(reason, what="the reason", longest=LONGEST_TEXT)


def check_answer(sentence: str) -> str:
    """Trim and check what somebody says who denies: one line. Raises Invalid."""
    return clean_text(sentence, what="the sentence that says why", longest=LONGEST_TEXT)


def check_level(request: AccessRequest, level: Level | None) -> Level:
    """Return the level to give: the one that was asked for, or less. Raises Invalid."""
    if level is None:
        return request.level
    if not Level.READ <= level <= request.level:
        raise Invalid(f"{request.person.username} asks for {request.level.word}: give that or less")
    return level


def check_open(request: AccessRequest) -> None:
    """Refuse to answer a request twice; the sentence names who has answered. Raises Conflict."""
    if not request.is_waiting:
        raise AlreadyAnswered(request.state.value, request.answered_by)


def keeps_more(
    held: Level, held_until: datetime | None, level: Level, until: datetime | None, *, who: str, where: str
) -> bool:
    """Return whether what a person was given there is as much as a request would give, and lasts as long.

    A person has one level on a repository, with one end. Raises Conflict where neither includes the other.

    >>> keeps_more(Level.ADMIN, None, Level.WRITE, None, who="bob", where="rocket")
    True
    """
    if held is Level.NONE:
        return False
    lasts = held_until is None or (until is not None and held_until >= until)
    if held >= level and lasts:
        return True
    lasts_longer = until is not None and (held_until is None or held_until > until)
    if held > level or (held < level and lasts_longer):
        end = f"until {ends.text(held_until)}" if held_until else "without an end"
        raise Conflict(
            f"{who} has {held.word} on {where} {end}, which this would take away: "
            + ("deny it, or change what they have" if held > level else "give it at least that long, or deny it")
        )
    return False
