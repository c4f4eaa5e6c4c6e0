"""Which database a command is about: one that reads makes none, one that changes something names it."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from commands import Command
from onebucket.cli.common import Use
from onebucket.cli.root import root

DOCUMENT = "onebucket: 1\nusers: [{username: bob, email: bob@example.com}]\n"

# What each command does with the database, and how it can be asked for it.
COMMANDS: dict[str, tuple[Use | None, str]] = {
    "apply": (Use.MAKES, "apply -y people.yaml"),
    "backup": (Use.READS, "backup new.sqlite"),
    # They start or answer another program, and keep nothing in a database.
    "ca": (None, "ca"),
    "double": (None, "double"),
    "run": (None, "run -- true"),
    "check": (Use.READS, "check bob acme/rocket read"),
    "consumer add": (Use.CHANGES, "consumer add alice --label x --scope account"),
    "consumer list": (Use.READS, "consumer list"),
    "consumer revoke": (Use.CHANGES, "consumer revoke x"),
    "directory add": (Use.CHANGES, "directory add acme"),
    "directory list": (Use.READS, "directory list"),
    "directory remove": (Use.CHANGES, "directory remove acme/okta --yes"),
    "directory rotate": (Use.CHANGES, "directory rotate acme/okta"),
    "directory set": (Use.CHANGES, "directory set acme/okta --adopt"),
    "directory show": (Use.READS, "directory show acme/okta"),
    # It says what is wrong, of which this may be a part.
    "doctor": (None, "doctor"),
    "export": (Use.READS, "export"),
    "group keep": (Use.CHANGES, "group keep acme/designers --remove"),
    # It makes one, when a host has answered: tests/transfer/test_bitbucket_import.py.
    "import bitbucket": (None, "import bitbucket acme"),
    "import csv": (Use.CHANGES, "import csv people.csv --team acme"),
    "import peribolos": (Use.MAKES, "import peribolos folder"),
    "invitation accept": (Use.CHANGES, "invitation accept x --as bob"),
    "invitation list": (Use.READS, "invitation list"),
    "invitation resend": (Use.CHANGES, "invitation resend x"),
    "invitation withdraw": (Use.CHANGES, "invitation withdraw acme x@example.com"),
    "journal": (Use.READS, "journal"),
    "access changes": (Use.READS, "access changes acme"),
    "letter list": (Use.READS, "letter list"),
    "letter retry": (Use.CHANGES, "letter retry x"),
    "mirror diff": (Use.READS, "mirror diff"),
    "mirror follow": (Use.CHANGES, "mirror follow"),
    "mirror forget": (Use.CHANGES, "mirror forget cloud"),
    "mirror list": (Use.READS, "mirror list"),
    # They look for the mirror in onebucket.toml first.
    "mirror pause": (None, "mirror pause"),
    "mirror resume": (None, "mirror resume"),
    "mirror status": (Use.READS, "mirror status"),
    "mirror run": (Use.CHANGES, "mirror run"),
    "openapi": (None, "openapi"),
    "invite": (Use.CHANGES, "invite acme bob --repository rocket"),
    "access ends": (Use.READS, "access ends acme"),
    "access extend": (Use.CHANGES, "access extend acme member designers bob --until 2099-12-31"),
    "project add": (Use.CHANGES, "project add acme/OPS"),
    "project change": (Use.CHANGES, "project change acme/PROJ --name Ships"),
    "project delete": (Use.CHANGES, "project delete acme/PROJ"),
    "project grant": (Use.CHANGES, "project grant acme/PROJ read --group designers"),
    "project list": (Use.READS, "project list acme"),
    "project revoke": (Use.CHANGES, "project revoke acme/PROJ --group designers"),
    "project show": (Use.READS, "project show acme/PROJ"),
    "repo add": (Use.CHANGES, "repo add acme/rocket"),
    "repo delete": (Use.CHANGES, "repo delete acme/rocket"),
    "repo list": (Use.READS, "repo list acme"),
    "repo move": (Use.CHANGES, "repo move acme/rocket PROJ"),
    "request deny": (Use.CHANGES, "request deny x no"),
    "request grant": (Use.CHANGES, "request grant x"),
    "request list": (Use.READS, "request list acme"),
    "restore": (Use.MAKES, "restore backup.sqlite"),
    "restored": (Use.CHANGES, "restored monday.dump"),
    "session": (Use.CHANGES, "session bob"),
    "review answer": (Use.CHANGES, "review answer acme x 1"),
    "review close": (Use.CHANGES, "review close acme x --yes"),
    "review list": (Use.READS, "review list acme"),
    "review remind": (Use.CHANGES, "review remind acme x"),
    "review show": (Use.READS, "review show acme x"),
    "review start": (Use.CHANGES, "review start acme --until 2099-01-01"),
    "serve": (Use.SERVES, "serve"),
    "ssh-key add": (Use.CHANGES, "ssh-key add bob -"),
    "ssh-key list": (Use.READS, "ssh-key list bob"),
    "ssh-key remove": (Use.CHANGES, "ssh-key remove bob x"),
    "team add": (Use.CHANGES, "team add acme --admin alice"),
    "team delete": (Use.CHANGES, "team delete acme"),
    "team list": (Use.READS, "team list"),
    "team rename": (Use.CHANGES, "team rename acme bcme"),
    "token add": (Use.CHANGES, "token add bob --scope account"),
    "token list": (Use.READS, "token list bob"),
    "token revoke": (Use.CHANGES, "token revoke x"),
    "webhook add": (Use.CHANGES, "webhook add acme https://hooks.example.com/"),
    "webhook deliveries": (Use.READS, "webhook deliveries acme x"),
    "webhook list": (Use.READS, "webhook list acme"),
    "webhook off": (Use.CHANGES, "webhook off acme x"),
    "webhook on": (Use.CHANGES, "webhook on acme x"),
    "webhook ping": (Use.CHANGES, "webhook ping acme x"),
    "webhook remove": (Use.CHANGES, "webhook remove acme x"),
    "webhook resend": (Use.CHANGES, "webhook resend acme x y"),
    "webhook rotate": (Use.CHANGES, "webhook rotate acme x"),
    "user admin": (Use.CHANGES, "user admin bob"),
    "user add": (Use.MAKES, "user add bob --email bob@example.com"),
    "user delete": (Use.CHANGES, "user delete bob --yes"),
    "user disable": (Use.CHANGES, "user disable bob"),
    "user email add": (Use.CHANGES, "user email add bob bob@example.org"),
    "user email list": (Use.READS, "user email list bob"),
    "user email primary": (Use.CHANGES, "user email primary bob bob@example.com"),
    "user email remove": (Use.CHANGES, "user email remove bob bob@example.com"),
    "user enable": (Use.CHANGES, "user enable bob"),
    "user factors": (Use.READS, "user factors bob"),
    "user identities": (Use.READS, "user identities bob"),
    "user offboard": (Use.CHANGES, "user offboard bob --yes"),
    "user remove-factor": (Use.CHANGES, "user remove-factor bob phone"),
    "user sign-out": (Use.CHANGES, "user sign-out bob"),
    "user unlink": (Use.CHANGES, "user unlink bob x"),
    "user list": (Use.READS, "user list"),
    "user rename": (Use.CHANGES, "user rename bob robert"),
    "user password": (Use.CHANGES, "user password bob --password-stdin"),
}
NEEDING = [name for name, (use, _) in COMMANDS.items() if use in (Use.READS, Use.CHANGES)]


def every(command: click.Command, name: str = "") -> Iterator[str]:
    if isinstance(command, click.Group) or hasattr(command, "commands"):
        for word, each in command.commands.items():
            yield from every(each, f"{name} {word}".strip())
    else:
        yield name


def test_every_command_is_one_that_reads_or_one_that_writes() -> None:
    assert sorted(every(typer.main.get_command(root))) == sorted(COMMANDS)


@pytest.mark.parametrize("name", NEEDING)
def test_a_command_that_needs_a_database_makes_none_and_names_the_one_it_looked_for(
    command: Command, tmp_path: Path, name: str
) -> None:
    line = COMMANDS[name][1]

    told = command(*line.split(), "--data", tmp_path / "elsewhere", given="a new password")

    # `check` answers no with 1, and everything else with 2.
    assert told.code == (2 if name == "check" else 1), told
    assert told.err.startswith(f"onebucket: there is no database at {tmp_path}/elsewhere/onebucket.db; ")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", [name for name, (use, _) in COMMANDS.items() if use is Use.MAKES])
def test_a_command_that_makes_a_database_says_so_and_names_it_when_it_is_there(
    command: Command, tmp_path: Path, name: str
) -> None:
    command("backup", "backup.sqlite")
    (tmp_path / "people.yaml").write_text(DOCUMENT)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/org.yaml").write_text("name: acme\nadmins: [alice]\n")
    line = [*COMMANDS[name][1].split(), "--data", tmp_path / "elsewhere"]

    made, again = command(*line), command(*line)

    assert (made.code, made.database) == (0, f"made the database {tmp_path}/elsewhere/onebucket.db\n"), made
    # To add the same person again is refused.
    assert again.code == (name == "user add")
    assert again.database == ("" if again.code else f"in the database {tmp_path}/elsewhere/onebucket.db\n")


def test_a_change_names_the_database_it_was_made_in(command: Command, tmp_path: Path) -> None:
    told = [command("user", "disable", "bob"), command("team", "rename", "acme", "bcme"), command("user", "list")]

    assert [each.database for each in told] == [f"in the database {tmp_path}/onebucket.db\n"] * 2 + [""]


def test_to_look_at_what_would_be_done_makes_no_database(command: Command, tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(DOCUMENT)

    told = command("apply", "--dry-run", "people.yaml", "--data", tmp_path / "elsewhere")

    assert (told.code, "+ user bob" in told.out) == (0, True), told
    assert not (tmp_path / "elsewhere").exists()
