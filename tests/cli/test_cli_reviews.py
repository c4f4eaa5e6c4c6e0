"""The command `review`: from the start to the result, and one sentence for each refusal."""

from datetime import UTC, datetime, timedelta

from commands import Command, done, refused

UNTIL = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"


def test_a_review_from_its_start_to_its_result(command: Command) -> None:
    begun = command("review", "start", "acme", "--until", UNTIL, "--reviewer", "bob", "--end-unanswered")
    [listed] = command("review", "list", "acme", "--json").json
    id = listed["id"]

    assert begun.out == f"started the review {id} of 6 rows\n"
    assert (listed["state"], listed["rows"], listed["answered"]) == ("open", 6, 0)
    assert command("review", "answer", "acme", id, "5") == done("kept dora in the group developers\n")
    assert command("review", "answer", "acme", id, "6", "--end", "--reason", "not needed") == done(
        "ended dora with admin on website\n"
    )
    assert command("review", "remind", "acme", id) == done("reminded 2 people\n")
    assert command("review", "close", "acme", id, "--yes") == done("closed the review The whole account\n")
    rows = command("review", "show", "acme", id, "--csv").out.splitlines()
    assert [line.split(",")[7] for line in rows[1:]] == ["unanswered", "ended", "ended", "ended", "kept", "ended"]
    assert command("review", "show", "acme", id, "--state", "kept").out.splitlines()[1].startswith("5")
    assert len(command("review", "show", "acme", id, "--state", "ended", "--json").json["rows"]) == 4


def test_refusals_are_one_sentence(command: Command) -> None:
    assert command("review", "start", "acme", "--until", "2026-02-31") == refused(
        "until is not in the calendar: '2026-02-31'"
    )
    assert command("review", "show", "acme", "none") == refused("acme has no access review 'none'")
    assert command("review", "show", "acme", "none", "--state", "odd").err.startswith(
        "onebucket: --state is one of open, kept"
    )
    assert command("review", "show", "acme", "none", "--csv", "--json") == refused("choose --json or --csv")
