"""The command `directory`: what it prints, what it changes, and one sentence for each mistake."""

import pytest

from commands import Command, done, refused

URL = "http://127.0.0.1:8080/scim/directory/"


def test_directory_add_list_show_set_remove(command: Command) -> None:
    added = command("directory", "add", "acme", "--label", "okta", "--domain", "Acme.Example", "--json").json

    assert added["url"] == URL + added["id"]
    assert added["key"].startswith("obd_")
    assert (added["label"], added["domains"], added["adopt"]) == ("okta", ["acme.example"], False)
    assert command("directory", "list").out.splitlines()[1].split() == ["acme/okta", "0", "0", "1", "never"]

    changed = command("directory", "set", "acme/okta", "--label", "entra", "--no-domains", "--adopt")

    assert changed == done("changed acme/entra\n")
    shown = command("directory", "show", "acme/entra", "--json").json
    assert (shown["label"], shown["domains"], shown["adopt"]) == ("entra", [], True)
    assert "key" not in shown and added["key"] not in command("directory", "show", "acme/entra").out
    assert command("directory", "remove", "acme/entra", "--yes") == done("removed acme/entra\n")
    assert command("directory", "list", "acme", "--json").json == []


def test_two_keys_are_valid_at_once_and_the_older_one_can_be_revoked(command: Command) -> None:
    first = command("directory", "add", "acme", "--json").json
    second = command("directory", "rotate", "acme/scim", "--json").json
    assert second["keys"][0]["id"] == first["keys"][0]["id"]
    assert len(second["keys"]) == 2 and second["key"] != first["key"]

    third = command("directory", "rotate", "acme/scim")

    assert third == refused("2 keys are valid already: revoke the older one first")
    command("directory", "rotate", "acme/scim", "--end-old")
    assert [key["id"] for key in command("directory", "show", "acme/scim", "--json").json["keys"]] == [
        second["keys"][1]["id"]
    ]
    assert command("directory", "rotate", "acme/scim", "--end-old") == refused(
        "the directory has one key only: make the next one first"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "alice"), "alice is a person: only a team has a directory"),
        (("add", "nobody"), "there is no account 'nobody'"),
        (("add", "acme", "--label", "Our Okta"), "'Our Okta' can't be a directory's label"),
        (("add", "acme", "--domain", "acme"), "the domain of that e-mail address is not a domain name"),
        (("add", "acme", "--expires", "2001-01-01"), "that time has passed already"),
        (("show", "acme/okta"), "acme has no directory 'okta'"),
        (("show", "acme"), "'acme' is not TEAM/LABEL"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(command: Command, words: tuple[str, ...], sentence: str) -> None:
    told = command("directory", *words)

    assert told.code != 0
    assert sentence in told.err
