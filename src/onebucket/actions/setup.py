"""First-run setup: the one-time link that creates the first site administrator."""

from onebucket.actions import access, accounts
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict, NotFound
from onebucket.store import account_rows, site_values

_OFFER = "setup"


def is_needed(work: UnitOfWork) -> bool:
    """Return whether the server has no site administrator yet."""
    return not account_rows.has_site_admin(work.tx)


def create_link(work: UnitOfWork, token_hash: str) -> None:
    """Store the hash of a setup token; replaces an earlier one. Raises Conflict if setup is done."""
    access.site(work)
    _only_when_needed(work)

    site_values.set_value(work.tx, _OFFER, token_hash)


def is_link_valid(work: UnitOfWork, token_hash: str) -> bool:
    """Return whether the setup token with this hash can still be used."""
    return is_needed(work) and site_values.get_value(work.tx, _OFFER) == token_hash


def complete(work: UnitOfWork, token_hash: str, *, username: str, email: str | None, password_hash: str) -> Account:
    """Consume a setup token and create the first site administrator.

    Raises NotFound for a token that is used, replaced or unknown; Conflict, Invalid.
    """
    if not site_values.delete_value(work.tx, _OFFER, token_hash):
        raise NotFound("this link was used, or replaced by a newer one")
    return add_first_administrator(work, username=username, email=email, password_hash=password_hash)


def add_first_administrator(work: UnitOfWork, *, username: str, email: str | None, password_hash: str) -> Account:
    """Create the first site administrator. Raises Invalid; Conflict when there is one or the username is taken."""
    _only_when_needed(work)
    return accounts.add_user(work, username, email=email, password_hash=password_hash, site_admin=True)


def _only_when_needed(work: UnitOfWork) -> None:
    if not is_needed(work):
        raise Conflict("this server has a site administrator already")
