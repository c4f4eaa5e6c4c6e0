"""The pages of access reviews: start one, answer several rows at once after a preview, and read the result."""

from datetime import timedelta

import pytest

from browsing import Page, Visitor, at_once
from cast import Api

REVIEWS = "/accounts/acme/reviews"


def text(page: Page) -> str:
    return " ".join(page.text.split())


def started(api: Api, alice: Visitor, **how: str) -> str:
    """Start a review on the page, and return its address."""
    until = f"{api.clock() + timedelta(days=9):%Y-%m-%d}"
    page = alice.send(alice.open(f"{REVIEWS}/new"), f"{REVIEWS}/new", **({"until": until} | how))
    assert page.status == 200, page.text
    assert "The review has started" in page.text
    return page.path


def test_a_reviewer_finds_the_review_keeps_some_and_ends_others_after_a_preview(api: Api) -> None:
    with Visitor(api, "alice") as alice, Visitor(api, "bob") as bob:
        address = started(api, alice, reviewers="people", people="bob, dora", title="Spring <i>review</i>")
        home = bob.open("/")
        page = bob.open(address)
        # Two of the six are his own.
        assert "Spring <i>review</i> of Acme: 4 rows wait" in text(home)
        assert address in home.linked
        fields = {"form_token": page.inputs["form_token"]["value"] or "", "row": ["3"], "answer": "keep"}
        after = Page(bob.ask("POST", address, data=fields, follow_redirects=True))
        preview = Page(bob.ask("POST", address, data=fields | {"row": ["1", "5", "6"], "answer": "end"}))
        done = bob.send(preview, address, reason="moved on")

    assert "Kept the access of 1 row." in after.text
    assert "End the access of 1 person?" in text(preview)
    assert "1 row stays as it is" in text(preview)
    assert "can't remove alice from administrators" in text(preview)
    assert "1 loses access" in text(preview)
    assert "Ended the access of 2 rows." in done.text
    assert api.members("developers") == ["alice", "bob"]


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_two_who_answer_the_same_row_at_once_are_told_who_was_first(api: Api) -> None:
    with Visitor(api, "alice") as alice, Visitor(api, "bob") as bob, Visitor(api, "root") as root:
        address = started(api, alice, reviewers="people", people="bob")
        for row in ("5", "6"):
            asks = []
            for visitor, answer in ((root, "keep"), (bob, "end")):
                form = visitor.open(address).inputs["form_token"]["value"] or ""
                sent = {"form_token": form, "row": row, "answer": answer, "reason": "so", "confirmed": "yes"}
                asks.append((visitor, address, sent))

            answers = at_once(api, *asks)

            refused = [each for each in answers if each.status_code != 303]
            assert [each.status_code for each in refused] == [409]
            first = "root has kept" if answers[0].status_code == 303 else "bob has ended"
            assert first in " ".join(Page(refused[0]).text.split())
        result = alice.ask("GET", f"{address}?format=csv&state=all").text

    assert result.splitlines()[0].startswith("number,kind,place,user,level")
    assert len([line for line in result.splitlines() if ",kept," in line or ",ended," in line]) == 2


def test_all_that_the_filter_finds_is_answered_at_once_without_ones_own(api: Api) -> None:
    with Visitor(api, "alice") as alice:
        address = started(api, alice)
        token = alice.open(address).inputs["form_token"]["value"] or ""
        sent = {"form_token": token, "all": "on", "state": "waiting", "find": "developers", "answer": "keep"}
        page = Page(alice.ask("POST", address, data=sent, follow_redirects=True))
        rest = alice.open(f"{address}?state=kept")

    assert "Kept the access of 2 rows." in page.text
    assert "2 of 6" in text(rest)


def test_an_administrator_closes_a_review_and_the_result_stays(api: Api) -> None:
    with Visitor(api, "alice") as alice:
        address = started(api, alice, unanswered="end")
        ask = alice.open(f"{address}/close")
        closed = alice.send(ask, f"{address}/close")
        listed = alice.open(REVIEWS)
        again = alice.ask("POST", f"{address}/close", data={"form_token": ask.inputs["form_token"]["value"] or ""})

    assert "6 rows that nobody answered end" in text(ask)
    assert "The review is closed." in closed.text
    assert "unanswered" in closed.text and "not ended: can't remove alice" in text(closed)
    assert "closed6 of 6" in text(listed)
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"until": "2020-01-01"}, "until"),
        ({"until": "2026-02-31"}, "until"),
        ({"until": ""}, "until"),
        ({"scope": "project"}, "project"),
        ({"scope": "groups", "groups": "none"}, "groups"),
        ({"reviewers": "people", "people": "nobody"}, "people"),
        ({"title": "x" * 101}, "title"),
    ],
)
def test_a_form_that_makes_no_sense_is_shown_again_with_a_sentence(api: Api, typed: dict[str, str], field: str) -> None:
    with Visitor(api, "alice") as alice:
        until = f"{api.clock() + timedelta(days=9):%Y-%m-%d}"
        page = alice.send(alice.open(f"{REVIEWS}/new"), f"{REVIEWS}/new", **({"until": until} | typed))

    assert page.status in (400, 404)
    assert f"{field}-error" in page.ids
