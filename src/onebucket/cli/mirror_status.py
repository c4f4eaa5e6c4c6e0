"""The commands `mirror list`, `status`, `pause`, `resume` and `forget`, which ask no host."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onebucket.cli import common
from onebucket.cli.common import CommandError, DatabaseOption, DataOption, JsonOption, Use
from onebucket.cli.mirror import DRIFT, Name, configurations, named
from onebucket.domain.accounts import username_key
from onebucket.domain.mirror_settings import FILE
from onebucket.domain.refusals import NotFound

if TYPE_CHECKING:
    from onebucket.actions.mirror_overview import KnownMirrors
    from onebucket.actions.unit_of_work import UnitOfWork
    from onebucket.domain.mirror_settings import EffectiveSetting
    from onebucket.domain.mirrors import MirrorStatus
    from onebucket.mirror.configuration import MirrorConfiguration


def list_mirrors(as_json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """List the mirrors of onebucket.toml, each with its mode as it holds, and those that it no longer has."""
    from onebucket.actions import mirror_overview

    chosen = common.settings(database, data)
    configured = configurations(chosen)
    with common.open_database(chosen, Use.READS) as opened, opened.reading() as tx:
        work = common.work(tx)
        modes = [_mode(work, each) for each in configured]
        left = mirror_overview.no_longer_configured(work, _known(configured))
    if as_json:
        common.show_json(
            [
                {"name": each.name, "account": each.account, "workspace": each.workspace, "api": each.api,
                 "mode": mode, "mode_source": source, "configured": True}
                for each, (mode, source) in zip(configured, modes, strict=True)
            ]
            + [
                {"name": each.name, "account": owner.username, "workspace": each.workspace, "api": each.api,
                 "mode": None, "mode_source": None, "configured": False}
                for owner, each in left
            ]
        )  # fmt: skip
        return
    rows = [
        [each.name, each.account, f"{each.workspace} at {each.api}", f"{mode}, {source}"]
        for each, (mode, source) in zip(configured, modes, strict=True)
    ]
    rows += [
        [each.name, owner.username, f"{each.workspace} at {each.api}", f"none: {FILE} no longer has it"]
        for owner, each in left
    ]
    common.show_table(["name", "account", "workspace", "mode"], rows)


def status(name: Name = "", as_json: JsonOption = False, database: DatabaseOption = "", data: DataOption = "") -> None:
    """Print how the mirrors are doing; exit with 2 if something differs or one has stopped. Asks no host."""
    chosen = common.settings(database, data)
    wanted = [named(chosen, name)] if name else configurations(chosen)
    with common.open_database(chosen, Use.READS) as opened, opened.reading() as tx:
        work = common.work(tx)
        found = [(each, _stored(work, each), _settings(work, each)) for each in wanted]
        now = work.at
    if as_json:
        common.show_json(
            [_as_json(each.account, stored, now) | _settings_json(settings) for each, stored, settings in found]
        )
    else:
        for each, stored, settings in found:
            for line in (*_lines(each.account, stored, now), *_setting_lines(settings)):
                common.show(line)
    if any(stored.needs_attention or stored.counts.drift for _, stored, _ in found):
        raise typer.Exit(DRIFT)


def pause(name: Name = "", database: DatabaseOption = "", data: DataOption = "") -> None:
    """Let a mirror carry nothing until it is resumed."""
    from onebucket.actions import mirrors

    chosen = common.settings(database, data)
    configuration = named(chosen, name)
    with common.open_database(chosen, Use.CHANGES) as opened, opened.writing() as tx:
        work = common.work(tx)
        mirrors.register(work, configuration.definition, can_change=configuration.can_change)
        mirrors.pause(work, configuration.account, configuration.name)
    common.show(f"{configuration.name} is paused; `mirror resume` lets it go on")


def resume(
    name: Name = "",
    removals: Annotated[
        int | None,
        typer.Option("--removals", metavar="N", min=0, help="Let its next comparison take away this many."),
    ] = None,
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Let a mirror that is paused or has stopped go on: it compares everything within seconds."""
    from onebucket.actions import mirrors

    chosen = common.settings(database, data)
    configuration = named(chosen, name)
    with common.open_database(chosen, Use.CHANGES) as opened, opened.writing() as tx:
        work = common.work(tx)
        mirrors.register(work, configuration.definition, can_change=configuration.can_change)
        status = mirrors.resume(work, configuration.account, configuration.name, allowed_removals=removals)
        holder = status.holder_at(work.at)
    then = (
        f"{holder} goes on with it" if holder else "no process follows it now: `serve`, `mirror follow` or `mirror run`"
    )
    common.show(f"{configuration.name} is resumed; {then}")


def forget(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A mirror that onebucket.toml no longer has")],
    account: Annotated[str, typer.Option("--account", help="Its account; needed if there are several")] = "",
    database: DatabaseOption = "",
    data: DataOption = "",
) -> None:
    """Delete what is known of a mirror that onebucket.toml no longer has. What it has set at the host stays there."""
    from onebucket.actions import mirror_overview, mirrors

    chosen = common.settings(database, data)
    known = _known(configurations(chosen))
    with common.open_database(chosen, Use.CHANGES) as opened, opened.writing() as tx:
        work = common.work(tx)
        owners = [
            owner.username
            for owner, each in mirror_overview.no_longer_configured(work, known)
            if each.name == name and username_key(account or owner.username) == username_key(owner.username)
        ]
        if not owners and name in {each.name for each in known}:
            raise CommandError(f"{name} is in {chosen.file}: take its table out of it first")
        if not owners:
            raise CommandError(f"there is no mirror {name!r} that is to be forgotten; `mirror list` names all")
        if len(owners) > 1:
            raise CommandError(f"say of which --account: {', '.join(owners)}")
        mirrors.forget(work, owners[0], name)
    common.show(f"forgot {name} of {owners[0]}; what it has set at the host stays there")


def _known(configured: "list[MirrorConfiguration]") -> "KnownMirrors":
    from onebucket.actions.mirror_overview import KnownMirrors

    return KnownMirrors(each.definition for each in configured)


def _mode(work: "UnitOfWork", configuration: "MirrorConfiguration") -> tuple[str, str]:
    """Return the mode that holds, and where it comes from: the page too, if the account is here."""
    from onebucket.domain.mirror_settings import combine

    try:
        settings = _settings(work, configuration)
    except NotFound:
        settings = [*combine(configuration.definition, [])]
    [mode] = [each for each in settings if each.name == "mode"]
    return str(mode.value), mode.source


def _stored(work: "UnitOfWork", configuration: "MirrorConfiguration") -> "MirrorStatus":
    """Return what is stored of a mirror, or that it has never run."""
    from onebucket.actions import mirrors
    from onebucket.domain.mirrors import MirrorStatus

    for each in mirrors.states_of_account(work, configuration.account):
        if each.name == configuration.name:
            return each
    return MirrorStatus(
        "", configuration.name, configuration.workspace, configuration.api, can_change=configuration.can_change
    )


def _settings(work: "UnitOfWork", configuration: "MirrorConfiguration") -> "list[EffectiveSetting]":
    from onebucket.actions import mirror_settings

    return mirror_settings.effective(work, configuration.account, configuration.definition)


def _setting_lines(settings: "list[EffectiveSetting]") -> list[str]:
    """Return a line for each setting that isn't the default, with where its value comes from."""
    given = [each for each in settings if each.is_given or each.set_by]
    texts = [each.value if isinstance(each.value, str) else " ".join(each.value) or "empty" for each in given]
    return [f"  {each.name} is {text}, {each.source}" for each, text in zip(given, texts, strict=True)]


def _settings_json(settings: "list[EffectiveSetting]") -> dict[str, Any]:
    return {"settings": {each.name: {"value": each.value, "source": each.source} for each in settings}}


def _lines(account: str, status: "MirrorStatus", now: datetime) -> list[str]:
    counts, failure = status.counts, status.failure
    mode = "" if status.can_change else " (report)"
    lines = [f"{status.name}: {status.state.value}; {account} to {status.workspace} at {status.api}{mode}"]
    if status.paused_at:
        lines.append(f"  paused by {status.paused_by} at {_moment(status.paused_at)}")
    if failure:
        lines.append(f"  {failure.sentence}")
        lines.append(f"  since {_moment(failure.since)}, tried last at {_moment(failure.at)}")
    if failure and failure.next_attempt_at:
        lines.append(f"  tried again at {_moment(failure.next_attempt_at)}")
    holder = status.holder_at(now)
    lines.append(f"  followed by {holder}" if holder else "  no process follows it")
    if status.last_compared_at:
        lines.append(
            f"  everything compared at {_moment(status.last_compared_at)}, {counts.compared:,} permissions there"
        )
        gains = counts.differences - counts.removals
        found = [
            (gains, "to give"), (counts.removals, "to take away"), (counts.foreign, "not set by the mirror"),
            (counts.inherited, "through groups and projects there"), (counts.strangers, "not members there"),
        ]  # fmt: skip
        lines.append("  " + (", ".join(f"{number:,} {what}" for number, what in found if number) or "nothing differs"))
    if status.carried:
        lines.append(f"  {status.carried:,} carried over in all")
    return lines


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _as_json(account: str, status: "MirrorStatus", now: datetime) -> dict[str, Any]:
    counts, failure = status.counts, status.failure
    return {
        "name": status.name,
        "account": account,
        "workspace": status.workspace,
        "api": status.api,
        "mode": "apply" if status.can_change else "report",
        "state": status.state.value,
        "followed_by": status.holder_at(now) or None,
        "paused_by": status.paused_by or None,
        "paused_at": _iso(status.paused_at),
        "error": failure.sentence if failure else None,
        "failing_since": _iso(failure.since if failure else None),
        "failed_at": _iso(failure.at if failure else None),
        "next_attempt_at": _iso(failure.next_attempt_at if failure else None),
        "last_run_at": _iso(status.last_run_at),
        "last_compared_at": _iso(status.last_compared_at),
        "differences": counts.differences,
        "removals": counts.removals,
        "not_set_by_the_mirror": counts.foreign,
        "through_groups_there": counts.inherited,
        "not_members": counts.strangers,
        "compared": counts.compared,
        "carried": status.carried,
        "requests": status.requests,
        "throttled": status.throttled,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
