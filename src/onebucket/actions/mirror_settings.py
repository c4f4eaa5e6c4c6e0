"""The settings of a mirror: each comes from its page, from `onebucket.toml`, or is the default."""

from collections.abc import Mapping
from typing import Any

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.mirror_settings import (
    FILE,
    SETTINGS,
    EffectiveSetting,
    MirrorDefinition,
    SettingValue,
    StoredSetting,
    combine,
)
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid
from onebucket.store import mirror_setting_rows


def effective(work: UnitOfWork, account_name: str, mirror: MirrorDefinition) -> list[EffectiveSetting]:
    """Return every setting of a mirror, for administrators. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    return [*combine(mirror, mirror_setting_rows.of_mirror(work.tx, owner.id, mirror.name))]


def set_by_page(work: UnitOfWork, account_name: str, mirror: str) -> dict[str, SettingValue]:
    """Return what was set on the page of a mirror, for administrators. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    return {each.name: each.value for each in mirror_setting_rows.of_mirror(work.tx, owner.id, mirror)}


def change(
    work: UnitOfWork, account_name: str, mirror: MirrorDefinition, values: Mapping[str, SettingValue]
) -> list[str]:
    """Set what differs from what holds, and return the names of the settings that changed.

    A value that the file has too, or that is the default, isn't stored: from then on, the setting follows the file.
    Raises Invalid, NotFound, Forbidden.
    """
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    for name in values:
        if name not in SETTINGS:
            raise Invalid(f"a mirror has no setting {name}")
    changed = {
        each.name: (each.value, values[each.name])
        for each in combine(mirror, mirror_setting_rows.of_mirror(work.tx, owner.id, mirror.name))
        if values.get(each.name, each.value) != each.value
    }
    for name in changed:
        if mirror.is_locked(name):
            raise Invalid(f"{name} is set in {FILE}, and can only be changed there")
    for name, (_, value) in changed.items():
        if value == mirror.value(name):
            mirror_setting_rows.remove(work.tx, owner.id, mirror.name, name)
        else:
            setting = StoredSetting(name, value, work.actor.name, work.at)
            mirror_setting_rows.put(work.tx, owner.id, mirror.name, setting)
    _record(work, owner, mirror, changed)
    return [*changed]


def forget(work: UnitOfWork, account_name: str, mirror: MirrorDefinition) -> list[str]:
    """Go back to what the file has, and return the names of the settings that were set on the page."""
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    stored = {each.name: each for each in mirror_setting_rows.of_mirror(work.tx, owner.id, mirror.name)}
    for name in stored:
        mirror_setting_rows.remove(work.tx, owner.id, mirror.name, name)
    _record(
        work,
        owner,
        mirror,
        {name: (each.value, mirror.value(name)) for name, each in stored.items() if name in SETTINGS},
    )
    return [*stored]


def _record(
    work: UnitOfWork, owner: Account, mirror: MirrorDefinition, changed: Mapping[str, tuple[SettingValue, SettingValue]]
) -> None:
    if not changed:
        return
    # It bumps the revision of the account, which is how a follower notices within a second.
    work.record(
        Event.MIRROR_CONFIGURED,
        owner,
        mirror.name,
        before={name: _plain(before) for name, (before, _) in changed.items()},
        after={name: _plain(after) for name, (_, after) in changed.items()},
    )


def _plain(value: SettingValue) -> Any:
    return [*value] if isinstance(value, tuple) else value
