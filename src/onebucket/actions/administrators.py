"""Keeps the administrators that a team must have."""

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import last_administrator
from onebucket.domain.accounts import Account
from onebucket.domain.groups import AccountPrivilege, Group
from onebucket.store import administrator_rows


def keep_one(work: UnitOfWork, owner: Account, group: Group, *, deed: str, person: Account | None = None) -> None:
    """Refuse a change of a group, or of a person's membership of it, that would leave a team without an administrator.

    `deed` names the change in the infinitive. Raises LastAdministrator.
    """
    if owner.is_team and group.account_privilege is AccountPrivilege.ADMIN:
        others = administrator_rows.administrators_without(
            work.tx, owner.id, group_id=group.id, person_id=person.id if person else None
        )
        last_administrator.require_administrator(others=others, deed=deed)
