"""Rate limits for mail: budgets of letters per account and per address in 24 hours.

Each kind of letter has its own budgets. Letters that reset a password have none, because anybody may request them and
could use up somebody else's budget: they are limited by the pause between two of them (`RESET_PAUSE`).
"""

from datetime import datetime, timedelta

from onebucket.domain import site_limits
from onebucket.domain.accounts import Account
from onebucket.domain.letters import MailKind
from onebucket.domain.refusals import TooManyRequests
from onebucket.domain.site_limits import SiteLimits
from onebucket.store import outbox_rows
from onebucket.store.engine.transaction import Transaction

_DAY = timedelta(days=1)


def check(tx: Transaction, terms: SiteLimits, kind: MailKind, *, account: Account, email: str, at: datetime) -> None:
    """Check that one more letter of this kind may go to `email` on behalf of this account. Raises TooManyRequests.

    One account may use at most half of an address's budget, and always a tenth, whatever others have sent there.
    """
    if kind is MailKind.RESET_PASSWORD:
        return
    since, most = at - _DAY, terms.letters_per_address
    by_account = outbox_rows.count_of_account(tx, kind, since=since, account_id=account.id)
    by_both = outbox_rows.count_of_account(tx, kind, since=since, account_id=account.id, address=email)
    by_address = outbox_rows.count_of_account(tx, kind, since=since, address=email)

    budgets = [(_per_account(terms, kind, account), by_account), (max(most // 2, 1), by_both)]
    if by_both[0] >= max(most // 10, 1):
        budgets.append((most, by_address))
    for limit, (count, first) in budgets:
        if count >= limit and first is not None:
            wait = max(int((first - since).total_seconds()), 60)
            raise TooManyRequests("too many e-mails have been sent today", retry_after=wait)


def _per_account(terms: SiteLimits, kind: MailKind, account: Account) -> int:
    """Return an account's budget; with open sign-up, a personal account has a small one for letters to strangers."""
    if kind is MailKind.CONFIRM_EMAIL or (
        kind is MailKind.INVITATION and terms.sign_up == "open" and not account.is_team
    ):
        return min(terms.letters_per_account, site_limits.TO_STRANGERS_A_DAY)
    return terms.letters_per_account
