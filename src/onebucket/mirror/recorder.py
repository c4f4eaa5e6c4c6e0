"""Writes down in the database how a mirror is doing: one small transaction for each run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from onebucket.actions import mirrors
from onebucket.actions.mirrors import RunTotals
from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.mirrors import MOST_KEPT, Drift, DriftCounts, DriftKind, MirrorFailure, MirrorState, MirrorStatus
from onebucket.domain.privileges import Level
from onebucket.mirror.comparison import Comparison, Difference, Effect, Place
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.mirror.sync import MirrorSync, OpenWork, Outcome
from onebucket.remote.json_client import RequestCounts
from onebucket.safe_text import printable

# Characters kept of what a host says.
LONGEST_SENTENCE = 500


class MirrorRecorder:
    """Keeps the stored status of one mirror for the process `holder`; `requests` are counted by its HTTP client.

    `status` is what is stored, as far as this recorder has read or written it; None before `register`.
    """

    def __init__(
        self, sync: MirrorSync, requests: RequestCounts, *, holder: str, reading: OpenWork, writing: OpenWork
    ) -> None:
        self._sync = sync
        self._requests = requests
        self._holder = holder
        self._reading = reading
        self._writing = writing
        self._stored: set[Drift] | None = None
        self._added = RunTotals()
        self.status: MirrorStatus | None = None

    @property
    def _configuration(self) -> MirrorConfiguration:
        return self._sync.configuration

    def hold(self) -> str:
        """Take the mirror for this process, or keep it; return "" or the process that has it.

        Stores the mirror if it is new. Raises NotFound for a missing account.
        """
        configured = self._configuration
        with self._writing() as work:
            self.status = mirrors.register(work, configured.definition, can_change=configured.can_change)
            return "" if mirrors.hold(work, self.status, holder=self._holder) else self.status.holder

    def other_holder(self) -> str:
        """Return the other process that has the mirror, as far as it was heard of lately; only reads."""
        with self._reading() as work:
            found = mirrors.states_of_account(work, self._configuration.account)
            holder = next((each.holder_at(work.at) for each in found if each.name == self._configuration.name), "")
        return holder if holder != self._holder else ""

    def release(self) -> None:
        """Let another process take the mirror."""
        if self.status is not None:
            with self._writing() as work:
                mirrors.release(work, self.status, holder=self._holder)

    def refresh(self) -> MirrorStatus:
        """Read the status again: somebody may have paused or resumed the mirror. Raises NotFound."""
        with self._reading() as work:
            self.status = mirrors.state_of(work, self._configuration.account, self._configuration.name)
        return self.status

    def record_run(
        self, compared: Comparison, outcome: Outcome, *, is_full: bool, began: MirrorStatus | None = None
    ) -> None:
        """Store what a run found and did, in one transaction; `began` is the status when it began."""
        began = began or self.status
        self._record_comparison(
            lambda known, at: replace(known, outcome=MirrorState.RUNNING, failure=None),
            compared,
            outcome,
            is_full=is_full,
            began=began,
        )

    def record_question(self, sentence: str, compared: Comparison, *, is_full: bool) -> None:
        """Store what a comparison found that asks first, because it would take away too much."""
        self._record_comparison(_failing(MirrorState.ASKS, sentence, None), compared, Outcome(), is_full=is_full)

    def record_failure(self, state: MirrorState, sentence: str, *, pause_seconds: float | None = None) -> MirrorFailure:
        """Store why the mirror doesn't go on; it tries again after `pause_seconds`, or when somebody resumes it."""
        status = self._record(_failing(state, sentence, pause_seconds), None)
        assert status.failure is not None
        return status.failure

    def _record_comparison(
        self,
        outcome_of: "_NewStatus",
        compared: Comparison,
        outcome: Outcome,
        *,
        is_full: bool,
        began: MirrorStatus | None = None,
    ) -> None:
        def new_status(known: MirrorStatus, at: datetime) -> MirrorStatus:
            return replace(
                outcome_of(known, at),
                last_run_at=at,
                last_compared_at=at if is_full else known.last_compared_at,
                revision=self._sync.carried_revision,
                counts=counted(compared, outcome),
            )

        self._record(new_status, {*remaining(compared, outcome)}, began)

    def _record(
        self, new_status: "_NewStatus", found: set[Drift] | None, began: MirrorStatus | None = None
    ) -> MirrorStatus:
        """Store a new status with what was `found`, None for what is known already.

        What was allowed when the run `began` is used up, unless something else was allowed since.
        """
        assert self.status is not None, "a mirror is held before it runs"
        if found is not None and self._stored is None:
            with self._reading() as work:
                self._stored = {*mirrors.drift_of(work, self._configuration.account, self._configuration.name)}
        before = self._stored or set()
        found = before if found is None else found
        now = RunTotals(self._sync.carried, self._requests.sent, self._requests.throttled)
        with self._writing() as work:
            status = new_status(self.status, work.at)
            used = began is not None and began.resumed_at == status.resumed_at
            mirrors.record(
                work, status, gone=before - found, new=found - before, totals=now - self._added, used_allowance=used
            )
        self.status, self._added = status, now
        if self._stored is not None:
            self._stored = found
        return status


# Makes the status to store of the known one, at a moment.
_NewStatus = Callable[[MirrorStatus, datetime], MirrorStatus]


def _failing(state: MirrorState, sentence: str, pause_seconds: float | None) -> _NewStatus:
    def new_status(known: MirrorStatus, at: datetime) -> MirrorStatus:
        failure = MirrorFailure(
            printable(sentence, LONGEST_SENTENCE),
            at=at,
            since=known.failure.since if known.failure else at,
            next_attempt_at=None if pause_seconds is None else at + timedelta(seconds=pause_seconds),
        )
        return replace(known, outcome=state, failure=failure)

    return new_status


def counted(compared: Comparison, outcome: Outcome) -> DriftCounts:
    """Return how much still differs after a run."""
    differences = _not_carried(compared, outcome)
    return DriftCounts(
        differences=len(differences),
        removals=sum(1 for each in differences if each.effect is Effect.LOSES),
        foreign=len(compared.foreign),
        inherited=len(compared.inherited),
        strangers=len(compared.strangers),
        compared=compared.compared,
    )


def remaining(compared: Comparison, outcome: Outcome) -> list[Drift]:
    """Return what still differs after a run, at most `MOST_KEPT` of each kind."""
    refused = {(each.kind, each.place): sentence for each, sentence in outcome.refused}
    return [
        *_drift(DriftKind.DIFFERENCE, _not_carried(compared, outcome), refused),
        *_drift(DriftKind.FOREIGN, compared.foreign, {}),
        *_drift(DriftKind.INHERITED, compared.inherited, {}),
        *_strangers(compared.strangers),
    ]


def _strangers(names: Iterable[str]) -> Iterable[Drift]:
    shown = {printable(name) for name in names}
    for name in sorted(shown)[:MOST_KEPT]:
        yield Drift(DriftKind.STRANGER, "", name, name, Level.NONE, Level.NONE, Level.NONE)


def _not_carried(compared: Comparison, outcome: Outcome) -> list[Difference]:
    carried = {(each.kind, each.place) for each in outcome.carried}
    return [each for each in compared.differences if (each.kind, each.place) not in carried]


def _drift(
    kind: DriftKind, differences: list[Difference], refused: Mapping[tuple[GrantKind, Place], str]
) -> Iterable[Drift]:
    for each in differences[:MOST_KEPT]:
        sentence = printable(refused.get((each.kind, each.place), ""), LONGEST_SENTENCE)
        yield Drift(
            kind, each.where, each.person_id, printable(each.name), each.here, each.there, each.target, sentence
        )
