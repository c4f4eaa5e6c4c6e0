"""`onebucket invitation`, and letters that documents ask for."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import cast
from commands import Command, done, refused
from onebucket import hashing
from onebucket.actions import outbox
from onebucket.store import schema
from onebucket.store.connect import connect
from schema_steps import back_to

KEY = b"k" * 32


def carried(folder: Path) -> dict[str, str]:
    """Carry the letters that wait; the secrets of their links, by address."""
    opened = connect(f"sqlite:///{folder}/onebucket.db")
    with closing(opened), opened.writing() as tx:
        parcels = outbox.claim(cast.operator(tx), lambda link_id: hashing.link_secret(KEY, link_id))
    return {parcel.letter.email: parcel.secret for parcel in parcels}


def resend(command: Command, email: str) -> None:
    [found] = command("invitation", "list", "--email", email, "--json").json
    assert command("invitation", "resend", found["id"]) == done(f"queued another e-mail to {email}\n")


def test_invitations_are_listed_for_people_and_for_programs(command: Command) -> None:
    [listed] = command("invitation", "list", "--account", "acme", "--json").json
    table = command("invitation", "list").out.splitlines()

    assert (listed["email"], listed["groups"], listed["letter"]) == (
        "carol@example.net",
        ["acme/designers"],
        "not-sent",
    )
    assert table[0].split() == ["E-MAIL", "TO", "INVITED", "BY", "SENT", "LETTER", "UNTIL"]
    assert table[1].startswith("carol@example.net  acme/designers  alice")
    assert command("invitation", "list", "--email", "nobody@example.net", "--json").json == []


def test_the_link_of_a_letter_is_accepted_for_whoever_has_the_address(command: Command, tmp_path: Path) -> None:
    command("user", "add", "carol", "--email", "carol@example.net")
    resend(command, "carol@example.net")
    secret = carried(tmp_path)["carol@example.net"]
    link = f"https://groups.example.com/invitations/{secret}"

    assert command("invitation", "accept", link, "--as", "bob") == refused(
        "the invitation is for an address that is not one of yours"
    )
    assert command("invitation", "accept", link, "--as", "carol") == done("carol has accepted: acme/designers\n")
    # One secret in 64 begins with a hyphen, as options do.
    assert command("invitation", "accept", "--as", "carol", "--", secret) == refused(
        "this link no longer works: it was used, withdrawn or replaced, or has expired"
    )
    assert command("invitation", "list", "--json").json == []
    events = [line.split("  ")[2] for line in command("journal", "--account", "acme").out.splitlines()]
    assert "invitation.accepted" in command("journal", "--account", "acme").out and events


def test_withdrawing_says_what_and_does_it(command: Command) -> None:
    withdraw = ("invitation", "withdraw", "acme", "carol@example.net")

    assert command(*withdraw, "--group", "developers") == refused("that address has no pending invitation there")
    assert command(*withdraw, "--repository", "rocket") == refused("that address has no pending invitation there")
    assert command(*withdraw, "--group", "designers", "--repository", "rocket") == refused(
        "--group and --repository exclude each other"
    )
    assert command(*withdraw, "--group", "designers") == done("withdrew the invitation of carol@example.net\n")
    assert command(*withdraw) == refused("that address has no pending invitation there")


def test_an_unknown_invitation_is_not_sent_again(command: Command) -> None:
    assert command("invitation", "resend", "nothing") == refused("that address has no pending invitation there")


DOCUMENT = """
onebucket: 1
teams:
  - username: acme
    invitations:
      - {email: carol@example.net, groups: [designers], invited_by: alice}
      - {email: eve@example.net, repository: rocket, permission: write, invited_by: alice}
"""


@pytest.mark.parametrize(("flags", "letters"), [((), []), (("--send-letters",), ["eve@example.net"])])
def test_applying_writes_to_those_who_are_invited_anew_when_told_to(
    command: Command, tmp_path: Path, flags: tuple[str, ...], letters: list[str]
) -> None:
    (tmp_path / "acme.yaml").write_text(DOCUMENT)

    applied = command("apply", "acme.yaml", *flags)

    assert applied.code == 0, applied.err
    assert sorted(carried(tmp_path)) == letters


def test_applying_for_a_look_writes_to_nobody(command: Command, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(DOCUMENT)

    command("apply", "acme.yaml", "--send-letters", "--dry-run")

    assert carried(tmp_path) == {}


def test_what_was_invited_before_there_were_links_can_be_sent(tmp_path: Path, cast_template: Path) -> None:
    """The step from the first schema keeps invitations, and gives them seven days from when they were made."""
    opened = cast.copy(cast_template, tmp_path)
    back_to(opened, "0001")

    assert schema.version(opened) == "0001"
    assert schema.bring_up_to_date(opened)
    opened.close()

    with closing(sqlite3.connect(tmp_path / "onebucket.db")) as connection:
        rows = connection.execute("SELECT email, expires_at - sent_at, link_id FROM invitations").fetchall()
    assert rows == [("carol@example.net", 7 * 86400 * 1_000_000, None)]
