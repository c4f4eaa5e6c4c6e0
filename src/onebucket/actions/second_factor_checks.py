"""Check what somebody proves with a second factor: a code of an app, a recovery code, or what a passkey has signed."""

from dataclasses import dataclass

from onebucket import hashing, passkeys, totp
from onebucket.actions import access, journal
from onebucket.actions.second_factors import SecretOf
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import second_factors
from onebucket.domain.accounts import NOBODY, Account, Actor
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Refusal, TooManyRequests, Unauthenticated
from onebucket.domain.second_factors import GUESSING, FactorKind, SignInMethod
from onebucket.passkeys import Challenge, RelyingParty
from onebucket.store import account_rows, second_factor_rows
from onebucket.store.engine.transaction import Transaction


@dataclass(frozen=True, slots=True)
class CheckedCode:
    """The outcome of a check: how the person proved who they are, or the refusal.

    It is returned, not raised, so that the caller commits what the check has stored about a wrong code.
    """

    proof: SignInMethod | None = None
    refusal: Refusal | None = None


def check_code(work: UnitOfWork, code: str, *, secret_of: SecretOf) -> CheckedCode:
    """Check a code of one of the actor's authenticator apps, or a recovery code; each counts once.

    The refusal is the same for every wrong code: Unauthenticated; TooManyRequests while codes are stopped.
    """
    person, plain = _myself(work), second_factors.plain_code(code)
    until = second_factors.stopped_until(second_factor_rows.times_of_wrong_codes(work.tx, person.id), work.at)
    if until is not None:
        seconds = int((until - work.at).total_seconds()) + 1
        return CheckedCode(refusal=TooManyRequests("too many wrong codes: wait ten minutes", retry_after=seconds))

    for factor in second_factor_rows.of_person(work.tx, person.id):
        if factor.kind is not FactorKind.APP or factor.confirmed_at is None:
            continue
        secret = secret_of(person.id, factor.id)
        step = totp.matching_step(secret, plain, at=work.at, after=factor.last_step)
        if step is not None and second_factor_rows.use_step(work.tx, factor, step=step, at=work.at):
            return CheckedCode(SignInMethod.APP)
    if second_factor_rows.use_recovery_code(work.tx, person.id, hashing.secret_hash(plain)):
        left = second_factor_rows.count_recovery_codes(work.tx, person.id)
        work.record(Event.RECOVERY_CODE_USED, person, person.username, after={"left": left})
        return CheckedCode(SignInMethod.RECOVERY_CODE)

    second_factor_rows.add_wrong_code(
        work.tx, person.id, work.new_id(), at=work.at, forget_before=work.at - 2 * GUESSING
    )
    with work.on_behalf(NOBODY):
        journal.sign_in_failed(work, person, {"credential": "second factor", "reason": "wrong code"})
    return CheckedCode(refusal=Unauthenticated("incorrect code"))


def use_passkey(
    work: UnitOfWork,
    answer: str,
    challenge: Challenge,
    *,
    site: RelyingParty,
    holder_id: str | None,
    is_alone: bool,
) -> Actor:
    """Return whose passkey has signed the challenge, which counts once; with `holder_id`, it has to be theirs.

    `is_alone`: there is no password beside it. Raises Unauthenticated.
    """
    factor = second_factor_rows.by_credential(work.tx, passkeys.credential_id(answer))
    if factor is None or factor.passkey is None or holder_id not in (None, factor.account_id):
        raise Unauthenticated(passkeys.WRONG)
    count = passkeys.verify(site, answer, challenge, factor.passkey, is_alone=is_alone)
    holder = account_rows.by_id(work.tx, factor.account_id)
    if holder is None or not holder.is_active:
        raise Unauthenticated(passkeys.WRONG)
    expires_at = challenge.expires_at
    if not second_factor_rows.use_challenge(work.tx, holder.id, challenge.hash, expires_at=expires_at, at=work.at):
        raise Unauthenticated(passkeys.WRONG)

    second_factor_rows.use_passkey(work.tx, factor, sign_count=count, at=work.at)
    return Actor(holder, "passkey")


def own_passkey_ids(work: UnitOfWork) -> list[str]:
    """Return the ids of the actor's passkeys."""
    return passkey_ids(work.tx, _myself(work).id)


def passkey_ids(tx: Transaction, account_id: str) -> list[str]:
    """Return the ids of a person's passkeys, for a browser that has shown their password."""
    factors = second_factor_rows.of_person(tx, account_id)
    return [factor.passkey.credential_id for factor in factors if factor.passkey]


def _myself(work: UnitOfWork) -> Account:
    return access.oneself(work, to=To.SET_UP_SECOND_FACTORS)
