"""The command `consumer`: OAuth apps, which OAuth 1 calls consumers."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption

if TYPE_CHECKING:
    from onebucket.domain.accounts import Account
    from onebucket.domain.oauth import Consumer

consumer = typer.Typer(help="OAuth apps: add, list, revoke.", no_args_is_help=True)


Label = Annotated[str, typer.Option("--label", metavar="L", help="The name that people see", show_default=False)]
Callback = Annotated[str, typer.Option("--callback", metavar="URL", help="Where people return to", show_default=False)]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help="Such as account:write; can be repeated. Default: account.")
]
ActsAs = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="USER",
        help="The user it acts for on its own; default: a person who owns it",
        show_default=False,
    ),
]


@consumer.command("add")
def add_consumer(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The team or person that owns it")],
    label: Label,
    callback: Callback = "",
    scope: Scopes = None,
    acts_as: ActsAs = "",
    public: Annotated[
        bool, typer.Option("--public", help="For an app that can't keep a secret; it gets none.")
    ] = False,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add an OAuth app and print its key and secret. The secret is not shown again."""
    from onebucket import hashing
    from onebucket.actions import consumers
    from onebucket.cli import keys

    chosen = common.settings(database, data)
    key = hashing.new_consumer_key()
    with common.writing(database, data) as work:
        _, added = consumers.add(
            work,
            account,
            key=key,
            label=label,
            callback=callback or None,
            scopes=frozenset(scope or ["account"]),
            is_public=public,
            acts_as=acts_as or None,
        )
        secret = None if public else hashing.derived_secret(keys.secret_key(chosen), "consumer", key)
    _show_added(added, secret, json=json)


def _show_added(added: "Consumer", secret: str | None, *, json: bool) -> None:
    scopes = sorted(added.scopes)
    if json:
        common.show_json(
            {"key": added.key, "secret": secret, "label": added.label, "scopes": scopes, "callback": added.callback}
        )
        return
    common.show(f"key     {added.key}")
    if secret:
        common.show(f"secret  {secret}")
        typer.echo(f"scopes: {', '.join(scopes)}. The secret is not shown again.", err=True)
    if secret and added.acts_as is None:
        typer.echo(
            "It can't act on its own (client_credentials, two-legged OAuth 1): for that, use --as USER.",
            err=True,
        )


@consumer.command("list")
def list_consumers(
    account: Annotated[str, typer.Argument(metavar="[ACCOUNT]", help="Only this account's", show_default=False)] = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List OAuth apps, without their secrets."""
    from onebucket.actions import consumers

    with common.reading(database, data) as work:
        rows = consumers.list_consumers(work, account or None)
    if json:
        common.show_json([_to_json(owner, consumer, acts_as) for owner, consumer, acts_as in rows])
        return
    common.show_table(
        ["KEY", "ACCOUNT", "LABEL", "SCOPES", "ACTS AS", "CALLBACK"],
        [
            [
                consumer.key,
                owner.username,
                consumer.label,
                " ".join(sorted(consumer.scopes)),
                acts_as.username if acts_as else "",
                consumer.callback or "",
            ]
            for owner, consumer, acts_as in rows
        ],
    )


@consumer.command("revoke")
def revoke_consumer(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key, from `consumer list`")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Revoke an OAuth app and all its tokens. The next request with any of them is refused."""
    from onebucket.actions import consumers

    with common.writing(database, data) as work:
        revoked = consumers.revoke(work, key)
    common.show(f"revoked {revoked.key} {revoked.label}")


def _to_json(owner: "Account", consumer: "Consumer", acts_as: "Account | None") -> dict[str, Any]:
    return {
        "key": consumer.key,
        "account": owner.username,
        "label": consumer.label,
        "callback": consumer.callback,
        "scopes": sorted(consumer.scopes),
        "public": consumer.is_public,
        "acts_as": acts_as.username if acts_as else None,
        "created_at": consumer.created_at.isoformat(timespec="seconds"),
    }
