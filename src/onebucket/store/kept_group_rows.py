"""Which groups sign-ins with a provider keep, in the database."""

from sqlalchemy import and_, bindparam, select, update

from onebucket.domain.accounts import Account
from onebucket.domain.groups import Group
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction
from onebucket.store.group_rows import GROUP
from onebucket.store.tables import accounts, groups, memberships

_this = (groups.c.account_id == bindparam("account_id"), groups.c.id == bindparam("group_id"))
_THEIRS = mapped(memberships.c.person_id, make=lambda person_id: person_id is not None)
_KEPT = joined(ACCOUNT, GROUP, _THEIRS)
_KEPT_BY = Statement(
    select(*_KEPT.columns)
    .select_from(groups)
    .join(accounts, accounts.c.id == groups.c.account_id)
    .outerjoin(
        memberships,
        and_(
            memberships.c.account_id == groups.c.account_id,
            memberships.c.group_id == groups.c.id,
            memberships.c.person_id == bindparam("person_id"),
        ),
    )
    .where(groups.c.kept_by_sign_in == bindparam("provider"))
    .order_by(accounts.c.username_key, groups.c.slug),
    _KEPT,
)
_KEEPER = Statement(
    select(groups.c.kept_by_sign_in).where(*_this),
    scalar(groups.c.kept_by_sign_in),
)
_KEEPERS = Statement(
    select(groups.c.slug, groups.c.kept_by_sign_in)
    .where(groups.c.account_id == bindparam("account_id"), groups.c.kept_by_sign_in.is_not(None))
    .order_by(groups.c.slug),
    joined(scalar(groups.c.slug, str), scalar(groups.c.kept_by_sign_in, str)),
)
_KEPT_ANYWHERE = Statement(
    select(accounts.c.username, groups.c.slug, groups.c.kept_by_sign_in)
    .join(accounts, accounts.c.id == groups.c.account_id)
    .where(groups.c.kept_by_sign_in.is_not(None))
    .order_by(accounts.c.username_key, groups.c.slug),
    joined(scalar(accounts.c.username, str), scalar(groups.c.slug, str), scalar(groups.c.kept_by_sign_in, str)),
)
_KEEP = Statement(update(groups).where(*_this).values(kept_by_sign_in=bindparam("provider")))


def kept_by_sign_in(tx: Transaction, provider: str, person_id: str) -> list[tuple[Account, Group, bool]]:
    """Return the groups that sign-ins with a provider keep, with their owners, and whether a user is in each."""
    return tx.rows(_KEPT_BY, provider=provider, person_id=person_id)


def kept_anywhere(tx: Transaction) -> list[tuple[str, str, str]]:
    """Return every group that sign-ins keep: the owner's username, the slug and the provider."""
    return tx.rows(_KEPT_ANYWHERE)


def keeper(tx: Transaction, group: Group) -> str | None:
    """Return the provider whose sign-ins keep the group."""
    return tx.row(_KEEPER, account_id=group.account_id, group_id=group.id)


def keepers(tx: Transaction, account_id: str) -> dict[str, str]:
    """Return the providers whose sign-ins keep groups of an account, by the groups' slugs."""
    return dict(tx.rows(_KEEPERS, account_id=account_id))


def set_keeper(tx: Transaction, group: Group, provider: str | None) -> None:
    """Let sign-ins with a provider keep the group, or nobody's."""
    tx.run(_KEEP, account_id=group.account_id, group_id=group.id, provider=provider)
