"""Pending invitations in the database."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, bindparam, case, delete, insert, null, select, update

from onebucket.domain.accounts import email_key, new_email_key
from onebucket.domain.invitations import Invitation
from onebucket.domain.privileges import Level
from onebucket.store import account_rows, outbox_rows, repository_rows
from onebucket.store.engine import timestamps
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.statement import Row, Statement
from onebucket.store.tables import accounts, groups, invitation_groups, invitations, letters, repositories

_COLUMNS = (
    invitations.c.account_id,
    invitations.c.id,
    invitations.c.email,
    invitations.c.sent_at,
    invitations.c.expires_at,
    invitations.c.permission,
    invitations.c.link_id,
    invitations.c.opened_at,
)
_WIDTHS = (len(_COLUMNS), len(account_rows.COLUMNS), len(repository_rows.COLUMNS) + 2, len(outbox_rows.COLUMNS))
_query = (
    select(
        *_COLUMNS,
        *account_rows.COLUMNS,
        *repository_rows.COLUMNS,
        repositories.c.created_at,
        repositories.c.updated_at,
        *outbox_rows.COLUMNS,
    )
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
_ALL = Statement(_query.where(_of_account).order_by(*_oldest_first))
_PENDING_TO_GROUPS = Statement(_query.where(_of_account, _to_address, invitations.c.repository_id.is_(None)))
_PENDING_TO_REPOSITORY = Statement(
    _query.where(_of_account, _to_address, invitations.c.repository_id == bindparam("repository_id"))
)
_TO_ADDRESS = Statement(_query.where(_to_address).order_by(*_oldest_first))
_EVERYWHERE = Statement(_query.order_by(*_oldest_first))
_BY_ID = Statement(_query.where(invitations.c.id == bindparam("invitation_id")))
_BY_HASH = Statement(_query.where(invitations.c.secret_hash == bindparam("secret_hash")))

_group_slugs = (
    select(invitation_groups.c.invitation_id, groups.c.slug)
    .join(
        groups,
        and_(groups.c.account_id == invitation_groups.c.account_id, groups.c.id == invitation_groups.c.group_id),
    )
    .where(invitation_groups.c.account_id == bindparam("account_id"))
    .order_by(groups.c.slug)
)
_of_this = (
    invitation_groups.c.account_id == bindparam("account_id"),
    invitation_groups.c.invitation_id == bindparam("invitation_id"),
)
_GROUPS = Statement(_group_slugs)
_GROUPS_OF_ONE = Statement(_group_slugs.where(invitation_groups.c.invitation_id == bindparam("invitation_id")))

_ADD = Statement(insert(invitations))
_ADD_GROUP = Statement(lambda insert: insert(invitation_groups).on_conflict_do_nothing())
_CHANGED = ("invited_by", "sent_at", "expires_at", "permission", "link_id", "letter_id")
_CHANGE = Statement(
    update(invitations)
    .where(*_this)
    .values(
        {name: bindparam(f"new_{name}") for name in _CHANGED}
        # A new link ends the previous one at once, before its own letter is sent.
        | {"secret_hash": case((invitations.c.link_id == bindparam("new_link_id"), invitations.c.secret_hash))}
    )
)
_SEAL = Statement(
    update(invitations)
    .where(*_this, invitations.c.link_id == bindparam("its_link_id"))
    .values(secret_hash=bindparam("new_hash"))
)
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
_REMOVE_GROUP = Statement(
    delete(invitation_groups).where(
        invitation_groups.c.account_id == bindparam("account_id"),
        invitation_groups.c.group_id == bindparam("group_id"),
    )
)
_REMOVE_GROUP_OF_ONE = Statement(
    delete(invitation_groups).where(*_of_this, invitation_groups.c.group_id == bindparam("group_id"))
)
_REMOVE = Statement(delete(invitations).where(*_this))


def of_account(tx: Transaction, account_id: str) -> list[Invitation]:
    """Return an account's pending invitations, oldest first."""
    groups_by_id: dict[str, list[str]] = {}
    for id, slug in tx.rows(_GROUPS, account_id=account_id):
        groups_by_id.setdefault(id, []).append(slug)
    rows = tx.rows(_ALL, account_id=account_id)
    return [replace(_invitation(row), groups=tuple(groups_by_id.get(row[1], ()))) for row in rows]


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
    rows = tx.rows(_TO_ADDRESS, email_key=email_key(email))
    return [invitation for row in rows if (invitation := _with_groups(tx, row))]


def all_invitations(tx: Transaction) -> list[Invitation]:
    """Return the pending invitations of all accounts, oldest first."""
    return [invitation for row in tx.rows(_EVERYWHERE) if (invitation := _with_groups(tx, row))]


def by_id(tx: Transaction, id: str) -> Invitation | None:
    """Return the invitation with that id, in any account."""
    return _with_groups(tx, tx.row(_BY_ID, invitation_id=id))


def by_hash(tx: Transaction, secret_hash: str) -> Invitation | None:
    """Return the invitation whose link has that hash."""
    return _with_groups(tx, tx.row(_BY_HASH, secret_hash=secret_hash))


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
    )
    add_groups(tx, invitation, group_ids)


def change(tx: Transaction, invitation: Invitation) -> None:
    """Update who sent an invitation last, when and for what, and its link and letter."""
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
    )


def add_groups(tx: Transaction, invitation: Invitation, group_ids: list[str]) -> None:
    """Add groups to an invitation."""
    for group_id in group_ids:
        tx.run(_ADD_GROUP, account_id=invitation.account_id, invitation_id=invitation.id, group_id=group_id)


def set_groups(tx: Transaction, invitation: Invitation, group_ids: list[str]) -> None:
    """Replace an invitation's groups."""
    tx.run(_REMOVE_GROUPS, account_id=invitation.account_id, invitation_id=invitation.id)
    add_groups(tx, invitation, group_ids)


def store_link_hash(tx: Transaction, account_id: str, id: str, *, link_id: str, secret_hash: str) -> bool:
    """Store the hash of the link about to be sent; return False if the invitation is over or has another link."""
    values = {"account_id": account_id, "invitation_id": id, "its_link_id": link_id, "new_hash": secret_hash}
    return tx.run(_SEAL, **values) == 1


def mark_opened(tx: Transaction, invitation: Invitation, at: datetime) -> None:
    """Store when the link was first opened."""
    tx.run(_OPENED, account_id=invitation.account_id, invitation_id=invitation.id, at=timestamps.to_number(at))


def close(tx: Transaction, invitation: Invitation, secret_hash: str, at: datetime) -> bool:
    """Consume an invitation's link; return True for exactly one caller.

    Returns False for the others, and once the invitation has expired.
    """
    return (
        tx.run(
            _CLOSE,
            account_id=invitation.account_id,
            invitation_id=invitation.id,
            its_secret_hash=secret_hash,
            at=timestamps.to_number(at),
        )
        == 1
    )


def remove(tx: Transaction, invitation: Invitation) -> bool:
    """Delete an invitation; return True if it existed."""
    tx.run(_REMOVE_GROUPS, account_id=invitation.account_id, invitation_id=invitation.id)
    return tx.run(_REMOVE, account_id=invitation.account_id, invitation_id=invitation.id) == 1


def remove_group(tx: Transaction, invitation: Invitation, group_id: str) -> bool:
    """Remove a group from one invitation; return True if it was in it."""
    return (
        tx.run(
            _REMOVE_GROUP_OF_ONE,
            account_id=invitation.account_id,
            invitation_id=invitation.id,
            group_id=group_id,
        )
        == 1
    )


def remove_group_of_invitation(tx: Transaction, account_id: str, group_id: str, slug: str) -> list[Invitation]:
    """Remove a group from every invitation to it; return those invitations (contract/api-1.0.md#g6).

    Invitations left without a group aren't deleted: the caller withdraws them.
    """
    affected = [invitation for invitation in of_account(tx, account_id) if slug in invitation.groups]
    tx.run(_REMOVE_GROUP, account_id=account_id, group_id=group_id)
    return [
        replace(invitation, groups=tuple(other for other in invitation.groups if other != slug))
        for invitation in affected
    ]


def _with_groups(tx: Transaction, row: Row | None) -> Invitation | None:
    if row is None:
        return None
    slugs = tx.rows(_GROUPS_OF_ONE, account_id=row[0], invitation_id=row[1])
    return replace(_invitation(row), groups=tuple(slug for _, slug in slugs))


def _invitation(row: Row) -> Invitation:
    parts = []
    for width in _WIDTHS:
        parts.append(row[:width])
        row = row[width:]
    own, inviter, repository, letter = parts
    return Invitation(
        account_id=own[0],
        id=own[1],
        email=own[2],
        invited_by=account_rows.account(inviter),
        sent_at=timestamps.from_number(own[3]),
        expires_at=timestamps.from_number(own[4]),
        repository=repository_rows.repository(repository) if repository[1] else None,
        permission=None if own[5] is None else Level(own[5]),
        link_id=own[6],
        opened_at=timestamps.from_number(own[7]) if own[7] is not None else None,
        letter=outbox_rows.letter(letter) if letter[1] else None,
        repository_times=(timestamps.from_number(repository[-2]), timestamps.from_number(repository[-1]))
        if repository[1]
        else None,
    )
