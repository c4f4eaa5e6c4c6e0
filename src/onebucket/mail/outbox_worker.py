"""The carrier: a thread that takes letters out of the outbox, hands them in, and keeps what became of each.

While it talks to a mail server it holds no transaction. What was handed in and not kept before a crash is handed in
again when its lease is over, with the same Message-ID and the same link.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from onebucket import bounds, hashing
from onebucket.actions import outbox
from onebucket.actions.outbox import OutgoingMail
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.letters import OutboxMail
from onebucket.mail.composer import Composer, TemplateError
from onebucket.mail.transport import DeliveryError, MailSession, MailTransport, plain_text
from onebucket.store.engine.database import (
    Database,
    DatabaseUnavailable,
    DatabaseUnusable,
    DataVersionToken,
    Transaction,
)

# How often it looks whether a letter is due, and how long it waits after a trouble of the database's or our own.
POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0

# So many letters are taken at a time; what became of them is kept after so long, however many are left.
BATCH_SIZE = 20
RECORD_RETRY_SECONDS = timedelta(seconds=2)

CLEANUP_SECONDS = timedelta(hours=1)

# No letter is begun that could not be finished within the lease, with as much again to keep it.
_LAST_BEGINNING = outbox.LEASE_TIME - 2 * timedelta(seconds=bounds.SMTP_LETTER_SECONDS)

# (letter, trouble, for good): no trouble means it is gone.
_Outcome = tuple[OutboxMail, str | None, bool]


class WorkerStopped(Exception):
    """The carrier was told to stop: the database is no longer its."""


class OutboxWorker:
    """Carries letters from the outbox of `database` to `post`, until it is stopped.

    `key` is what links are made from; `operate` makes the operator's work in a transaction; `clock` tells the time.
    `sent` counts letters since it began.
    """

    def __init__(
        self,
        database: Database,
        *,
        post: MailTransport,
        desk: Composer,
        key: bytes,
        operate: Callable[[Transaction], UnitOfWork],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._transport = post
        self._composer = desk
        self._key = key
        self._operator_work = operate
        self._clock = clock
        self._log = structlog.get_logger("onebucket.mail")
        self._stopping = threading.Event()
        self._stopped = False
        self._storing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._unkept: list[_Outcome] = []
        self._tidied: datetime | None = None
        self._seen: DataVersionToken | None = None
        self._next_due: datetime | None = None
        self.sent = 0

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="carrier", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 1.0) -> None:
        """End: after the letter that is being handed in or, when the mail server hangs, after `seconds`.

        From then on nothing of the database is touched; a letter that was under way is tried again after its lease.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self._stopped = True
        # A transaction under way is finished; none begins after it.
        if self._storing.acquire(timeout=seconds):
            self._storing.release()

    def run_once(self) -> bool:
        """Send what is due now; tell whether anything was.

        Raises DatabaseUnavailable, DatabaseUnusable, WorkerStopped.
        """
        self._record_outcome()
        if self._tidied is None or self._clock() - self._tidied >= CLEANUP_SECONDS:
            self._delete_old()
        if not self._is_due():
            return False

        parcels = self._claim()
        self._deliver(parcels)
        self._record_outcome()
        return bool(parcels)

    def _run(self) -> None:
        wait = POLL_SECONDS
        while not self._stopping.wait(wait):
            try:
                wait = 0.0 if self.run_once() else POLL_SECONDS
            except WorkerStopped:
                return
            except (DatabaseUnavailable, DatabaseUnusable) as error:
                self._log.warning("letters wait for the database", trouble=str(error))
                wait = RETRY_SECONDS
            except Exception:
                if self._stopped:
                    # The database was closed under a transaction that took too long.
                    return
                self._log.exception("unforeseen", thread="carrier")
                wait = RETRY_SECONDS

    # -- the database ------------------------------------------------------------------------------

    def _write(self, change: Callable[[UnitOfWork], None]) -> None:
        with self._storing:
            if self._stopped:
                raise WorkerStopped
            with self._database.writing(lambda: bounds.LETTERS_BUSY_SECONDS) as tx:
                change(self._operator_work(tx))

    def _is_due(self) -> bool:
        """Whether a letter is due; asked of the database only when somebody has committed something since."""
        with self._storing:
            if self._stopped:
                raise WorkerStopped
            version = self._database.version()
            if version != self._seen:
                with self._database.reading() as tx:
                    self._next_due = outbox.next_due(self._operator_work(tx))
                self._seen = version
        return self._next_due is not None and self._next_due <= self._clock()

    def _claim(self) -> list[OutgoingMail]:
        parcels: list[OutgoingMail] = []

        def take(work: UnitOfWork) -> None:
            parcels[:] = outbox.claim(work, lambda link_id: hashing.link_secret(self._key, link_id), most=BATCH_SIZE)

        self._write(take)
        return parcels

    def _record_outcome(self) -> None:
        """Keep what became of letters; what can't be kept now is kept before anything else is taken."""
        if not self._unkept:
            return

        def keep(work: UnitOfWork) -> None:
            for letter, trouble, for_good in self._unkept:
                if trouble is None:
                    outbox.mark_sent(work, letter)
                else:
                    outbox.mark_failed(work, letter, trouble, for_good=for_good)

        self._write(keep)
        self._unkept = []

    def _release(self, parcels: list[OutgoingMail]) -> None:
        def put_back(work: UnitOfWork) -> None:
            for parcel in parcels:
                outbox.release(work, parcel.letter)

        if parcels:
            self._write(put_back)

    def _delete_old(self) -> None:
        self._write(outbox.delete_old)
        self._tidied = self._clock()

    # -- the mail server ---------------------------------------------------------------------------

    def _deliver(self, parcels: list[OutgoingMail]) -> None:
        """Hand in one after the other; what is left when the server takes too long, or it is to stop, is put back."""
        taken = kept = self._clock()
        counter = self._transport.connect()
        unusable: DeliveryError | None = None
        try:
            for number, parcel in enumerate(parcels):
                now = self._clock()
                if self._stopping.is_set() or now - taken > _LAST_BEGINNING:
                    self._release(parcels[number:])
                    return
                if now - kept > RECORD_RETRY_SECONDS:
                    self._record_outcome()
                    kept = now
                unusable = self._send(counter, parcel, now, unusable)
        finally:
            counter.close()

    def _send(
        self, counter: MailSession, parcel: OutgoingMail, now: datetime, unusable: DeliveryError | None
    ) -> DeliveryError | None:
        """Hand in one letter, unless the mail server was `unusable` a moment ago; whether it is now."""
        letter = parcel.letter
        log = self._log.bind(
            letter=letter.id, kind=letter.kind.value, account=parcel.owner.username, to=letter.email,
            attempt=letter.attempts,
        )  # fmt: skip
        try:
            if unusable is not None:
                raise unusable
            counter.send(self._composer.compose(parcel, now), id=letter.id, at=now)
        except (DeliveryError, TemplateError) as error:
            # Some servers repeat what they object to, and that may be the link.
            trouble = plain_text(str(error).replace(parcel.secret, "…"))
            for_good = isinstance(error, DeliveryError) and error.is_permanent
            self._unkept.append((letter, trouble, for_good))
            log.warning("letter not sent", trouble=trouble, for_good=for_good)
            return error if isinstance(error, DeliveryError) and error.affects_every_recipient else None
        except Exception:  # nothing that one letter does may keep the others
            self._unkept.append((letter, "an unforeseen error, told in the server's log", False))
            log.exception("unforeseen")
            return None
        self._unkept.append((letter, None, False))
        self.sent += 1
        log.info("letter sent")
        return None
