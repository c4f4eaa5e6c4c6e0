"""Members over HTTP: G7 to G10 of the contract, every way of naming a person, and what happens all at once."""

import random
from collections.abc import Callable
from urllib.parse import quote

import pytest

from cast import Api
from onebucket.actions import accounts, groups
from onebucket.domain.groups import AccountPrivilege

pytestmark = pytest.mark.runs_on("SQLite", "both", "split", "streamed")

NAMES: dict[str, Callable[[dict[str, str]], str]] = {
    "username": lambda user: user["username"],
    "USERNAME": lambda user: user["username"].upper(),
    "{uuid}": lambda user: user["uuid"],
    "%7Buuid%7D": lambda user: quote(user["uuid"]),
    "%7buuid%7d": lambda user: quote(user["uuid"]).replace("%7B", "%7b").replace("%7D", "%7d"),
    "{UUID}": lambda user: user["uuid"].upper(),
    "uuid": lambda user: user["uuid"].strip("{}"),
    "UUID": lambda user: user["uuid"].strip("{}").upper(),
    "account_id": lambda user: user["account_id"],
    "account%3Aid": lambda user: quote(user["account_id"]),
    "e-mail": lambda user: f"{user['username']}@example.com",
    "E-MAIL": lambda user: f"{user['username']}@Example.COM".title(),
    "e%2Dmail": lambda user: f"{user['username']}%40example%2Ecom",
}
OF_A_TEAM = [name for name in NAMES if "account" not in name and "mail" not in name.lower()]


def user_of(api: Api, name: str) -> dict[str, str]:
    """What the API says of a person or a team."""
    made = api("root", "POST", f"/groups/{name}", data={"name": "Passing"}).json()
    api("root", "DELETE", f"/groups/{name}/passing")
    owner: dict[str, str] = made["owner"]
    return owner


# --- names


@pytest.mark.parametrize("spelling", NAMES)
def test_a_member_may_be_named_in_every_way(api: Api, spelling: str) -> None:
    dora = user_of(api, "dora")
    address = f"/1.0/groups/acme/designers/members/{NAMES[spelling](dora)}".encode()

    put = api.raw("PUT", address, who="alice")
    got = api.raw("GET", address, who="alice")
    deleted = api.raw("DELETE", address, who="alice")

    assert [put.status_code, got.status_code, deleted.status_code] == [200, 200, 204]
    assert put.json() == got.json() == dora
    assert api.members("designers") == ["bob"]


@pytest.mark.parametrize(
    ("name", "spelling"), [("acme", each) for each in OF_A_TEAM] + [("dora", each) for each in NAMES]
)
def test_an_account_may_be_named_in_every_way(api: Api, name: str, spelling: str) -> None:
    account = NAMES[spelling](user_of(api, name))

    made = api.raw("POST", f"/1.0/groups/{account}".encode(), who="root", body=[b"name=Crew"])
    listed = api.raw("GET", f"/1.0/groups/{account}?group={account}/crew".encode(), who="root")
    found = api.raw("GET", f"/1.0/groups?group={account}/crew".encode(), who="root")

    assert made.json()["owner"]["username"] == name
    assert made.json() in listed.json()
    assert found.json() == [made.json()]


@pytest.mark.parametrize(
    "name",
    ["nobody", "{nobody}", "%7B%7D", "{dora}", "d%6Fra%20", "dora%2F", "%2564ora",
     "{00000000-0000-4000-8000-000000000000", "{00000000-0000-4000-8000-000000000000}",
     "00000000-0000-4000-8000-000000000000", "70121:00000000-0000-4000-8000-000000000000"],
)  # fmt: skip
@pytest.mark.runs_on("SQLite", "streamed")
def test_whoever_is_not_there_is_not_found_under_any_name(api: Api, name: str) -> None:
    before = api.everything()

    as_member = [
        api.raw(method, f"/1.0/groups/acme/designers/members/{name}".encode(), who="alice")
        for method in ("GET", "PUT", "DELETE")
    ]
    as_account = [api.raw(method, f"/1.0/groups/{name}".encode(), who="root") for method in ("GET", "POST")]

    assert [answer.status_code for answer in (*as_member, *as_account)] == [404] * 5
    assert {answer.text[:11] for answer in (*as_member, *as_account)} == {"Not Found: "}
    assert api.everything() == before


# --- G7 and G8: seeing them


def test_members_come_in_the_order_in_which_they_were_added(api: Api) -> None:
    newcomers = ["mallory", "alice", "root", "dora", "gina"]
    random.Random(7).shuffle(newcomers)

    for name in newcomers:
        api("alice", "PUT", f"/groups/acme/designers/members/{name}")
    api("alice", "DELETE", "/groups/acme/designers/members/bob")
    api("alice", "PUT", "/groups/acme/designers/members/bob")

    in_list = [user["username"] for user in api("alice", "GET", "/groups/acme/designers/members").json()]
    in_group = [user["username"] for user in api("alice", "GET", "/groups/acme/designers").json()["members"]]
    assert in_list == in_group == [*newcomers, "bob"]


def test_members_that_were_added_in_one_moment_keep_their_order(api: Api) -> None:
    names = ["root", "gina", "alice", "dora"]

    api.operate(lambda work: [groups.add_member(work, "acme", "designers", name) for name in names])

    assert api.members("designers") == ["bob", *names]


def test_a_member_is_shown_as_in_the_list(api: Api) -> None:
    one = api("dora", "GET", "/groups/acme/developers/members/dora")

    assert one.status_code == 200
    assert one.json() in api("dora", "GET", "/groups/acme/developers/members").json()


def test_a_disabled_person_is_still_a_member_and_shown_as_inactive(api: Api) -> None:
    api.operate(lambda work: accounts.set_active(work, "dora", False))

    shown = api("alice", "GET", "/groups/acme/developers/members/dora")

    assert (shown.status_code, shown.json()["is_active"]) == (200, False)
    assert api.members("developers") == ["alice", "bob", "dora"]


@pytest.mark.parametrize("name", ["alice", "mallory", "acme", "alice@example.com", "carol@example.net"])
def test_whoever_is_not_in_the_group_is_no_member_of_it(api: Api, name: str) -> None:
    got = api("alice", "GET", f"/groups/acme/designers/members/{name}")
    deleted = api("alice", "DELETE", f"/groups/acme/designers/members/{name}")

    assert (got.status_code, got.text) == (404, f"Not Found: '{name}' is not a member of designers.")
    assert (deleted.status_code, deleted.text) == (404, got.text)


# --- G9: adding


@pytest.mark.parametrize("body", [b"", b"{}", b"*", b"{", b"name=x", b"<xml/>", b"\xff", b"[1,2]"])
@pytest.mark.parametrize("kind", [None, "application/json", "application/xml", "application/x-www-form-urlencoded"])
def test_the_body_of_an_addition_is_not_read(api: Api, body: bytes, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}

    answer = api("alice", "PUT", "/groups/acme/designers/members/dora", content=body, headers=headers)

    assert answer.status_code == 200
    assert (answer.json()["username"], api.members("designers")) == ("dora", ["bob", "dora"])


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("bob", 409, "Conflict/Duplicate"),
        ("BOB@example.com", 409, "Conflict/Duplicate"),
        ("ilse@example.net", 400, "No user with validated email address"),
        ("carol@example.net", 400, "No user with validated email address"),
        ("@", 400, "No user with validated email address"),
        ("a@b@c", 400, "No user with validated email address"),
        ("globex", 400, "Bad Request: globex is a team, not a person."),
        ("nobody", 404, "Not Found: there is no user 'nobody'."),
    ],
)
@pytest.mark.runs_on("SQLite", "streamed")
def test_an_addition_that_cannot_be_is_refused_in_the_words_of_the_contract(
    api: Api, name: str, status: int, text: str
) -> None:
    before = api.everything()

    answer = api("alice", "PUT", f"/groups/acme/designers/members/{name}")

    assert (answer.status_code, answer.text) == (status, text)
    assert api.everything() == before


@pytest.mark.runs_on("SQLite", "streamed")
def test_an_address_that_was_never_validated_names_nobody(api: Api) -> None:
    with api.db.writing() as tx:
        tx.connection.execute("UPDATE emails SET validated_at = NULL WHERE email_key = 'dora@example.com'")

    answer = api("alice", "PUT", "/groups/acme/designers/members/dora@example.com")

    assert (answer.status_code, answer.text) == (400, "No user with validated email address")


def test_of_fifty_who_add_the_same_member_at_once_one_does_and_the_others_hear_of_it(api: Api) -> None:
    answers = api.at_once("alice", *[("PUT", "/groups/acme/designers/members/dora")] * 50)

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 49
    assert {answer.text for answer in answers if answer.status_code == 409} == {"Conflict/Duplicate"}
    assert api.members("designers") == ["bob", "dora"]
    assert api.journal() == [("alice", "member.added", "acme", "designers")]


# --- G10: removing


@pytest.mark.parametrize("who", ["alice", "root", "bob"])
def test_administrators_and_the_member_remove_a_member(api: Api, who: str) -> None:
    answer = api(who, "DELETE", "/groups/acme/designers/members/bob")

    assert (answer.status_code, answer.content) == (204, b"")
    assert api.members("designers") == []
    assert api("bob", "GET", "/groups/acme/designers").status_code == 403


@pytest.mark.parametrize("spelling", NAMES)
def test_i_may_leave_under_any_of_my_names(api: Api, spelling: str) -> None:
    name = NAMES[spelling](user_of(api, "bob"))

    assert api.raw("DELETE", f"/1.0/groups/acme/designers/members/{name}".encode(), who="bob").status_code == 204


@pytest.mark.runs_on("SQLite", "streamed")
def test_a_member_removes_no_other(api: Api) -> None:
    before = api.everything()

    answer = api("bob", "DELETE", "/groups/acme/developers/members/dora")

    assert answer.status_code == 403
    assert answer.text == "Forbidden: you may not remove this member from the group."
    assert api.everything() == before


@pytest.mark.parametrize("who", ["alice", "root"])
@pytest.mark.runs_on("SQLite", "streamed")
def test_the_last_administrator_stays(api: Api, who: str) -> None:
    before = api.everything()

    answer = api(who, "DELETE", "/groups/acme/administrators/members/alice")

    assert answer.status_code == 400
    assert answer.text == (
        "Bad Request: can't remove alice from administrators: the team would be left without an administrator."
    )
    assert api.everything() == before


def test_a_disabled_administrator_does_not_count_as_one(api: Api) -> None:
    api("alice", "PUT", "/groups/acme/administrators/members/dora")
    api.operate(lambda work: accounts.set_active(work, "dora", False))

    assert api("alice", "DELETE", "/groups/acme/administrators/members/alice").status_code == 400
    assert api("alice", "DELETE", "/groups/acme/administrators/members/dora").status_code == 204


def test_an_administrator_through_another_group_may_leave_this_one(api: Api) -> None:
    admin = AccountPrivilege.ADMIN
    api("alice", "PUT", "/groups/acme/designers/members/alice")
    api.operate(lambda work: groups.set_account_privilege(work, "acme", "designers", admin))

    assert api("alice", "DELETE", "/groups/acme/administrators/members/alice").status_code == 204
    assert api("alice", "DELETE", "/groups/acme/administrators").status_code == 204
    assert api("alice", "DELETE", "/groups/acme/designers/members/bob").status_code == 204
    assert api("alice", "DELETE", "/groups/acme/designers/members/alice").status_code == 400


@pytest.mark.parametrize("removed", [("dora", "alice"), ("alice", "dora")])
def test_of_two_who_remove_the_last_two_administrators_at_once_one_fails(api: Api, removed: tuple[str, str]) -> None:
    api("alice", "PUT", "/groups/acme/administrators/members/dora")

    answers = api.at_once("root", *(("DELETE", f"/groups/acme/administrators/members/{name}") for name in removed))

    assert sorted(answer.status_code for answer in answers) == [204, 400]
    assert len(api.members("administrators")) == 1


def test_the_owner_of_a_personal_account_may_empty_their_groups(api: Api) -> None:
    api("dora", "POST", "/groups/dora", data={"name": "Administrators"})
    api("dora", "PUT", "/groups/dora/administrators/members/dora")
    api.operate(lambda work: groups.set_account_privilege(work, "dora", "administrators", AccountPrivilege.ADMIN))

    assert api("dora", "DELETE", "/groups/dora/administrators/members/dora").status_code == 204
    assert api("dora", "DELETE", "/groups/dora/administrators").status_code == 204
