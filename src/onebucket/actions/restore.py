"""Restoring a backup: credentials that were revoked after the backup stay revoked."""

from dataclasses import dataclass, field, replace

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import SITE
from onebucket.domain.events import Event
from onebucket.store import account_rows, restore_rows
from onebucket.store.restore_rows import Held, Person


@dataclass(slots=True)
class Settled:
    """The outcome of a restore: numbers of short-lived credentials `ended`, and revocations `kept`, by kind.

    `app_passwords`, `disabled` and `passwords` list what was revoked, disabled or set again, for people to read.
    """

    ended: dict[str, int]
    app_passwords: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)


def load_held(work: UnitOfWork) -> Held:
    """Return the credentials that are valid now, for `settle_restore` in the database that replaces this one."""
    access.site(work)
    return restore_rows.held(work.tx)


def settle_restore(work: UnitOfWork, source: str, replaced: Held | None) -> Settled:
    """Make a restored database safe to serve: nothing that was revoked after the backup becomes valid again.

    Always ends sessions, links, codes and OAuth requests, and drops waiting letters. `replaced` are the credentials
    that were valid in the replaced database; None if it is unknown or doesn't count. `source` names the backup for the
    journal.
    """
    access.site(work)
    settled = Settled(restore_rows.end_temporary(work.tx))
    restored = restore_rows.held(work.tx)
    if replaced is not None and replaced.people.keys() & restored.people.keys():
        _keep_revoked(work, settled, restored, replaced)

    lists = {name: getattr(settled, name) for name in ("app_passwords", "disabled", "passwords")}
    after = {"ended": settled.ended, "kept": settled.kept | {name: names for name, names in lists.items() if names}}
    work.record_attempt(Event.SITE_RESTORED, SITE, source, after=after)
    return settled


def _keep_revoked(work: UnitOfWork, settled: Settled, restored: Held, replaced: Held) -> None:
    revoked = {name: ids - replaced.ids[name] for name, ids in restored.ids.items()}
    labels = restore_rows.labels(work.tx).items()
    settled.app_passwords = [f"{who}: {label or id[:8]}" for id, (who, label) in labels if id in revoked["tokens"]]
    restore_rows.delete_credentials(work.tx, revoked)
    settled.kept = {name: len(ids) for name, ids in revoked.items() if ids and name != "tokens"}

    for id, now in replaced.people.items():
        before = restored.people.get(id)
        if before is None:
            continue
        if not now.is_active:
            _keep_disabled(work, settled, before)
        if now.password_hash is not None and now.password_hash != before.password_hash:
            account_rows.set_password(work.tx, id, now.password_hash)
            settled.passwords.append(before.username)
    for id in sorted(restored.people.keys() & replaced.deleted - replaced.people.keys()):
        _keep_disabled(work, settled, restored.people[id])
    restore_rows.keep_second_factors(work.tx, replaced, replaced.people.keys() & restored.people.keys())
    nonces = restore_rows.use_nonces(work.tx, replaced.nonces)
    settled.kept |= {"nonces": nonces} if nonces else {}


def _keep_disabled(work: UnitOfWork, settled: Settled, person: Person) -> None:
    """Disable a person whom the backup would enable again, or bring back although they were deleted."""
    account = account_rows.by_id(work.tx, person.id)
    if account is not None and account.is_active:
        account_rows.change(work.tx, replace(account, is_active=False))
        settled.disabled.append(person.username)
