"""The mirrors of a server: a thread beside the outbox worker, with an event loop of its own, follows each of them."""

import asyncio
import threading
from collections.abc import Sequence

import structlog

from onebucket.cli import mirror_setup
from onebucket.mirror.comparison import Comparison
from onebucket.mirror.configuration import MirrorConfiguration
from onebucket.mirror.follower import MirrorFollower
from onebucket.mirror.sync import FINISH_SECONDS, Outcome
from onebucket.store.engine.database import Database

# The pause after an unexpected exception.
RETRY_SECONDS = 60.0


class MirrorWorker:
    """Follows mirrors until it is stopped. Of several processes of a server, each mirror is followed by one."""

    def __init__(self, database: Database, configurations: Sequence[MirrorConfiguration]) -> None:
        self._database = database
        self._configurations = configurations
        self._log = structlog.get_logger("onebucket.mirror")
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="mirrors", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the changes that are under way end, and let other processes take the mirrors."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(FINISH_SECONDS + 0.5)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._follow_all())

    async def _follow_all(self) -> None:
        tasks = [asyncio.ensure_future(self._follow_always(each)) for each in self._configurations]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=FINISH_SECONDS)

    async def _follow_always(self, configuration: MirrorConfiguration) -> None:
        while True:
            try:
                await self._follow(configuration)
            except Exception:  # one mirror must never end the others
                self._log.exception("unforeseen", mirror=configuration.name)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, configuration: MirrorConfiguration) -> None:
        log = self._log.bind(mirror=configuration.name, account=configuration.account)

        def report(compared: Comparison, outcome: Outcome, is_full: bool) -> None:
            if is_full or outcome.carried or outcome.refused:
                log.info(
                    "mirror compared", everything=is_full, carried=len(outcome.carried), refused=len(outcome.refused),
                    differences=len(compared.differences), not_set_by_it=len(compared.foreign),
                )  # fmt: skip

        def notify(sentence: str) -> None:
            log.warning("mirror waits", trouble=sentence)

        async with mirror_setup.connected(self._database, configuration, notify, what="serve") as connected:
            follower = MirrorFollower(connected.sync, connected.recorder, connected.renew_credential, report, notify)
            await follower.follow()
