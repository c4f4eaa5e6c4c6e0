"""Webhooks of an account, what they have sent, and when a delivery is tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from onebucket.domain.events import OF_THE_PERSON_ALONE, Event
from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text

# The name for every event, also for those that a later version adds.
EVERY_EVENT = "*"
# The event of a delivery that somebody asked for, to try a webhook.
PING = "ping"

# URLs of webhooks are often secrets, such as those of chats: no other webhook is told of them.
_OF_WEBHOOKS = frozenset(event for event in Event if event.value.startswith("webhook."))
# The events that a webhook can have: those that every administrator of an account finds in its journal.
OFFERED = tuple(event for event in Event if event not in OF_THE_PERSON_ALONE | _OF_WEBHOOKS | {Event.SITE_RESTORED})

MOST_WEBHOOKS = 20

# Where a page of the newest deliveries begins.
NEWEST = 1 << 62

# How long the previous secret signs too, after another one was made.
ROTATION_TIME = timedelta(hours=24)
# A webhook of which everything failed for this long is switched off.
SWITCHED_OFF_AFTER = timedelta(days=3)
# How long deliveries are kept to be shown and sent again.
RETENTION = timedelta(days=14)
# The most of a response that is read and kept.
MOST_RESPONSE_BYTES = 16 << 10
# The status with which a receiver says that it is gone for good.
GONE = 410

# Seconds until a failed delivery is tried again, about a day in all; then it is given up.
_RETRY_DELAYS = (10, 60, 300, 900, 3600, 7200, 14400, 28800, 28800)
MOST_ATTEMPTS = len(_RETRY_DELAYS) + 1


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL of an account that is told what happens there.

    `events` are names of events, or `EVERY_EVENT` alone. Secrets are derived from `secret_id`, and from `old_secret_id`
    until `old_secret_until`. `position` is the number of the last journal entry that was looked at, `last_number` that
    of the last delivery. Since `failing_since` nothing was delivered; `trouble` is why, or why it was switched off.
    """

    account_id: str
    id: str
    label: str
    url: str
    events: tuple[str, ...]
    is_active: bool
    secret_id: str
    created_at: datetime
    position: int = 0
    last_number: int = 0
    old_secret_id: str | None = None
    old_secret_until: datetime | None = None
    failing_since: datetime | None = None
    trouble: str | None = None

    def wants(self, event: Event) -> bool:
        """Whether it is told of an event."""
        return event in OFFERED and (self.events == (EVERY_EVENT,) or event.value in self.events)

    def secret_ids(self, at: datetime) -> tuple[str, ...]:
        """The ids of the secrets that sign now, the current one first."""
        if self.old_secret_id and self.old_secret_until and at < self.old_secret_until:
            return self.secret_id, self.old_secret_id
        return (self.secret_id,)

    @property
    def facts(self) -> dict[str, object]:
        """The journal's record of the webhook."""
        return {"label": self.label, "url": self.url, "events": list(self.events), "active": self.is_active}


class DeliveryState(Enum):
    """The state of a delivery: waiting, failed and to be tried again, delivered, or given up."""

    WAITING = "waiting"
    FAILING = "failing"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """What came of one attempt: the `status` and beginning of a response, or the `error` in place of one."""

    status: int | None
    text: str
    error: str | None
    milliseconds: int

    @property
    def is_success(self) -> bool:
        """Whether the receiver has taken the delivery."""
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def sentence(self) -> str:
        """Why an attempt failed."""
        if self.error is not None:
            return self.error
        if self.status is not None and 300 <= self.status < 400:
            return f"it answers {self.status}, and redirects are not followed"
        return f"it answers {self.status}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook, as it is sent.

    `number` counts those of a webhook; they are sent in this order. `entry_number` is that of the journal entry, None
    for a ping. `due_at` is when it is tried next, None when it won't be; until `leased_until` a worker is sending it.
    """

    account_id: str
    webhook_id: str
    id: str
    number: int
    event: str
    body: str
    created_at: datetime
    entry_number: int | None = None
    due_at: datetime | None = None
    leased_until: datetime | None = None
    attempts: int = 0
    tried_at: datetime | None = None
    delivered_at: datetime | None = None
    answer: AttemptOutcome | None = None

    @property
    def state(self) -> DeliveryState:
        """The state, derived from times and the number of attempts."""
        if self.due_at is not None:
            return DeliveryState.FAILING if self.attempts and self.leased_until is None else DeliveryState.WAITING
        return DeliveryState.DELIVERED if self.delivered_at else DeliveryState.GIVEN_UP


def parse_events(words: list[str]) -> tuple[str, ...]:
    """Check names of events, and put them into the order of the vocabulary. Raises Invalid.

    >>> parse_events(["member.removed", "member.added"])
    ('member.added', 'member.removed')
    """
    names = {event.value for event in OFFERED}
    for word in words:
        if word != EVERY_EVENT and word not in names:
            raise Invalid(f"a webhook can't have the event {quote_text(word)}", field="events")
    if not words:
        raise Invalid("choose at least one event", field="events")
    if EVERY_EVENT in words:
        return (EVERY_EVENT,)
    return tuple(event.value for event in OFFERED if event.value in words)


def parse_position(text: str | None) -> int:
    """Read before which number a page of deliveries begins, `NEWEST` by default. Raises Invalid."""
    if not text:
        return NEWEST
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid("before must be the number of a delivery")
    return int(text)


def next_attempt(attempts: int, at: datetime, *, jitter: float) -> datetime | None:
    """When to try a delivery again that has just failed for the `attempts`-th time; None: give it up.

    `jitter` from 0 to 1 takes up to a quarter off the pause, so that not everything comes at once.

    >>> next_attempt(1, datetime(2026, 3, 4), jitter=0.0).second, next_attempt(10, datetime(2026, 3, 4), jitter=0.0)
    (10, None)
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    return at + timedelta(seconds=_RETRY_DELAYS[attempts - 1] * (1 - jitter / 4))
