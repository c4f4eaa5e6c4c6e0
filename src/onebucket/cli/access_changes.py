"""The command `access changes`."""

from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption

if TYPE_CHECKING:
    from onebucket.domain.accounts import Account
    from onebucket.domain.level_changes import LevelChange, LevelChanges

access = typer.Typer(name="access", help="Who gained and who lost access, and what ends.", no_args_is_help=True)


@access.command("changes")
def changes(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="A team or a person", show_default=False)],
    since: Annotated[str, typer.Option(metavar="T", help="Since a date, or a time span such as 2d")] = "30d",
    until: Annotated[
        str, typer.Option(metavar="T", help="Before a date, or a time span such as 2d", show_default=False)
    ] = "",
    person: Annotated[str, typer.Option(metavar="NAME", help="Only this person's", show_default=False)] = "",
    repository: Annotated[
        str, typer.Option(metavar="SLUG", help="Only on this repository, by its slug now or then", show_default=False)
    ] = "",
    level: Annotated[
        str,
        typer.Option(metavar="LEVEL", help="Only where read, write or admin was gained or lost", show_default=False),
    ] = "",
    change: Annotated[
        str, typer.Option("--change", metavar="C", help="Only what was gained, or lost", show_default=False)
    ] = "",
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for each repository.")] = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Print who gained and who lost access in an account, newest first. With --json, one object per line.

    It is computed from the journal: what each person could do before and after each change.
    """
    if as_json and as_csv:
        raise CommandError("choose --json or --csv")
    from onebucket.actions import access_history
    from onebucket.actions.access_history import ChangeQuery

    with common.reading(database, data) as work:
        start, end = (common.moment(text, now=work.at, ahead=False) if text else None for text in (since, until))
        words = {"person": person, "repository": repository, "level": level, "change": change}
        query = ChangeQuery.parse(start, end, words)
        owner, found = access_history.all_changes(work, account, query)
        _print(owner, found, as_json=as_json, as_csv=as_csv)
        if found.not_known_before is not None:
            typer.echo(f"not known before {found.not_known_before:%Y-%m-%d %H:%M:%S} UTC: {found.because}", err=True)


def _print(owner: "Account", changes: "LevelChanges", *, as_json: bool, as_csv: bool) -> None:
    import msgspec

    from onebucket.surfaces.core import change_shapes

    if as_csv:
        for lines in change_shapes.csv_lines(owner, changes):
            typer.echo(lines, nl=False)
        return
    for each in changes:
        shape = change_shapes.change_shape(owner, each)
        common.show(msgspec.json.encode(shape).decode() if as_json else _line(each))


def _line(change: "LevelChange") -> str:
    from onebucket.domain import journal_text

    entry, count = change.entry, len(change.repositories)
    places = change.repositories[0] if count == 1 else f"{count:,} repositories"
    by = entry.actor + (f", invited by {change.invited_by}" if change.invited_by else "")
    return (
        f"{entry.at:%Y-%m-%dT%H:%M:%SZ}  {change.username or 'everybody'} {change.direction.value} access to {places}: "
        f"{change.before.word} → {change.after.word}, {journal_text.describe_way(change.way)}, by {by}"
    )
