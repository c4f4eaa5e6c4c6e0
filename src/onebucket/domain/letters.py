"""Letters: what is written to people, and what has become of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Kind(Enum):
    """What a letter is for; each has a folder of templates of that name."""

    INVITATION = "invitation"
    CONFIRM_EMAIL = "confirm-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105


class State(Enum):
    """What has become of a letter: it waits, it failed and will be tried again, it was sent, or it was given up.

    Or nobody wants it any more, because what it is about is over.
    """

    WAITING = "waiting"
    FAILING = "failing"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to `email`, about an invitation or a link of that id; it carries the link made from `link_id`.

    `due_at` is when it is to be tried (again), None when it is finished; `trouble` is what the mail server said last.
    """

    account_id: str
    id: str
    kind: Kind
    about: str
    link_id: str
    email: str
    created_at: datetime
    due_at: datetime | None
    attempts: int = 0
    sent_at: datetime | None = None
    trouble: str | None = None

    @property
    def state(self) -> State:
        """What has become of it."""
        if self.sent_at is not None:
            return State.SENT
        if self.due_at is None:
            return State.UNDELIVERABLE if self.trouble else State.OVERTAKEN
        return State.FAILING if self.trouble else State.WAITING


# After so many seconds each further attempt; then the letter is given up: a day in all.
_WAITS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 28800)


def next_attempt(attempts: int, at: datetime) -> datetime | None:
    """When to try a letter again that has failed for the `attempts`-th time now; None: never.

    >>> next_attempt(1, datetime(2026, 3, 4)).minute, next_attempt(10, datetime(2026, 3, 4))
    (1, None)
    """
    return at + timedelta(seconds=_WAITS[attempts - 1]) if attempts <= len(_WAITS) else None
