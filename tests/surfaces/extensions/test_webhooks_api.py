"""Webhooks over the API: secrets are shown once, bad input is a sentence, and nobody learns of another account's."""

from typing import Any

import pytest

from cast import KEY, Api, token
from onebucket import hashing
from onebucket.actions import webhooks

pytestmark = pytest.mark.runs_on("SQLite", "both")

ACME = "/api/webhooks/acme"
URL = "https://hooks.example.com/x"


def made(api: Api, **wanted: Any) -> dict[str, Any]:
    answer = api("alice", "POST", ACME, json={"url": URL, "events": ["group.added"], **wanted})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_secret_is_told_once_and_kept_nowhere(api: Api) -> None:
    new = made(api, label=" ci ")
    address = f"{ACME}/{new['id']}"

    shown = api("alice", "GET", address).json()
    rotated = api("alice", "POST", f"{address}/secret").json()

    assert shown == {name: value for name, value in new.items() if name != "secret"}
    assert api("alice", "GET", ACME).json()[0]["label"] == "ci"
    assert new["secret"].startswith(hashing.WEBHOOK_PREFIX) and rotated["secret"] != new["secret"]
    assert rotated["old_secret_until"] is not None
    [webhook] = api.operate(lambda work: webhooks.of_account(work, "acme")[1])
    assert rotated["secret"] == hashing.webhook_secret(KEY, webhook.secret_id)
    assert not any(each["secret"].removeprefix(hashing.WEBHOOK_PREFIX) in api.everything() for each in (new, rotated))
    assert [entry[1] for entry in api.journal()] == ["webhook.added", "webhook.rotated"]


def test_it_is_changed_switched_tested_and_deleted(api: Api) -> None:
    address = f"{ACME}/{made(api)['id']}"
    changed = api("alice", "PUT", address, json={"events": ["member.removed", "member.added"], "active": False}).json()

    assert (changed["events"], changed["active"], changed["label"]) == (
        ["member.added", "member.removed"], False, "hooks.example.com",
    )  # fmt: skip
    assert api("alice", "POST", f"{address}/ping").status_code == 409
    assert api("alice", "PUT", address, json={"active": True}).json()["active"]
    sent = [api("alice", "POST", f"{address}/ping").json() for _ in range(3)]
    assert [each["state"] for each in sent] == ["waiting"] * 3 and '"event":"ping"' in sent[0]["body"]
    first = api("alice", "GET", f"{address}/deliveries?limit=2").json()
    rest = api("alice", "GET", f"{address}/deliveries?limit=2&before={first['next']}").json()
    assert [each["id"] for each in first["deliveries"] + rest["deliveries"]] == [each["id"] for each in sent[::-1]]
    assert rest["next"] is None
    assert api("alice", "DELETE", address).status_code == 204
    assert api("alice", "GET", address).status_code == 404


BAD: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://169.254.169.254/"}, "no public address"),
    ({"url": "http://[::ffff:10.0.0.1]/"}, "no public address"),
    ({"url": "http://2130706433/"}, "four numbers"),
    ({"url": "https://alice:secret@example.com/"}, "user or a password"),
    ({"url": "ftp://example.com/"}, "must begin with https://"),
    ({"url": "https://example.com/\r\nX-Evil: 1"}, "ASCII without spaces"),
    ({"url": f"https://example.com/{'x' * 2000}"}, ""),
    ({"events": []}, ""),
    ({"events": ["session.began"]}, "can't have the event"),
    # URLs of webhooks are often secrets.
    ({"events": ["webhook.added"]}, "can't have the event"),
    ({"events": ["nothing"]}, "can't have the event"),
    ({"label": "a\nb"}, "control character"),
    ({"label": "\u202eevil"}, "control character"),
    ({"events": "member.added"}, ""),
]


def test_bad_input_is_refused_with_a_sentence(api: Api) -> None:
    address = f"{ACME}/{made(api)['id']}"

    for wanted, sentence in BAD:
        answers = [
            api("alice", "POST", ACME, json={"url": URL, "events": ["*"]} | wanted),
            api("alice", "PUT", address, json=wanted),
        ]

        assert [each.status_code for each in answers] == [400, 400], wanted
        assert all(sentence in each.text for each in answers), wanted
    assert [entry[1] for entry in api.journal()] == ["webhook.added"]


def test_an_account_has_a_limit(api: Api) -> None:
    for _ in range(20):
        made(api)

    refused = api("alice", "POST", ACME, json={"url": URL, "events": ["*"]})

    assert (refused.status_code, "20 webhooks already" in refused.text) == (409, True)


def test_a_webhook_of_another_account_is_not_found_by_its_id(api: Api) -> None:
    id = made(api)["id"]

    answers = [api("gina", "GET", f"/api/webhooks/{account}/{id}").status_code for account in ("globex", "acme")]

    assert answers == [404, 403]


def test_a_credential_needs_the_scope_of_either_family(api: Api) -> None:
    for kind, scopes in {"hooks": {"webhook"}, "reads": {"read:webhook:bitbucket"}, "none": {"account:write"}}.items():
        api.add_token("alice", kind, scopes)

    def status(kind: str, method: str) -> int:
        how: dict[str, Any] = {"json": {"url": URL, "events": ["*"]}} if method == "POST" else {}
        return api(("alice", token("alice", kind)), method, ACME, **how).status_code

    assert [status("hooks", each) for each in ("GET", "POST")] == [200, 200]
    assert [status("reads", each) for each in ("GET", "POST")] == [200, 403]
    assert [status("none", each) for each in ("GET", "POST")] == [403, 403]
