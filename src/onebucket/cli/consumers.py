"""The command `consumer`: OAuth consumers."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket.cli import common
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption
from onebucket.domain.accounts import SCOPES

if TYPE_CHECKING:
    from onebucket.domain.accounts import Account
    from onebucket.domain.oauth import Consumer

consumer = typer.Typer(help="OAuth consumers: add, list, revoke.", no_args_is_help=True)


Label = Annotated[str, typer.Option("--label", metavar="L", help="What people are told it is", show_default=False)]
Callback = Annotated[
    str, typer.Option("--callback", metavar="URL", help="Where people are sent back to", show_default=False)
]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help=f"{', '.join(SCOPES)}; may be repeated. Without any: account.")
]
ActsAs = Annotated[
    str,
    typer.Option("--as", metavar="USER", help="For whom it acts on its own; a person's, for them", show_default=False),
]


@consumer.command("add")
def add_consumer(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose it is: a team's or a person's")],
    label: Label,
    callback: Callback = "",
    scope: Scopes = None,
    acts_as: ActsAs = "",
    public: Annotated[bool, typer.Option("--public", help="It can't keep a secret, so it gets none.")] = False,
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Make an OAuth consumer. Its key and secret are printed once."""
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
            "It acts for nobody on its own (client_credentials, OAuth 1 with two legs); with --as USER it would.",
            err=True,
        )


@consumer.command("list")
def list_consumers(
    account: Annotated[str, typer.Argument(metavar="[ACCOUNT]", help="Whose", show_default=False)] = "",
    json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """List OAuth consumers, of one account or of all, without their secrets."""
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
    key: Annotated[str, typer.Argument(metavar="KEY", help="As `consumer list` shows it")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """End an OAuth consumer and everything that was issued to it; the next request with any of it is refused."""
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
