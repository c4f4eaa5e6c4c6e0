"""The rules that a team always has an administrator, and the site too."""

from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict, LastAdministrator


def require_administrator(*, others: int, deed: str) -> None:
    """Refuse an operation that would leave a team without an administrator (contract/api-1.0.md#1.12).

    `others` is the number of active administrators that would remain; `deed` names the operation in the infinitive.
    Raises LastAdministrator.
    """
    if others == 0:
        raise LastAdministrator(f"can't {deed}: the team would be left without an administrator")


def require_site_administrator(person: Account, *, others: bool) -> None:
    """Refuse to take the last site administrator away; `others` is whether another active one remains.

    Raises Conflict.
    """
    if not others:
        raise Conflict(f"{person.username} is the last site administrator: make somebody else one first")
