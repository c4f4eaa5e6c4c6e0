"""The checks of `doctor` about mirrors: their tables, credentials, accounts and states. Asks no host."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from onebucket.actions import mirrors
from onebucket.actions.mirror_overview import KnownMirrors, no_longer_configured
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.cli.finding import Finding
from onebucket.domain.mirror_settings import FILE
from onebucket.domain.mirrors import MirrorState, MirrorStatus
from onebucket.domain.refusals import NotFound
from onebucket.mirror import configuration
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.settings import Misconfigured, Settings
from onebucket.store.engine.database import Database

# Everything is compared every hour; a comparison itself may have to wait for the host's limit.
_OLD = timedelta(hours=3)


def of_tables(chosen: Settings) -> Iterator[Finding]:
    """Check the tables `[mirror.NAME]`, and that each credential can be read."""
    try:
        found = configuration.read_all(chosen.mirror, source=str(chosen.file))
    except Misconfigured as error:
        yield Finding(False, str(error), "Correct it: `serve` doesn't start with it.")
        return
    for each in found:
        try:
            each.token()
        except Misconfigured as error:
            # Another user may run the server, with another environment.
            yield Finding(False, str(error), "Give this user the credential that the server has, or correct the table.")


def of_states(chosen: Settings, opened: Database) -> Iterator[Finding]:
    """Check how the mirrors are doing, as far as their tables are right."""
    try:
        found = configuration.read_all(chosen.mirror, source=str(chosen.file))
    except Misconfigured:
        return
    with opened.reading() as tx:
        work = common.work(tx)
        for each in found:
            yield _of_state(work, each)
        for owner, left in no_longer_configured(work, KnownMirrors(each.definition for each in found)):
            yield Finding(
                False,
                f"the mirror {left.name} of {owner.username} is no longer in {FILE}, and is kept in mind",
                f"Put its table back, or: {common.program()} mirror forget {left.name}",
            )


def _of_state(work: UnitOfWork, configured: MirrorConfiguration) -> Finding:
    name = f"the mirror {configured.name}"
    try:
        stored = {each.name: each for each in mirrors.states_of_account(work, configured.account)}
    except NotFound as error:
        return Finding(False, f"{name}: {error}", "Correct `account` in its table, or add the account.")
    status = stored.get(configured.name)
    if status is None or status.state is MirrorState.NEVER_RUN:
        return Finding(True, f"{name} has never run")
    if (trouble := _trouble(status, work.at)) is None:
        return Finding(True, f"{name} is {status.state.value}, {status.counts.drift:,} permissions differ")
    return Finding(False, f"{name} {trouble[0]}", trouble[1])


def _trouble(status: MirrorStatus, at: datetime) -> tuple[str, str] | None:
    """Return what is wrong with a mirror and how to fix it."""
    command, failure = f"{common.program()} mirror", status.failure
    why = failure.sentence if failure else ""
    if status.state is MirrorState.STOPPED:
        return f"has stopped: {why}", f"Then: {command} resume {status.name}"
    if status.state is MirrorState.ASKS:
        removals = status.counts.removals
        return (
            f"asks: {why}",
            f"Look at {command} diff {status.name}, then: {command} resume {status.name} --removals {removals}",
        )
    if status.state is MirrorState.WAITING:
        return f"waits: {why}", "It tries again by itself."
    compared_at = status.last_compared_at
    if status.state is MirrorState.RUNNING and compared_at is not None and at - compared_at > _OLD:
        who = status.holder_at(at) or "no process"
        return f"compared everything last at {compared_at:%Y-%m-%d %H:%M} UTC; {who} follows it", f"{command} status"
    return None
