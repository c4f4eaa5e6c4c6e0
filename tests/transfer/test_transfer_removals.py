"""What documents may take away at most, and how a dry run ends."""

from pathlib import Path

import pytest

from commands import Command, runner
from onebucket.domain import removal_limits

COMPANY = """\
onebucket: 1
users:
- {{username: alice, email: alice@example.com}}
- {{username: bob, email: bob@example.com}}
teams:
- username: acme
  groups:
  - {{name: Administrators, account_privilege: admin, members: [alice]}}
  - {{name: Crew, members: [{members}]}}
  repositories:
  - {{slug: rocket, privileges: {{{privileges}}}}}
"""
WHOLE = COMPANY.format(members="alice, bob", privileges="crew: write")
EMPTIED = COMPANY.format(members="", privileges="")
BOB_LEFT = COMPANY.format(members="alice", privileges="crew: write")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Commands on the company as it is when whole: 2 groups, 3 memberships, 1 privilege."""
    run = runner(tmp_path, monkeypatch, capsys)
    assert run("apply", "-", given=WHOLE).code == 0
    return run


def test_pruning_past_the_cap_changes_nothing_and_says_with_which_number_it_would(run: Command) -> None:
    before = run("export").out

    done = run("apply", "-", "--prune", given=EMPTIED)

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "onebucket: this removes 3 of the 6 things of acme (groups, members, privileges, invitations, webhooks), but "
        "--max-removals is 25%: nothing was changed; to do it, use --max-removals 3\n"
    )
    assert run("export").out == before

    assert run("apply", "-", "--prune", "--max-removals", 3, given=EMPTIED).code == 0
    assert "bob" not in str(run("export", "acme", "--format", "json").json["teams"])


@pytest.mark.parametrize(("cap", "code"), [("0", 1), ("1", 0), ("16%", 1), ("17%", 0), ("25%", 0), ("100%", 0)])
def test_the_cap_is_a_number_or_a_percentage(run: Command, cap: str, code: int) -> None:
    assert run("apply", "-", "--prune", "--max-removals", cap, given=BOB_LEFT).code == code


@pytest.mark.parametrize("cap", ["", "%", "-1", "a quarter", "2.5", "٣"])
def test_a_cap_that_is_neither_is_wrong_usage(run: Command, cap: str) -> None:
    done = run("apply", "-", "--max-removals", cap, given=WHOLE)

    assert done.code == 2
    assert "neither a number nor a percentage" in done.err


def test_what_goes_with_a_group_counts_as_well(run: Command) -> None:
    text = WHOLE.replace("  - {name: Crew, members: [alice, bob]}\n", "").replace("crew: write", "")

    assert "removes 4 of the 6 things" in run("apply", "-", "--prune", given=text).err


def test_an_account_is_measured_by_what_it_has_itself(run: Command) -> None:
    big = "\n".join(f"  - {{name: Group {number}, members: []}}" for number in range(100))
    big = f"onebucket: 1\nteams:\n- username: big\n  groups:\n{big}\n"
    assert run("apply", "-", given=big).code == 0

    assert run("apply", "-", "--prune", given=EMPTIED + big.split("teams:\n")[1]).code == 1


def test_a_dry_run_shows_what_would_be_refused_and_ends_as_the_refusal_would(run: Command) -> None:
    done = run("apply", "-", "--prune", "--dry-run", "--exit-code", given=EMPTIED)

    assert done.code == 1
    assert "- bob in acme/crew\n" in done.out
    assert "--max-removals 3" in done.err


@pytest.mark.parametrize(("text", "code"), [(WHOLE, 0), (BOB_LEFT, 2)])
def test_a_dry_run_tells_by_its_exit_code_whether_something_would_change(run: Command, text: str, code: int) -> None:
    assert run("apply", "-", "--prune", "--dry-run", "--exit-code", given=text).code == code
    assert run("apply", "-", "--prune", "--dry-run", given=text).code == 0


def test_an_exit_code_without_a_dry_run_is_refused(run: Command) -> None:
    done = run("apply", "-", "--exit-code", given=WHOLE)

    assert (done.code, done.err) == (1, "onebucket: --exit-code needs --dry-run\n")


def test_half_of_nothing_is_nothing() -> None:
    assert removal_limits.parse_limit("50%").allows(1, 2)
    assert not removal_limits.parse_limit("49%").allows(1, 2)
    assert removal_limits.parse_limit("25%") == removal_limits.DEFAULT
