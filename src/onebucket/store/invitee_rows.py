"""Users with an invitation to one of their validated addresses, and what users have sent."""

from sqlalchemy import and_, bindparam, exists, select

from onebucket.domain.invitations import Invitation
from onebucket.store import invitation_rows
from onebucket.store.engine.combined_query import Query
from onebucket.store.engine.index_hints import without_index
from onebucket.store.engine.row_mapper import scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.invitation_rows import INVITATION
from onebucket.store.tables import emails, invitations, memberships

_sent_to = (
    invitation_rows.QUERY.join(emails, emails.c.email_key == invitations.c.email_key)
    .where(emails.c.account_id == bindparam("person_id"), emails.c.validated_at.is_not(None))
    .order_by(invitations.c.sent_at, invitations.c.id)
)
_EVERYWHERE = Statement(_sent_to, INVITATION)
_IN_ACCOUNT = Statement(_sent_to.where(without_index(invitations.c.account_id) == bindparam("account_id")), INVITATION)
_ONE = Statement(_sent_to.where(invitations.c.id == bindparam("invitation_id")), INVITATION)
_SENT_BY = Statement(
    invitation_rows.QUERY.where(invitations.c.invited_by == bindparam("person_id")).order_by(
        invitations.c.sent_at, invitations.c.id
    ),
    INVITATION,
)
# Start with the invitations, of which there are few: a group may have any number of members.
_PERSON_ID = scalar(emails.c.account_id, str)
_invited = (
    select(*_PERSON_ID.columns)
    .distinct()
    .select_from(invitations)
    .join(emails, emails.c.email_key == invitations.c.email_key)
    .where(invitations.c.account_id == bindparam("account_id"), emails.c.validated_at.is_not(None))
)
_TO_ACCOUNT = Statement(_invited, _PERSON_ID)
_TO_REPOSITORY = Statement(_invited.where(invitations.c.repository_id == bindparam("repository_id")), _PERSON_ID)
_OF_GROUP = Statement(
    _invited.where(
        exists().where(
            and_(
                memberships.c.account_id == bindparam("account_id"),
                memberships.c.group_id == bindparam("group_id"),
                memberships.c.person_id == emails.c.account_id,
            )
        ),
    ),
    _PERSON_ID,
    is_cached=True,
)
_TO_PERSON = Statement(
    select(*_PERSON_ID.columns)
    .select_from(invitations)
    .join(emails, emails.c.email_key == invitations.c.email_key)
    .where(
        emails.c.account_id == bindparam("person_id"),
        emails.c.validated_at.is_not(None),
        without_index(invitations.c.account_id) == bindparam("account_id"),
    ),
    _PERSON_ID,
    is_cached=True,
)


def first_query(account_id: str, *, person_id: str | None = None, group_id: str | None = None) -> Query:
    """Return the query for one user with an invitation in an account: this one, or a member of this group.

    Most changes concern nobody with an invitation, and need no more than that.
    """
    if person_id is not None:
        return _TO_PERSON, {"account_id": account_id, "person_id": person_id}
    return _OF_GROUP, {"account_id": account_id, "group_id": group_id}


def is_any(tx: Transaction, account_id: str, *, person_id: str | None = None, group_id: str | None = None) -> bool:
    """Return True if this user, or a member of this group, has an invitation in the account."""
    statement, values = first_query(account_id, person_id=person_id, group_id=group_id)
    return tx.row(statement, **values) is not None


def invited_to(tx: Transaction, person_id: str, account_id: str | None = None) -> list[Invitation]:
    """Return the invitations to a user's validated addresses, in one account or all, oldest first."""
    if account_id is None:
        found = tx.rows(_EVERYWHERE, person_id=person_id)
    else:
        found = tx.rows(_IN_ACCOUNT, person_id=person_id, account_id=account_id)
    return invitation_rows.with_groups(tx, found)


def sent_by(tx: Transaction, person_id: str) -> list[Invitation]:
    """Return the invitations that a user has sent for any account, oldest first."""
    return invitation_rows.with_groups(tx, tx.rows(_SENT_BY, person_id=person_id))


def invitation_to(tx: Transaction, person_id: str, invitation_id: str) -> Invitation | None:
    """Return the invitation with that id, if it is to one of a user's validated addresses."""
    found = invitation_rows.with_groups(tx, tx.rows(_ONE, person_id=person_id, invitation_id=invitation_id))
    return next(iter(found), None)


def of_account(tx: Transaction, account_id: str) -> list[str]:
    """Return the ids of the users who have an invitation to something of an account."""
    return tx.rows(_TO_ACCOUNT, account_id=account_id)


def of_group(tx: Transaction, account_id: str, group_id: str) -> list[str]:
    """Return the ids of a group's members who have an invitation in its account."""
    return tx.rows(_OF_GROUP, account_id=account_id, group_id=group_id)


def of_repository(tx: Transaction, account_id: str, repository_id: str) -> list[str]:
    """Return the ids of the users who have an invitation to a repository."""
    return tx.rows(_TO_REPOSITORY, account_id=account_id, repository_id=repository_id)
