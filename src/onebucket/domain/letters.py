"""Letters: what is written to people, and what has become of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from onebucket.domain.events import Event


class MailKind(Enum):
    """What a letter is for; each has a folder of templates of that name."""

    INVITATION = "invitation"
    CONFIRM_EMAIL = "confirm-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105
    ADDRESS_ADDED = "address-added"
    ADDRESS_PRIMARY = "address-primary"
    ADDRESS_REMOVED = "address-removed"
    PASSWORD_SET = "password-set"  # noqa: S105
    APP_PASSWORD_MADE = "app-password-made"  # noqa: S105
    PROGRAM_ALLOWED = "program-allowed"
    PROGRAM_MADE = "program-made"


# What is told by letter when it has happened, as it could hand an account to somebody else: a notice has no secret.
NOTICES: Mapping[Event, MailKind] = {
    Event.EMAIL_ADDED: MailKind.ADDRESS_ADDED,
    Event.EMAIL_PRIMARY: MailKind.ADDRESS_PRIMARY,
    Event.EMAIL_REMOVED: MailKind.ADDRESS_REMOVED,
    Event.PASSWORD_SET: MailKind.PASSWORD_SET,
    Event.TOKEN_ADDED: MailKind.APP_PASSWORD_MADE,
    Event.AUTHORIZATION_GIVEN: MailKind.PROGRAM_ALLOWED,
    Event.CONSUMER_ADDED: MailKind.PROGRAM_MADE,
}

# So many notices of one kind go to an address in 24 hours; they use up no other letters, nor those of another kind.
MOST_NOTICES = 20

# A notice that can't be sent is a trouble for so long.
NOTICE_MATTERS = timedelta(days=7)


class MailState(Enum):
    """What has become of a letter: it waits, it failed and will be tried again, it was sent, or it was given up.

    Or nobody wants it any more, because what it is about is over.
    """

    WAITING = "waiting"
    FAILING = "failing"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    SUPERSEDED = "overtaken"


@dataclass(frozen=True, slots=True)
class OutboxMail:
    """A letter to `email`, about an invitation or a link of that id; it carries the link made from `link_id`.

    A notice is about a journal entry of the account, and both ids are made of its number.

    `due_at` is when it is to be tried (again), None when it is finished; `trouble` is what the mail server said last.
    """

    account_id: str
    id: str
    kind: MailKind
    about: str
    link_id: str
    email: str
    created_at: datetime
    due_at: datetime | None
    attempts: int = 0
    sent_at: datetime | None = None
    last_error: str | None = None

    @property
    def is_notice(self) -> bool:
        """Whether it tells of something that has happened, and carries no secret."""
        return self.kind in NOTICES.values()

    @property
    def entry_number(self) -> int:
        """The number of the journal entry that a notice is about."""
        return int(self.about.replace("-", ""), 16)

    @property
    def state(self) -> MailState:
        """What has become of it."""
        if self.sent_at is not None:
            return MailState.SENT
        if self.due_at is None:
            return MailState.UNDELIVERABLE if self.last_error else MailState.SUPERSEDED
        return MailState.FAILING if self.last_error else MailState.WAITING


def id_of_entry(number: int) -> str:
    """What a notice is about, made of the number of a journal entry.

    >>> id_of_entry(10)
    '00000000-0000-0000-0000-00000000000a'
    """
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# After so many seconds each further attempt; then the letter is given up: a day in all.
_WAITS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 28800)


def next_attempt(attempts: int, at: datetime) -> datetime | None:
    """When to try a letter again that has failed for the `attempts`-th time now; None: never.

    >>> next_attempt(1, datetime(2026, 3, 4)).minute, next_attempt(10, datetime(2026, 3, 4))
    (1, None)
    """
    return at + timedelta(seconds=_WAITS[attempts - 1]) if attempts <= len(_WAITS) else None
