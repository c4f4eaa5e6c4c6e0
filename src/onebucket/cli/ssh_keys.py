"""The command `ssh-key`: SSH keys of people."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption
from onebucket.domain.ssh_keys import LONGEST_LINE, SshKey

ssh_key = typer.Typer(help="SSH keys of people: add, list, remove.", no_args_is_help=True)

Person = Annotated[str, typer.Argument(metavar="USER", help="Whose")]


@ssh_key.command("add")
def add_key(
    person: Person,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The public key: a file that ends in .pub, or -")],
    label: Annotated[str, typer.Option("--label", metavar="L", help="Where the key is", show_default=False)] = "",
    expires: Annotated[str, typer.Option("--expires", metavar="90d", help="A span or a date", show_default=False)] = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add a public key to a person. A key belongs to one person."""
    from onebucket.actions import ssh_keys

    text = _read(file)
    with common.writing(database, data) as work:
        expires_at = common.moment(expires, now=work.at, ahead=True) if expires else None
        owner, key = ssh_keys.add(work, person, text, label=label, expires_at=expires_at)
    if json:
        common.show_json(_row(key))
        return
    common.show(f"added {key.fingerprint} to {owner.username}")


@ssh_key.command("list")
def list_keys(person: Person, json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List a person's SSH keys."""
    from onebucket.actions import ssh_keys

    with common.reading(database, data) as work:
        _, keys = ssh_keys.of_person(work, person)
    rows = [_row(key) for key in keys]
    if json:
        common.show_json(rows)
        return
    common.show_table(
        ["FINGERPRINT", "TYPE", "LABEL", "COMMENT", "ADDED", "EXPIRES"],
        [
            [
                key.fingerprint,
                key.type,
                key.label,
                key.comment,
                str(row["created_at"]),
                str(row["expires_at"] or "never"),
            ]
            for key, row in zip(keys, rows, strict=True)
        ],
    )


@ssh_key.command("remove")
def remove_key(
    person: Person,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its fingerprint, as `ssh-key list` shows it, or its id")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Take a key from a person."""
    from onebucket.actions import ssh_keys

    with common.writing(database, data) as work:
        removed = ssh_keys.remove(work, person, key)
    common.show(f"removed {removed.fingerprint} {removed.label}".rstrip())


def _read(path: Path) -> str:
    """Read at most a little more than a key may have, as text. Raises CommandError."""
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(4 * LONGEST_LINE).decode()
        with path.open("rb") as file:
            return file.read(4 * LONGEST_LINE).decode()
    except OSError as error:
        raise CommandError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not a text") from None


def _row(key: SshKey) -> dict[str, str | None]:
    return {
        "id": key.id,
        "fingerprint": key.fingerprint,
        "key": key.key,
        "label": key.label,
        "comment": key.comment,
        "created_at": _iso(key.created_at),
        "expires_at": _iso(key.expires_at),
        "last_used_at": _iso(key.last_used_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
