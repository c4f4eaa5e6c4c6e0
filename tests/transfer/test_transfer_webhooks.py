"""Webhooks in account documents: added, found again, changed, removed and exported, without their secrets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cast import Api
from commands import Command, runner
from onebucket.actions import webhooks
from onebucket.domain.refusals import Conflict, Invalid
from onebucket.domain.removal_limits import RemovalLimit
from onebucket.domain.webhooks import MOST_WEBHOOKS
from onebucket.transfer import apply, document, export, removal_limit
from onebucket.transfer.document import Document
from onebucket.transfer.source_tree import UnreadableDocument

HOOK = {"url": "https://ci.example.com/hook", "label": "ci", "events": ["member.removed", "member.added"]}
CHAT = {"url": "https://chat.example.com/secret"}

pytestmark = pytest.mark.runs_on("SQLite")


def acme(*hooks: dict[str, Any]) -> Document:
    team = {"username": "acme", "webhooks": hooks}
    return document.read(msgspec.json.encode({"onebucket": 1, "teams": [team]}), source="here")


def applied(api: Api, *documents: Document, prune: bool = False) -> list[str]:
    """Apply documents; return the events of what they changed."""

    def run(work: Any) -> list[str]:
        apply.apply(work, documents, prune=prune)
        return [entry.event.value for entry in work.entries]

    events: list[str] = api.operate(run)
    return events


def listed(api: Api) -> list[tuple[Any, ...]]:
    found = api.operate(lambda work: webhooks.of_account(work, "acme")[1])
    return [(each.url, each.label, each.events, each.is_active) for each in found]


def exported(api: Api) -> str:
    text: str = api.operate(lambda work: document.write(export.export(work, ["acme"], with_secrets=True), "yaml"))
    return text


@pytest.mark.runs_on("SQLite", "PostgreSQL")
def test_they_are_added_once_changed_and_removed(api: Api) -> None:
    first, again = (applied(api, acme(HOOK, CHAT), prune=True) for _ in range(2))
    made = listed(api)
    changed = applied(api, acme(HOOK | {"label": "build", "active": False}, CHAT | {"events": ["team.changed"]}))
    after = listed(api)
    kept = applied(api, acme(HOOK | {"label": "build"}))
    pruned = applied(api, acme(HOOK | {"label": "build"}), prune=True)

    assert (first, again) == (["webhook.added"] * 2, [])
    assert made == [
        (HOOK["url"], "ci", ("member.added", "member.removed"), True),
        (CHAT["url"], "chat.example.com", ("*",), True),
    ]
    assert changed == ["webhook.changed"] * 2
    assert after == [
        (HOOK["url"], "build", ("member.added", "member.removed"), False),
        (CHAT["url"], "chat.example.com", ("team.changed",), True),
    ]
    assert (kept, pruned) == ([], ["webhook.removed"])
    assert [url for url, *_ in listed(api)] == [HOOK["url"]]


def test_an_export_changes_nothing_even_where_two_are_alike_and_holds_no_secret(api: Api) -> None:
    twins = [CHAT | {"events": [event]} for event in ("member.added", "member.removed", "member.added")]
    applied(api, acme(*twins, HOOK | {"active": False}))
    before, text = listed(api), exported(api)

    again = applied(api, document.read(text, source="here"), prune=True)
    fewer = applied(api, acme(twins[1]), prune=True)

    assert (again, len(before)) == ([], 4)
    assert "whsec_" not in text and "secret_id" not in text
    assert (fewer, [events for _, _, events, _ in listed(api)]) == (["webhook.removed"] * 3, [("member.removed",)])


def test_a_document_without_the_key_leaves_them_alone_and_one_with_none_removes_them(api: Api) -> None:
    applied(api, acme(HOOK))

    without = applied(api, document.read(b"onebucket: 1\nteams: [{username: acme}]", source="here"), prune=True)
    none = applied(api, acme(), prune=True)

    assert (without, none) == ([], ["webhook.removed"])


def test_several_documents_are_joined(api: Api) -> None:
    events = applied(api, acme(HOOK), acme(CHAT), acme(HOOK | {"active": False}))

    assert events == ["webhook.added"] * 2
    assert [active for *_, active in listed(api)] == [False, True]


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        ({"url": "http://127.0.0.1/"}, "teams/acme webhooks/http://127.0.0.1/: "),
        ({"url": "https://user:secret@example.com/"}, "teams/acme webhooks/"),
        ({"url": "https://ci.example.com/", "events": []}, "choose at least one event"),
    ],
)
def test_what_no_webhook_may_be_is_refused_with_its_place(api: Api, hook: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        applied(api, acme(hook))

    assert sentence in refused.value.sentence
    assert listed(api) == []


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        ({"url": "https://ci.example.com/", "events": ["sign-in.failed"]}, "a webhook can't have the event"),
        ({"url": "https://ci.example.com/", "secret": "whsec_x"}, "there is no key 'secret' in a webhook"),
        ({"label": "ci"}, "a webhook needs the key 'url'"),
    ],
)
def test_what_no_document_may_say_is_refused_with_its_line(hook: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnreadableDocument, match=sentence):
        acme(hook)


def test_they_count_as_removals_and_have_their_limit(api: Api) -> None:
    hooks = [CHAT | {"label": f"chat {number}"} for number in range(MOST_WEBHOOKS)]
    applied(api, acme(*hooks))

    with pytest.raises(Conflict, match="20 webhooks already"):
        applied(api, acme(*hooks, HOOK))
    with pytest.raises(removal_limit.TooManyRemovals, match=r"removes 20 of .* of acme"):
        api.operate(lambda work: apply.apply(work, [acme()], prune=True, cap=RemovalLimit(1, in_hundred=False)))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The commands, in a folder with the document `acme.yaml`."""
    (tmp_path / "acme.yaml").write_text(
        "onebucket: 1\nteams: [{username: acme, webhooks: [{url: https://ci.example.com/}]}]"
    )
    return runner(tmp_path, monkeypatch, capsys)


def test_the_command_shows_each_new_secret_once_and_tells_drift(run: Command) -> None:
    rehearsed = run("apply", "acme.yaml", "--dry-run", "--exit-code")
    made = run("apply", "acme.yaml")
    again = run("apply", "acme.yaml")
    [hook] = run("webhook", "list", "acme", "--json").json
    run("webhook", "off", "acme", hook["id"])
    run("webhook", "add", "acme", "https://other.example.com/")
    (Path("acme.yaml")).write_text(Path("acme.yaml").read_text().replace("com/}", "com/, active: true}"))
    drift = run("apply", "acme.yaml", "--prune", "--max-removals", "9", "--dry-run", "--exit-code")

    assert (rehearsed.code, "whsec_" in rehearsed.out) == (2, False)
    assert "+ webhook acme/ci.example.com" in made.out
    assert made.out.count("secret of the webhook ci.example.com of acme: whsec_") == 1
    assert "not shown again" in made.err
    assert (again.code, "whsec_" in again.out, "nothing to change" in again.out) == (0, False, True)
    assert drift.code == 2
    assert "~ webhook acme/ci.example.com: active false → true" in drift.out
    assert "- webhook acme/other.example.com" in drift.out
