"""Changes an account's display name; its administrators may. Only site administrators change usernames."""

from dataclasses import replace

from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.store import account_rows


def rename(work: UnitOfWork, account_name: str, display_name: str) -> Account:
    """Change the display name of a team or a person. Raises Invalid, NotFound, Forbidden."""
    before = access.account(work, account_name, to=To.CHANGE_ACCOUNT)
    after = replace(before, display_name=accounts.display_name(display_name))
    if after == before:
        return after

    account_rows.change(work.tx, after)
    work.record(
        Event.TEAM_CHANGED if after.is_team else Event.USER_CHANGED,
        after,
        after.username,
        before={"display_name": before.display_name},
        after={"display_name": after.display_name},
    )
    return after
