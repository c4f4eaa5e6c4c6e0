"""What Windows' tools and other people's habits put into bodies, files and settings is taken."""

import json
from pathlib import Path

import pytest

from commands import Command, runner
from live import Live
from onebucket import settings
from onebucket.transfer import document
from onebucket.wire import request_body

MARK = "\ufeff"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return runner(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("body", ['{"name": "Crew"}', "name=Crew"])
def test_a_byte_order_mark_before_fields_is_passed_over(body: str) -> None:
    assert request_body.fields((MARK + body).encode(), None).text("name") == "Crew"


def test_a_byte_order_mark_before_a_word_is_passed_over() -> None:
    assert request_body.word(f"{MARK}write\r\n".encode()) == "write"
    assert request_body.word(MARK.encode()) == ""


@pytest.mark.subprocess
def test_every_json_body_may_begin_with_one(tmp_path: Path) -> None:
    with Live(tmp_path) as running:
        running.run("user", "add", "ann", "--email", "ann@example.com", "--password-stdin", given="ann's own password")
        running.run("team", "add", "acme", "--admin", "ann")
        running.run("repo", "add", "acme/rocket")
        me, type = ("ann", "ann's own password"), {"Content-Type": "application/json"}

        def sent(method: str, path: str, value: object) -> int:
            body = (MARK + json.dumps(value)).encode()
            return running(me, method, path, content=body, headers=type).status_code

        assert sent("POST", "/1.0/groups/acme", {"name": "Crew"}) == 200
        assert sent("PUT", "/1.0/groups/acme/crew", {"name": "Crew", "permission": "read"}) == 200
        assert sent("POST", "/api/access", [{"user": "ann", "repository": "acme/rocket", "level": "read"}]) == 200
        assert sent("POST", "/api/tokens", {"label": "ci", "scopes": ["account"]}) == 200


def test_files_may_begin_with_one(run: Command, tmp_path: Path) -> None:
    text = '{"onebucket": 1, "users": [{"username": "ann", "email": "ann@example.com"}]}'
    assert document.read((MARK + text).encode(), source="a").users[0].username == "ann"
    assert run("apply", "-", given=MARK + text).code == 0
    assert run("user", "password", "ann", "--password-stdin", given=f"{MARK}a long password\r\n").code == 0

    (tmp_path / "onebucket.toml").write_text(f'{MARK}realm = "Acme"\n', encoding="utf-8")
    assert settings.load(environment={}, folder=tmp_path).realm == "Acme"

    heads = tmp_path / "heads"
    heads.write_text(MARK + run("journal", "--verify").out, encoding="utf-8")
    assert run("journal", "--verify", "--expect", heads).code == 0


# What has a third word beside on and off.
_THREE_WORDS = ("cross_workspace_lists", "passwords")
SWITCHES = ["query_token", "oauth_password_grant", "sqlite_wal_index"]


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize(("words", "value"), [("on true True YES yes 1", True), ("off false FALSE No 0", False)])
def test_a_switch_is_taken_however_it_is_said(tmp_path: Path, name: str, words: str, value: bool) -> None:
    for word in words.split():
        environment = {f"ONEBUCKET_{name.upper()}": word, "ONEBUCKET_DATA": str(tmp_path)}
        assert getattr(settings.load(environment=environment, folder=tmp_path), name) == value

    (tmp_path / "onebucket.toml").write_text(f"{name} = {'true' if value else 'false'}\n")
    assert getattr(settings.load(environment={}, folder=tmp_path), name) == value


def test_every_setting_that_is_on_or_off_is_a_switch() -> None:
    switches = [
        setting.name
        for setting in settings.SETTINGS
        if setting.default in ("on", "off") and setting.name not in _THREE_WORDS
    ]

    assert switches == SWITCHES
    for setting in settings.SETTINGS:
        if setting.name in switches:
            assert setting.read("yes") is True
            with pytest.raises(ValueError, match="must be on or off"):
                setting.read("perhaps")
