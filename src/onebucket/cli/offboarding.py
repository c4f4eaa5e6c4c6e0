"""The command `user offboard`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common
from onebucket.cli.accounts import Name
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, Yes

if TYPE_CHECKING:
    from onebucket.actions.offboarding import Offboarding


def offboard(
    name: Name,
    account: Annotated[
        str, typer.Option("--account", metavar="A", help="Only in this account; they stay active", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would end.")] = False,
    yes: Yes = False,
    as_json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """End everything that a person has: groups, permissions, invitations, credentials. Disables them.

    It happens in one transaction. Their own account and what they did stay. With --account they only lose what they
    have in that account.
    """
    from onebucket.actions import offboarding

    place = f" in {account}" if account else ""
    if not dry_run and not common.confirmed(f"End everything that {name} has{place}?", yes=yes):
        raise CommandError("nothing was changed")
    with common.reading(database, data) if dry_run else common.writing(database, data) as work:
        act = offboarding.plan if dry_run else offboarding.offboard
        ended = act(work, name, account or None)
    _show(ended, dry_run=dry_run, as_json=as_json)


def _show(ended: "Offboarding", *, dry_run: bool, as_json: bool) -> None:
    import msgspec

    from onebucket.surfaces.core.offboarding_shape import offboarding_shape

    if as_json:
        common.show_json(msgspec.to_builtins(offboarding_shape(ended, dry_run=dry_run)))
        return
    for line in lines(ended):
        common.show(line)
    if ended.is_empty:
        common.show(f"nothing to end for {ended.person.username}")
    else:
        common.show(f"{'would off-board' if dry_run else 'off-boarded'} {ended.person.username}")


def lines(ended: "Offboarding", *, kept_groups: str = "stays in") -> Iterator[str]:
    """Yield what ends, a line each; `kept_groups` says what happens in groups that a directory keeps."""
    for held in ended.accounts:
        account = held.owner.username
        yield from (f"{account}: leaves the group {group.slug}" for group in held.groups)
        yield from (f"{account}: {kept_groups} {group.slug}, which a directory keeps" for group in held.kept_groups)
        yield from (
            f"{account}: no longer has {level.word} on {each.slug} directly" for each, level in held.repositories
        )
        yield from (
            f"{account}: no longer has {level.word} on the project {key} directly"
            for key, level in held.projects.items()
        )
        yield from (f"{account}: the invitation of {each.email} is withdrawn" for each in held.invitations)
        yield from (f"{account}: the request for {each.level.word} on {each.slug} ends" for each in held.requests)
        for loss in held.losses:
            count = len(loss.repositories)
            places = loss.repositories[0].slug if count == 1 else f"{count:,} repositories"
            yield f"{account}: {loss.before.word} on {places} becomes {loss.after.word}"
    if counts := ended.credentials:
        yield (
            f"app passwords: {counts.app_passwords}, OAuth apps: {counts.oauth_apps}, SSH keys: {counts.ssh_keys}, "
            f"sessions: {counts.sessions}"
        )
