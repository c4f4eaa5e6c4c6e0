"""Connects a mirror of `onebucket.toml` with its host and with the database here."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.mirror.comparison import Comparison
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.mirror.recorder import MirrorRecorder
from onebucket.mirror.sync import MirrorSync, Outcome
from onebucket.remote.bitbucket_cloud import BitbucketCloud
from onebucket.remote.json_client import JsonClient, RequestCounts
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ConnectedMirror:
    """A mirror with its connections; `requests` counts those to the host."""

    configuration: MirrorConfiguration
    database: Database
    sync: MirrorSync
    requests: RequestCounts

    def recorder(self) -> MirrorRecorder:
        """Return what writes down how the mirror is doing; it stores the mirror if it is new."""
        reading, writing = _units(self.database)
        return MirrorRecorder(self.configuration, self.sync, self.requests, reading=reading, writing=writing)

    async def run(self) -> tuple[Comparison, Outcome]:
        """Compare everything, carry it over, and write that down. Raises RemoteError, TooManyRemovals."""
        recorder = self.recorder()
        compared, outcome = await self.sync.run()
        recorder.record_run(compared, outcome, is_full=True)
        return compared, outcome


@asynccontextmanager
async def connected(
    opened: Database, configuration: MirrorConfiguration, notify: Callable[[str], None]
) -> AsyncIterator[ConnectedMirror]:
    """Connect to a mirror's host; `notify` is told when that has to wait. Raises Misconfigured without a token."""
    client = JsonClient(
        configuration.api,
        (configuration.username, configuration.token()),
        requests_per_hour=configuration.requests_per_hour,
        notify=notify,
    )
    async with client:
        connector = BitbucketCloud(client, configuration.workspace)
        reading, writing = _units(opened)
        sync = MirrorSync(configuration, connector, reading=reading, writing=writing)
        yield ConnectedMirror(configuration, opened, sync, client.counts)


_OpenWork = Callable[[], AbstractContextManager[UnitOfWork]]


def _units(opened: Database) -> tuple[_OpenWork, _OpenWork]:
    """Return what opens units of work as the operator, for reading and for writing."""

    @contextmanager
    def unit(open: Callable[[], AbstractContextManager[Transaction]]) -> Iterator[UnitOfWork]:
        with open() as tx:
            yield common.work(tx)

    return partial(unit, opened.reading), partial(unit, opened.writing)
