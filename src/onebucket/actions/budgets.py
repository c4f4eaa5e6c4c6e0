"""Budgets: how many letters may be asked for in 24 hours, so that nobody uses up what others need.

Each kind of letter has budgets of its own. Letters for a forgotten password, which anybody may ask for, have none: the
pause after each of them is their limit, and so nobody can use it up.
"""

from datetime import datetime, timedelta

from onebucket.domain import terms as house
from onebucket.domain.accounts import Account
from onebucket.domain.letters import Kind
from onebucket.domain.refusals import Overloaded
from onebucket.domain.terms import Terms
from onebucket.store import letters
from onebucket.store.database import Transaction

_DAY = timedelta(days=1)


def check(tx: Transaction, terms: Terms, kind: Kind, *, account: Account, email: str, at: datetime) -> None:
    """Look whether one more letter of that kind may go to `email` in the name of that account. Raises Overloaded.

    One account has half of what an address may get, and a tenth of it whatever others have sent there.
    """
    if kind is Kind.RESET_PASSWORD:
        return
    since, most = at - _DAY, terms.letters_per_address
    in_name = letters.asked_for(tx, kind, since=since, account_id=account.id)
    its_own = letters.asked_for(tx, kind, since=since, account_id=account.id, address=email)
    from_all = letters.asked_for(tx, kind, since=since, address=email)

    budgets = [(_per_account(terms, kind, account), in_name), (max(most // 2, 1), its_own)]
    if its_own[0] >= max(most // 10, 1):
        budgets.append((most, from_all))
    for limit, (count, first) in budgets:
        if count >= limit and first is not None:
            wait = max(int((first - since).total_seconds()), 60)
            raise Overloaded("so many letters have been sent today", retry_after=wait)


def _per_account(terms: Terms, kind: Kind, account: Account) -> int:
    """How many letters of a kind an account may ask for; a person where anybody may be one has few for strangers."""
    if kind is Kind.CONFIRM_EMAIL or (kind is Kind.INVITATION and terms.sign_up == "open" and not account.is_team):
        return min(terms.letters_per_account, house.TO_STRANGERS_A_DAY)
    return terms.letters_per_account
