"""`/api/requests`: asking without finding out what there is, answering once, and bad input."""

import asyncio
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import pytest

from cast import Api, token
from onebucket.actions import repositories

pytestmark = pytest.mark.runs_on("SQLite", "PostgreSQL")

REQUESTS = "/api/requests"
WISH = {"repository": "acme/rocket", "level": "read", "reason": "I build the release"}


def asked(api: Api, who: str = "mallory", **changes: Any) -> str:
    answer = api(who, "POST", REQUESTS, json=WISH | changes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def waiting(api: Api) -> list[dict[str, Any]]:
    return list(api("alice", "GET", f"{REQUESTS}?account=acme&state=waiting").json())


def test_a_request_is_asked_seen_and_granted(api: Api) -> None:
    id = asked(api, level="write", until="2099-12-03")

    [seen] = waiting(api)
    given = api("alice", "POST", f"{REQUESTS}/{id}/grant", json={"level": "read", "until": "2099-06-30T12:00:00+02:00"})

    assert (seen["user"], seen["repository"], seen["level"], seen["until"], seen["reason"]) == (
        "mallory", "acme/rocket", "write", "2099-12-03T23:59:59Z", "I build the release"
    )  # fmt: skip
    [mine] = api("mallory", "GET", REQUESTS).json()
    assert mine == given.json()
    assert (mine["state"], mine["answered_by"], mine["granted"], mine["granted_until"]) == (
        "granted", "alice", "read", "2099-06-30T10:00:00Z"
    )  # fmt: skip
    [way] = api("mallory", "GET", "/api/access/acme/rocket").json()["because"]
    assert (way["level"], way["until"], way["granted_by"]) == ("read", "2099-06-30T10:00:00Z", "alice")
    assert [entry[:2] for entry in api.journal()] == [
        ("mallory", "request.added"), ("alice", "privilege.set"), ("alice", "request.granted")
    ]  # fmt: skip
    [change] = api("alice", "GET", "/api/access/acme/changes?repository=rocket&person=mallory").json()["changes"]
    assert (change["after"], change["by"]) == ("read", "alice")
    assert waiting(api) == []


# -- no oracle -------------------------------------------------------------------------------------


def test_whether_there_is_a_repository_is_not_told_by_any_answer(api: Api) -> None:
    """Of rocket, which is private, mallory is told what gina is of sprocket, which doesn't exist: the same bytes."""
    numbers = count()
    api.new_id = lambda: f"00000000-0000-4000-8000-{next(numbers):012x}"
    api.clock = lambda: datetime(2030, 1, 31, tzinfo=UTC)
    told: dict[str, list[Any]] = {}

    def hear(name: str, answer: httpx.Response, id: str = "none") -> None:
        body = answer.content.replace(name.encode(), b"NAME").replace(who.encode(), b"WHO").replace(id.encode(), b"ID")
        told.setdefault(name, []).append((answer.status_code, body, _heads(answer)))

    for who, name in (("mallory", "rocket"), ("gina", "sprocket")):
        wish = WISH | {"repository": f"acme/{name}"}
        first = api(who, "POST", REQUESTS, json=wish)
        id = first.json()["id"]
        hear(name, first, id)
        hear(name, api(who, "POST", REQUESTS, json=wish))
        hear(name, api(who, "POST", REQUESTS, json=wish | {"level": "admin"}))
        hear(name, api(who, "POST", REQUESTS, json=wish | {"until": "2001-01-01"}))
        hear(name, api(who, "POST", f"{REQUESTS}/{id}/grant", json={}))
        hear(name, api(who, "GET", REQUESTS), id)
        assert api(who, "DELETE", f"{REQUESTS}/{id}").status_code == 204
        hear(name, api(who, "DELETE", f"{REQUESTS}/{id}"))
        again = api(who, "POST", REQUESTS, json=wish).json()["id"]
        # The one that exists is renamed and deleted while the request waits: mallory hears of neither.
        if name == "rocket":
            api.operate(lambda work: repositories.change(work, "acme", "rocket", new_slug="secret"))
        hear(name, api(who, "GET", f"{REQUESTS}?state=waiting"), again)
        if name == "rocket":
            api.operate(lambda work: repositories.delete(work, "acme", "secret"))
        hear(name, api(who, "GET", f"{REQUESTS}?state=waiting"), again)
        api("alice", "POST", f"{REQUESTS}/{again}/deny", json={"sentence": "it is not for you"})
        hear(name, api(who, "GET", f"{REQUESTS}?state=denied"), again)
        assert api(who, "DELETE", f"{REQUESTS}/{again}").status_code == 409

    assert told["rocket"] == told["sprocket"]
    assert [status for status, *_ in told["rocket"]] == [200, 409, 409, 400, 404, 200, 409, 200, 200, 200]


def test_a_member_with_a_default_permission_is_not_told_either(api: Api) -> None:
    """Dora may write to every repository but rocket, on which her group has nothing."""
    numbers = count()
    api.new_id = lambda: f"00000000-0000-4000-8000-{next(numbers):012x}"
    api.clock = lambda: datetime(2030, 1, 31, tzinfo=UTC)

    told = {
        name: api("dora", "POST", REQUESTS, json=WISH | {"repository": f"acme/{name}"}) for name in ("rocket", "zzzz")
    }

    bodies = {answer.text.replace(name, "NAME").replace(answer.json()["id"], "ID") for name, answer in told.items()}
    assert [answer.status_code for answer in told.values()] == [200, 200]
    assert len(bodies) == 1


def _heads(answer: httpx.Response) -> list[tuple[str, str]]:
    # The length of a body follows from the length of the name, and its tag from the body; every change of anybody moves
    # the revision, which is a position in PostgreSQL's log.
    varying = ("x-request-id", "date", "content-length", "etag", "x-onebucket-revision")
    return [(name, value) for name, value in answer.headers.items() if name not in varying]


# -- answered once ---------------------------------------------------------------------------------


def test_of_two_administrators_at_once_one_answers_and_the_other_is_told_who(api: Api) -> None:
    async def deny(who: str, id: str) -> httpx.Response:
        body = {"sentence": f"{who} says no"}
        return await api.client.post(f"{REQUESTS}/{id}/deny", auth=(who, token(who)), json=body)

    async def both(id: str) -> list[httpx.Response]:
        return list(await asyncio.gather(deny("alice", id), deny("root", id)))

    for number in range(3):
        answers = api.run(both(asked(api, repository=f"acme/any-{number}")))

        [refused] = [each for each in answers if each.status_code == 409]
        [done] = [each.json() for each in answers if each.status_code == 200]
        assert f"the request is denied by {done['answered_by']} already" in refused.text
        assert done["answer"] == f"{done['answered_by']} says no"


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.runs_on("SQLite")
@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"until": "2001-12-03"}, 400, "until must be in the future, and 2001-12-03T23:59:59Z has passed"),
        ({"until": "2099-02-31"}, 400, "until is not in the calendar: '2099-02-31'"),
        ({"until": "2099-12-03T10:00:00"}, 400, "until needs a time zone"),
        ({"until": "tomorrow"}, 400, "until is not a time"),
        ({"level": "owner"}, 400, "the body must be {repository, level, reason, until}"),
        ({"level": "none"}, 400, "the body must be"),
        ({"repository": "rocket"}, 400, "the repository must be account/slug"),
        ({"repository": "acme/ro cket"}, 400, "can't be a repository slug"),
        ({"repository": "acme/website", "level": "read"}, 409, "you have read on acme/website already"),
        ({"repository": "nowhere/rocket"}, 404, "there is no account 'nowhere'"),
        ({"reason": ""}, 400, "the reason is missing"),
        ({"reason": "two\nlines"}, 400, "the reason contains a control character"),
        ({"reason": "\u202eesrever"}, 400, "the reason contains a control character"),
        ({"reason": "x" * 501}, 400, "the reason is longer than 500 characters"),
        ({"reason": 7}, 400, "the body must be"),
    ],
)
def test_bad_input_gets_a_sentence_and_changes_nothing(
    api: Api, changes: dict[str, Any], status: int, says: str
) -> None:
    before = api.everything()

    answer = api("mallory", "POST", REQUESTS, json=WISH | changes)

    assert (answer.status_code, api.everything()) == (status, before)
    assert says in answer.text


@pytest.mark.runs_on("SQLite")
@pytest.mark.parametrize(
    ("deed", "body", "status", "says"),
    [
        ("grant", {"level": "write"}, 400, "mallory asks for read: give that or less"),
        ("grant", {"until": "2001-12-03"}, 400, "has passed"),
        ("grant", {"until": "2099-02-31"}, 400, "not in the calendar"),
        ("grant", [], 400, "the body must be {level, until}"),
        ("deny", {}, 400, "the body must be {sentence}"),
        ("deny", {"sentence": "  "}, 400, "the sentence that says why is missing"),
    ],
)
def test_a_bad_answer_leaves_the_request_waiting(api: Api, deed: str, body: object, status: int, says: str) -> None:
    id = asked(api)

    answer = api("alice", "POST", f"{REQUESTS}/{id}/{deed}", json=body)

    assert (answer.status_code, [each["id"] for each in waiting(api)]) == (status, [id])
    assert says in answer.text


def test_a_state_that_there_is_not_is_refused(api: Api) -> None:
    answer = api("mallory", "GET", f"{REQUESTS}?state=open")

    assert (answer.status_code, "the state must be one of waiting, granted" in answer.text) == (400, True)


def test_another_zone_counts_and_markup_and_right_to_left_text_are_kept_as_they_are(api: Api) -> None:
    reason = "<script>alert('שלום')</script> & مرحبا"

    asked(api, reason=reason, until="2099-12-03T10:00:00+05:30")

    [seen] = waiting(api)
    assert (seen["reason"], seen["until"]) == (reason, "2099-12-03T04:30:00Z")
