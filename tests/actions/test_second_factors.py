"""Second factors: each code counts once, guessing stops, and everything is told in the journal and by mail."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import codes
from browsing import done_by
from cast import Api
from onebucket.actions import accounts, journal, second_factor_checks, second_factors
from onebucket.actions.second_factor_checks import CheckedCode
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.journal_text import describe_entry, describe_subject
from onebucket.domain.refusals import Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated
from onebucket.domain.second_factors import MOST_FACTORS, SignInMethod
from onebucket.store import administrator_rows

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")


def as_alice(api: Api, action: Callable[[UnitOfWork], Any], *, later: float = 0) -> Any:
    """Run an action as alice, some minutes later."""

    def act(work: UnitOfWork) -> Any:
        work.at += timedelta(minutes=later)
        return action(work)

    return api.operate(done_by("alice", act))


def check(api: Api, code: str, *, later: float = 0) -> CheckedCode:
    checked = as_alice(
        api, lambda work: second_factor_checks.check_code(work, code, secret_of=codes.secret_of), later=later
    )
    assert isinstance(checked, CheckedCode)
    return checked


def refused(api: Api, code: str, *, later: float = 0) -> type[Exception]:
    checked = check(api, code, later=later)
    assert checked.proof is None
    return type(checked.refusal)


def told(api: Api, *kinds: str) -> list[str]:
    """What alice's journal has about events of these kinds, oldest first."""
    entries = api.operate(lambda work: [*journal.entries(work, "alice")])
    return [describe_entry(each) for each in entries if each.event.value.partition(".")[0] in kinds]


def letters(api: Api) -> list[str]:
    rows = api.operate(lambda work: work.tx.connection.execute("SELECT kind FROM letters ORDER BY created_at, kind"))
    return [kind for (kind,) in rows.fetchall()]


def test_an_app_counts_once_a_code_of_it_was_entered(api: Api) -> None:
    pending = as_alice(api, codes.begin)
    before = as_alice(api, lambda work: second_factors.of_person(work, "alice"))

    with pytest.raises(Invalid, match="doesn't match"):
        as_alice(api, lambda work: confirm(work, pending.id, "000000 "))
    factor, is_first = as_alice(api, lambda work: confirm(work, pending.id, codes.shown(pending, work.at)))
    held = as_alice(api, lambda work: second_factors.of_person(work, "alice"))

    assert (before.factors, before.recovery_codes, before.person.has_second_factor) == ([], 0, False)
    assert is_first and held.recovery_codes == 10 and held.person.has_second_factor
    assert [each.label for each in held.factors] == ["phone"]
    with pytest.raises(NotFound, match="begin again"):
        as_alice(api, lambda work: second_factors.pending_app(work, factor.id))
    assert told(api, "second-factor") == ["added the authenticator app phone"]
    assert letters(api) == ["second-factor-added"]


def confirm(work: UnitOfWork, id: str, code: str) -> Any:
    return second_factors.confirm_app(work, id, code, secret_of=codes.secret_of, recovery_codes=codes.RECOVERY)


def test_a_code_counts_once_and_so_do_older_ones(api: Api) -> None:
    factor = codes.set_up(api, "alice")
    now, before, after = (as_alice(api, lambda work, n=n: codes.shown(factor, work.at, steps=n)) for n in (0, -1, 1))

    assert refused(api, before) is Unauthenticated  # it has confirmed the app
    assert check(api, f"{after[:3]} {after[3:]}").proof is SignInMethod.APP
    assert [refused(api, each) for each in (after, now)] == [Unauthenticated] * 2
    assert codes.shown(factor, steps=3) and refused(api, codes.shown(factor, steps=3)) is Unauthenticated


def test_a_recovery_code_counts_once_and_is_told(api: Api) -> None:
    codes.set_up(api, "alice")

    used = check(api, codes.RECOVERY[3].upper().replace("-", " "))

    assert used.proof is SignInMethod.RECOVERY_CODE
    assert refused(api, codes.RECOVERY[3]) is Unauthenticated
    assert told(api, "recovery-code") == ["used a recovery code, 9 are left"]
    assert letters(api) == ["second-factor-added", "recovery-code-used"]


def test_five_wrong_codes_in_ten_minutes_stop_all_codes_for_ten(api: Api) -> None:
    factor = codes.set_up(api, "alice")

    spread = [refused(api, "000000", later=minutes) for minutes in (0, 9, 10, 11)]
    fifth = refused(api, "not even digits", later=18.5)
    recovery_code = check(api, codes.RECOVERY[0], later=19)
    right = as_alice(
        api,
        lambda work: second_factor_checks.check_code(work, codes.shown(factor, work.at), secret_of=codes.secret_of),
        later=19,
    )

    # The first of them was more than ten minutes before the fifth.
    assert [*spread, fifth] == [Unauthenticated] * 5
    assert (recovery_code.proof, right.proof) == (SignInMethod.RECOVERY_CODE, SignInMethod.APP)
    assert refused(api, "000000", later=18.6) is Unauthenticated
    stopped = check(api, codes.RECOVERY[1], later=28)
    assert isinstance(stopped.refusal, TooManyRequests) and 0 < stopped.refusal.retry_after <= 60
    assert check(api, codes.RECOVERY[1], later=28.8).proof is SignInMethod.RECOVERY_CODE
    failed = [each for each in api.operate(lambda work: [*journal.entries(work, "alice")]) if each.actor == "nobody"]
    assert [each.after for each in failed] == [{"credential": "second factor", "reason": "wrong code"}] * 6


def test_a_name_is_changed_and_the_last_factor_takes_the_recovery_codes_along(api: Api) -> None:
    factor = codes.set_up(api, "alice")
    second = codes.set_up(api, "alice", "tablet")

    as_alice(api, lambda work: second_factors.rename(work, factor.id, " desk "))
    as_alice(api, lambda work: second_factors.remove(work, "alice", second.id))
    one_left = as_alice(api, lambda work: second_factors.of_person(work, "alice"))
    api.operate(lambda work: second_factors.remove(work, "alice", "desk"))
    none_left = as_alice(api, lambda work: second_factors.of_person(work, "alice"))

    assert (one_left.recovery_codes, one_left.person.has_second_factor) == (10, True)
    assert (none_left.factors, none_left.recovery_codes, none_left.person.has_second_factor) == ([], 0, False)
    assert told(api, "second-factor")[2:] == [
        "renamed the authenticator app phone: label: phone → desk",
        "removed the authenticator app tablet",
        "removed the authenticator app desk",
    ]
    # The operator's change is announced too.
    assert letters(api).count("second-factor-removed") == 2
    entry = next(e for e in api.operate(lambda w: [*journal.entries(w, "alice")]) if "factor" in e.event.value)
    assert describe_subject(entry) == ("authenticator app 'phone' of alice", "")


def test_new_recovery_codes_end_the_old_ones_and_are_for_people_with_a_factor(api: Api) -> None:
    with pytest.raises(Invalid, match="set one up first"):
        as_alice(api, lambda work: second_factors.renew_recovery_codes(work, ("new-code",)))
    codes.set_up(api, "alice")

    as_alice(api, lambda work: second_factors.renew_recovery_codes(work, ("new-code",)))

    assert refused(api, codes.RECOVERY[0]) is Unauthenticated
    assert check(api, "new-code").proof is SignInMethod.RECOVERY_CODE
    assert told(api, "recovery-codes") == ["created 1 new recovery codes"]


def test_others_neither_see_nor_set_up_nor_remove_what_is_somebodys_own(api: Api) -> None:
    factor = codes.set_up(api, "alice")

    for name, refusal in (("bob", Forbidden), ("mallory", Forbidden)):
        with pytest.raises(refusal):
            api.operate(done_by(name, lambda work: second_factors.of_person(work, "alice")))
        with pytest.raises(refusal):
            api.operate(done_by(name, lambda work: second_factors.remove(work, "alice", factor.id)))
        with pytest.raises(NotFound):
            api.operate(done_by(name, lambda work: second_factors.rename(work, factor.id, "mine")))
    with pytest.raises(NotFound, match="is a team"):
        api.operate(lambda work: second_factors.of_person(work, "acme"))
    with pytest.raises(Forbidden):
        api.operate(codes.begin)
    removed = api.operate(done_by("root", lambda work: second_factors.remove(work, "alice", factor.id)))
    assert removed.label == "phone"


def test_names_and_numbers_have_limits(api: Api) -> None:
    for label in ("", " ", "x" * 81, "a\nb"):
        with pytest.raises(Invalid):
            as_alice(api, lambda work, label=label: second_factors.start_app(work, label))
    for number in range(MOST_FACTORS):
        codes.set_up(api, "alice", f"phone {number % 2}")

    with pytest.raises(Invalid, match="nobody can have more"):
        as_alice(api, codes.begin)
    with pytest.raises(Invalid, match="by its id"):
        api.operate(lambda work: second_factors.remove(work, "alice", "phone 1"))


def test_a_change_of_the_person_keeps_their_second_factor(api: Api) -> None:
    codes.set_up(api, "alice")

    # As a command that has read the account before would.
    api.operate(lambda work: accounts.change_user(work, "alice", display_name="Alice L."))

    assert as_alice(api, lambda work: second_factors.of_person(work, "alice")).person.has_second_factor


@pytest.mark.parametrize(
    ("setting", "missing"),
    [("optional", []), ("administrators", ["alice", "gina", "root"]), ("everybody", ["alice", "bob", "gina", "root"])],
)
def test_the_setting_says_who_must_have_one(api: Api, setting: str, missing: list[str]) -> None:
    def who(work: UnitOfWork) -> list[str]:
        people = {person.account.username: person.account for person in accounts.list_people(work)}
        wanted = ("alice", "bob", "gina", "root")
        return [name for name in wanted if second_factors.is_missing(work.tx, people[name], setting=setting)]

    assert api.operate(who) == missing
    codes.set_up(api, "alice")
    assert api.operate(who) == [name for name in missing if name != "alice"]
    bob = api.operate(
        lambda work: next(p.account.id for p in accounts.list_people(work) if p.account.username == "bob")
    )
    assert not api.operate(lambda work: administrator_rows.administers_other_account(work.tx, bob))
