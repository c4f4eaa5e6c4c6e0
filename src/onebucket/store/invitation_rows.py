"""Pending invitations in the database."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, bindparam, case, delete, insert, null, select, update

from onebucket.domain.accounts import Account, email_key, new_email_key
from onebucket.domain.invitations import Invitation
from onebucket.domain.letters import OutboxMail
from onebucket.domain.privileges import Level
from onebucket.domain.repositories import Repository
from onebucket.store import account_rows, outbox_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.row_mapper import joined, named
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.repository_rows import REPOSITORY, TIMES
from onebucket.store.tables import accounts, groups, invitation_groups, invitations, letters, repositories


class _Own(NamedTuple):
    account_id: str
    id: str
    email: str
    sent_at: int
    expires_at: int
    permission: int | None
    link_id: str | None
    opened_at: int | None
    ends_at: int | None


def _invitation(
    own: _Own,
    inviter: Account,
    repository: Repository | None,
    times: tuple[datetime, datetime] | None,
    letter: OutboxMail | None,
) -> Invitation:
    return Invitation(
        own.account_id, own.id, own.email, inviter,
        timestamps.from_number(own.sent_at), timestamps.from_number(own.expires_at),
        repository=repository,
        permission=None if own.permission is None else Level(own.permission),
        link_id=own.link_id,
        opened_at=timestamps.optional_from_number(own.opened_at),
        letter=letter,
        repository_times=times,
        until=timestamps.optional_from_number(own.ends_at),
    )  # fmt: skip


_OWN = named(_Own, *(invitations.c[name] for name in _Own._fields))
INVITATION = joined(
    _OWN, account_rows.ACCOUNT, REPOSITORY.optional, TIMES.optional, outbox_rows.LETTER.optional, make=_invitation
)
QUERY = (
    select(*INVITATION.columns)
    .select_from(invitations)
    .join(accounts, accounts.c.id == invitations.c.invited_by)
    .outerjoin(
        repositories,
        and_(repositories.c.account_id == invitations.c.account_id, repositories.c.id == invitations.c.repository_id),
    )
    .outerjoin(letters, and_(letters.c.account_id == invitations.c.account_id, letters.c.id == invitations.c.letter_id))
)
_of_account = invitations.c.account_id == bindparam("account_id")
_this = (_of_account, invitations.c.id == bindparam("invitation_id"))
_to_address = invitations.c.email_key == bindparam("email_key")
_oldest_first = (invitations.c.sent_at, invitations.c.email_key, invitations.c.id)
_ALL = Statement(QUERY.where(_of_account).order_by(*_oldest_first), INVITATION)
_newest_first = [column.desc() for column in _oldest_first]
_for_groups = invitations.c.repository_id.is_(None)
_for_repository = invitations.c.repository_id == bindparam("repository_id")
_TO_GROUPS = Statement(QUERY.where(_of_account, _for_groups).order_by(*_newest_first), INVITATION)
_TO_REPOSITORY = Statement(QUERY.where(_of_account, _for_repository).order_by(*_newest_first), INVITATION)
_PENDING_TO_GROUPS = Statement(QUERY.where(_of_account, _to_address, _for_groups), INVITATION)
_PENDING_TO_REPOSITORY = Statement(QUERY.where(_of_account, _to_address, _for_repository), INVITATION)
_TO_ADDRESS = Statement(QUERY.where(_to_address).order_by(*_oldest_first), INVITATION)
_EVERYWHERE = Statement(QUERY.order_by(*_oldest_first), INVITATION)
_BY_ID = Statement(QUERY.where(invitations.c.id == bindparam("invitation_id")), INVITATION)
_BY_HASH = Statement(
    QUERY.where(invitations.c.secret_hash == bindparam("secret_hash")).order_by(*_oldest_first), INVITATION
)
_this_link = (_of_account, invitations.c.link_id == bindparam("its_link_id"))
_OF_LINK = Statement(QUERY.where(*_this_link).order_by(*_oldest_first), INVITATION)

_group_slugs = (
    select(invitation_groups.c.invitation_id, groups.c.slug)
    .join(
        groups,
        and_(groups.c.account_id == invitation_groups.c.account_id, groups.c.id == invitation_groups.c.group_id),
    )
    .where(invitation_groups.c.account_id == bindparam("account_id"))
    .order_by(groups.c.slug)
)
_groups_of_account = invitation_groups.c.account_id == bindparam("account_id")
_of_this = (_groups_of_account, invitation_groups.c.invitation_id == bindparam("invitation_id"))
_this_group = invitation_groups.c.group_id == bindparam("group_id")
_to_this_group = select(invitation_groups.c.invitation_id).where(_groups_of_account, _this_group)
_TO_GROUP = Statement(
    QUERY.where(_of_account, invitations.c.id.in_(_to_this_group)).order_by(*_oldest_first), INVITATION
)
_GROUPS = Statement(_group_slugs)
_GROUPS_OF_ONE = Statement(_group_slugs.where(invitation_groups.c.invitation_id == bindparam("invitation_id")))

_ADD = Statement(insert(invitations))
_ADD_GROUP = Statement(lambda insert: insert(invitation_groups).on_conflict_do_nothing())
_CHANGED = ("invited_by", "sent_at", "expires_at", "permission", "link_id", "letter_id", "ends_at")
_CHANGE = Statement(
    update(invitations)
    .where(*_this)
    .values(
        {name: bindparam(f"new_{name}") for name in _CHANGED}
        # A new link ends the previous one at once, before its own letter is sent.
        | {"secret_hash": case((invitations.c.link_id == bindparam("new_link_id"), invitations.c.secret_hash))}
    )
)
_SEAL = Statement(update(invitations).where(*_this_link).values(secret_hash=bindparam("new_hash")))
_OPENED = Statement(
    update(invitations).where(*_this, invitations.c.opened_at.is_(None)).values(opened_at=bindparam("at"))
)
_CLOSE = Statement(
    update(invitations)
    .where(
        *_this, invitations.c.secret_hash == bindparam("its_secret_hash"), invitations.c.expires_at > bindparam("at")
    )
    .values(secret_hash=null(), link_id=null())
)
_REMOVE_GROUPS = Statement(delete(invitation_groups).where(*_of_this))
_REMOVE_GROUP = Statement(delete(invitation_groups).where(_groups_of_account, _this_group))
_REMOVE_GROUP_OF_ONE = Statement(delete(invitation_groups).where(*_of_this, _this_group))
_REMOVE = Statement(delete(invitations).where(*_this))


def of_account(tx: Transaction, account_id: str) -> list[Invitation]:
    """Return an account's pending invitations, oldest first."""
    return _with_all_groups(tx, account_id, tx.rows(_ALL, account_id=account_id))


def to_groups(tx: Transaction, account_id: str) -> list[Invitation]:
    """Return the pending invitations to an account's groups, newest first."""
    return _with_all_groups(tx, account_id, tx.rows(_TO_GROUPS, account_id=account_id))


def to_repository(tx: Transaction, account_id: str, repository_id: str) -> list[Invitation]:
    """Return the pending invitations to a repository, newest first."""
    return tx.rows(_TO_REPOSITORY, account_id=account_id, repository_id=repository_id)


def _with_all_groups(tx: Transaction, account_id: str, rows: list[Invitation]) -> list[Invitation]:
    groups_by_id: dict[str, list[str]] = {}
    for id, slug in tx.rows(_GROUPS, account_id=account_id):
        groups_by_id.setdefault(id, []).append(slug)
    return [replace(each, groups=tuple(groups_by_id.get(each.id, ()))) for each in rows]


def pending(tx: Transaction, account_id: str, email: str, *, repository_id: str | None) -> Invitation | None:
    """Return an address's pending invitation to groups of an account, or to one of its repositories."""
    key = email_key(email)
    if repository_id is None:
        return _with_groups(tx, tx.row(_PENDING_TO_GROUPS, account_id=account_id, email_key=key))
    return _with_groups(
        tx, tx.row(_PENDING_TO_REPOSITORY, account_id=account_id, email_key=key, repository_id=repository_id)
    )


def to_address(tx: Transaction, email: str) -> list[Invitation]:
    """Return an address's invitations in all accounts, oldest first."""
    return with_groups(tx, tx.rows(_TO_ADDRESS, email_key=email_key(email)))


def all_invitations(tx: Transaction) -> list[Invitation]:
    """Return the pending invitations of all accounts, oldest first."""
    return with_groups(tx, tx.rows(_EVERYWHERE))


def by_id(tx: Transaction, id: str) -> Invitation | None:
    """Return the invitation with that id, in any account."""
    return _with_groups(tx, tx.row(_BY_ID, invitation_id=id))


def by_hash(tx: Transaction, secret_hash: str) -> list[Invitation]:
    """Return the invitations whose link has that hash, oldest first: those that were sent together."""
    return with_groups(tx, tx.rows(_BY_HASH, secret_hash=secret_hash))


def of_link(tx: Transaction, account_id: str, link_id: str) -> list[Invitation]:
    """Return the invitations that have a link, oldest first: those that were sent together."""
    return with_groups(tx, tx.rows(_OF_LINK, account_id=account_id, its_link_id=link_id))


def add(tx: Transaction, invitation: Invitation, *, group_ids: list[str]) -> None:
    """Store a new invitation; its letter is stored separately, in the outbox. Raises Invalid for a bad address."""
    tx.run(
        _ADD,
        account_id=invitation.account_id,
        id=invitation.id,
        email=invitation.email,
        email_key=new_email_key(invitation.email),
        repository_id=invitation.repository.id if invitation.repository else None,
        permission=None if invitation.permission is None else int(invitation.permission),
        invited_by=invitation.invited_by.id,
        sent_at=timestamps.to_number(invitation.sent_at),
        expires_at=timestamps.to_number(invitation.expires_at),
        link_id=invitation.link_id,
        secret_hash=None,
        letter_id=invitation.letter.id if invitation.letter else None,
        opened_at=None,
        ends_at=tx.noted_end(invitation.until),
    )
    add_groups(tx, invitation, group_ids)


def change(tx: Transaction, invitation: Invitation) -> None:
    """Update who sent an invitation last, when and for what, until when, and its link and letter."""
    tx.run(
        _CHANGE,
        account_id=invitation.account_id,
        invitation_id=invitation.id,
        new_invited_by=invitation.invited_by.id,
        new_sent_at=timestamps.to_number(invitation.sent_at),
        new_expires_at=timestamps.to_number(invitation.expires_at),
        new_permission=None if invitation.permission is None else int(invitation.permission),
        new_link_id=invitation.link_id,
        new_letter_id=invitation.letter.id if invitation.letter else None,
        new_ends_at=tx.noted_end(invitation.until),
    )


def add_groups(tx: Transaction, invitation: Invitation, group_ids: list[str]) -> None:
    """Add groups to an invitation."""
    for group_id in group_ids:
        tx.run(_ADD_GROUP, account_id=invitation.account_id, invitation_id=invitation.id, group_id=group_id)


def set_groups(tx: Transaction, invitation: Invitation, group_ids: list[str]) -> None:
    """Replace an invitation's groups."""
    tx.run(_REMOVE_GROUPS, account_id=invitation.account_id, invitation_id=invitation.id)
    add_groups(tx, invitation, group_ids)


def store_link_hash(tx: Transaction, account_id: str, *, link_id: str, secret_hash: str) -> None:
    """Store the hash of the link about to be sent, in all invitations that have it."""
    tx.run(_SEAL, account_id=account_id, its_link_id=link_id, new_hash=secret_hash)


def mark_opened(tx: Transaction, invitation: Invitation, at: datetime) -> None:
    """Store when the link was first opened."""
    tx.run(_OPENED, account_id=invitation.account_id, invitation_id=invitation.id, at=timestamps.to_number(at))


def close(tx: Transaction, invitation: Invitation, secret_hash: str, at: datetime) -> bool:
    """Consume an invitation's link; return True for exactly one caller.

    Returns False for the others, and once the invitation has expired.
    """
    this = {"account_id": invitation.account_id, "invitation_id": invitation.id}
    return tx.run(_CLOSE, **this, its_secret_hash=secret_hash, at=timestamps.to_number(at)) == 1


def remove(tx: Transaction, invitation: Invitation) -> bool:
    """Delete an invitation; return True if it existed."""
    tx.run(_REMOVE_GROUPS, account_id=invitation.account_id, invitation_id=invitation.id)
    return tx.run(_REMOVE, account_id=invitation.account_id, invitation_id=invitation.id) == 1


def remove_group(tx: Transaction, invitation: Invitation, group_id: str) -> bool:
    """Remove a group from one invitation; return True if it was in it."""
    this = {"account_id": invitation.account_id, "invitation_id": invitation.id}
    return tx.run(_REMOVE_GROUP_OF_ONE, **this, group_id=group_id) == 1


def remove_group_of_invitation(tx: Transaction, account_id: str, group_id: str, slug: str) -> list[Invitation]:
    """Remove a group from every invitation to it; return those invitations (contract/api-1.0.md#g6).

    Invitations left without a group aren't deleted: the caller withdraws them.
    """
    affected = with_groups(tx, tx.rows(_TO_GROUP, account_id=account_id, group_id=group_id))
    tx.run(_REMOVE_GROUP, account_id=account_id, group_id=group_id)
    return [
        replace(invitation, groups=tuple(other for other in invitation.groups if other != slug))
        for invitation in affected
    ]


def with_groups(tx: Transaction, found: Iterable[Invitation]) -> list[Invitation]:
    """Return invitations of any accounts with the slugs of their groups."""
    return [invitation for each in found if (invitation := _with_groups(tx, each))]


def _with_groups(tx: Transaction, invitation: Invitation | None) -> Invitation | None:
    if invitation is None:
        return None
    slugs = tx.rows(_GROUPS_OF_ONE, account_id=invitation.account_id, invitation_id=invitation.id)
    return replace(invitation, groups=tuple(slug for _, slug in slugs))
