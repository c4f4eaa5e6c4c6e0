"""The webhook worker: a thread that makes deliveries from journals, sends those that are due and records the outcomes.

It holds no transaction while it talks to a receiver. A delivery that was sent but not recorded before a crash is sent
again when its lease ends, with the same id: delivery is at least once. Of each webhook one delivery is sent at a time,
so they arrive in order, and one that answers slowly holds up no other.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from onebucket import __version__, bounds, hashing
from onebucket.actions import webhook_deliveries
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.actions.webhook_deliveries import Claimed
from onebucket.domain.webhooks import MOST_RESPONSE_BYTES, AttemptOutcome
from onebucket.store.engine.database import Database, DataVersionToken
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.transaction import Transaction
from onebucket.webhook_addresses import AllowedPlaces
from onebucket.webhooks import signature

# Seconds between polls, and between attempts after a database error or an unexpected exception.
POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0

# Deliveries under way at once, each of another webhook.
CONCURRENT = 32

CLEANUP_TIME = timedelta(hours=1)

# A lease is as many times as long as a receiver may take: the rest is for recording the outcome.
_LEASE_FACTOR = 3
# How long deliveries under way may take when the worker stops; others are sent again when their leases end.
_STOP_SECONDS = 1.0


class DeliveryTransport(Protocol):
    """Sends one delivery."""

    async def __call__(self, url: str, body: bytes, headers: dict[str, str], /) -> AttemptOutcome:
        """Return what came of it; raises nothing."""


class WebhookWorker:
    """Sends what webhooks of `database` are told, until it is stopped.

    - `key`: the secret key that the secrets of webhooks are derived from.
    - `operate`: returns a unit of work as the operator in a transaction.
    - `clock`: returns the current time.
    - `seconds`: the time in which a receiver must have answered.

    `delivered` and `failed` count attempts since the start.
    """

    def __init__(
        self,
        database: Database,
        *,
        key: bytes,
        operate: Callable[[Transaction], UnitOfWork],
        clock: Callable[[], datetime],
        allowed: AllowedPlaces,
        seconds: float,
        post: DeliveryTransport | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._key = key
        self._operator_work = operate
        self._clock = clock
        self._allowed = allowed
        self._seconds = seconds
        self._lease = timedelta(seconds=_LEASE_FACTOR * seconds)
        self._post = post
        self._jitter = jitter
        self._log = structlog.get_logger("onebucket.webhooks")
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._unrecorded: list[tuple[Claimed, AttemptOutcome]] = []
        self._last_cleanup: datetime | None = None
        self._seen_version: DataVersionToken | None = None
        self._pending = webhook_deliveries.Pending(is_behind=False, next_due=None)
        self.delivered = 0
        self.failed = 0

    def start(self) -> None:
        """Start the thread."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(loop,), name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and record the outcomes of deliveries that end at once."""
        if self._thread is not None and self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOP_SECONDS + bounds.LETTERS_BUSY_SECONDS)

    async def run_once(self) -> bool:
        """Send what is due, and wait for the outcomes; return True if there was anything to do.

        Raises DatabaseUnavailable, DatabaseUnusable.
        """
        was_behind, claimed = self._turn(CONCURRENT)
        await asyncio.gather(*(self._deliver(each) for each in claimed))
        self._record()
        return was_behind or bool(claimed)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._work())

    async def _work(self) -> None:
        under_way: set[asyncio.Task[None]] = set()
        stopping = asyncio.ensure_future(self._stopping.wait())
        pause = POLL_SECONDS
        while not stopping.done():
            await asyncio.wait([stopping, *under_way], timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            under_way = {each for each in under_way if not each.done()}
            try:
                is_behind, claimed = self._turn(CONCURRENT - len(under_way))
            except (DatabaseUnavailable, DatabaseUnusable) as error:
                self._log.warning("webhooks wait for the database", trouble=str(error))
                pause = RETRY_SECONDS
                continue
            except Exception:
                self._log.exception("unforeseen", thread="webhooks")
                pause = RETRY_SECONDS
                continue
            under_way |= {asyncio.ensure_future(self._deliver(each)) for each in claimed}
            pause = 0.0 if is_behind else POLL_SECONDS
        await self._finish(under_way)

    async def _finish(self, under_way: set[asyncio.Task[None]]) -> None:
        if under_way:
            await asyncio.wait(under_way, timeout=_STOP_SECONDS)
        try:
            self._record()
        except (DatabaseUnavailable, DatabaseUnusable) as error:
            self._log.warning("webhooks are sent again", trouble=str(error))

    # -- the database ------------------------------------------------------------------------------

    def _turn(self, room: int) -> tuple[bool, Sequence[Claimed]]:
        """Record outcomes, make deliveries and claim up to `room` of them; say whether there were journals to read."""
        self._record()
        if self._last_cleanup is None or self._clock() - self._last_cleanup >= CLEANUP_TIME:
            self._write(webhook_deliveries.delete_old)
            self._last_cleanup = self._clock()
        self._look()
        was_behind = self._pending.is_behind
        if was_behind:
            self._write(webhook_deliveries.make)
            self._look()
        claimed: list[Claimed] = []
        if room and self._pending.next_due is not None and self._pending.next_due <= self._clock():
            self._write(lambda work: claimed.extend(webhook_deliveries.claim(work, most=room, lease=self._lease)))
        return was_behind, claimed

    def _look(self) -> None:
        """Find out what there is to do; query the database only if its version has changed since."""
        version = self._database.version()
        if version != self._seen_version:
            with self._database.reading() as tx:
                self._pending = webhook_deliveries.pending(self._operator_work(tx))
            self._seen_version = version

    def _record(self) -> None:
        """Write outcomes to the database; if that fails they are kept, and written before anything else is done."""
        if not self._unrecorded:
            return
        outcomes = [*self._unrecorded]

        def record(work: UnitOfWork) -> None:
            for claimed, answer in outcomes:
                webhook_deliveries.record(work, claimed, answer, jitter=self._jitter())

        self._write(record)
        del self._unrecorded[: len(outcomes)]

    def _write(self, change: Callable[[UnitOfWork], None]) -> None:
        with self._database.writing(lambda: bounds.LETTERS_BUSY_SECONDS) as tx:
            change(self._operator_work(tx))

    # -- the receivers -----------------------------------------------------------------------------

    async def _deliver(self, claimed: Claimed) -> None:
        """Send one delivery and note its outcome."""
        delivery, webhook, now = claimed.delivery, claimed.webhook, self._clock()
        log = self._log.bind(
            delivery=delivery.id, webhook=webhook.id, kind=delivery.event, account=claimed.owner.username,
            attempt=delivery.attempts,
        )  # fmt: skip
        try:
            secrets = [hashing.webhook_secret(self._key, id) for id in webhook.secret_ids(now)]
            signed = signature.headers(delivery, secrets, now) | {"User-Agent": f"onebucket/{__version__}"}
            answer = await self._sent(webhook.url, delivery.body.encode(), signed)
        except Exception:  # one delivery must never end the others
            log.exception("unforeseen")
            answer = AttemptOutcome(None, "", "an unexpected error; see the server's log", 0)
        self._unrecorded.append((claimed, answer))
        if answer.is_success:
            self.delivered += 1
            log.info("webhook delivered", status=answer.status)
        else:
            self.failed += 1
            log.warning("webhook not delivered", trouble=answer.sentence)

    async def _sent(self, url: str, body: bytes, headers: dict[str, str]) -> AttemptOutcome:
        if self._post is not None:
            return await self._post(url, body, headers)
        # It loads an HTTP client, which a server without webhooks doesn't need.
        from onebucket.remote.callback_client import CallbackClient

        client = CallbackClient(self._allowed, seconds=self._seconds, most_bytes=MOST_RESPONSE_BYTES)
        found = await client.post(url, body, headers)
        return AttemptOutcome(found.status, found.text, found.error, found.milliseconds)
