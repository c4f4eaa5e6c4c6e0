"""The command `import csv`: memberships from a table of people and groups."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common, documents
from onebucket.cli.common import DatabaseOption, DataOption, Use
from onebucket.cli.documents import DryRunOption, ExitCodeOption

if TYPE_CHECKING:
    from onebucket.store.engine.database import Database
    from onebucket.transfer.csv_members import Row
    from onebucket.transfer.document import Document


def import_csv(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its first line is user,group or email,group")],
    team: Annotated[str, typer.Option("--team", metavar="TEAM", help="The team whose groups they are.")],
    until: Annotated[
        str,
        typer.Option(
            "--until", metavar="WHEN", help="When memberships end of lines that don't say it", show_default=False
        ),
    ] = "",
    dry_run: DryRunOption = False,
    exit_code: ExitCodeOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Add people to a team's groups as a CSV file says, all or nothing. Groups that are missing are made."""
    from onebucket.domain import ends
    from onebucket.transfer import csv_members

    if until:
        ends.settled(ends.parse(until), None, at=datetime.now(UTC))
    options = documents.import_options("0", exit_code=exit_code, dry_run=dry_run)
    with common.open_database(common.settings(database, data), Use.READS if dry_run else Use.CHANGES) as opened:
        rows = [replace(row, until=row.until or until) for row in csv_members.read(file)]
        document = _convert(opened, rows, team, str(file))
        listed = document.teams[0].groups or []
        lines = [f"{'found' if dry_run else 'imported'} {len(rows):,} lines, {len(listed):,} groups"]
        documents.carry_out(opened, [document], options, dry_run=dry_run, lines=lines)


def _convert(opened: "Database", rows: "list[Row]", team: str, source: str) -> "Document":
    from onebucket.actions import account_snapshot, accounts
    from onebucket.transfer import csv_members

    with opened.reading() as tx:
        work = common.work(tx)
        snapshot = account_snapshot.snapshot_of(work, team)
        return csv_members.to_document(
            rows,
            account=snapshot.account.username,
            people=accounts.list_people(work),
            rosters=snapshot.rosters,
            source=source,
        )
