"""Connects a mirror of `onebucket.toml` with its host and with the database here."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

from onebucket.actions import mirror_settings
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.cli import common
from onebucket.cli.common import CommandError
from onebucket.domain.mirrors import MirrorState, MirrorStatus
from onebucket.mirror.comparison import Comparison
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.mirror.recorder import MirrorRecorder
from onebucket.mirror.sync import MirrorSync, Outcome, TooManyRemovals
from onebucket.remote.bitbucket_cloud import BitbucketCloud
from onebucket.remote.errors import RemoteError, UnexpectedResponse, Unreachable
from onebucket.remote.json_client import JsonClient
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction


@dataclass(slots=True)
class ConnectedMirror:
    """A mirror with its connections to the host and to the database here."""

    configuration: MirrorConfiguration
    sync: MirrorSync
    recorder: MirrorRecorder
    _client: JsonClient
    _token: str = ""

    def renew_credential(self) -> bool:
        """Read the API token, and return whether it is another one than before. Raises Misconfigured."""
        token = self.configuration.token()
        is_new = token != self._token
        if is_new:
            self._client.use_credential((self.configuration.username, token))
            self._token = token
        return is_new

    async def run(self) -> tuple[Comparison, Outcome]:
        """Compare everything, carry it over, and write that down.

        Raises RemoteError, TooManyRemovals, CommandError if the mirror is paused or another process has it.
        """
        recorder, name = self.recorder, self.configuration.name
        if holder := recorder.hold():
            raise CommandError(
                f"{name} is followed by {holder}, which carries each change over; `mirror resume` lets it compare "
                "everything now"
            )
        try:
            began = recorder.refresh()
            if began.paused_at is not None:
                raise CommandError(f"{name} was paused by {began.paused_by}; `mirror resume` ends that")
            self.sync.carried_revision = began.revision
            return await self._run(began)
        finally:
            recorder.release()

    async def _run(self, began: MirrorStatus) -> tuple[Comparison, Outcome]:
        try:
            compared, outcome = await self.sync.run(allowed_removals=began.allowed_removals)
        except TooManyRemovals as error:
            self.recorder.record_question(str(error), error.compared, is_full=True)
            raise
        except RemoteError as error:
            is_away = isinstance(error, Unreachable | UnexpectedResponse)
            self.recorder.record_failure(MirrorState.WAITING if is_away else MirrorState.STOPPED, str(error))
            raise
        self.recorder.record_run(compared, outcome, is_full=True, began=began)
        return compared, outcome


def with_page(opened: Database, configuration: MirrorConfiguration) -> MirrorConfiguration:
    """Return the configuration with what was set on the mirror's page in place of what the file has."""
    with opened.reading() as tx:
        by_page = mirror_settings.set_by_page(common.work(tx), configuration.account, configuration.name)
    return configuration.with_settings(by_page)


@asynccontextmanager
async def connected(
    opened: Database, configuration: MirrorConfiguration, notify: Callable[[str], None], *, what: str
) -> AsyncIterator[ConnectedMirror]:
    """Prepare connections for the command `what`; `notify` is told when the host asks to wait.

    The credential has to be read before the first request.
    """
    client = JsonClient(
        configuration.api,
        (configuration.username, ""),
        requests_per_hour=configuration.requests_per_hour,
        notify=notify,
    )
    async with client:
        connector = BitbucketCloud(client, configuration.workspace)
        reading, writing = _units(opened)
        sync = MirrorSync(configuration, connector, reading=reading, writing=writing)
        # The number tells two processes apart that have one name and one id, such as those of two containers.
        holder = f"{what} on {socket.gethostname()} (process {os.getpid()}, {secrets.token_hex(4)})"
        recorder = MirrorRecorder(sync, client.counts, holder=holder, reading=reading, writing=writing)
        yield ConnectedMirror(configuration, sync, recorder, client)


_OpenWork = Callable[[], AbstractContextManager[UnitOfWork]]


def _units(opened: Database) -> tuple[_OpenWork, _OpenWork]:
    """Return what opens units of work as the operator, for reading and for writing."""

    @contextmanager
    def unit(open: Callable[[], AbstractContextManager[Transaction]]) -> Iterator[UnitOfWork]:
        with open() as tx:
            yield common.work(tx)

    return partial(unit, opened.reading), partial(unit, opened.writing)
