"""Queries for the pages of mirrors: what each is to do, how it is doing, what it found, and what it did last."""

from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.account_overview import AccountSummary
from onebucket.actions.mirrors import states
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.mirror_settings import APPLY, EffectiveSetting, MirrorDefinition, StoredSetting, combine
from onebucket.domain.mirrors import Drift, MirrorStatus
from onebucket.domain.policy import To
from onebucket.domain.refusals import NotFound
from onebucket.safe_text import quote_text
from onebucket.store import journal_search, mirror_drift_rows, mirror_setting_rows, mirror_status_rows

# The entries of the journal that are searched for what a mirror did last.
_MOST_EXAMINED = 500


# Events about mirrors: what they did at the host, and who paused, resumed and configured them.
_EVENTS = frozenset(event for event in Event if event.value.startswith("mirror."))


class KnownMirrors(tuple[MirrorDefinition, ...]):
    """The mirrors of `onebucket.toml`, of all accounts."""

    __slots__ = ()

    def of(self, owner: Account) -> list[MirrorDefinition]:
        """Return the mirrors of an account."""
        return [each for each in self if each.is_of(owner)]


@dataclass(frozen=True, slots=True)
class MirrorOverview:
    """A mirror. `definition` is None if `onebucket.toml` no longer has it, `status` before it has run.

    `settings` are those that hold, by name; none without a definition.
    """

    name: str
    definition: MirrorDefinition | None
    status: MirrorStatus | None
    settings: dict[str, EffectiveSetting]

    @property
    def can_change(self) -> bool:
        """Whether it carries differences over, or only reports them."""
        if self.definition is None:
            return self.status is not None and self.status.can_change
        return self.settings["mode"].value == APPLY

    @property
    def where(self) -> tuple[str, str]:
        """The workspace and the API that it mirrors to."""
        known = self.definition or self.status
        return (known.workspace, known.api) if known else ("", "")


@dataclass(frozen=True, slots=True)
class MirrorDetails:
    """One mirror with what its last comparison found, at most `MOST_KEPT` of each kind, and what it did last."""

    summary: AccountSummary
    mirror: MirrorOverview
    drift: list[Drift]
    lately: list[Entry]


def listed(work: UnitOfWork, account_name: str, mirrors: KnownMirrors) -> tuple[AccountSummary, list[MirrorOverview]]:
    """Return the mirrors of an account, those of `mirrors` and those that once ran, for administrators.

    Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    return AccountSummary(owner, administers=True), _overviews(work, owner, mirrors)


def one(work: UnitOfWork, account_name: str, name: str, mirrors: KnownMirrors) -> MirrorDetails:
    """Return a mirror with everything that its pages show, for administrators. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    found = next((each for each in _overviews(work, owner, mirrors) if each.name == name), None)
    if found is None:
        raise NotFound(f"{owner.username} has no mirror {quote_text(name)}")
    drift = mirror_drift_rows.of_mirror(work.tx, owner.id, name)
    return MirrorDetails(AccountSummary(owner, administers=True), found, drift, _lately(work, owner, name))


def no_longer_configured(work: UnitOfWork, mirrors: KnownMirrors) -> list[tuple[Account, MirrorStatus]]:
    """Return the mirrors of all accounts that once ran and aren't in `mirrors`, for site administrators.

    Raises Forbidden.
    """
    access.site(work)
    return [
        (owner, status) for owner, status in states(work) if all(status.name != each.name for each in mirrors.of(owner))
    ]


def _overviews(work: UnitOfWork, owner: Account, mirrors: KnownMirrors) -> list[MirrorOverview]:
    defined = {each.name: each for each in mirrors.of(owner)}
    statuses = {each.name: each for each in mirror_status_rows.of_account(work.tx, owner.id)}
    stored = mirror_setting_rows.of_account(work.tx, owner.id)
    return [
        MirrorOverview(name, defined.get(name), statuses.get(name), _settings(defined.get(name), stored.get(name, [])))
        for name in sorted({*defined, *statuses})
    ]


def _settings(mirror: MirrorDefinition | None, stored: list[StoredSetting]) -> dict[str, EffectiveSetting]:
    return {each.name: each for each in combine(mirror, stored)} if mirror else {}


def _lately(work: UnitOfWork, owner: Account, mirror: str, most: int = 10) -> list[Entry]:
    """Return the newest entries about a mirror, among the newest of the account."""
    found = journal_search.among_newest(work.tx, owner.id, _EVENTS, examined=_MOST_EXAMINED)
    return [each for each in found if mirror in (each.subject, (each.after or each.before or {}).get("mirror"))][:most]
