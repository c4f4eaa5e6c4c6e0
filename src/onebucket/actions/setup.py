"""The first site administrator: the offer, good as long as there is none, and taking it once."""

from onebucket.actions import access, accounts
from onebucket.actions.work import Work
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict, NotFound
from onebucket.store import accounts as rows
from onebucket.store import site

_OFFER = "setup"


def is_needed(work: Work) -> bool:
    """Whether the server has no site administrator."""
    return not rows.has_site_admin(work.tx)


def offer(work: Work, token_hash: str) -> None:
    """Let whoever has the token with that hash become the first site administrator; an earlier offer ends."""
    access.site(work)
    _only_when_needed(work)

    site.remember(work.tx, _OFFER, token_hash)


def is_offered(work: Work, token_hash: str) -> bool:
    """Whether a token with that hash would still be taken."""
    return is_needed(work) and site.value(work.tx, _OFFER) == token_hash


def take(work: Work, token_hash: str, *, username: str, email: str | None, password_hash: str) -> Account:
    """Become the first site administrator. Raises NotFound for a token that is spent or was never offered, Invalid."""
    if not site.spend(work.tx, _OFFER, token_hash):
        raise NotFound("this link has been used, or a newer one has been made")
    return make_first(work, username=username, email=email, password_hash=password_hash)


def make_first(work: Work, *, username: str, email: str | None, password_hash: str) -> Account:
    """Make the first site administrator. Raises Conflict when there is one, or the name is taken."""
    _only_when_needed(work)
    return accounts.add_user(work, username, email=email, password_hash=password_hash, site_admin=True)


def _only_when_needed(work: Work) -> None:
    if not is_needed(work):
        raise Conflict("this server has a site administrator already")
