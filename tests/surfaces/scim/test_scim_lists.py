"""Lists of Users and Groups: what providers filter by, pages, which attributes are sent, and versions."""

from time import process_time
from typing import Any
from urllib.parse import quote

import pytest

from directory import GROUP, USER, Provider

ENTRA_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


@pytest.fixture
def people(okta: Provider) -> list[dict[str, Any]]:
    added = [
        okta.add_user(
            f"Person-{number}@corp.example",
            externalId=f"x{number}",
            displayName=f"Persön {number}",
            emails=[{"value": f"p{number}@corp.example", "type": "work", "primary": True}],
            active=number != 2,
        )
        for number in range(3)
    ]
    okta.add_group("Crew", added[0]["id"], externalId="g1")
    return added


def found(okta: Provider, path: str, text: str) -> list[str]:
    answer = okta("GET", path, params={"filter": text})
    assert (answer.status_code, answer.json()["totalResults"]) == (200, len(answer.json()["Resources"])), answer.text
    return [each.get("externalId", "") for each in answer.json()["Resources"]]


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_people_are_found_by_what_providers_ask_for(okta: Provider, people: list[dict[str, Any]]) -> None:
    for text, expected in {
        'userName eq "PERSON-1@corp.example"': ["x1"],
        'userName eq "nobody@corp.example"': [],
        'externalId eq "x2"': ["x2"],
        'externalId eq "X2"': [],
        'emails[type eq "work"].value eq "P0@corp.example"': ["x0"],
        'emails.value eq "p0@corp.example"': ["x0"],
        f'{USER}:userName Eq "person-1@corp.example" AND id eq "{people[1]["id"]}"': ["x1"],
        'active eq true and userName co "person"': ["x0", "x1"],
        'active eq "False"': ["x2"],
        'not (userName co "person-1") and externalId pr': ["x0", "x2"],
        'userName eq "person-0@corp.example" or (externalId eq "x1" and active eq true)': ["x0", "x1"],
        'meta.lastModified gt "2020-01-01T00:00:00Z"': ["x0", "x1", "x2"],
        'meta.created lt "2020-01-01T00:00:00Z"': [],
        'id eq "no id"': [],
        'externalId eq null': [],
        'userName sw "PERSON-1"': ["x1"],
        'userName ew "0@CORP.example"': ["x0"],
        'userName sw "erson"': [],
        'not (userName ew "-1@corp.example")': ["x0", "x2"],
        'externalId sw "x" and not (externalId ew "1")': ["x0", "x2"],
        'displayName eq "PERSÖN 1"': ["x1"],
        'displayName sw "persÖ" and displayName ew "2"': ["x2"],
        'displayName co "%"': [],
        'emails sw "p2@"': ["x2"],
        'emails[type eq "work" and value co "p1"]': ["x1"],
        'not (emails[value ew "1@corp.example"])': ["x0", "x2"],
        'userName ne "person-0@corp.example" and not (not (active eq true))': ["x1"],
    }.items():  # fmt: skip
        assert (text, found(okta, "/Users", text)) == (text, expected)
    member, stranger = people[0]["id"], people[1]["id"]
    for text, is_found in {
        'displayName eq "crew"': True,
        'externalId eq "g1"': True,
        'displayName co "re" and displayName pr': True,
        'displayName sw "cr" and displayName ew "W"': True,
        'displayName ew "cre"': False,
        'displayName eq "!"': False,
        f'members eq "{member}"': True,
        f'members.value eq "{member.upper()}" and displayName eq "Crew"': True,
        f'members[value eq "{member}"]': True,
        f'{GROUP}:members.value eq "{member}"': True,
        f'members eq "{stranger}"': False,
        f'not (members.value eq "{stranger}")': True,
        'members eq "nobody"': False,
        'members pr': True,
        'not (members pr)': False,
    }.items():  # fmt: skip
        assert (text, found(okta, "/Groups", text)) == (text, ["g1"] if is_found else [])


@pytest.mark.parametrize(
    "text",
    [
        'userName',
        'userName eq',
        'userName eq "a" and',
        'userName is "a"',
        "userName eq 'a'",
        'nickName eq "a"',
        'emails[type eq "home"].value eq "a"',
        'emails[type eq "home" and value eq "a"]',
        'emails[value eq "a" or value eq "b"]',
        'userName sw 7',
        'userName sw',
        'userName gt "a"',
        'active sw "t"',
        'meta.created sw "2026"',
        'members eq "a"',
        'userName eq 7',
        'active eq "perhaps"',
        'meta.created gt "yesterday"',
        f'{GROUP}:displayName eq "a"',
        "(" * 400 + 'userName eq "a"' + ")" * 400,
        " or ".join(['id eq "a"'] * 101),
        'userName eq "' + "a" * 8000 + '"',
        "not (" * 400 + 'userName eq "a"' + ")" * 400,
        "emails[" * 400 + 'value eq "a"' + "]" * 400,
        'userName eq "\\ud800x',
        'userName eq "\\ud800"',
    ],
)  # fmt: skip
def test_a_filter_that_is_not_understood_is_refused(okta: Provider, text: str) -> None:
    answer = okta("GET", "/Users", params={"filter": text})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")
    assert len(answer.json()["detail"]) < 200


@pytest.mark.parametrize("text", ['members ne "a"', 'members co "a"', 'members.display eq "a"',
                                  'members[type eq "User"]',
                                  'members[display eq "a" and value eq "a"]', 'userName eq "a"'])  # fmt: skip
def test_a_filter_of_groups_that_is_not_understood_is_refused(okta: Provider, text: str) -> None:
    answer = okta("GET", "/Groups", params={"filter": text})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")


def test_a_filter_of_a_mebibyte_is_refused_without_being_read(okta: Provider) -> None:
    began = process_time()

    for text in ("(" * (1 << 20), 'userName eq "a" or ' * 50_000, '"' * (1 << 20)):
        address = f"{okta.base}/Users?filter={quote(text)}".encode()
        answer = okta.api.raw("GET", address, ("authorization", f"Bearer {okta.key}".encode()))
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")

    assert process_time() - began < 5


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_pages_come_in_the_order_in_which_people_came(okta: Provider, people: list[dict[str, Any]]) -> None:
    def page(**query: int) -> tuple[int, int, int, list[str]]:
        page = okta("GET", "/Users", params=query).json()
        names = [each["externalId"] for each in page["Resources"]]
        return page["totalResults"], page["startIndex"], page["itemsPerPage"], names

    assert page(startIndex=1, count=2) == (3, 1, 2, ["x0", "x1"])
    assert page(startIndex=3, count=2) == (3, 3, 1, ["x2"])
    assert page(startIndex=9, count=2) == (3, 9, 0, [])
    assert page(count=0) == (3, 1, 0, [])
    assert page(startIndex=-4, count=-1) == (3, 1, 0, [])


@pytest.mark.parametrize("query", ["sortBy=userName", "sortOrder=ascending", "startIndex=x", "count=1e3",
                                   "attributes=id&excludedAttributes=emails", "filter=id+pr&filter=id+pr"])  # fmt: skip
def test_what_lists_cannot_do_is_refused(okta: Provider, query: str) -> None:
    answer = okta("GET", f"/Users?{query}")

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


def test_only_those_attributes_are_sent_that_are_wanted(okta: Provider, people: list[dict[str, Any]]) -> None:
    always = {"schemas", "id", "meta"}
    [group] = okta("GET", "/Groups", params={"excludedAttributes": "members"}).json()["Resources"]
    wanted = okta("GET", f"/Users/{people[0]['id']}", params={"attributes": f"{USER}:userName,emails.value"}).json()
    none = okta("GET", "/Users", params={"attributes": "nothing"}).json()["Resources"][0]

    assert set(group) == always | {"displayName", "externalId"}
    assert set(wanted) == always | {"userName", "emails"}
    assert wanted["emails"] == [{"value": "p0@corp.example"}]
    assert set(none) == always


def test_a_version_protects_what_somebody_else_has_changed(okta: Provider, people: list[dict[str, Any]]) -> None:
    address = f"/Users/{people[0]['id']}"
    first = okta("GET", address)
    version = first.headers["etag"]
    change = {"Operations": [{"op": "replace", "path": "title", "value": "Doctor"}]}

    assert version == first.json()["meta"]["version"]
    assert okta("GET", address, headers={"If-None-Match": version}).status_code == 304
    changed = okta("PATCH", address, change, headers={"If-Match": version})
    assert (changed.status_code, changed.headers["etag"] != version) == (200, True)
    refused = okta("PUT", address, {"userName": "other"}, headers={"If-Match": version})
    assert (refused.status_code, refused.json()["status"]) == (412, "412")
    assert okta("DELETE", address, headers={"If-Match": version}).status_code == 412
    assert okta("DELETE", address, headers={"If-Match": changed.headers["etag"]}).status_code == 204


def test_what_providers_send_in_a_post_is_understood(okta: Provider) -> None:
    group = {"schemas": [GROUP, ENTRA_GROUP], "displayName": "Crew", "externalId": "8aa1a0c0", "meta": {"x": 1}}
    added = okta("POST", "/Groups", group, headers={"Content-Type": "application/json; charset=utf-8"})
    person = {"schemas": [USER], "userName": "Ada", "active": "True", "emails": {"value": "ada@corp.example"},
              "password": "secret", "locale": "en-US", "unknown": {"a": [1]}}  # fmt: skip
    ada = okta.add_user(**{name: value for name, value in person.items() if name != "userName"}, user_name="Ada")

    assert (added.status_code, added.headers["location"]) == (201, added.json()["meta"]["location"])
    assert (ada["userName"], ada["active"], ada["emails"]) == ("Ada", True, [{"value": "ada@corp.example"}])
    assert "password" not in ada and "unknown" not in ada


@pytest.mark.parametrize(
    ("body", "kind", "status", "scim_type"),
    [
        (b"{", "application/scim+json", 400, "invalidSyntax"),
        (b"[]", "application/scim+json", 400, "invalidSyntax"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "application/scim+json", 400, "invalidSyntax"),
        (b'{"userName": "\xff"}', "application/scim+json", 400, "invalidSyntax"),
        (b"userName=a", "application/x-www-form-urlencoded", 400, "invalidSyntax"),
        (b'{"displayName": "x"}', "application/scim+json", 400, "invalidValue"),
        (b'{"userName": ["a"]}', "application/scim+json", 400, "invalidValue"),
        (b'{"userName": "a", "emails": [7]}', "application/scim+json", 400, "invalidValue"),
        (b'{"userName": "a", "name": "A"}', "application/scim+json", 400, "invalidValue"),
        (b'{"userName": "' + b"a" * 300 + b'"}', "application/scim+json", 400, "invalidValue"),
        (b" " * (1 << 20) + b"{}", "application/scim+json", 413, None),
    ],
)
def test_a_body_that_is_not_understood_is_refused(
    okta: Provider, body: bytes, kind: str, status: int, scim_type: str | None
) -> None:
    answer = okta("POST", "/Users", content=body, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json().get("scimType")) == (status, scim_type), answer.text
