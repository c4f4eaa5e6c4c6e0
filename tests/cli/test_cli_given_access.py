"""`invite`, `access ends` and `access extend`: access until a moment, at the command line."""

from commands import Command, done, refused

GIVEN = ("invite", "acme", "gina", "--repository", "rocket", "--repository", "website", "--until", "2099-12-03")


def test_people_get_a_level_and_who_has_no_account_is_invited(command: Command) -> None:
    both = (*GIVEN[:3], "new@example.net", *GIVEN[3:])

    planned = command(*both, "--dry-run", "--json").json
    nothing = command("access", "ends", "acme", "--json").json
    unsaid = command(*both)
    told = command(*both, "--as", "alice")
    invited = command("invitation", "list", "--email", "new@example.net", "--json").json

    assert (planned["people"], planned["invited"], planned["dry_run"]) == (["gina"], ["new@example.net"], True)
    assert nothing == []
    assert unsaid == refused("new@example.net has no account: say who invites with --as USER")
    places, end = "acme/rocket, acme/website", "until 2099-12-03T23:59:59Z"
    assert told == done(f"gave gina read on {places} {end}\ninvited new@example.net with read to {places} {end}\n")
    assert {(each["repository"], each["until"][:10], each["letter"]) for each in invited} == {
        ("acme/rocket", "2099-12-03", "waiting"),
        ("acme/website", "2099-12-03", "waiting"),
    }


def test_ends_are_listed_and_moved(command: Command) -> None:
    command(*GIVEN)
    of_gina = ("access", "extend", "acme", "privilege")

    table = command("access", "ends", "acme").out.splitlines()
    moved = command(*of_gina, "rocket", "gina", "--until", "2099-12-24")
    freed = command(*of_gina, "website", "gina", "--until", "never")
    left = command("access", "ends", "acme", "--json").json

    assert table[0].split() == ["KIND", "PLACE", "HOLDER", "LEVEL", "UNTIL", "GIVEN", "BY"]
    assert table[1].split() == ["privilege", "rocket", "gina", "read", "2099-12-03T23:59:59Z"]
    assert moved == done("what gina has on rocket ends at 2099-12-24\n")
    assert freed == done("what gina has on website never ends\n")
    assert [(each["place"], each["until"]) for each in left] == [("rocket", "2099-12-24T23:59:59Z")]
    assert command(*of_gina, "rocket", "bob", "--until", "2099-12-24") == refused(
        "bob has nothing on rocket any more: it has ended or was taken away; give it again"
    )
    assert command("access", "extend", "acme", "it", "rocket", "bob", "--until", "never").err.startswith(
        "onebucket: the kind is one of member, "
    )
