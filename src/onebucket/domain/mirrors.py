"""Mirrors of an account: how one is doing, and what its last comparison found."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from onebucket.domain.privileges import Level

# The most differences of each kind that are kept after a comparison; their true number is kept too.
MOST_KEPT = 5000

# A process that follows a mirror says so this often; when it hasn't for `LEASE_TIME`, another may take over.
RENEWAL_TIME, LEASE_TIME = timedelta(seconds=10), timedelta(seconds=40)


class MirrorState(Enum):
    """How a mirror is doing.

    It waits for a host that can't be reached, stops when the host refuses it, and asks before it takes away more than
    its limit. `never run` and `running` are of a mirror that nothing keeps from its work, whether or not a process
    follows it now.
    """

    NEVER_RUN = "never run"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPED = "stopped"
    ASKS = "asks"
    PAUSED = "paused"


# A mirror in these states waits for a person.
STOPS = frozenset({MirrorState.STOPPED, MirrorState.ASKS})


class DriftKind(Enum):
    """Which side a difference is to be put right on: by the mirror, or not by it (`comparison.Comparison`).

    A stranger has access here, and is no member there: their `repository` is empty.
    """

    DIFFERENCE = "difference"
    FOREIGN = "foreign"
    INHERITED = "inherited"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference that the last comparison found; `person_id` is the host's id of the person, `target` what to set.

    `refused` is the host's sentence if it refused to be put right.
    """

    kind: DriftKind
    repository: str
    person_id: str
    name: str
    here: Level
    there: Level
    target: Level
    refused: str = ""


@dataclass(frozen=True, slots=True)
class DriftCounts:
    """How much the last comparison found: `removals` are those of the differences that take something away.

    `strangers` are people with access here who are no members there, `compared` what people were given there.
    """

    differences: int = 0
    removals: int = 0
    foreign: int = 0
    inherited: int = 0
    strangers: int = 0
    compared: int = 0

    @property
    def drift(self) -> int:
        """How many levels differ."""
        return self.differences + self.foreign + self.inherited


@dataclass(frozen=True, slots=True)
class MirrorFailure:
    """Why a mirror doesn't go on: a sentence, when it was tried last, since when it fails, and when it is tried again.

    Without `next_attempt_at`, it waits for a person.
    """

    sentence: str
    at: datetime
    since: datetime
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MirrorStatus:
    """A mirror of an account. `outcome` is that of its last run; `state` also says whether it is paused.

    `revision` is the account's when everything was carried last, `last_compared_at` when everything was read there.
    `carried`, `requests` and `throttled` (429) count from the beginning. `holder` is the process that follows it, until
    `held_until` unless it says so again. `resumed_at` changes when somebody wants it to go on and to compare
    everything; `allowed_removals` is how many they allow the next run to take away, None for the configured limit.
    """

    account_id: str
    name: str
    workspace: str
    api: str
    can_change: bool
    outcome: MirrorState = MirrorState.NEVER_RUN
    paused_at: datetime | None = None
    paused_by: str = ""
    resumed_at: datetime | None = None
    allowed_removals: int | None = None
    last_run_at: datetime | None = None
    last_compared_at: datetime | None = None
    revision: int | None = None
    failure: MirrorFailure | None = None
    counts: DriftCounts = DriftCounts()
    carried: int = 0
    requests: int = 0
    throttled: int = 0
    holder: str = ""
    held_until: datetime | None = None

    @property
    def state(self) -> MirrorState:
        """How the mirror is doing: paused, or the outcome of its last run."""
        return MirrorState.PAUSED if self.paused_at else self.outcome

    @property
    def needs_attention(self) -> bool:
        """Whether somebody has to do something before it goes on."""
        return self.state in STOPS

    def holder_at(self, at: datetime) -> str:
        """Return the process that follows the mirror at that time, empty for none."""
        return self.holder if self.held_until is not None and self.held_until > at else ""
