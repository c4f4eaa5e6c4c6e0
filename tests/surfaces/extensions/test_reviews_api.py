"""Access reviews through `/api/reviews`: from the start to the result, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from cast import Api
from onebucket.actions import journal, outbox
from onebucket.mail.composer import Composer

REVIEWS = "/api/reviews/acme"


def until(api: Api, days: int = 9) -> str:
    return f"{api.clock() + timedelta(days=days):%Y-%m-%d}"


def started(api: Api, **how: Any) -> dict[str, Any]:
    answer = api("alice", "POST", REVIEWS, json={"until": until(api), **how})
    assert answer.status_code == 201, answer.text
    review: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(f"{REVIEWS}/{review['review']['id']}")
    return review


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_a_review_from_its_start_to_its_result(api: Api) -> None:
    review = started(api, people=["bob"], ends_unanswered=True, title="Spring\u00a0\u05d0\u05d1 <b>")
    address = f"{REVIEWS}/{review['review']['id']}"
    assert [(row["number"], row["kind"], row["place"], row["user"], row["level"]) for row in review["rows"]] == [
        (1, "group", "administrators", "alice", None),
        (2, "group", "designers", "bob", None),
        (3, "group", "developers", "alice", None),
        (4, "group", "developers", "bob", None),
        (5, "group", "developers", "dora", None),
        (6, "repository", "website", "dora", "admin"),
    ]

    kept = api("bob", "POST", f"{address}/answers", json={"rows": [5], "answer": "keep"})
    ended = api("alice", "POST", f"{address}/answers", json={"rows": [6], "answer": "end", "reason": "not needed"})
    again = api("bob", "POST", f"{address}/answers", json={"rows": [6, 3], "answer": "end", "reason": "me, too"})

    assert [row["state"] for row in (*kept.json(), *ended.json())] == ["kept", "ended"]
    assert (again.status_code, again.text) == (
        409, "Conflict/Duplicate: alice has ended dora with admin on website already: nothing was changed."
    )  # fmt: skip
    assert api("dora", "GET", "/2.0/repositories/acme/website/permissions-config/users").status_code == 403
    later = api.clock() + timedelta(days=10)
    api.clock = lambda: later
    result = api("alice", "GET", address).json()
    assert (result["review"]["state"], result["review"]["answered"]) == ("closed", 6)
    assert result["counts"] == {"open": 0, "kept": 1, "ended": 4, "changed": 0, "gone": 0, "unanswered": 1}
    assert api.members("developers") == ["dora"]
    assert api.members("administrators") == ["alice"]
    assert [row["number"] for row in api("alice", "GET", f"{address}?state=unanswered").json()["rows"]] == [1]
    assert all(each.is_whole for each in api.operate(lambda work: [*journal.verify(work)]))
    assert api("alice", "DELETE", address).status_code == 409


def test_letters_name_the_review_and_lead_to_it(api: Api) -> None:
    review = started(api, people=["bob"], title="Spring review")
    api("alice", "POST", f"{REVIEWS}/{review['review']['id']}/close")

    parcels = api.operate(lambda work: outbox.claim(work, lambda id: id))

    composer = Composer(base_url="https://git.example.com")
    texts = {}
    for each in parcels:
        body = composer.compose(each, api.clock()).get_body(("plain",))
        assert body is not None
        texts[each.letter.kind.value, each.letter.email] = body.get_content()
    assert set(texts) == {
        # Nobody but an administrator answers about what is bob's own, and that one is alice.
        ("review-started", "bob@example.com"), ("review-started", "alice@example.com"),
        ("review-closed", "alice@example.com"),
    }  # fmt: skip
    link = f"https://git.example.com/accounts/acme/reviews/{review['review']['id']}"
    assert all(link in text and "Spring review" in text for text in texts.values())
    assert "Result: 6 unanswered" in texts["review-closed", "alice@example.com"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 400, "missing required field `until`"),
        ({"until": "2026-02-31"}, 400, "until is not in the calendar"),
        ({"until": "2020-01-01T00:00:00+14:00"}, 400, "in the future, and 2019-12-31T10:00:00Z has passed"),
        ({"until": "never"}, 400, "a review needs an end"),
        ({"until": "9999-01-01"}, 400, "a review takes at most 366 days"),
        ({"until": "tomorrow"}, 400, "until is not a time such as"),
        ({"until": None, "groups": ["none"]}, 404, "No Group matches the given query."),
        ({"until": None, "project": "NONE"}, 404, "has no project"),
        ({"until": None, "people": ["nobody"]}, 404, "there is no user"),
        ({"until": None, "people": ["mallory"]}, 400, "mallory has no part in acme"),
        ({"until": None, "people": ["bob"] * 51}, 400, "a review has at most 50 reviewers"),
    ],
)  # fmt: skip
def test_a_review_that_makes_no_sense_gets_a_sentence(
    api: Api, body: dict[str, Any], status: int, sentence: str
) -> None:
    if body.get("until", "") is None:
        body = body | {"until": until(api)}

    answer = api("alice", "POST", REVIEWS, json=body)

    assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
    assert api("alice", "GET", REVIEWS).json() == []


def test_an_end_in_another_zone_is_that_moment(api: Api) -> None:
    day = until(api)

    review = started(api, until=f"{day}T01:30:00+05:30", people=["bob"])

    assert review["review"]["until"].endswith("T20:00:00Z")


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"rows": [], "answer": "keep"}, 400, "choose at least one row"),
        ({"rows": [99], "answer": "keep"}, 404, "the review has no row 99 that you may answer"),
        ({"rows": [5, 1], "answer": "keep"}, 403, "nobody answers about their own access"),
        ({"rows": [5], "answer": "end"}, 400, "the reason is missing"),
        ({"rows": [5], "answer": "maybe"}, 400, "the body must be {rows, answer, reason}"),
        ({"rows": [5], "answer": "keep", "reason": "x" * 501}, 400, "the reason is longer than 500 characters"),
        ({"rows": list(range(2001)), "answer": "keep"}, 400, "that is more than 2,000 rows at once"),
    ],
)
def test_an_answer_that_makes_no_sense_changes_nothing(
    api: Api, body: dict[str, Any], status: int, sentence: str
) -> None:
    address = f"{REVIEWS}/{started(api, people=['bob'])['review']['id']}"
    before = api.everything()

    answer = api("alice", "POST", f"{address}/answers", json=body)

    assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
    assert api.everything() == before
