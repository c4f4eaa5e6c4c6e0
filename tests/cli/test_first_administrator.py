"""The first site administrator can be made as long as there is none, whoever else is there already."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import Page
from checkout import TOP
from commands import Command, runner
from live import Live

FORM = {"username": "ada", "email": "ada@example.com", "password": "engines of difference"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return runner(tmp_path, monkeypatch, capsys)


def links(running: Live) -> list[str]:
    return re.findall(rf"first one: {running.base}(/setup/\S+)$", running.output(), re.MULTILINE)


@pytest.mark.subprocess
def test_the_first_lines_of_installing_work_in_their_order(server: Live) -> None:
    lines = (TOP / "docs" / "install.md").read_text().split("## From a clone")[1].split("\n## ")[0]
    commands = [line.split()[2:] for line in lines.splitlines() if line.strip().startswith("./dev onebucket")]
    assert [command[0] for command in commands] == ["user", "team", "token"]
    for command in commands:
        assert server.run(*command).returncode == 0

    (link,) = links(server)
    with server.client(None) as client:
        token = Page(client.get(link)).inputs["form_token"]["value"]
        assert "Welcome, ada" in Page(client.post(link, data=FORM | {"form_token": token})).text
        assert client.get(link).status_code == 404

    server.stop()
    server.start()
    assert links(server) == []


@pytest.mark.subprocess
def test_a_server_with_people_and_no_administrator_offers_a_link_at_each_start(server: Live) -> None:
    server.run("user", "add", "bob", "--email", "bob@example.com")
    old = links(server)

    server.stop()
    server.start()

    (link,) = links(server)
    assert [link] != old
    assert server(None, "GET", link).status_code == 200
    assert "There is no site administrator yet" in server(None, "GET", "/").text

    server.run("user", "admin", "bob")

    assert server(None, "GET", link).status_code == 404
    assert "There is no site administrator yet" not in server(None, "GET", "/").text


def test_a_command_gives_and_takes_and_keeps_the_last_one(run: Command) -> None:
    for name in ("alice", "bob"):
        run("user", "add", name, "--email", f"{name}@example.com")

    assert run("user", "admin", "alice").out == "alice is a site administrator\n"
    last = run("user", "admin", "alice", "--remove")
    assert (last.code, last.err) == (
        1,
        "onebucket: alice is the last site administrator: make somebody else one first\n",
    )
    run("user", "admin", "bob")
    assert run("user", "admin", "alice", "--remove").out == "alice is no longer a site administrator\n"

    admins = {each["username"] for each in run("user", "list", "--json").json if each["site_admin"]}
    assert admins == {"bob"}
    assert run("journal").out.count("user.changed") == 3


def test_one_who_is_disabled_is_no_other(run: Command) -> None:
    for name in ("alice", "bob"):
        run("user", "add", name, "--email", f"{name}@example.com", "--admin")
    run("user", "disable", "bob")

    assert run("user", "admin", "alice", "--remove").code == 1


def test_a_document_can_replace_the_only_one_in_whatever_order_and_not_take_the_last(run: Command) -> None:
    run("user", "add", "alice", "--email", "alice@example.com", "--admin")
    text = "onebucket: 1\nusers:\n- {username: alice, site_admin: false}\n"

    refused = run("apply", "-", given=text)
    assert (refused.code, "users/alice: alice is the last site administrator" in refused.err) == (1, True)

    more = "- {username: bob, email: bob@example.com, site_admin: true}\n"
    assert run("apply", "-", given=text + more).code == 0


def test_doctor_says_when_there_is_none(run: Command) -> None:
    run("user", "add", "alice", "--email", "alice@example.com")
    sick = run("doctor")
    assert sick.code == 1
    assert "WRONG  there is no active site administrator\n       Make one: onebucket user admin NAME" in sick.out

    run("user", "admin", "alice")
    assert "ok     there is an active site administrator" in run("doctor").out


@pytest.mark.subprocess
def test_a_password_in_the_environment_takes_nobodys_name(tmp_path: Path, run: Command) -> None:
    run("user", "add", "admin", "--email", "admin@example.com")

    with Live(tmp_path, admin_password="from the environment") as running:
        assert "user admin admin" in running.output()
        assert running(("admin", "from the environment"), "GET", "/1.0/groups").status_code == 401
