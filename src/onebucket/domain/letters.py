"""Mails in the outbox: their kinds, states and retry schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from onebucket.domain.events import Event


class MailKind(Enum):
    """The purpose of a mail; the value is the name of its template folder."""

    INVITATION = "invitation"
    CONFIRM_EMAIL = "confirm-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105
    ADDRESS_ADDED = "address-added"
    ADDRESS_PRIMARY = "address-primary"
    ADDRESS_REMOVED = "address-removed"
    PASSWORD_SET = "password-set"  # noqa: S105
    APP_PASSWORD_MADE = "app-password-made"  # noqa: S105
    APP_PASSWORD_REVOKED = "app-password-revoked"  # noqa: S105
    SSH_KEY_ADDED = "ssh-key-added"
    SECOND_FACTOR_ADDED = "second-factor-added"
    SECOND_FACTOR_REMOVED = "second-factor-removed"
    RECOVERY_CODES_MADE = "recovery-codes-made"
    RECOVERY_CODE_USED = "recovery-code-used"
    IDENTITY_LINKED = "identity-linked"
    PROGRAM_ALLOWED = "program-allowed"
    PROGRAM_REVOKED = "program-revoked"
    PROGRAM_MADE = "program-made"
    MIRROR_STOPPED = "mirror-stopped"
    DIRECTORY_STUCK = "directory-stuck"
    ACCESS_ENDS = "access-ends"
    REQUEST_ADDED = "request-added"
    REQUEST_GRANTED = "request-granted"
    REQUEST_DENIED = "request-denied"
    REVIEW_STARTED = "review-started"
    REVIEW_REMINDER = "review-reminder"
    REVIEW_CLOSED = "review-closed"
    WEBHOOK_SWITCHED_OFF = "webhook-switched-off"


# Events that are announced by mail because they could give somebody else access to an account, or because somebody has
# to do something about a mirror, a directory, a request or a webhook, or waits for an answer. A notice has no secret.
NOTICES: Mapping[Event, MailKind] = {
    Event.EMAIL_ADDED: MailKind.ADDRESS_ADDED,
    Event.EMAIL_PRIMARY: MailKind.ADDRESS_PRIMARY,
    Event.EMAIL_REMOVED: MailKind.ADDRESS_REMOVED,
    Event.PASSWORD_SET: MailKind.PASSWORD_SET,
    Event.TOKEN_ADDED: MailKind.APP_PASSWORD_MADE,
    Event.SSH_KEY_ADDED: MailKind.SSH_KEY_ADDED,
    Event.SECOND_FACTOR_ADDED: MailKind.SECOND_FACTOR_ADDED,
    Event.SECOND_FACTOR_REMOVED: MailKind.SECOND_FACTOR_REMOVED,
    Event.RECOVERY_CODES_MADE: MailKind.RECOVERY_CODES_MADE,
    Event.RECOVERY_CODE_USED: MailKind.RECOVERY_CODE_USED,
    Event.IDENTITY_LINKED: MailKind.IDENTITY_LINKED,
    Event.AUTHORIZATION_GIVEN: MailKind.PROGRAM_ALLOWED,
    Event.CONSUMER_ADDED: MailKind.PROGRAM_MADE,
    Event.MIRROR_STOPPED: MailKind.MIRROR_STOPPED,
    Event.DIRECTORY_STUCK: MailKind.DIRECTORY_STUCK,
    Event.REQUEST_ADDED: MailKind.REQUEST_ADDED,
    Event.REQUEST_GRANTED: MailKind.REQUEST_GRANTED,
    Event.REQUEST_DENIED: MailKind.REQUEST_DENIED,
    Event.WEBHOOK_SWITCHED_OFF: MailKind.WEBHOOK_SWITCHED_OFF,
}

# Announced where a site administrator takes a single credential away, so that nobody looks for the fault in a script.
REVOKED_BY_OTHERS: Mapping[Event, MailKind] = {
    Event.TOKEN_REVOKED: MailKind.APP_PASSWORD_REVOKED,
    Event.AUTHORIZATION_REVOKED: MailKind.PROGRAM_REVOKED,
}

# Announced to those who answer in an access review, and at its end to whoever started it.
OF_REVIEWS: Mapping[Event, MailKind] = {
    Event.REVIEW_STARTED: MailKind.REVIEW_STARTED,
    Event.REVIEW_REMINDED: MailKind.REVIEW_REMINDER,
    Event.REVIEW_CLOSED: MailKind.REVIEW_CLOSED,
}

_WITHOUT_SECRET = frozenset({
    *NOTICES.values(), *REVOKED_BY_OTHERS.values(), *OF_REVIEWS.values(), MailKind.ACCESS_ENDS,
})  # fmt: skip

# Announced also when the operator did it at the command line; of their other changes people are told by them.
ALWAYS_ANNOUNCED = frozenset({Event.SECOND_FACTOR_REMOVED})

# Notices of one kind to one address in 24 hours. They don't count against the limits of other mails.
MOST_NOTICES = 20

# How long an undeliverable notice is reported as a problem.
NOTICE_MATTERS = timedelta(days=7)


class MailState(Enum):
    """The state of a mail: waiting, failed and to be retried, sent, given up, or superseded (no longer needed)."""

    WAITING = "waiting"
    FAILING = "failing"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    SUPERSEDED = "overtaken"


@dataclass(frozen=True, slots=True)
class OutboxMail:
    """A mail to `email` in the outbox.

    `about` is the id of an invitation or link; the mail contains the link made from `link_id`. For a notice, both ids
    are made from the number of a journal entry (`id_of_number`); for a letter about access that ends, `about` is the id
    of its reader, and `link_id` is made from the ordinal of the day. `due_at` is the time of the next attempt, None
    when there will be none. `last_error` is the mail server's last error.
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
        """Whether the mail only announces an event, without a link that is a secret."""
        return self.kind in _WITHOUT_SECRET

    @property
    def entry_number(self) -> int:
        """The number of the journal entry that a notice is about."""
        return _number_of_id(self.about)

    @property
    def ending_day(self) -> date:
        """The day on which what a letter is about ends."""
        return date.fromordinal(_number_of_id(self.link_id))

    @property
    def state(self) -> MailState:
        """The state, derived from `sent_at`, `due_at` and `last_error`."""
        if self.sent_at is not None:
            return MailState.SENT
        if self.due_at is None:
            return MailState.UNDELIVERABLE if self.last_error else MailState.SUPERSEDED
        return MailState.FAILING if self.last_error else MailState.WAITING


def id_of_number(number: int) -> str:
    """The id for `OutboxMail` that encodes the number of a journal entry, or the ordinal of a day.

    >>> id_of_number(10)
    '00000000-0000-0000-0000-00000000000a'
    """
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _number_of_id(id: str) -> int:
    return int(id.replace("-", ""), 16)


# Retry delays in seconds, about a day in all; then the mail is given up.
_RETRY_DELAYS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 28800)


def next_attempt(attempts: int, at: datetime) -> datetime | None:
    """When to retry a mail that has just failed for the `attempts`-th time; None: give it up.

    >>> next_attempt(1, datetime(2026, 3, 4)).minute, next_attempt(10, datetime(2026, 3, 4))
    (1, None)
    """
    return at + timedelta(seconds=_RETRY_DELAYS[attempts - 1]) if attempts <= len(_RETRY_DELAYS) else None
