"""Second factors of people: set up, rename and remove them, make recovery codes, and check codes at sign-in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from onebucket import hashing, totp
from onebucket.actions import access
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import second_factors
from onebucket.domain.accounts import Account
from onebucket.domain.events import Event
from onebucket.domain.policy import To
from onebucket.domain.refusals import Invalid, NotFound
from onebucket.domain.second_factors import (
    MOST_FACTORS,
    FactorKind,
    PasskeyCredential,
    SecondFactor,
)
from onebucket.safe_text import quote_text
from onebucket.store import administrator_rows, second_factor_rows
from onebucket.store.engine.transaction import Transaction

# Returns the secret of an authenticator app, given the ids of the person and of the factor.
SecretOf = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class HeldFactors:
    """The second factors that count for a person, oldest first, and how many recovery codes they have left."""

    person: Account
    factors: list[SecondFactor]
    recovery_codes: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A factor that could be removed. `is_required`: the person would have none left, and must set up another."""

    person: Account
    factor: SecondFactor
    is_last: bool
    is_required: bool


def of_person(work: UnitOfWork, name: str) -> HeldFactors:
    """Return what a person has set up. Raises NotFound, also for a team; Forbidden."""
    person = access.account(work, name, to=To.HANDLE_SECOND_FACTORS)
    if person.is_team:
        raise NotFound(f"{person.username} is a team, and only people have second factors")
    factors, codes_left = second_factor_rows.with_recovery_codes(work.tx, person.id)
    return HeldFactors(person, [each for each in factors if each.confirmed_at], codes_left)


def removal(work: UnitOfWork, name: str, id: str) -> Removal:
    """Return what removing a factor of a person would mean. Raises as `remove` does."""
    held = of_person(work, name)
    setting = work.site_limits.second_factor
    is_last = len(held.factors) == 1
    is_required = is_last and _is_required(work.tx, held.person, setting=setting)
    return Removal(held.person, _one(held, id), is_last=is_last, is_required=is_required)


def is_missing(tx: Transaction, person: Account, *, setting: str) -> bool:
    """Return whether a person must have a second factor, by the setting `second_factor`, and has none."""
    return not person.has_second_factor and _is_required(tx, person, setting=setting)


def _is_required(tx: Transaction, person: Account, *, setting: str) -> bool:
    """Return whether a person must have a second factor, by the setting `second_factor`."""
    if setting == "optional":
        return False
    asks_teams = setting == "administrators" and not person.site_admin
    administers = asks_teams and administrator_rows.administers_other_account(tx, person.id)
    return second_factors.is_required(setting, is_site_admin=person.site_admin, administers_team=administers)


def start_app(work: UnitOfWork, label: str) -> SecondFactor:
    """Begin to set up an authenticator app for the actor; it counts once `confirm_app` has seen a code of it.

    Ends an earlier beginning. Raises Invalid.
    """
    person = _myself(work)
    factor = SecondFactor(person.id, work.new_id(), FactorKind.APP, _new_label(work, person, label), work.at)

    second_factor_rows.remove_pending(work.tx, person.id)
    second_factor_rows.add(work.tx, factor)
    return factor


def pending_app(work: UnitOfWork, id: str) -> SecondFactor:
    """Return the authenticator app that the actor is setting up. Raises NotFound, also once it is confirmed."""
    for factor in second_factor_rows.of_person(work.tx, _myself(work).id):
        if factor.id == id and factor.confirmed_at is None:
            return factor
    raise NotFound("that authenticator app isn't being set up: begin again")


def confirm_app(
    work: UnitOfWork, id: str, code: str, *, secret_of: SecretOf, recovery_codes: Sequence[str]
) -> tuple[SecondFactor, bool]:
    """Let an authenticator app count, given a code that it shows. Raises NotFound, Invalid.

    Returns it, and whether the `recovery_codes` are the person's now: they are with the first factor.
    """
    factor = pending_app(work, id)
    plain = second_factors.plain_code(code)
    step = totp.matching_step(secret_of(factor.account_id, factor.id), plain, at=work.at, after=0)
    if step is None:
        raise Invalid(
            "that code doesn't match: check that the clock of your device is right, and enter the newest code"
        )
    if not second_factor_rows.confirm(work.tx, factor, step=step, at=work.at):
        raise NotFound("that authenticator app is set up already")
    return factor, _added(work, factor, recovery_codes)


def add_passkey(
    work: UnitOfWork, label: str, passkey: PasskeyCredential, *, recovery_codes: Sequence[str]
) -> tuple[SecondFactor, bool]:
    """Add a passkey, whose challenge was checked, to the actor. Raises Invalid.

    Returns it, and whether the `recovery_codes` are the person's now, as `confirm_app` does.
    """
    person = _myself(work)
    label = _new_label(work, person, label)
    if second_factor_rows.by_credential(work.tx, passkey.credential_id) is not None:
        raise Invalid("that passkey is registered already")
    factor = SecondFactor(
        person.id, work.new_id(), FactorKind.PASSKEY, label, work.at, confirmed_at=work.at, passkey=passkey
    )

    second_factor_rows.add(work.tx, factor)
    return factor, _added(work, factor, recovery_codes)


def rename(work: UnitOfWork, id: str, label: str) -> SecondFactor:
    """Give one of the actor's factors another name. Raises NotFound, Invalid."""
    before = _one(of_person(work, _myself(work).id), id)
    after = replace(before, label=second_factors.clean_label(label))
    if after == before:
        return before

    second_factor_rows.set_label(work.tx, before.account_id, before.id, after.label)

    _record(work, Event.SECOND_FACTOR_CHANGED, _myself(work), before=_facts(before), after=_facts(after))
    return after


def remove(work: UnitOfWork, name: str, id: str) -> SecondFactor:
    """Take a factor from a person, by its id or its name; recovery codes go with the last one.

    Raises NotFound, Forbidden, Invalid where several have that name.
    """
    held = of_person(work, name)
    factor = _one(held, id)

    second_factor_rows.remove(work.tx, held.person.id, factor.id)
    if len(held.factors) == 1:
        second_factor_rows.set_recovery_codes(work.tx, held.person.id, ())

    _record(work, Event.SECOND_FACTOR_REMOVED, held.person, before=_facts(factor))
    return factor


def renew_recovery_codes(work: UnitOfWork, codes: Sequence[str]) -> None:
    """Replace the actor's recovery codes. Raises Invalid where they have no second factor."""
    person = _myself(work)
    if not person.has_second_factor:
        raise Invalid("recovery codes are for people with a second factor: set one up first")

    _store_recovery_codes(work, person, codes)

    _record(work, Event.RECOVERY_CODES_MADE, person, after={"codes": len(codes)})


def _added(work: UnitOfWork, factor: SecondFactor, recovery_codes: Sequence[str]) -> bool:
    person = _myself(work)
    is_first = second_factor_rows.count_recovery_codes(work.tx, person.id) == 0
    if is_first:
        _store_recovery_codes(work, person, recovery_codes)
    _record(work, Event.SECOND_FACTOR_ADDED, person, after=_facts(factor))
    return is_first


def _store_recovery_codes(work: UnitOfWork, person: Account, codes: Sequence[str]) -> None:
    hashes = [hashing.secret_hash(second_factors.plain_code(code)) for code in codes]
    second_factor_rows.set_recovery_codes(work.tx, person.id, hashes)


def _new_label(work: UnitOfWork, person: Account, label: str) -> str:
    held = [each for each in second_factor_rows.of_person(work.tx, person.id) if each.confirmed_at]
    if len(held) >= MOST_FACTORS:
        raise Invalid(f"you have {MOST_FACTORS} second factors already, and nobody can have more")
    return second_factors.clean_label(label)


def _one(held: HeldFactors, id: str) -> SecondFactor:
    found = [each for each in held.factors if id in (each.id, each.label)]
    if not found:
        raise NotFound(f"{held.person.username} has no second factor {quote_text(id)}")
    if len(found) > 1:
        raise Invalid(f"{held.person.username} has several second factors {quote_text(id)}: name one by its id")
    return found[0]


def _myself(work: UnitOfWork) -> Account:
    return access.oneself(work, to=To.SET_UP_SECOND_FACTORS)


def _record(
    work: UnitOfWork,
    event: Event,
    person: Account,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    work.record(event, person, person.username, before=before, after=after)


def _facts(factor: SecondFactor) -> dict[str, Any]:
    return {"id": factor.id, "kind": factor.kind.value, "label": factor.label}
