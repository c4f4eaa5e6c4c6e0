"""App passwords over the API: made for oneself, never for more than one has, listed without secrets, ended at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cast import Api, password, token
from onebucket.actions import accounts, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import Actor
from onebucket.domain.refusals import Forbidden
from onebucket.domain.scope_rules import OFFERED
from onebucket.domain.scopes import effective_scopes, is_newer
from onebucket.domain.tokens import MOST_GENERATIONS
from onebucket.store import schema
from schema_steps import back_to

pytestmark = pytest.mark.runs_on("SQLite", "both")

ALICE = ("alice", password("alice"))
# Every scope with a name of ours or of the classic family that allows something, and two of the newer family.
SOME = (
    *(scope for scope in OFFERED if not is_newer(scope)),
    "team:write",
    "read:user:bitbucket",
    "admin:repository:bitbucket",
)


def made(api: Api, who: Any = ALICE, **wanted: Any) -> dict[str, Any]:
    answer = api(who, "POST", "/api/tokens", json={"scopes": ["account"], **wanted})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("login", ["alice", "alice@example.com", None])
def test_one_that_was_made_is_good_with_username_with_address_and_as_bearer(api: Api, login: str | None) -> None:
    secret = made(api, label=" ci ")["secret"]

    how: dict[str, Any] = {"headers": {"Authorization": f"Bearer {secret}"}} if login is None else {}
    answer = api((login, secret) if login else None, "GET", "/groups/acme", **how)

    assert (answer.status_code, answer.headers["x-oauth-scopes"]) == (200, "account")


@pytest.mark.runs_on("SQLite")
def test_the_secret_is_told_once_and_kept_nowhere(api: Api) -> None:
    new = made(api, label="ci", scopes=["repository:admin", "account"], expires_in=60)

    [listed] = [each for each in api(ALICE, "GET", "/api/tokens").json() if each["id"] == new["id"]]

    assert listed == {name: value for name, value in new.items() if name != "secret"}
    assert (listed["label"], listed["scopes"]) == ("ci", ["account", "repository:admin"])
    assert datetime.fromisoformat(listed["expires_on"]) - datetime.fromisoformat(listed["created_on"]) == timedelta(
        minutes=1
    )
    assert new["secret"] not in api.everything()
    assert api.journal() == [("alice", "token.added", "alice", "alice")]


@pytest.mark.runs_on("SQLite")
def test_the_list_says_when_and_from_where_each_was_used_last(api: Api) -> None:
    api("alice", "GET", "/groups")
    api.last_used.close()

    listed = {each["label"]: each for each in api("alice", "GET", "/api/tokens").json()}

    assert set(listed) == {"all", "read", "expired"}
    assert datetime.now(UTC) - datetime.fromisoformat(listed["all"]["last_used_on"]) < timedelta(minutes=1)
    assert listed["all"]["last_used_from"] == "127.0.0.1"
    assert (listed["read"]["last_used_on"], listed["read"]["last_used_from"]) == (None, None)


def test_one_that_was_revoked_is_refused_the_next_time(api: Api) -> None:
    new = made(api)
    before = api(("alice", new["secret"]), "GET", "/groups").status_code

    revoked = api(ALICE, "DELETE", f"/api/tokens/{new['id'].upper()}")

    after = api(("alice", new["secret"]), "GET", "/groups").status_code
    again = api(ALICE, "DELETE", f"/api/tokens/{new['id']}")
    assert (before, revoked.status_code, after, again.status_code) == (200, 204, 401, 404)


def test_nobody_sees_or_ends_those_of_others_not_even_a_site_administrator(api: Api) -> None:
    new = made(api)

    came = [api(who, "DELETE", f"/api/tokens/{new['id']}").status_code for who in ("bob", "root")]

    assert came == [404, 404]
    assert new["id"] not in api("root", "GET", "/api/tokens").text
    assert api(("alice", new["secret"]), "GET", "/groups").status_code == 200


@pytest.mark.parametrize("granted", OFFERED)
@pytest.mark.parametrize("wanted", SOME)
def test_one_that_is_made_with_another_is_never_good_for_more(api: Api, granted: str, wanted: str) -> None:
    scopes = frozenset({granted, "app-password:write"})
    api.add_token("alice", "limited", scopes)

    answer = api(("alice", token("alice", "limited")), "POST", "/api/tokens", json={"scopes": [wanted]})

    if wanted in effective_scopes(scopes):
        assert answer.status_code == 200
        assert effective_scopes(frozenset(answer.json()["scopes"])) <= effective_scopes(scopes)
    else:
        assert (answer.status_code, answer.json()["error"]["detail"]) == (
            403,
            {"required": [wanted], "granted": sorted(scopes)},
        )


@pytest.mark.parametrize("scope", [each for each in SOME if not each.startswith("app-password")])
def test_no_other_scope_lists_makes_or_ends_app_passwords(api: Api, scope: str) -> None:
    own = api.add_token("alice", "other", {scope})
    who = ("alice", token("alice", "other"))

    came = [
        api(who, "GET", "/api/tokens"),
        api(who, "POST", "/api/tokens", json={"scopes": [scope]}),
        api(who, "DELETE", f"/api/tokens/{own.id}"),
    ]

    assert [each.status_code for each in came] == [403, 403, 403]
    assert [each.json()["error"]["detail"]["required"] for each in came] == [
        ["app-password"],
        ["app-password:write"],
        ["app-password:write"],
    ]


@pytest.mark.parametrize("scope", [each for each in SOME if each != "journal"])
def test_no_other_scope_reads_the_journal(api: Api, scope: str) -> None:
    api.add_token("alice", "other", {scope})

    answer = api(("alice", token("alice", "other")), "GET", "/api/journal?account=alice")

    assert answer.status_code == 403


def test_what_was_made_with_one_ends_with_it_down_to_the_last(api: Api) -> None:
    makes = ["account", "app-password:write"]
    first = made(api, scopes=makes)
    second = made(api, ("alice", first["secret"]), scopes=makes)
    third = made(api, ("alice", second["secret"]), scopes=makes)
    good = [api(("alice", each["secret"]), "GET", "/groups").status_code for each in (first, second, third)]

    api(ALICE, "DELETE", f"/api/tokens/{first['id']}")

    ended = [api(("alice", each["secret"]), "GET", "/groups").status_code for each in (first, second, third)]
    told = {each["id"]: each for each in api(ALICE, "GET", "/api/tokens").json()}
    assert (good, ended) == ([200] * 3, [401] * 3)
    assert [(told[each["id"]]["made_with"], told[each["id"]]["orphaned"]) for each in (second, third)] == [
        (f"token:{first['id']}", True),
        (f"token:{second['id']}", True),
    ]


@pytest.mark.runs_on("SQLite")  # the other database would make other projects on the way
def test_what_was_made_before_that_was_kept_is_bound_to_what_the_journal_says(api: Api) -> None:
    first = made(api, scopes=["account", "app-password:write"])
    second = made(api, ("alice", first["secret"]))
    back_to(api.db, "0006")
    schema.bring_up_to_date(api.db)

    told = {each["id"]: each["made_with"] for each in api(ALICE, "GET", "/api/tokens").json()}

    assert (told[first["id"]], told[second["id"]]) == (None, f"token:{first['id']}")


def test_a_line_of_app_passwords_made_with_each_other_is_short(api: Api) -> None:
    wanted: dict[str, Any] = {"scopes": ["app-password:write"]}
    secret, made_so_far = made(api, **wanted)["secret"], 1

    while (answer := api(("alice", secret), "POST", "/api/tokens", json=wanted)).status_code == 200:
        secret, made_so_far = answer.json()["secret"], made_so_far + 1

    assert (answer.status_code, made_so_far) == (403, MOST_GENERATIONS)
    assert "create the next one with your password" in answer.text


def test_a_limited_credential_makes_none_for_others_even_of_whoever_runs_the_site(api: Api) -> None:
    [root] = [each.account for each in api.operate(accounts.list_people) if each.account.username == "root"]
    actor = Actor(root, "token:x", frozenset({"app-password:write"}))

    def make(work: UnitOfWork) -> None:
        with work.on_behalf(actor):
            tokens.add(work, "alice", secret_hash="x", scopes=frozenset())

    with pytest.raises(Forbidden):
        api.operate(make)


def test_one_that_is_made_with_another_ends_no_later(api: Api) -> None:
    first = made(api, scopes=["account", "app-password:write"], expires_in=3600)

    second = made(api, ("alice", first["secret"]))
    sooner = made(api, ("alice", first["secret"]), expires_in=60)
    later = api(("alice", first["secret"]), "POST", "/api/tokens", json={"scopes": ["account"], "expires_in": 7200})

    assert second["expires_on"] == first["expires_on"] > sooner["expires_on"]
    assert (later.status_code, later.text) == (
        400,
        "Bad Request: an app password created with another one can't outlast it.",
    )


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({}, "missing required field `scopes`"),
        ({"scopes": []}, "length >= 1"),
        ({"scopes": "account"}, "Expected `array`"),
        ({"scopes": ["all"]}, "there is no scope 'all'; the scopes are account, "),
        ({"scopes": ["account", "site_admin"]}, "there is no scope 'site_admin'"),
        ({"scopes": [None]}, "Expected `str`"),
        ({"scopes": ["account"], "label": "x" * 256}, "length <= 255"),
        ({"scopes": ["account"], "label": "x\u202e"}, "the label contains a control character"),
        ({"scopes": ["account"], "expires_in": 0}, ">= 1"),
        ({"scopes": ["account"], "expires_in": -5}, ">= 1"),
        ({"scopes": ["account"], "expires_in": 1e300}, "<= "),
        ({"scopes": ["account"], "expires_on": "2020-01-01T00:00:00Z"}, "has passed already"),
        ({"scopes": ["account"], "expires_on": "2220-01-01T00:00:00"}, "timezone"),
        ({"scopes": ["account"], "expires_on": "tomorrow"}, "Invalid RFC3339"),
        ({"scopes": ["account"], "expires_in": 5, "expires_on": "2220-01-01T00:00:00Z"}, "not both"),
        ([], "Expected `object`"),
    ],
)
@pytest.mark.runs_on("SQLite")
def test_what_can_not_be_meant_is_refused_and_makes_nothing(api: Api, wanted: Any, sentence: str) -> None:
    before = api.everything()

    answer = api(ALICE, "POST", "/api/tokens", json=wanted)

    assert (answer.status_code, answer.text.startswith("Bad Request: ")) == (400, True)
    assert sentence in answer.text
    assert api.everything() == before


def test_whose_it_is_and_its_secret_are_not_for_the_caller_to_say(api: Api) -> None:
    new = made(api, secret="mine", account_id="x", user="root", id="b0b00000-0000-4000-8000-000000000002")

    assert new["secret"].startswith("obk_") and new["id"][:8] != "b0b00000"
    assert [each.id for each in api.operate(lambda work: tokens.of_person(work, "alice"))].count(new["id"]) == 1
