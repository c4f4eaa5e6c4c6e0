"""The commands `user email` and `user sign-out`, and the sentence for each refusal."""

from commands import Command, done, refused


def test_addresses_are_added_listed_made_primary_and_removed(command: Command) -> None:
    assert command("user", "email", "add", "bob", "bob@corp.example") == done("added bob@corp.example\n")
    assert command("user", "email", "primary", "bob", "bob@corp.example") == done(
        "bob@corp.example is the primary address now\n"
    )
    rows = command("user", "email", "list", "bob", "--json").json

    assert rows[0] == {"address": "bob@corp.example", "is_primary": True, "is_confirmed": True}
    assert {"address": "bob@example.com", "is_primary": False, "is_confirmed": True} in rows
    assert "bob@corp.example  primary" in command("user", "email", "list", "bob").out
    assert command("user", "email", "remove", "bob", "bob@example.com") == done("removed bob@example.com\n")
    assert {row["address"] for row in command("user", "email", "list", "bob", "--json").json} == {
        row["address"] for row in rows if row["address"] != "bob@example.com"
    }


def test_refusals_change_nothing(command: Command) -> None:
    before = command("user", "email", "list", "bob", "--json").json

    assert command("user", "email", "add", "bob", "bob@example.com") == refused("that is an address of bob already")
    assert command("user", "email", "add", "bob", "Alice@Example.com").code == 1
    assert command("user", "email", "add", "bob", "nothing").code == 1
    assert command("user", "email", "add", "acme", "a@example.com") == refused("acme is a team, not a person")
    assert command("user", "email", "remove", "bob", "bob@example.com") == refused(
        "that is the primary address, which gets e-mails: make another one primary first"
    )
    assert command("user", "email", "primary", "bob", "dora@example.com") == refused("that is not an address of bob")
    assert command("user", "sign-out", "nobody") == refused("there is no user 'nobody'")

    assert command("user", "email", "list", "bob", "--json").json == before


def test_a_person_without_sessions_has_none_to_end(command: Command) -> None:
    assert command("user", "sign-out", "bob") == done("ended 0 sessions\n")
