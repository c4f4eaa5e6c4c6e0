"""Access reviews: what one lists, who answers, what ends, and what the clock does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from office import Office
from onebucket.actions import (
    accounts,
    directories,
    ends,
    groups,
    journal,
    outbox,
    privileges,
    project_privileges,
    review_answers,
    review_ends,
    reviews,
    teams,
)
from onebucket.actions.reviews import ReviewDetails, ReviewPlan
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends as moments
from onebucket.domain.letters import MailKind
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Conflict, Forbidden, Invalid, LastAdministrator, NotFound, Refusal
from onebucket.domain.reviews import Decision, ReviewState, RowState


def later(work: UnitOfWork, days: float = 7) -> datetime:
    return (work.at + timedelta(days=days)).replace(microsecond=0)


def started(office: Office, who: str = "alice", **how: object) -> ReviewDetails:
    work = office.as_(who)
    return reviews.start(work, "acme", ReviewPlan(**{"until": later(work), **how}))  # type: ignore[arg-type]


def whats(details: ReviewDetails) -> list[str]:
    return [row.what for row in details.rows]


def number_of(details: ReviewDetails, what: str) -> int:
    [row] = [row for row in details.rows if row.what == what]
    return row.number


def states(office: Office, details: ReviewDetails) -> dict[str, RowState]:
    found = reviews.read(office.operator, "acme", details.review.id)
    return {row.what: row.state for row in found.rows}


def letters(office: Office, kind: MailKind) -> set[str]:
    return {each.email.partition("@")[0] for _, each in outbox.newest(office.operator) if each.kind is kind}


def at(office: Office, moment: datetime) -> None:
    """Let the clock do what is due at a moment."""
    ends.apply_due(replace(office.operator, at=moment))


EVERYTHING = [
    "alice in the group administrators",
    "bob in the group designers",
    "alice in the group developers",
    "bob in the group developers",
    "dora in the group developers",
    "dora with admin on website",
    "bob with write on the project OPS",
]


@pytest.fixture
def full(office: Office) -> Office:
    """Bob has something on the project OPS, too."""
    project_privileges.set_for_person(office.operator, "acme", "OPS", "bob", ProjectLevel.WRITE)
    return office


def test_the_whole_account_lists_memberships_and_what_people_were_given_themselves(full: Office) -> None:
    details = started(full)

    assert whats(details) == EVERYTHING
    assert details.review.title == "The whole account"
    assert [row.number for row in details.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert {row.state for row in details.rows} == {RowState.OPEN}


def test_a_project_is_reviewed_with_the_groups_that_reach_it_and_groups_by_themselves(full: Office) -> None:
    of_project = started(full, project="ops")
    of_groups = started(full, groups=["designers", "designers"], title="Designers in spring")

    # Developers have write everywhere by default, administrators admin.
    assert whats(of_project) == [EVERYTHING[0], *EVERYTHING[2:5], EVERYTHING[6]]
    assert of_project.review.scope_text == "the project OPS"
    assert whats(of_groups) == ["bob in the group designers"]
    assert of_groups.review.title == "Designers in spring"


def test_answers_are_kept_with_their_reason_and_what_ends_is_gone(full: Office) -> None:
    details = started(full, people=["bob", "dora"])
    keep, end = number_of(details, EVERYTHING[4]), [number_of(details, what) for what in (EVERYTHING[5], EVERYTHING[2])]

    review_answers.answer(full.as_("bob"), "acme", details.review.id, [keep], Decision.KEEP)
    planned = review_answers.plan(full.as_("bob"), "acme", details.review.id, end)
    ended = review_answers.answer(full.as_("bob"), "acme", details.review.id, end, Decision.END, "  moved to  Ops\n")

    assert {(each.person.username, each.repositories[0].slug, each.before.word, each.after.word)
            for each in planned.effects} == {("dora", "website", "admin", "write")}  # fmt: skip
    assert [row.number for row in ended] == end
    assert full.level("dora", "website") == "write"
    now = {row.what: row for row in reviews.read(full.operator, "acme", details.review.id).rows}
    assert (now[EVERYTHING[5]].state, now[EVERYTHING[5]].note, now[EVERYTHING[5]].answered_by) == (
        RowState.ENDED, "moved to  Ops", "bob"
    )  # fmt: skip
    assert now[EVERYTHING[4]].state is RowState.KEPT
    told = {entry.number: entry for entry in journal.entries(full.operator, "acme")}
    last = [told[number] for number in sorted(told)[-3:]]
    assert [(entry.event.value, entry.actor) for entry in last] == [
        ("privilege.removed", "bob"), ("member.removed", "bob"), ("review.answered", "bob")
    ]  # fmt: skip
    assert last[-1].after == {
        "review": details.review.id, "answer": "end", "reason": "moved to  Ops", "rows": [EVERYTHING[5], EVERYTHING[2]]
    }  # fmt: skip
    assert all(each.is_whole for each in journal.verify(full.operator))


@pytest.mark.parametrize(
    ("who", "what", "answer", "refusal", "sentence"),
    [
        ("alice", EVERYTHING[0], Decision.KEEP, Forbidden, "nobody answers about their own access"),
        ("bob", EVERYTHING[0], Decision.END, LastAdministrator, "without an administrator"),
        ("bob", EVERYTHING[4], Decision.END, Conflict, "alice has kept dora in the group developers already"),
        ("bob", EVERYTHING[2], Decision.END, Conflict, "this access is gone"),
        ("bob", EVERYTHING[5], Decision.END, Conflict, "changed since the review started, to read"),
        ("mallory", EVERYTHING[4], Decision.KEEP, Forbidden, "you may not answer this access review"),
    ],
)
def test_what_may_not_be_answered_is_refused_with_a_sentence_and_nothing_changes(
    full: Office, who: str, what: str, answer: Decision, refusal: type[Refusal], sentence: str
) -> None:
    details = started(full, people=["bob"])
    review_answers.answer(
        full.as_("alice"), "acme", details.review.id, [number_of(details, EVERYTHING[4])], Decision.KEEP
    )
    groups.remove_member(full.operator, "acme", "developers", "alice")
    privileges.grant_direct(full.operator, "acme", "website", "dora", Level.READ)
    before = states(full, details)

    with pytest.raises(refusal) as told:
        review_answers.answer(full.as_(who), "acme", details.review.id, [number_of(details, what)], answer, "because")

    assert sentence in told.value.sentence
    assert states(full, details) == before
    assert before[EVERYTHING[2]] is RowState.GONE
    assert before[EVERYTHING[5]] is RowState.CHANGED


def test_a_preview_says_what_cant_end(full: Office) -> None:
    details = started(full, people=["bob", "alice"])
    groups.remove_member(full.operator, "acme", "developers", "alice")

    planned = review_answers.plan(full.as_("bob"), "acme", details.review.id, range(1, 8))

    assert [row.what for row in planned.rows] == EVERYTHING[4:6]
    assert [(row.what, text.split(":")[0]) for row, text in planned.refused] == [
        (EVERYTHING[0], "can't remove alice from administrators"),
        (EVERYTHING[1], "nobody answers about their own access"),
        (EVERYTHING[2], "this access is gone, so there is nothing to answer"),
        (EVERYTHING[3], "nobody answers about their own access"),
        (EVERYTHING[6], "nobody answers about their own access"),
    ]


def test_a_directory_keeps_its_groups_and_the_sentence_says_where(full: Office) -> None:
    directory = directories.add(full.operator, "acme", secret_hash="a hash", label="okta").directory
    full.tx.connection.execute("UPDATE groups SET directory_id = ? WHERE slug = 'designers'", (directory.id,))
    details = started(full, people=["dora"])
    number = number_of(details, EVERYTHING[1])

    with pytest.raises(Forbidden, match="kept by the directory okta"):
        review_answers.answer(full.as_("dora"), "acme", details.review.id, [number], Decision.END, "gone")
    planned = review_answers.plan(full.as_("dora"), "acme", details.review.id, [number])

    assert planned.rows == []
    assert "kept by the directory okta" in planned.refused[0][1]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"until": None}, "a review needs an end"),
        ({"until": moments.NEVER}, "a review needs an end"),
        ({"until": datetime(2020, 1, 1, tzinfo=UTC)}, "until must be in the future"),
        ({"until": datetime(9999, 1, 1, tzinfo=UTC)}, "a review takes at most 366 days"),
        ({"people": ["mallory"]}, "mallory has no part in acme"),
        ({"people": ["ghost"]}, "ghost is disabled"),
        ({"people": ["acme"]}, "acme is a team"),
        ({"groups": ["designers"], "project": "OPS"}, "not both"),
        ({"groups": ["empty"]}, "there is no access to review there"),
        ({"title": "x" * 101}, "the title is longer than 100 characters"),
        ({"title": "turned \u202e round"}, "the title contains a control character"),
    ],
)
def test_a_review_that_makes_no_sense_isnt_started(full: Office, how: dict[str, object], sentence: str) -> None:
    groups.create(full.operator, "acme", name="Empty")
    project_privileges.set_for_person(full.operator, "acme", "OPS", "ghost", ProjectLevel.READ)

    with pytest.raises(Invalid, match=sentence):
        started(full, **how)

    assert reviews.listed(full.operator, "acme")[1] == []


def test_only_administrators_start_reviews_and_only_those_who_answer_see_them(full: Office) -> None:
    for name in ("bob", "mallory"):
        with pytest.raises(Forbidden):
            started(full, name)
    details = started(full, people=["dora"])

    for name in ("bob", "mallory"):
        with pytest.raises(Forbidden):
            reviews.listed(full.as_(name), "acme")
        with pytest.raises(Forbidden):
            reviews.read(full.as_(name), "acme", details.review.id)
    with pytest.raises(Forbidden):
        review_ends.close(full.as_("dora"), "acme", details.review.id)
    with pytest.raises(NotFound):
        reviews.read(full.as_("alice"), "acme", "none")
    assert [each.review.id for each in reviews.listed(full.as_("dora"), "acme")[1]] == [details.review.id]


def test_a_reviewer_who_leaves_or_is_disabled_answers_no_more_and_administrators_are_asked(full: Office) -> None:
    privileges.grant_direct(full.operator, "acme", "website", "mallory", Level.READ)
    details = started(full, people=["mallory", "dora"])
    assert letters(full, MailKind.REVIEW_STARTED) == {"mallory", "dora"}
    privileges.revoke_direct(full.operator, "acme", "website", "mallory")
    accounts.set_active(full.operator, "dora", False)

    with pytest.raises(Forbidden):
        review_answers.answer(full.as_("mallory"), "acme", details.review.id, [2], Decision.KEEP)
    review_ends.remind(full.as_("alice"), "acme", details.review.id)

    read = reviews.read(full.operator, "acme", details.review.id)
    assert [(each.username, may) for each, may in reviews.reviewers_now(full.operator, read)] == [
        ("dora", False), ("mallory", False)
    ]  # fmt: skip
    assert letters(full, MailKind.REVIEW_REMINDER) == {"alice"}
    with pytest.raises(Conflict, match="less than a day ago"):
        review_ends.remind(full.as_("alice"), "acme", details.review.id)


def test_administrators_of_each_place_answer_about_it_and_those_of_the_account_about_the_rest(full: Office) -> None:
    privileges.grant_direct(full.operator, "acme", "website", "bob", Level.READ)

    details = started(full)

    assert [row.what for row in reviews.read(full.as_("dora"), "acme", details.review.id).rows] == [
        "bob with read on website", "dora with admin on website"
    ]  # fmt: skip
    with pytest.raises(Forbidden):
        reviews.read(full.as_("bob"), "acme", details.review.id)
    with pytest.raises(NotFound, match="no row 1 that you may answer"):
        review_answers.answer(full.as_("dora"), "acme", details.review.id, [1], Decision.END, "not mine")
    assert letters(full, MailKind.REVIEW_STARTED) == {"alice", "dora"}
    accounts_of = [(details.owner, False)]
    assert [each.open for each in reviews.waiting(full.as_("dora"), accounts_of)] == [1]
    assert reviews.waiting(full.as_("bob"), accounts_of) == []
    # Two of the eight are alice's own.
    assert [each.open for each in reviews.waiting(full.as_("alice"), [(details.owner, True)])] == [6]


@pytest.mark.parametrize("ends_unanswered", [False, True])
def test_the_clock_reminds_once_and_closes_and_lists_or_ends_what_nobody_answered(
    full: Office, ends_unanswered: bool
) -> None:
    details = started(full, people=["bob"], ends_unanswered=ends_unanswered)
    review_answers.answer(
        full.as_("bob"), "acme", details.review.id, [number_of(details, EVERYTHING[4])], Decision.KEEP
    )
    privileges.grant_direct(full.operator, "acme", "website", "dora", Level.READ)
    due_at = details.review.due_at

    at(full, due_at - timedelta(days=2))
    assert letters(full, MailKind.REVIEW_REMINDER) == set()
    at(full, due_at - timedelta(hours=23))
    at(full, due_at - timedelta(hours=22))
    assert letters(full, MailKind.REVIEW_REMINDER) == {"bob", "alice"}
    at(full, due_at)

    read = reviews.read(full.operator, "acme", details.review.id)
    assert (read.review.state, read.review.closed_by) == (ReviewState.CLOSED, None)
    gone = RowState.ENDED if ends_unanswered else RowState.UNANSWERED
    assert [row.state for row in read.rows] == [
        RowState.UNANSWERED, gone, gone, gone, RowState.KEPT, RowState.CHANGED, gone
    ]  # fmt: skip
    assert ("without an administrator" in read.rows[0].note) is ends_unanswered
    assert full.level("dora", "website") == "write"
    assert full.level("bob", "rocket") == ("none" if ends_unanswered else "write")
    assert letters(full, MailKind.REVIEW_CLOSED) == {"alice"}
    assert all(each.is_whole for each in journal.verify(full.operator))
    with pytest.raises(Conflict, match="closed and takes no answers"):
        review_answers.answer(full.as_("alice"), "acme", details.review.id, [1], Decision.KEEP)
    # What is said of it stays, whatever happens to the access afterwards.
    if not ends_unanswered:
        groups.remove_member(full.operator, "acme", "developers", "dora")
    now = reviews.read(full.operator, "acme", details.review.id)
    assert [(row.state, row.note) for row in now.rows] == [(row.state, row.note) for row in read.rows]


def test_a_review_is_cancelled_without_ending_anything_and_only_once(full: Office) -> None:
    details = started(full, ends_unanswered=True)

    cancelled = review_ends.cancel(full.as_("alice"), "acme", details.review.id)

    assert (cancelled.state, cancelled.closed_by) == (ReviewState.CANCELLED, "alice")
    assert set(states(full, details).values()) == {RowState.OPEN}
    for deed in (review_ends.cancel, review_ends.close, review_ends.remind):
        with pytest.raises(Conflict, match="cancelled by alice"):
            deed(full.as_("alice"), "acme", details.review.id)
    at(full, details.review.due_at)
    assert full.level("bob", "rocket") == "write"


def test_closing_early_ends_what_nobody_answered_and_names_who_closed_it(full: Office) -> None:
    details = started(full, ends_unanswered=True)

    closed = review_ends.close(full.as_("alice"), "acme", details.review.id)

    assert (closed.state, closed.closed_by) == (ReviewState.CLOSED, "alice")
    assert states(full, details)[EVERYTHING[1]] is RowState.ENDED
    assert states(full, details)[EVERYTHING[0]] is RowState.UNANSWERED
    assert reviews.listed(full.as_("alice"), "acme")[1][0].answered == 7


def test_a_team_is_deleted_with_its_reviews(full: Office) -> None:
    started(full, people=["bob"])

    teams.delete(full.operator, "acme")

    assert full.tx.connection.execute("SELECT count(*) FROM access_review_rows").fetchone() == (0,)
