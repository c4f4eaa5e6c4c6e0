"""The command `token`: app passwords."""

from datetime import datetime
from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption

token = typer.Typer(help="App passwords: add, list, revoke.", no_args_is_help=True)


@token.command("add")
def add_token(
    person: Annotated[str, typer.Argument(metavar="USER", help="The user it acts for")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="Such as account:write; can be repeated. Default: account.")
    ] = None,
    label: Annotated[str, typer.Option("--label", metavar="L", help="What it is for", show_default=False)] = "",
    expires: Annotated[
        str, typer.Option("--expires", metavar="90d", help="A time span or a date", show_default=False)
    ] = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add an app password, which works as a password and as a Bearer token. It is printed once."""
    from onebucket import hashing
    from onebucket.actions import tokens

    secret = hashing.new_secret()
    with common.writing(database, data) as work:
        added = tokens.add(
            work,
            person,
            secret_hash=hashing.secret_hash(secret),
            scopes=frozenset(scope or ["account"]),
            label=label,
            expires_at=common.moment(expires, now=work.at, ahead=True) if expires else None,
        )
    scopes = sorted(added.scopes)
    if json:
        common.show_json({"id": added.id, "secret": secret, "label": added.label, "scopes": scopes})
        return
    common.show(secret)
    only_reads = (
        "" if any(":" in name for name in scopes) else " (reading only; --scope account:write lets it change groups)"
    )
    typer.echo(f"id {added.id[:8]}, scopes: {', '.join(scopes)}{only_reads}. It is not shown again.", err=True)


@token.command("list")
def list_tokens(
    person: Annotated[str, typer.Argument(metavar="USER", help="The user")],
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List a person's app passwords, without their secrets."""
    from onebucket.actions import tokens

    with common.reading(database, data) as work:
        app_passwords = tokens.of_person(work, person)
    rows = [
        {
            "id": app_password.id,
            "label": app_password.label,
            "scopes": sorted(app_password.scopes),
            "created_at": _iso(app_password.created_at),
            "expires_at": _iso(app_password.expires_at),
            "last_used_at": _iso(app_password.last_used_at),
            "last_used_from": app_password.last_used_from,
        }
        for app_password in app_passwords
    ]
    if json:
        common.show_json(rows)
        return
    common.show_table(
        ["ID", "LABEL", "SCOPES", "EXPIRES", "LAST USED", "FROM"],
        [
            [
                app_password.id[:8],
                app_password.label,
                " ".join(sorted(app_password.scopes)),
                str(row["expires_at"] or "never"),
                str(row["last_used_at"] or "never"),
                app_password.last_used_from or "",
            ]
            for app_password, row in zip(app_passwords, rows, strict=True)
        ],
    )


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


@token.command("revoke")
def revoke_token(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id, from `token list`")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Revoke an app password. The next request with it is refused."""
    from onebucket.actions import tokens

    with common.writing(database, data) as work:
        revoked = tokens.revoke(work, id)
    common.show(f"revoked {revoked.id[:8]} {revoked.label}".rstrip())
