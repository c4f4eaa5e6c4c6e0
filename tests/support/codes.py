"""Second factors of the cast: set up an authenticator app without a page, and read its codes."""

from datetime import UTC, datetime, timedelta

import pyotp

import cast
from browsing import done_by
from cast import Api
from onebucket import hashing
from onebucket.actions import second_factors
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.second_factors import RECOVERY_CODES, SecondFactor

# What `set_up` gives as recovery codes.
RECOVERY = tuple(f"aaaa-bbbb-cccc-{number:04}" for number in range(RECOVERY_CODES))


def secret_of(account_id: str, factor_id: str) -> str:
    """Return the secret of an authenticator app, as the servers of tests derive it."""
    return hashing.totp_secret(cast.KEY, account_id, factor_id)


def shown(factor: SecondFactor, at: datetime | None = None, *, steps: int = 0) -> str:
    """Return the code that an app shows at a time, or some steps of 30 seconds later."""
    moment = (at or datetime.now(UTC)) + timedelta(seconds=30 * steps)
    return pyotp.TOTP(secret_of(factor.account_id, factor.id)).at(moment)


def begin(work: UnitOfWork, label: str = "phone") -> SecondFactor:
    """Begin to set up an app for the actor."""
    return second_factors.start_app(work, label)


def set_up(api: Api, name: str, label: str = "phone") -> SecondFactor:
    """Give a member of the cast an authenticator app; a code of the step before was used to confirm it."""

    def act(work: UnitOfWork) -> SecondFactor:
        pending = begin(work, label)
        code = shown(pending, work.at, steps=-1)
        factor, _ = second_factors.confirm_app(work, pending.id, code, secret_of=secret_of, recovery_codes=RECOVERY)
        return factor

    return api.operate(done_by(name, act))  # type: ignore[no-any-return]
