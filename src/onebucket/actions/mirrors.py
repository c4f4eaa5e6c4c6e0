"""Mirrors: what they write down, how they are doing, and who may pause them."""

from collections.abc import Iterable
from dataclasses import dataclass

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.journal_entry import Entry
from onebucket.domain.mirror_grants import GrantKind
from onebucket.domain.mirror_settings import MirrorDefinition
from onebucket.domain.mirrors import (
    LEASE_TIME,
    STOPS,
    Drift,
    MirrorStatus,
)
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Conflict, Invalid, NotFound
from onebucket.safe_text import quote_text
from onebucket.store import (
    account_rows,
    journal_rows,
    mirror_drift_rows,
    mirror_rows,
    mirror_setting_rows,
    mirror_status_rows,
)
from onebucket.store.engine import timestamps
from onebucket.store.mirror_rows import MirroredPermission


def intend(work: UnitOfWork, owner: Account, mirror: str, permission: MirroredPermission) -> None:
    """Write down that a mirror is about to set a permission at the host.

    It is written before the request: if the server stops in between, the mirror still knows that it is its own.
    """
    mirror_rows.put(work.tx, owner.id, mirror, permission, at=work.at)


# Entries among which the cause of what a mirror carries is looked for.
_MOST_CAUSES = 200


def changes_since(work: UnitOfWork, account_name: str, revision: int) -> list[Entry]:
    """Return the latest changes of an account since it had a revision, the newest first. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.READ_JOURNAL)
    # A revision is the moment of a change, and its entry is a microsecond younger.
    after = timestamps.from_number(revision + 1)
    return journal_rows.last_few(work.tx, owner.id, after=after, most=_MOST_CAUSES)


def record_set(
    work: UnitOfWork,
    owner: Account,
    mirror: str,
    permission: MirroredPermission,
    *,
    name: str,
    before: Level,
    because: str = "",
) -> None:
    """Write to the journal that a mirror has set a permission at the host, what was there before, and why."""
    facts = _facts(mirror, permission, name)
    work.record_attempt(
        Event.MIRROR_SET,
        owner,
        permission.repository,
        before=facts | {"permission": before.word},
        after=facts | {"permission": permission.level.word} | _cause(because),
    )


def record_removal(
    work: UnitOfWork, owner: Account, mirror: str, permission: MirroredPermission, *, name: str, because: str = ""
) -> None:
    """Write to the journal that a mirror has taken a permission away at the host; `permission` is what was there."""
    mirror_rows.remove(work.tx, owner.id, mirror, permission)
    work.record_attempt(
        Event.MIRROR_REMOVED,
        owner,
        permission.repository,
        before=_facts(mirror, permission, name) | {"permission": permission.level.word} | _cause(because),
    )


def _cause(because: str) -> dict[str, str]:
    return {"because": because} if because else {}


def intend_invitation(work: UnitOfWork, owner: Account, mirror: str, person_id: str) -> None:
    """Write down that a mirror is about to invite a person, so that it does so once."""
    access.site(work)
    mirror_rows.put(work.tx, owner.id, mirror, _invitation(person_id), at=work.at)


def record_invitation(
    work: UnitOfWork, owner: Account, mirror: str, person_id: str, group: str, *, name: str, email: str
) -> None:
    """Write to the journal that a mirror has invited a person to a group of the host."""
    access.site(work)
    facts = {"mirror": mirror, "user": name, "account_id": person_id, "email": email, "group": group}
    work.record_attempt(Event.MIRROR_INVITED, owner, name, after=facts)


def forget_invitation(work: UnitOfWork, owner: Account, mirror: str, person_id: str) -> None:
    """Write down that a mirror has not invited a person, because the host refused it."""
    access.site(work)
    mirror_rows.remove(work.tx, owner.id, mirror, _invitation(person_id))


def _invitation(person_id: str) -> MirroredPermission:
    return MirroredPermission("", person_id, Level.NONE, GrantKind.INVITATION)


def _facts(mirror: str, permission: MirroredPermission, name: str) -> dict[str, str]:
    if permission.kind.is_of_group:
        return {"mirror": mirror, "group": permission.person} | (
            {"project": permission.repository} if permission.kind.is_on_project else {}
        )
    return {"mirror": mirror, "user": name, "account_id": permission.person}


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What a run adds to a mirror's totals: permissions carried, requests sent, and 429s among the responses."""

    carried: int = 0
    requests: int = 0
    throttled: int = 0

    def __sub__(self, earlier: "RunTotals") -> "RunTotals":
        """Return what was added since."""
        return RunTotals(
            self.carried - earlier.carried, self.requests - earlier.requests, self.throttled - earlier.throttled
        )


def states_of_account(work: UnitOfWork, account_name: str) -> list[MirrorStatus]:
    """Return how an account's mirrors are doing, by name, for administrators. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return mirror_status_rows.of_account(work.tx, owner.id)


def state_of(work: UnitOfWork, account_name: str, mirror: str) -> MirrorStatus:
    """Return how a mirror is doing, for administrators. Raises NotFound, Forbidden."""
    return _mirror(work, access.account(work, account_name, to=To.SEE_PRIVILEGES), mirror)


def drift_of(work: UnitOfWork, account_name: str, mirror: str) -> list[Drift]:
    """Return what a mirror's last comparison found, by kind, repository and name, for administrators.

    At most `MOST_KEPT` of each kind; `state_of` has the true counts. Raises NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.SEE_PRIVILEGES)
    return mirror_drift_rows.of_mirror(work.tx, owner.id, _mirror(work, owner, mirror).name)


def states(work: UnitOfWork) -> list[tuple[Account, MirrorStatus]]:
    """Return how the mirrors of all accounts are doing, for site administrators. Raises Forbidden."""
    access.site(work)
    found = [(account_rows.by_id(work.tx, each.account_id), each) for each in mirror_status_rows.all_mirrors(work.tx)]
    return [(owner, each) for owner, each in found if owner is not None]


def register(work: UnitOfWork, mirror: MirrorDefinition, *, can_change: bool) -> MirrorStatus:
    """Store that an account has a mirror that is configured so; what is known of it stays. Raises NotFound."""
    owner = access.account(work, mirror.account, to=To.RUN_MIRRORS)
    now = mirror_status_rows.find(work.tx, owner.id, mirror.name)
    if now is None or (now.workspace, now.api, now.can_change) != (mirror.workspace, mirror.api, can_change):
        mirror_status_rows.register(
            work.tx, owner.id, mirror.name, workspace=mirror.workspace, api=mirror.api, can_change=can_change
        )
    return _mirror(work, owner, mirror.name)


def pause(work: UnitOfWork, account_name: str, mirror: str) -> MirrorStatus:
    """Pause a mirror: it carries nothing until it is resumed. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    status = _mirror(work, owner, mirror)
    if status.paused_at is None:
        mirror_status_rows.pause(work.tx, owner.id, mirror, by=work.actor.name, at=work.at)
        work.record_attempt(Event.MIRROR_PAUSED, owner, mirror, after={"workspace": status.workspace})
    return _mirror(work, owner, mirror)


def resume(work: UnitOfWork, account_name: str, mirror: str, *, allowed_removals: int | None = None) -> MirrorStatus:
    """Let a mirror go on, after a pause or a stop: it compares everything again within seconds.

    `allowed_removals` is how many removals its next comparison may carry, in place of its configured limit. Raises
    NotFound, Forbidden, Invalid.
    """
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    status = _mirror(work, owner, mirror)
    if allowed_removals is not None and not 0 <= allowed_removals < _MOST_REMOVALS:
        raise Invalid(f"the allowed removals are a number from 0 to {_MOST_REMOVALS - 1:,}")
    mirror_status_rows.resume(work.tx, owner.id, mirror, allowed_removals=allowed_removals, at=work.at)
    allowed = {} if allowed_removals is None else {"allowed_removals": allowed_removals}
    work.record_attempt(Event.MIRROR_RESUMED, owner, mirror, after={"workspace": status.workspace, **allowed})
    return _mirror(work, owner, mirror)


_MOST_REMOVALS = 1_000_000_000


def forget(work: UnitOfWork, account_name: str, mirror: str) -> MirrorStatus:
    """Delete what is known of a mirror: how it was doing, its settings, and what it has set, which stays there.

    For site administrators. Raises NotFound, Forbidden, Conflict while a process follows it.
    """
    access.site(work)
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    status = _mirror(work, owner, mirror)
    if holder := status.holder_at(work.at):
        raise Conflict(f"{mirror} is followed by {holder}: that has to end first")
    were_set = len(mirror_rows.of_mirror(work.tx, owner.id, mirror))
    mirror_rows.remove_of_mirror(work.tx, owner.id, mirror)
    mirror_drift_rows.remove_of_mirror(work.tx, owner.id, mirror)
    mirror_setting_rows.remove_of_mirror(work.tx, owner.id, mirror)
    mirror_status_rows.remove(work.tx, owner.id, mirror)
    facts = {"workspace": status.workspace, "api": status.api, "set_there": were_set}
    work.record(Event.MIRROR_FORGOTTEN, owner, mirror, before=facts)
    return status


def hold(work: UnitOfWork, status: MirrorStatus, *, holder: str) -> bool:
    """Take a mirror for a process, or keep it for `LEASE_TIME` more; return False if another process has it."""
    access.site(work)
    return mirror_status_rows.hold(
        work.tx, status.account_id, status.name, holder=holder, until=work.at + LEASE_TIME, at=work.at
    )


def release(work: UnitOfWork, status: MirrorStatus, *, holder: str) -> None:
    """Let another process take a mirror."""
    access.site(work)
    mirror_status_rows.release(work.tx, status.account_id, status.name, holder=holder)


def record(
    work: UnitOfWork,
    status: MirrorStatus,
    *,
    gone: Iterable[Drift],
    new: Iterable[Drift],
    totals: RunTotals,
    used_allowance: bool = False,
) -> None:
    """Write down what a run of a mirror came to, with what it still found: as stored, without `gone` and with `new`.

    After a run that `used_allowance`, no removals are allowed beyond the limit. A stop goes into the journal, and
    administrators get a letter about it, once: not again while it lasts.
    """
    access.site(work)
    stored = mirror_status_rows.find(work.tx, status.account_id, status.name)
    owner = account_rows.by_id(work.tx, status.account_id)
    if stored is None or owner is None:
        raise NotFound(f"the mirror {status.name} was deleted with its account")
    mirror_status_rows.record(
        work.tx, status, carried=totals.carried, requests=totals.requests, throttled=totals.throttled
    )
    mirror_drift_rows.change(work.tx, status.account_id, status.name, gone=gone, new=new)
    if used_allowance:
        mirror_status_rows.use_allowance(work.tx, status.account_id, status.name)
    if status.failure and status.outcome in STOPS and stored.outcome is not status.outcome:
        facts = {"workspace": status.workspace, "reason": status.failure.sentence}
        work.record_attempt(Event.MIRROR_STOPPED, owner, status.name, after=facts)
        work.notify_administrators(owner)


def _mirror(work: UnitOfWork, owner: Account, mirror: str) -> MirrorStatus:
    status = mirror_status_rows.find(work.tx, owner.id, mirror)
    if status is None:
        raise NotFound(f"{owner.username} has no mirror {quote_text(mirror)}")
    return status
