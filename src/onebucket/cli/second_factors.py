"""The commands `user factors` and `user remove-factor`."""

from datetime import datetime
from typing import Annotated

import typer

from onebucket.cli import common
from onebucket.cli.accounts import Name
from onebucket.cli.common import DatabaseOption, DataOption, JsonOption
from onebucket.domain.second_factors import SecondFactor


def list_factors(name: Name, json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List a person's second factors, and how many recovery codes they have left."""
    from onebucket.actions import second_factors

    with common.reading(database, data) as work:
        held = second_factors.of_person(work, name)
    rows = [_row(factor) for factor in held.factors]
    if json:
        common.show_json({"factors": rows, "recovery_codes": held.recovery_codes})
        return
    common.show_table(
        ["NAME", "KIND", "ADDED", "LAST USED", "ID"],
        [[str(row[key] or "never") for key in ("label", "kind", "created_at", "last_used_at", "id")] for row in rows],
    )
    common.show(f"{held.recovery_codes} recovery codes left")


def remove_factor(
    name: Name,
    factor: Annotated[str, typer.Argument(metavar="FACTOR", help="Its name, or its id, as `user factors` shows them")],
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Take a lost second factor from a person. They get an e-mail about it."""
    from onebucket.actions import second_factors

    with common.writing(database, data) as work:
        removed = second_factors.remove(work, name, factor)
    common.show(f"removed the {removed.kind.value} {removed.label}")


def _row(factor: SecondFactor) -> dict[str, str | None]:
    return {
        "id": factor.id,
        "kind": factor.kind.value,
        "label": factor.label,
        "created_at": _iso(factor.created_at),
        "last_used_at": _iso(factor.last_used_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
