"""What providers send to change people and groups: every form that Entra ID and Okta have, as tables."""

from typing import Any

import pytest

from directory import ENTERPRISE, GROUP, USER, Provider

WORK = {"value": "mina@corp.example", "type": "work", "primary": True}


def op(kind: str, path: str | None = None, value: Any = None) -> dict[str, Any]:
    return {"op": kind} | ({} if path is None else {"path": path}) | ({} if value is None else {"value": value})


@pytest.fixture
def mina(okta: Provider) -> dict[str, Any]:
    return okta.add_user(
        "mina@corp.example",
        displayName="Mina",
        name={"givenName": "Mina", "familyName": "Okafor"},
        emails=[WORK, {"value": "mina@home.example", "type": "home"}],
        externalId="00u1",
    )


# Operations, and what is true of the person then.
ON_USERS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "Entra: a truth value as text": ([op("Replace", "active", "False")], {"active": False}),
    "Entra: capitals, without a path": ([op("Add", None, {"active": "TRUE", "title": "Doctor"})], {"title": "Doctor"}),
    "Entra: dotted names in a value": (
        [op("replace", None, {"name.givenName": "Minna", "displayName": "Minna"})],
        {"name": {"givenName": "Minna", "familyName": "Okafor"}, "displayName": "Minna"},
    ),
    "Entra: the address for work": (
        [op("Replace", 'emails[type eq "work"].value', "new@corp.example")],
        {"emails": [WORK | {"value": "new@corp.example"}, {"value": "mina@home.example", "type": "home"}]},
    ),
    "Entra: an address of a type that isn't there": (
        [op("Add", 'emails[type eq "other"].value', "other@corp.example")],
        {"emails": [WORK, {"value": "mina@home.example", "type": "home"},
                    {"value": "other@corp.example", "type": "other"}]},
    ),
    "Entra: a path by URN": ([op("Add", f"{ENTERPRISE}:department", "Ops")], {ENTERPRISE: {"department": "Ops"}}),
    "Entra: a core attribute by URN": ([op("Add", f"{USER}:name.givenName", "M")],
                                       {"name": {"givenName": "M", "familyName": "Okafor"}}),
    "Entra: an extension in a value": (
        [op("Add", None, {ENTERPRISE: {"employeeNumber": "7"}})], {ENTERPRISE: {"employeeNumber": "7"}},
    ),
    "Entra: an extension's attribute in a value": (
        [op("Add", None, {f"{ENTERPRISE}:division": "North"})], {ENTERPRISE: {"division": "North"}},
    ),
    "Entra: attributes that aren't kept": (
        [op("Add", 'phoneNumbers[type eq "mobile"].value', "1"), op("Add", f"{ENTERPRISE}:manager", "x")], {},
    ),
    "Entra: another userName": ([op("Replace", "userName", "m@corp.example")], {"userName": "m@corp.example"}),
    "Okta: disabled": ([op("replace", None, {"active": False})], {"active": False}),
    "Okta: its own id again": ([op("replace", None, {"id": "whatever", "active": True})], {"active": True}),
    "a value removed": ([op("remove", "displayName")], {"displayName": None}),
    "a part removed": ([op("remove", "name.familyName")], {"name": {"givenName": "Mina"}}),
    "an address removed": (
        [op("remove", 'emails[type eq "work"]')], {"emails": [{"value": "mina@home.example", "type": "home"}]},
    ),
    "another address is the primary one": (
        [op("replace", 'emails[type eq "home"].primary', True)],
        {"emails": [WORK | {"primary": False}, {"value": "mina@home.example", "type": "home", "primary": True}]},
    ),
    "all addresses replaced": ([op("replace", "emails", [{"value": "x@corp.example"}])],
                               {"emails": [{"value": "x@corp.example"}]}),
    "one after the other": ([op("replace", "title", "A"), op("add", "title", "B")], {"title": "B"}),
}  # fmt: skip


@pytest.mark.parametrize("form", ON_USERS)
def test_a_person_is_changed_in_every_form(okta: Provider, mina: dict[str, Any], form: str) -> None:
    operations, expected = ON_USERS[form]

    answer = okta.patch(f"/Users/{mina['id']}", *operations)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/scim+json")
    after = okta("GET", f"/Users/{mina['id']}").json()
    assert answer.json() == after
    assert {name: after.get(name) for name in expected} == expected
    untouched = set(mina) - expected.keys() - {"meta", "schemas"}
    assert {name: after.get(name) for name in untouched} == {name: mina[name] for name in untouched}


# Operations of which one is wrong: the status, the scimType, and a part of the sentence.
WRONG: dict[str, tuple[list[Any], str, str]] = {
    "half of it": ([op("replace", "active", False), op("replace", "nothing", 1)], "invalidPath", "'nothing'"),
    "an unknown operation": ([op("move", "title", "x")], "invalidSyntax", "add, replace or remove"),
    "no operation": ([], "invalidSyntax", "Operations"),
    "operations that are none": (["add"], "invalidSyntax", "an object"),
    "a removal without a path": ([op("remove")], "noTarget", "needs a path"),
    "a value that is no object": ([op("add", None, "x")], "invalidSyntax", "an object"),
    "what only the server sets": ([op("replace", "id", "x")], "mutability", "set by the server"),
    "its groups": ([op("add", "groups", [{"value": "x"}])], "mutability", "set by the server"),
    "no userName": ([op("remove", "userName")], "mutability", "can't be without a value"),
    "a truth value that is none": ([op("replace", "active", "perhaps")], "invalidValue", "true or false"),
    "a list where one value is meant": ([op("replace", "displayName", ["a", "b"])], "invalidValue", "a text"),
    "an object where a text is meant": ([op("replace", "userName", {"$ne": ""})], "invalidValue", "a text"),
    "a filter that isn't understood": ([op("replace", 'emails[type eq "work".value', "x")], "invalidPath", "]"),
    "a deeply nested path": ([op("remove", "emails[" + "(" * 500 + "]")], "invalidPath", "nested too deeply"),
    "a long path": ([op("remove", "a" * 9000)], "invalidPath", "8,000 characters"),
    "a part that isn't there": ([op("add", "name.nick", "x")], "invalidPath", "'nick'"),
    "another resource's schema": ([op("add", f"{GROUP}:displayName", "x")], "invalidPath", "no schema"),
    "a look-alike userName": ([op("replace", "userName", "ﬁona@corp.example")], "invalidValue", "looks like"),
    "a control character": ([op("replace", "title", "a\u0000b")], "invalidValue", "control character"),
}


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_operation_changes_nothing(okta: Provider, mina: dict[str, Any], form: str) -> None:
    operations, kind, sentence = WRONG[form]
    before = okta.api.everything()

    answer = okta.patch(f"/Users/{mina['id']}", *operations)

    assert (answer.status_code, answer.json()["status"], answer.json().get("scimType")) == (400, "400", kind)
    assert sentence in answer.json()["detail"]
    assert okta.api.everything() == before


@pytest.fixture
def crew(okta: Provider) -> tuple[dict[str, Any], list[str]]:
    """A group with two of three people."""
    ids = [okta.add_user(f"person-{number}")["id"] for number in range(3)]
    return okta.add_group("Crew", *ids[:2], externalId="g1"), ids


def member(*ids: str) -> list[dict[str, str]]:
    return [{"value": id} for id in ids]


# A function of the ids of three people, of whom the first two are in the group; and who is in it then.
ON_GROUPS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Entra: added": (lambda a, b, c: op("Add", "members", member(c)), (0, 1, 2)),
    "Entra: added again, twice": (lambda a, b, c: op("Add", "members", member(b, c, c)), (0, 1, 2)),
    "Entra: removed by value": (lambda a, b, c: op("Remove", "members", member(a)), (1,)),
    "Entra: removed by a filter": (lambda a, b, c: op("Remove", f'members[value eq "{a}"]'), (1,)),
    "Entra: somebody removed who isn't in it": (lambda a, b, c: op("Remove", "members", member(c)), (0, 1)),
    "Okta: replaced": (lambda a, b, c: op("replace", "members", member(c, a)), (0, 2)),
    "Okta: replaced by nobody": (lambda a, b, c: op("replace", "members", []), ()),
    "Okta: its name again": (lambda a, b, c: op("replace", None, {"id": "x", "displayName": "Crew"}), (0, 1)),
    "removed, all of them": (lambda a, b, c: op("remove", "members"), ()),
    "added without a path": (lambda a, b, c: op("add", None, {"members": member(c)}), (0, 1, 2)),
    "an id in capitals": (lambda a, b, c: op("add", "members", member(c.upper())), (0, 1, 2)),
}


@pytest.mark.parametrize("form", ON_GROUPS)
def test_members_are_changed_in_every_form(okta: Provider, crew: tuple[dict[str, Any], list[str]], form: str) -> None:
    group, ids = crew
    operation, expected = ON_GROUPS[form]

    answer = okta.patch(f"/Groups/{group['id']}", operation(*ids))

    assert answer.status_code == 200
    assert sorted(okta.members(group)) == sorted(ids[number] for number in expected)
    assert len(okta.api.members("crew")) == len(expected)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (op("add", "members", member("11111111-2222-4333-8444-555555555555")), "invalidValue"),
        (op("add", "members", [{"display": "nobody"}]), "invalidValue"),
        (op("replace", "members", member("bob")), "invalidValue"),
        (op("add", "members[value eq 7].display", "x"), "invalidPath"),
        (op("replace", "displayName", ""), "mutability"),
    ],
)
def test_a_wrong_change_of_a_group_changes_nothing(
    okta: Provider, crew: tuple[dict[str, Any], list[str]], operation: dict[str, Any], kind: str
) -> None:
    group, ids = crew
    before = okta.api.everything()

    answer = okta.patch(f"/Groups/{group['id']}", op("add", "members", member(ids[2])), operation)

    assert (answer.status_code, answer.json()["scimType"]) == (400, kind)
    assert okta.api.everything() == before


def test_a_person_of_another_team_is_no_member(okta: Provider, crew: tuple[dict[str, Any], list[str]]) -> None:
    other = Provider(okta.api, "globex", "entra", key="obd_key-of-entra", domains=[])
    stranger = other.add_user("stranger")["id"]

    answer = okta.patch(f"/Groups/{crew[0]['id']}", op("add", "members", member(stranger)))

    assert (answer.status_code, answer.json()["detail"]) == (400, f"The directory has no User '{stranger}'.")
