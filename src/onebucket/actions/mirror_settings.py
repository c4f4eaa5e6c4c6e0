"""The settings of a mirror: each comes from its page, from `onebucket.toml`, or is the default."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.mirror_settings import SETTINGS, MirrorDefinition, SettingValue
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid
from onebucket.store import mirror_setting_rows
from onebucket.store.mirror_setting_rows import StoredSetting

FILE = "onebucket.toml"


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """A setting as it holds; `set_by` and `set_at` say who set it on the mirror's page, and when.

    `otherwise` is what holds without the page, `is_given` whether the file has it. No page changes it if it
    `is_locked`.
    """

    name: str
    value: SettingValue
    otherwise: SettingValue
    is_given: bool
    is_locked: bool
    set_by: str = ""
    set_at: datetime | None = None

    @property
    def source(self) -> str:
        """Where the value comes from, in words."""
        if self.set_by:
            return f"set on its page by {self.set_by}"
        return f"from {FILE}" if self.is_given else "default"


def effective(work: UnitOfWork, account_name: str, mirror: MirrorDefinition) -> list[EffectiveSetting]:
    """Return every setting of a mirror, for administrators. Raises NotFound, Forbidden."""
    owner = access.account(work, account_name, to=To.RUN_MIRRORS)
    return _effective(mirror, _stored(work, owner, mirror))


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
    stored = _stored(work, owner, mirror)
    changed = {
        each.name: (each.value, values[each.name])
        for each in _effective(mirror, stored)
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
    stored = _stored(work, owner, mirror)
    for name in stored:
        mirror_setting_rows.remove(work.tx, owner.id, mirror.name, name)
    _record(
        work,
        owner,
        mirror,
        {name: (each.value, mirror.value(name)) for name, each in stored.items() if name in SETTINGS},
    )
    return [*stored]


def _stored(work: UnitOfWork, owner: Account, mirror: MirrorDefinition) -> dict[str, StoredSetting]:
    return {each.name: each for each in mirror_setting_rows.of_mirror(work.tx, owner.id, mirror.name)}


def _effective(mirror: MirrorDefinition, stored: Mapping[str, StoredSetting]) -> list[EffectiveSetting]:
    values = mirror.effective({name: each.value for name, each in stored.items()})
    found = []
    for name, value in values.items():
        by_page = None if mirror.is_locked(name) else stored.get(name)
        found.append(
            EffectiveSetting(
                name,
                value,
                mirror.value(name),
                name in mirror.given,
                mirror.is_locked(name),
                by_page.set_by if by_page else "",
                by_page.set_at if by_page else None,
            )
        )
    return found


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
