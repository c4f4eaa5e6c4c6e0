"""Writes down in the database how a mirror is doing: one small transaction for each run."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from onebucket.actions import mirrors
from onebucket.actions.mirrors import RunTotals
from onebucket.domain.mirrors import MOST_KEPT, Drift, DriftCounts, DriftKind, MirrorFailure, MirrorState, MirrorStatus
from onebucket.mirror.comparison import Comparison, Difference, Effect, Place
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.mirror.sync import MirrorSync, OpenWork, Outcome
from onebucket.remote.json_client import RequestCounts
from onebucket.safe_text import printable

# Characters kept of what a host says.
LONGEST_SENTENCE = 500


class MirrorRecorder:
    """Keeps the stored status of one mirror; `requests` are counted by its HTTP client.

    `status` is what is stored, as far as this recorder has read or written it.
    """

    def __init__(
        self,
        configuration: MirrorConfiguration,
        sync: MirrorSync,
        requests: RequestCounts,
        *,
        reading: OpenWork,
        writing: OpenWork,
    ) -> None:
        self._configuration = configuration
        self._sync = sync
        self._requests = requests
        self._reading = reading
        self._writing = writing
        self._stored: set[Drift] | None = None
        self._added = RunTotals()
        self.status = self._register()

    def refresh(self) -> MirrorStatus:
        """Read the status again: somebody may have paused or resumed the mirror."""
        with self._reading() as work:
            self.status = mirrors.state_of(work, self._configuration.account, self._configuration.name)
        return self.status

    def record_run(self, compared: Comparison, outcome: Outcome, *, is_full: bool) -> None:
        """Store what a run found and did, in one transaction."""
        found = set(remaining(compared, outcome))
        if self._stored is None:
            with self._reading() as work:
                self._stored = {*mirrors.drift_of(work, self._configuration.account, self._configuration.name)}
        with self._writing() as work:
            mirrors.record_run(
                work,
                self.status,
                is_full=is_full,
                revision=self._sync.revision,
                counts=counted(compared, outcome),
                gone=self._stored - found,
                new=found - self._stored,
                totals=self._more(),
            )
        self._stored, self._added = found, self._totals()
        self.refresh()

    def record_failure(self, state: MirrorState, sentence: str, *, pause_seconds: float | None = None) -> None:
        """Store why the mirror doesn't go on; it tries again after `pause_seconds`, or when somebody resumes it."""
        with self._writing() as work:
            known = self.status.failure
            failure = MirrorFailure(
                printable(sentence, LONGEST_SENTENCE),
                at=work.at,
                since=known.since if known and self.status.outcome is state else work.at,
                next_attempt_at=None if pause_seconds is None else work.at + timedelta(seconds=pause_seconds),
            )
            mirrors.record_failure(work, self.status, state, failure, totals=self._more())
        self._added = self._totals()
        self.refresh()

    def _register(self) -> MirrorStatus:
        configured = self._configuration
        with self._writing() as work:
            return mirrors.register(
                work,
                configured.account,
                configured.name,
                workspace=configured.workspace,
                api=configured.api,
                can_change=configured.can_change,
            )

    def _totals(self) -> RunTotals:
        return RunTotals(self._sync.carried, self._requests.sent, self._requests.throttled)

    def _more(self) -> RunTotals:
        """Return what isn't stored yet of the totals."""
        now, added = self._totals(), self._added
        return RunTotals(now.carried - added.carried, now.requests - added.requests, now.throttled - added.throttled)


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
    refused = {difference.place: sentence for difference, sentence in outcome.refused}
    return [
        *_drift(DriftKind.DIFFERENCE, _not_carried(compared, outcome), refused),
        *_drift(DriftKind.FOREIGN, compared.foreign, {}),
        *_drift(DriftKind.INHERITED, compared.inherited, {}),
    ]


def _not_carried(compared: Comparison, outcome: Outcome) -> list[Difference]:
    carried = {each.place for each in outcome.carried}
    return [each for each in compared.differences if each.place not in carried]


def _drift(kind: DriftKind, differences: list[Difference], refused: Mapping[Place, str]) -> Iterable[Drift]:
    for each in differences[:MOST_KEPT]:
        sentence = printable(refused.get(each.place, ""), LONGEST_SENTENCE)
        yield Drift(
            kind, each.where, each.person_id, printable(each.name), each.here, each.there, each.target, sentence
        )
