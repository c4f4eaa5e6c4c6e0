"""Restoring: an older state takes the place of the present one, and what was ended since then stays ended."""

from dataclasses import dataclass, field, replace

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import SITE
from onebucket.domain.events import Event
from onebucket.store import account_rows, restore_rows
from onebucket.store.restore_rows import Held


@dataclass(slots=True)
class Settled:
    """What came of a restore: how many of each kind were `ended`, and what was `kept` of the state that is replaced."""

    ended: dict[str, int]
    app_passwords: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)


def load_held(work: UnitOfWork) -> Held:
    """What is good now, to be told to `settle` in the state that takes the place of this one."""
    access.site(work)
    return restore_rows.held(work.tx)


def settle_restore(work: UnitOfWork, source: str, replaced: Held | None) -> Settled:
    """Make an older state fit to be served: nothing that was ended since then is good again.

    Sessions, links, codes and OAuth requests end in any case, and letters that waited are not sent. `replaced` is what
    was good in the state whose place it takes, None where nobody knows, or nothing of that is to count. `source` is
    where the older state comes from, for the journal.
    """
    access.site(work)
    settled = Settled(restore_rows.end_temporary(work.tx))
    then = restore_rows.held(work.tx)
    if replaced is not None and replaced.people.keys() & then.people.keys():
        _keep_ended(work, settled, then, replaced)

    lists = {name: getattr(settled, name) for name in ("app_passwords", "disabled", "passwords")}
    after = {"ended": settled.ended, "kept": settled.kept | {name: each for name, each in lists.items() if each}}
    work.record_attempt(Event.SITE_RESTORED, SITE, source, after=after)
    return settled


def _keep_ended(work: UnitOfWork, settled: Settled, then: Held, replaced: Held) -> None:
    gone = {name: ids - replaced.ids[name] for name, ids in then.ids.items()}
    named = restore_rows.labels(work.tx)
    settled.app_passwords = [f"{who}: {label or id[:8]}" for id, (who, label) in named.items() if id in gone["tokens"]]
    restore_rows.delete_credentials(work.tx, gone)
    settled.kept = {name: len(ids) for name, ids in gone.items() if ids and name != "tokens"}

    for id, now in replaced.people.items():
        before = then.people.get(id)
        if before is None:
            continue
        if before.is_active and not now.is_active:
            there = account_rows.by_id(work.tx, id)
            assert there is not None
            account_rows.change(work.tx, replace(there, is_active=False))
            settled.disabled.append(before.username)
        if now.password_hash is not None and now.password_hash != before.password_hash:
            account_rows.set_password(work.tx, id, now.password_hash)
            settled.passwords.append(before.username)
    nonces = restore_rows.use_nonces(work.tx, replaced.nonces)
    settled.kept |= {"nonces": nonces} if nonces else {}
