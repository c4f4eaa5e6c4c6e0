"""Users with an invitation to one of their validated addresses."""

from sqlalchemy import and_, bindparam, exists, select

from onebucket.domain.invitations import Invitation
from onebucket.store import invitation_rows
from onebucket.store.engine.database import Transaction
from onebucket.store.engine.index_hints import without_index
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import emails, invitations, memberships

_sent_to = (
    select(invitations.c.id)
    .join(emails, emails.c.email_key == invitations.c.email_key)
    .where(emails.c.account_id == bindparam("person_id"), emails.c.validated_at.is_not(None))
    .order_by(invitations.c.sent_at, invitations.c.id)
)
_EVERYWHERE = Statement(_sent_to)
_IN_ACCOUNT = Statement(_sent_to.where(without_index(invitations.c.account_id) == bindparam("account_id")))
# Start with the invitations, of which there are few: a group may have any number of members.
_OF_GROUP = Statement(
    select(emails.c.account_id)
    .distinct()
    .select_from(invitations)
    .join(emails, emails.c.email_key == invitations.c.email_key)
    .where(
        invitations.c.account_id == bindparam("account_id"),
        emails.c.validated_at.is_not(None),
        exists().where(
            and_(
                memberships.c.account_id == bindparam("account_id"),
                memberships.c.group_id == bindparam("group_id"),
                memberships.c.person_id == emails.c.account_id,
            )
        ),
    )
)


def invited_to(tx: Transaction, person_id: str, account_id: str | None = None) -> list[Invitation]:
    """Return the invitations to a user's validated addresses, in one account or all, oldest first."""
    if account_id is None:
        rows = [*tx.rows(_EVERYWHERE, person_id=person_id)]
    else:
        rows = [*tx.rows(_IN_ACCOUNT, person_id=person_id, account_id=account_id)]
    return [invitation for row in rows if (invitation := invitation_rows.by_id(tx, row[0]))]


def of_group(tx: Transaction, account_id: str, group_id: str) -> list[str]:
    """Return the ids of a group's members who have an invitation in its account."""
    return [row[0] for row in tx.rows(_OF_GROUP, account_id=account_id, group_id=group_id)]
