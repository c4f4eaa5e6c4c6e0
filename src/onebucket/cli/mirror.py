"""The commands `mirror …`: what differs at a code host, and carrying it over."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, Use
from onebucket.settings import Settings

if TYPE_CHECKING:
    from onebucket.cli.mirror_setup import ConnectedMirror
    from onebucket.mirror.comparison import Comparison, Difference
    from onebucket.mirror.configuration import MirrorConfiguration
    from onebucket.mirror.sync import Outcome
    from onebucket.store.engine.database import Database

T = TypeVar("T")

mirror = typer.Typer(help="Mirrors: carry permissions to a code host.", no_args_is_help=True)

# Exit code when the two sides differ.
DRIFT = 2
# People printed who have more there through groups; a group may have a thousand of them on every repository.
MAX_LISTED = 50
MAX_NAMED = 5

Name = Annotated[str, typer.Argument(metavar="[NAME]", help="The mirror; needed if there are several")]


@mirror.command("diff")
def diff(name: Name = "", as_json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Print what differs between here and there; exit with 2 if anything does. Changes nothing."""
    chosen = common.settings(database, data)
    with common.open_database(chosen, Use.READS) as opened:
        configuration = named(chosen, name)
        _, compared = _connected(opened, configuration, lambda connected: connected.sync.compare(), what="mirror diff")
    if as_json:
        common.show_json(_as_json(compared))
    else:
        _show(compared)
    if compared.has_drift:
        raise typer.Exit(DRIFT)


@mirror.command("run")
def run(name: Name = "", database: DatabaseOption = "", data: DataOption = "") -> None:
    """Carry what differs to the host, if the mirror's mode is apply; exit with 2 if something still differs."""
    from onebucket.cli import mirror_setup
    from onebucket.mirror import sync

    chosen = common.settings(database, data)
    with common.open_database(chosen, Use.CHANGES) as opened:
        configuration = mirror_setup.with_page(opened, named(chosen, name))
        if not configuration.can_change:
            raise CommandError(f"{configuration.name} has the mode report, and changes nothing; diff compares")
        try:
            compared, outcome = _connected(opened, configuration, lambda connected: connected.run(), what="mirror run")
        except sync.TooManyRemovals as error:
            raise CommandError(str(error)) from None
    for line in _lines(outcome.carried):
        common.show(line)
    _show_refused(outcome)
    _show_others(compared)
    common.show(f"{len(outcome.carried):,} carried over, {len(outcome.refused):,} refused")
    if outcome.refused or outcome.not_invited or compared.foreign or compared.inherited:
        raise typer.Exit(DRIFT)


@mirror.command("follow")
def follow(name: Name = "", database: DatabaseOption = "", data: DataOption = "") -> None:
    """Carry each change over within seconds, and compare everything again every hour, until SIGTERM or Ctrl-C.

    If another process follows the mirror, it waits until that ends.
    """
    from onebucket.mirror.follower import MirrorFollower

    def report(compared: "Comparison", outcome: "Outcome", is_full: bool) -> None:
        for line in _lines(compared.differences if outcome.is_report else outcome.carried):
            common.show(line)
        _show_refused(outcome)
        if is_full:
            _show_others(compared)
            common.show(f"compared {compared.compared:,} permissions there; {_counted(compared)}")
        sys.stdout.flush()

    def notify(sentence: str) -> None:
        typer.echo(f"waiting: {sentence}", err=True)

    async def following(connected: "ConnectedMirror") -> None:
        follower = MirrorFollower(connected.sync, connected.recorder, connected.renew_credential, report, notify)
        await _until_stopped(follower.follow())

    chosen = common.settings(database, data)
    with common.open_database(chosen, Use.CHANGES) as opened:
        configuration = named(chosen, name)
        with contextlib.suppress(KeyboardInterrupt):
            _connected(opened, configuration, following, what="mirror follow", reads_credential=False)


async def _until_stopped(following: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or SIGINT: a request under way and its journal entry are not cut off from each other."""
    task = asyncio.ensure_future(following)
    for stop in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def configurations(chosen: Settings) -> "list[MirrorConfiguration]":
    """Return the mirrors of onebucket.toml. Raises Misconfigured."""
    from onebucket.mirror import configuration

    return configuration.read_all(chosen.mirror, source=str(chosen.file))


def named(chosen: Settings, name: str) -> "MirrorConfiguration":
    """Return the mirror of that name, or the only one without a name. Raises CommandError, Misconfigured."""
    mirrors = configurations(chosen)
    if not mirrors:
        raise CommandError(f"there is no mirror: {chosen.file} has no table such as [mirror.cloud]")
    if not name and len(mirrors) == 1:
        return mirrors[0]
    names = ", ".join(each.name for each in mirrors)
    if not name:
        raise CommandError(f"say which mirror: {names}")
    found = next((each for each in mirrors if each.name == name), None)
    if found is None:
        raise CommandError(f"there is no mirror {name!r}; there is {names}")
    return found


def _connected(
    opened: "Database",
    configuration: "MirrorConfiguration",
    use: "Callable[[ConnectedMirror], Coroutine[Any, Any, T]]",
    *,
    what: str,
    reads_credential: bool = True,
) -> T:
    """Connect to the host, and return what `use` does with the mirror. Raises RemoteError, Misconfigured."""
    from onebucket.cli import mirror_setup

    async def do() -> T:
        notify = partial(typer.echo, err=True)
        async with mirror_setup.connected(opened, configuration, notify, what=what) as connected:
            if reads_credential:
                connected.renew_credential()
            return await use(connected)

    return asyncio.run(do())


def _lines(differences: "list[Difference]") -> list[str]:
    from onebucket.mirror import comparison

    return comparison.described(differences)


def _show(compared: "Comparison") -> None:
    for line in _lines(compared.differences):
        common.show(line)
    _show_others(compared)
    common.show(_counted(compared))


def _counted(compared: "Comparison") -> str:
    if not compared.has_drift:
        return "nothing differs"
    gains = len(compared.differences) - len(compared.removals)
    invitations = f", {len(compared.to_invite):,} to invite" if compared.to_invite else ""
    return (
        f"{gains:,} to give, {len(compared.removals):,} to take away, {len(compared.foreign):,} not set by the mirror"
        f"{invitations}"
    )


def _show_refused(outcome: "Outcome") -> None:
    for difference, sentence in outcome.refused:
        typer.echo(f"refused: {difference.name} on {difference.where}: {sentence}", err=True)
    for each in outcome.invited:
        common.show(f"invited {each.name} to the group {each.group}")
    if outcome.not_invited:
        typer.echo(f"refused: {outcome.not_invited}", err=True)


def _show_others(compared: "Comparison") -> None:
    for difference in compared.foreign:
        common.show(f"? {difference.name} on {difference.where}: {difference.there.word} there, not set by the mirror")
    for difference in compared.inherited[:MAX_LISTED]:
        common.show(
            f"= {difference.name} on {difference.repository}: {difference.there.word} there through a group or project,"
            f" {difference.here.word} here"
        )
    if (more := len(compared.inherited) - MAX_LISTED) > 0:
        common.show(f"= and {more:,} more through groups and projects there")
    for group in compared.unsplit:
        more = len(group.people) - MAX_NAMED
        permissions = f"{group.permissions:,} permission{'s' if group.permissions != 1 else ''}"
        people = ", ".join(group.people[:MAX_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        common.show(
            f"! the group {group.name} keeps what it has there: its people would need {permissions} of their own, "
            f"because of {people}: take them out of it there"
        )
    groups = {each.name: each.group for each in compared.to_invite}
    for name in compared.strangers:
        invitation = f", to be invited to the group {groups[name]}" if name in groups else ""
        common.show(f"! {name} is not a member there{invitation}")


def _as_json(compared: "Comparison") -> dict[str, Any]:
    return {
        "differences": [_difference_json(each) for each in compared.differences],
        "through_groups_there": [_difference_json(each) for each in compared.inherited],
        "not_set_by_the_mirror": [_difference_json(each) for each in compared.foreign],
        "groups_to_leave_there": [
            {"group": each.slug, "permissions": each.permissions, "users": each.people} for each in compared.unsplit
        ],
        "not_members": compared.strangers,
        "to_invite": [{"user": each.name, "email": each.email, "group": each.group} for each in compared.to_invite],
    }


def _difference_json(difference: "Difference") -> dict[str, str]:
    kind = difference.kind
    return {
        "project" if kind.is_on_project else "repository": difference.repository,
        **(
            {"group": difference.person_id}
            if kind.is_of_group
            else {"user": difference.name, "account_id": difference.person_id}
        ),
        "here": difference.here.word,
        "there": difference.there.word,
    }
