"""The mirror of the pictures: what `onebucket.toml` has of it, and what it has found."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from onebucket.actions import mirrors
from onebucket.actions.mirrors import RunTotals
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.mirror_settings import MirrorDefinition
from onebucket.domain.mirrors import Drift, DriftCounts, DriftKind, MirrorState
from onebucket.domain.privileges import Level

TABLE = """
[mirror.cloud]
account = "acme"
workspace = "acme-inc"
username = "svc@example.com"
token_env = "BITBUCKET_TOKEN"
mode = "apply"
never_touch = ["service-account", "legacy-*"]
start = "off"
"""


def _found(kind: DriftKind, repository: str, person: str, here: Level, there: Level, refused: str = "") -> Drift:
    return Drift(kind, repository, person, person, here, there, here, refused)


DRIFT = (
    *(_found(DriftKind.DIFFERENCE, slug, "erin", Level.WRITE, Level.NONE) for slug in ("engine", "rocket")),
    _found(DriftKind.DIFFERENCE, "telemetry", "carol", Level.READ, Level.ADMIN),
    _found(DriftKind.DIFFERENCE, "website", "bob", Level.WRITE, Level.READ, "PUT answers 402: the plan is full"),
    _found(DriftKind.FOREIGN, "ground-station", "frank", Level.NONE, Level.READ),
    _found(DriftKind.INHERITED, "telemetry", "dave", Level.READ, Level.WRITE),
    _found(DriftKind.STRANGER, "", "grace", Level.NONE, Level.NONE),
)


def follow(work: UnitOfWork) -> None:
    """Let the mirror be followed for an hour, and have found the differences."""
    definition = MirrorDefinition("cloud", "acme", "acme-inc", "https://api.bitbucket.org")
    status = mirrors.register(work, definition, can_change=True)
    found = Counter(each.kind for each in DRIFT)
    counts = DriftCounts(
        differences=found[DriftKind.DIFFERENCE],
        removals=1,
        foreign=found[DriftKind.FOREIGN],
        inherited=found[DriftKind.INHERITED],
        strangers=found[DriftKind.STRANGER],
        compared=1204,
    )
    ran = replace(status, outcome=MirrorState.RUNNING, last_run_at=work.at, last_compared_at=work.at, counts=counts)
    mirrors.record(work, ran, gone=(), new=DRIFT, totals=RunTotals(38, 1740, 0))
    now, work.at = work.at, work.at + timedelta(hours=1)
    mirrors.hold(work, status, holder="serve on web-1 (process 812, 3f9a2c1d)")
    work.at = now
