"""API 2.0: a person's SSH keys, as clients read and write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import ssh_keygen
from cast import BASE, Api, token
from onebucket import ssh_public_keys
from onebucket.actions import ssh_keys

KEYS = "/2.0/users/alice/ssh-keys"
KEY = ssh_keygen.public()
pytestmark = pytest.mark.runs_on("SQLite", "both")


def added(api: Api, who: Any = "alice", path: str = KEYS, **body: Any) -> dict[str, Any]:
    answer = api(who, "POST", path, json={"key": KEY, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def refused(api: Api, path: str = KEYS, **how: Any) -> str:
    """What is said of a key that is refused with 400."""
    answer = api("alice", "POST", path, **how)
    assert (answer.status_code, answer.json()["type"]) == (400, "error"), answer.text
    return str(answer.json()["error"]["message"])


def test_a_key_is_shown_as_clients_read_it(api: Api) -> None:
    key = added(api, key=f"{KEY} alice@laptop\n", label="laptop")
    alice = api("alice", "GET", "/2.0/user").json()

    assert {name: value for name, value in key.items() if name not in ("uuid", "created_on", "owner", "links")} == {
        "type": "ssh_key",
        "key": KEY,
        "comment": "alice@laptop",
        "label": "laptop",
        "fingerprint": ssh_public_keys.parse(KEY).fingerprint,
    }
    assert key["uuid"].startswith("{") and key["created_on"].endswith("+00:00")
    assert key["owner"]["type"] == "user" and key["owner"]["uuid"] == alice["uuid"]
    assert key["links"]["self"]["href"] == f"{alice['links']['self']['href']}/ssh-keys/{key['uuid'][1:-1]}"


def test_a_key_is_found_by_each_of_its_names_under_each_name_of_its_owner(api: Api) -> None:
    key = added(api)
    owner, uuid = key["owner"], key["uuid"]

    for address in (
        key["links"]["self"]["href"],
        f"{KEYS}/{uuid}",
        f"{KEYS}/%7B{uuid[1:-1].upper()}%7D/",
        f"/2.0/users/{owner['account_id']}/ssh-keys/{uuid[1:-1]}",
        f"{KEYS}/{key['fingerprint'].replace('/', '%2F').replace('+', '%2B')}",
        f"/api/2.0/users/{owner['uuid']}/ssh-keys/{uuid}",
    ):
        assert api("alice", "GET", address).json() == key
    assert api("root", "GET", f"{KEYS}/{uuid}").json() == key


def test_keys_are_listed_page_by_page_oldest_first(api: Api) -> None:
    keys = [added(api, key=ssh_keygen.public(name=str(number)), label=str(number)) for number in range(3)]

    first = api("alice", "GET", f"{KEYS}?pagelen=2").json()
    second = api("alice", "GET", first["next"]).json()
    named = api("alice", "GET", f"{KEYS}?fields=values.label").json()

    assert (first["size"], first["page"], first["pagelen"]) == (3, 1, 2)
    assert first["next"] == f"{BASE}{KEYS}?pagelen=2&page=2"
    assert first["values"] + second["values"] == keys and "next" not in second
    assert named == {"values": [{"label": "0"}, {"label": "1"}, {"label": "2"}]}


def test_a_label_is_changed_and_the_key_is_not(api: Api) -> None:
    key = added(api, label="laptop")
    address = f"{KEYS}/{key['uuid']}"

    changed = api("alice", "PUT", address, json={"key": f"{KEY} another comment", "label": "desk", "comment": "x"})
    other = api("alice", "PUT", address, json={"key": ssh_keygen.public(name="other"), "label": "x"})

    assert (changed.status_code, changed.json()) == (200, key | {"label": "desk"})
    assert (other.status_code, other.json()["error"]["message"]) == (
        400,
        "A key can't become another one: add the other one, and remove this.",
    )
    assert api("alice", "GET", address).json() == changed.json()


def test_a_removed_key_is_gone(api: Api) -> None:
    key = added(api)
    address = f"{KEYS}/{key['uuid']}"

    answers = [api("alice", method, address).status_code for method in ("DELETE", "GET", "DELETE", "PUT")]

    assert answers == [204, 404, 404, 400]
    assert api("alice", "GET", KEYS).json()["values"] == []


def test_a_key_may_expire(api: Api) -> None:
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

    first = added(api, expires_on=tomorrow.isoformat())
    second = added(api, path=f"{KEYS}?expires_on=2099-01-31", key=ssh_keygen.public(name="second"))
    sentence = refused(api, json={"key": ssh_keygen.public(name="third"), "expires_on": "2020-01-01T00:00:00Z"})

    assert first["expires_on"] == f"{tomorrow:%Y-%m-%dT%H:%M:%S}.000000+00:00"
    assert second["expires_on"] == "2099-01-31T00:00:00.000000+00:00"
    assert sentence == "The key would have expired already."


def test_a_key_belongs_to_one_person(api: Api) -> None:
    added(api, "bob", "/2.0/users/bob/ssh-keys")

    assert refused(api, json={"key": KEY}) == "Somebody else has that key already, and a key belongs to one person."


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "missing required field `key`"),
        ({"key": ""}, "length >= 1"),
        ({"key": 5}, "Expected `str`"),
        ({"key": "ssh-ed25519 AAAA"}, "The key is damaged"),
        ({"key": f"{KEY}\n{KEY}"}, "more than one line"),
        ({"key": KEY, "label": "x" * 256}, "length <= 255"),
        ({"key": KEY, "label": "a\u0000b"}, "the label contains a control character"),
        ({"key": KEY, "expires_on": "tomorrow"}, "expires_on is not a time"),
        ([], "Expected `object`"),
    ],
)
@pytest.mark.runs_on("SQLite")
def test_what_is_no_key_is_refused_and_adds_nothing(api: Api, body: Any, sentence: str) -> None:
    before = api.everything()

    assert sentence.lower() in refused(api, json=body).lower()
    assert api.everything() == before


@pytest.mark.runs_on("SQLite", "PostgreSQL")
@pytest.mark.parametrize("place", ["key", "label", "comment", "the whole body"])
def test_a_private_key_is_neither_stored_nor_told_nor_logged(
    api: Api, capfd: pytest.CaptureFixture[str], place: str
) -> None:
    private = ssh_keygen.private()
    before = api.everything()

    how: dict[str, Any] = {"content": private} if place == "the whole body" else {"json": {"key": KEY, place: private}}
    answer = api("alice", "POST", KEYS, **how)

    secret = private.splitlines()[1]
    attempts = api.attempts()
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("That is a private key, and nothing of it was kept")
    assert api.everything() == before
    assert [each["after"]["status"] for each in attempts] == [400]
    assert secret not in answer.text + str(attempts) + "".join(capfd.readouterr())


@pytest.mark.parametrize(("method", "scope"), [("GET", "account"), ("POST", "account:write"), ("PUT", "account:write")])
def test_a_limited_credential_needs_the_scope(api: Api, method: str, scope: str) -> None:
    key = api.operate(lambda work: ssh_keys.add(work, "alice", KEY))[1]
    api.add_token("alice", "other", {"repository:admin", "app-password:write", "journal"})
    path = f"{KEYS}/{key.id}" if method == "PUT" else KEYS

    answer = api(("alice", token("alice", "other")), method, path, json={"label": "x"} if method != "GET" else None)

    assert answer.status_code == 403
    assert answer.json()["error"]["detail"]["required"] == [scope]


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_a_refused_change_is_told_in_the_journal_of_whose_keys_they_are(api: Api) -> None:
    api("mallory", "POST", KEYS, json={"key": KEY})

    [attempt] = api.attempts()
    assert (attempt["account"], attempt["actor"]) == ("alice", "mallory")
    assert attempt["after"] == {"status": 403, "reason": "you may not manage this person's SSH keys"}
