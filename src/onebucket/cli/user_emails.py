"""The commands `user email list`, `add`, `remove` and `primary`."""

from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.accounts import Name
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption

user_email = typer.Typer(no_args_is_help=True, help="A person's e-mail addresses: list, add, remove, primary.")
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address")]


@user_email.command("list")
def list_addresses(name: Name, json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List a person's addresses, and those that they haven't confirmed yet."""
    from onebucket.actions import emails

    with common.reading(database, data) as work:
        found = emails.of_person(work, name)
    rows = [
        *({"address": each.address, "is_primary": each.is_primary, "is_confirmed": True} for each in found.confirmed),
        *({"address": each.email, "is_primary": False, "is_confirmed": False} for each in found.waiting),
    ]
    if json:
        common.show_json(rows)
        return
    labels = {"is_primary": ("primary", ""), "is_confirmed": ("", "not confirmed")}
    common.show_table(["ADDRESS", ""], [[str(row["address"]), common.flags(row, labels)] for row in rows])


@user_email.command("add")
def add_address(name: Name, address: Address, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Add an address to a person as a confirmed one. Their other addresses are told by e-mail."""
    from onebucket.actions import emails

    with common.writing(database, data) as work:
        added = emails.add(work, name, address)
    common.show(f"added {added.address}{', the primary address' if added.is_primary else ''}")


@user_email.command("remove")
def remove_address(name: Name, address: Address, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Remove an address from a person, except the primary one."""
    from onebucket.actions import emails

    with common.writing(database, data) as work:
        emails.end(work, name, address)
    common.show(f"removed {address}")


@user_email.command("primary")
def make_primary(name: Name, address: Address, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Make one of a person's addresses the primary one, which e-mails go to."""
    from onebucket.actions import emails

    with common.writing(database, data) as work:
        emails.make_primary(work, name, address)
    common.show(f"{address} is the primary address now")
