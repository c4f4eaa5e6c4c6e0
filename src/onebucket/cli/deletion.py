"""The command `user delete`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from onebucket.cli import common, offboarding
from onebucket.cli.accounts import Name
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, Yes

if TYPE_CHECKING:
    from onebucket.actions.deletion import Deletion


def delete(
    name: Name,
    strike_out: Annotated[
        bool, typer.Option("--strike-out", help="Also strike their names and addresses out of the journal.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be deleted.")] = False,
    yes: Yes = False,
    as_json: JsonOption = False,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Delete a person with their access, credentials and addresses, and their own account with all that it owns.

    It happens in one transaction. The journal stays; with --strike-out, without their names and addresses. Somebody
    new with the same name inherits nothing.
    """
    from onebucket.actions import deletion

    if not dry_run and not common.confirmed(f"Delete {name} and everything that they own?", yes=yes):
        raise CommandError("nothing was deleted")
    with common.reading(database, data) if dry_run else common.writing(database, data) as work:
        gone = deletion.plan(work, name) if dry_run else deletion.delete(work, name, strikes_out=strike_out)
    _show(gone, dry_run=dry_run, as_json=as_json)


def _show(gone: "Deletion", *, dry_run: bool, as_json: bool) -> None:
    import msgspec

    from onebucket.surfaces.core.deletion_shape import deletion_shape

    if as_json:
        common.show_json(msgspec.to_builtins(deletion_shape(gone, dry_run=dry_run)))
        return
    for line in (*offboarding.lines(gone.offboarding, kept_groups="leaves"), *_lines(gone)):
        common.show(line)
    if gone.struck_out is not None:
        common.show(f"journal: names are struck out of {gone.struck_out:,} entries")
    common.show(f"{'would delete' if dry_run else 'deleted'} {gone.person.username}")


def _lines(gone: "Deletion") -> Iterator[str]:
    own, contents = gone.person.username, gone.contents
    for slug, members in contents.groups.items():
        yield f"{own}: the group {slug} goes, with {len(members):,} member{'' if len(members) == 1 else 's'}"
    for what, names in (
        ("project", contents.projects),
        ("repository", contents.repositories),
        ("invitation of", contents.invitations),
        ("OAuth app", contents.consumers),
        ("webhook to", contents.webhooks),
    ):
        yield from (f"{own}: the {what} {each} goes" for each in names)
    yield from (f"{owner.username}: their invitation of {each.email} is withdrawn" for owner, each in gone.invitations)
    yield from (
        f"{owner.username}: the OAuth app {each.label} acts for them, and is revoked" for owner, each in gone.apps
    )
    yield from (
        f"{team.username}: the directory {directory.label} may bring somebody new in their place"
        for team, directory, _ in gone.links
    )
