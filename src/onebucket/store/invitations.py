"""Pending invitations: rows and back."""

from dataclasses import replace

from sqlalchemy import and_, bindparam, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from onebucket.domain.accounts import email_key
from onebucket.domain.invitations import Invitation
from onebucket.domain.privileges import Level
from onebucket.store import moments
from onebucket.store.database import Statement, Transaction
from onebucket.store.tables import accounts, groups, invitation_groups, invitations, repositories

_of_account = invitations.c.account_id == bindparam("account_id")
_ALL = Statement(
    select(
        invitations.c.id,
        invitations.c.email,
        accounts.c.username,
        invitations.c.sent_at,
        repositories.c.slug,
        invitations.c.permission,
    )
    .join(accounts, accounts.c.id == invitations.c.invited_by)
    .outerjoin(
        repositories,
        and_(repositories.c.account_id == invitations.c.account_id, repositories.c.id == invitations.c.repository_id),
    )
    .where(_of_account)
    .order_by(invitations.c.sent_at, invitations.c.email_key, invitations.c.id)
)
_GROUPS = Statement(
    select(invitation_groups.c.invitation_id, groups.c.slug)
    .join(
        groups,
        and_(groups.c.account_id == invitation_groups.c.account_id, groups.c.id == invitation_groups.c.group_id),
    )
    .where(invitation_groups.c.account_id == bindparam("account_id"))
    .order_by(groups.c.slug)
)
_ADD = Statement(insert(invitations))
_ADD_GROUP = Statement(upsert(invitation_groups).on_conflict_do_nothing())
_of_invitation = (
    invitation_groups.c.account_id == bindparam("account_id"),
    invitation_groups.c.invitation_id == bindparam("invitation_id"),
)
_REMOVE_GROUPS = Statement(delete(invitation_groups).where(*_of_invitation))
_REMOVE_GROUP = Statement(
    delete(invitation_groups).where(
        invitation_groups.c.account_id == bindparam("account_id"),
        invitation_groups.c.group_id == bindparam("group_id"),
    )
)
_REMOVE = Statement(delete(invitations).where(_of_account, invitations.c.id == bindparam("invitation_id")))


def of_account(tx: Transaction, account_id: str) -> list[Invitation]:
    """An account's pending invitations, oldest first; `invited_by` is a username."""
    invited: dict[str, list[str]] = {}
    for id, slug in tx.rows(_GROUPS, account_id=account_id):
        invited.setdefault(id, []).append(slug)
    return [
        Invitation(
            account_id=account_id,
            id=id,
            email=email,
            invited_by=inviter,
            sent_at=moments.moment(sent_at),
            groups=tuple(invited.get(id, ())),
            repository=slug,
            permission=None if permission is None else Level(permission),
        )
        for id, email, inviter, sent_at, slug, permission in tx.rows(_ALL, account_id=account_id)
    ]


def add(
    tx: Transaction, invitation: Invitation, *, inviter_id: str, group_ids: list[str], repository_id: str | None
) -> None:
    """Store a pending invitation."""
    tx.run(
        _ADD,
        account_id=invitation.account_id,
        id=invitation.id,
        email=invitation.email,
        email_key=email_key(invitation.email),
        repository_id=repository_id,
        permission=None if invitation.permission is None else int(invitation.permission),
        invited_by=inviter_id,
        sent_at=moments.number(invitation.sent_at),
    )
    for group_id in group_ids:
        tx.run(_ADD_GROUP, account_id=invitation.account_id, invitation_id=invitation.id, group_id=group_id)


def remove(tx: Transaction, invitation: Invitation) -> None:
    """Withdraw an invitation."""
    tx.run(_REMOVE_GROUPS, account_id=invitation.account_id, invitation_id=invitation.id)
    tx.run(_REMOVE, account_id=invitation.account_id, invitation_id=invitation.id)


def leave_out_group(tx: Transaction, account_id: str, group_id: str, slug: str) -> list[Invitation]:
    """Take a group out of every invitation that names it; what those invitations are now (spec G6).

    An invitation to nothing is still there: the caller withdraws it.
    """
    named = [each for each in of_account(tx, account_id) if slug in each.groups]
    tx.run(_REMOVE_GROUP, account_id=account_id, group_id=group_id)
    return [replace(each, groups=tuple(other for other in each.groups if other != slug)) for each in named]
