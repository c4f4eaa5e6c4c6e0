"""The commands `user identities`, `user unlink` and `user sign-out`."""

from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.accounts import Name
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption


def list_identities(name: Name, json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List who a person is at the providers that they sign in with."""
    from onebucket.actions import identities

    with common.reading(database, data) as work:
        _, linked = identities.of_person(work, name)
    rows = [
        {
            "id": each.id,
            "provider": each.provider,
            "identity": each.shown,
            "issuer": each.issuer,
            "subject": each.subject,
            "linked_at": each.linked_at.isoformat(),
            "last_used_at": each.last_used_at.isoformat(),
        }
        for each in linked
    ]
    if json:
        common.show_json(rows)
        return
    columns = ("id", "provider", "identity", "last_used_at")
    common.show_table(["ID", "PROVIDER", "IDENTITY", "LAST USED"], [[str(row[key]) for key in columns] for row in rows])


def unlink_identity(
    name: Name,
    id: Annotated[str, typer.Argument(metavar="ID", help="The identity, as `user identities` lists it")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Unlink an identity of a person: it no longer signs them in, and sessions that began with its provider end."""
    from onebucket.actions import identities

    with common.writing(database, data) as work:
        unlinked = identities.unlink(work, name, id)
    common.show(f"unlinked {unlinked.shown} of {unlinked.provider}")


def sign_out(name: Name, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Sign a person out everywhere: end all their sessions. App passwords and keys stay."""
    from onebucket.actions import sessions

    with common.writing(database, data) as work:
        ended = sessions.end_all_of(work, name)
    common.show(f"ended {ended} session{'' if ended == 1 else 's'}")
