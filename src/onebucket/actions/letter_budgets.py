"""Budgets: how many letters may be asked for in 24 hours, so that nobody uses up what others need.

Each kind of letter has budgets of its own. Letters for a forgotten password, which anybody may ask for, have none: the
pause after each of them is their limit, and so nobody can use it up.
"""

from datetime import datetime, timedelta

from onebucket.domain import site_limits
from onebucket.domain.accounts import Account
from onebucket.domain.letters import MailKind
from onebucket.domain.refusals import TooManyRequests
from onebucket.domain.site_limits import SiteLimits
from onebucket.store import outbox_rows
from onebucket.store.engine.database import Transaction

_DAY = timedelta(days=1)


def check(tx: Transaction, terms: SiteLimits, kind: MailKind, *, account: Account, email: str, at: datetime) -> None:
    """Look whether one more letter of that kind may go to `email` in the name of that account. Raises TooManyRequests.

    One account has half of what an address may get, and a tenth of it whatever others have sent there.
    """
    if kind is MailKind.RESET_PASSWORD:
        return
    since, most = at - _DAY, terms.letters_per_address
    in_name = outbox_rows.count_of_account(tx, kind, since=since, account_id=account.id)
    its_own = outbox_rows.count_of_account(tx, kind, since=since, account_id=account.id, address=email)
    from_all = outbox_rows.count_of_account(tx, kind, since=since, address=email)

    budgets = [(_per_account(terms, kind, account), in_name), (max(most // 2, 1), its_own)]
    if its_own[0] >= max(most // 10, 1):
        budgets.append((most, from_all))
    for limit, (count, first) in budgets:
        if count >= limit and first is not None:
            wait = max(int((first - since).total_seconds()), 60)
            raise TooManyRequests("so many letters have been sent today", retry_after=wait)


def _per_account(terms: SiteLimits, kind: MailKind, account: Account) -> int:
    """How many letters of a kind an account may ask for; a person where anybody may be one has few for strangers."""
    if kind is MailKind.CONFIRM_EMAIL or (
        kind is MailKind.INVITATION and terms.sign_up == "open" and not account.is_team
    ):
        return min(terms.letters_per_account, site_limits.TO_STRANGERS_A_DAY)
    return terms.letters_per_account
