"""The outbox worker: a thread that claims due mails, sends them and records the outcome of each.

It holds no transaction while it talks to a mail server. A mail that was sent but not recorded before a crash is sent
again when its lease ends, with the same Message-ID and the same link: delivery is at least once.
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
from onebucket.store.engine.database import Database, DataVersionToken
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable
from onebucket.store.engine.transaction import Transaction

# Seconds between polls, and between attempts after a database error or an unexpected exception.
POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0

# Claim at most this many mails at once, and record outcomes at this interval while sending them.
BATCH_SIZE = 20
RECORD_RETRY_SECONDS = timedelta(seconds=2)

CLEANUP_SECONDS = timedelta(hours=1)

# Don't begin a mail that might not be sent within the lease, with the same time again to record its outcome.
_LAST_START = outbox.LEASE_TIME - 2 * timedelta(seconds=bounds.SMTP_LETTER_SECONDS)

# (mail, error, is it permanent); without an error the mail was sent.
_Outcome = tuple[OutboxMail, str | None, bool]


class WorkerStopped(Exception):
    """The worker was stopped and must not use the database any more."""


class OutboxWorker:
    """Sends the mails in the outbox of `database` through the transport `post` until it is stopped.

    - `desk`: renders the mails.
    - `key`: the secret key that the links in mails are derived from.
    - `operate`: returns a unit of work as the operator in a transaction.
    - `clock`: returns the current time.

    `sent` counts the mails sent since the start.
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
        self._database_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._unrecorded: list[_Outcome] = []
        self._last_cleanup: datetime | None = None
        self._seen_version: DataVersionToken | None = None
        self._next_due: datetime | None = None
        self.sent = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="carrier", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 1.0) -> None:
        """Stop after the current mail, or after `seconds` if the mail server hangs.

        The database isn't used after that; a mail that was being sent is retried when its lease ends.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self._stopped = True
        # Wait for the current transaction; no other begins after it.
        if self._database_lock.acquire(timeout=seconds):
            self._database_lock.release()

    def run_once(self) -> bool:
        """Send the mails that are due; return True if there were any.

        Raises DatabaseUnavailable, DatabaseUnusable, WorkerStopped.
        """
        self._record_outcome()
        if self._last_cleanup is None or self._clock() - self._last_cleanup >= CLEANUP_SECONDS:
            self._delete_old()
        if not self._is_due():
            return False

        mails = self._claim()
        self._deliver(mails)
        self._record_outcome()
        return bool(mails)

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
                    # `stop` gave up on a transaction that took too long, and the database was closed.
                    return
                self._log.exception("unforeseen", thread="carrier")
                wait = RETRY_SECONDS

    # -- the database ------------------------------------------------------------------------------

    def _write(self, change: Callable[[UnitOfWork], None]) -> None:
        with self._database_lock:
            if self._stopped:
                raise WorkerStopped
            with self._database.writing(lambda: bounds.LETTERS_BUSY_SECONDS) as tx:
                change(self._operator_work(tx))

    def _is_due(self) -> bool:
        """Return True if a mail is due; query the database only if its version has changed since."""
        with self._database_lock:
            if self._stopped:
                raise WorkerStopped
            version = self._database.version()
            if version != self._seen_version:
                with self._database.reading() as tx:
                    self._next_due = outbox.next_due(self._operator_work(tx))
                self._seen_version = version
        return self._next_due is not None and self._next_due <= self._clock()

    def _claim(self) -> list[OutgoingMail]:
        mails: list[OutgoingMail] = []

        def claim(work: UnitOfWork) -> None:
            mails[:] = outbox.claim(work, lambda link_id: hashing.link_secret(self._key, link_id), most=BATCH_SIZE)

        self._write(claim)
        return mails

    def _record_outcome(self) -> None:
        """Write the outcomes to the database; if that fails they are kept and written before the next claim."""
        if not self._unrecorded:
            return

        def record(work: UnitOfWork) -> None:
            for letter, error, is_permanent in self._unrecorded:
                if error is None:
                    outbox.mark_sent(work, letter)
                else:
                    outbox.mark_failed(work, letter, error, for_good=is_permanent)

        self._write(record)
        self._unrecorded = []

    def _release(self, mails: list[OutgoingMail]) -> None:
        def release(work: UnitOfWork) -> None:
            for mail in mails:
                outbox.release(work, mail.letter)

        if mails:
            self._write(release)

    def _delete_old(self) -> None:
        self._write(outbox.delete_old)
        self._last_cleanup = self._clock()

    # -- the mail server ---------------------------------------------------------------------------

    def _deliver(self, mails: list[OutgoingMail]) -> None:
        """Send the mails one by one; release the rest when stopping, or when the lease would not last."""
        claimed = recorded = self._clock()
        session = self._transport.connect()
        unusable: DeliveryError | None = None
        try:
            for index, mail in enumerate(mails):
                now = self._clock()
                if self._stopping.is_set() or now - claimed > _LAST_START:
                    self._release(mails[index:])
                    return
                if now - recorded > RECORD_RETRY_SECONDS:
                    self._record_outcome()
                    recorded = now
                unusable = self._send(session, mail, now, unusable)
        finally:
            session.close()

    def _send(
        self, session: MailSession, mail: OutgoingMail, now: datetime, unusable: DeliveryError | None
    ) -> DeliveryError | None:
        """Send one mail and note its outcome; return the error if the mail server can't be used at all.

        With `unusable`, that error of an earlier mail, fail without contacting the server.
        """
        letter = mail.letter
        log = self._log.bind(
            letter=letter.id, kind=letter.kind.value, account=mail.owner.username, to=letter.email,
            attempt=letter.attempts,
        )  # fmt: skip
        try:
            if unusable is not None:
                raise unusable
            session.send(self._composer.compose(mail, now), id=letter.id, at=now)
        except (DeliveryError, TemplateError) as error:
            # Some servers quote the text that they reject, which may contain the secret link.
            trouble = plain_text(str(error).replace(mail.secret, "…"))
            for_good = isinstance(error, DeliveryError) and error.is_permanent
            self._unrecorded.append((letter, trouble, for_good))
            log.warning("letter not sent", trouble=trouble, for_good=for_good)
            return error if isinstance(error, DeliveryError) and error.affects_every_recipient else None
        except Exception:  # one mail must never block the others
            self._unrecorded.append((letter, "an unexpected error; see the server's log", False))
            log.exception("unforeseen")
            return None
        self._unrecorded.append((letter, None, False))
        self.sent += 1
        log.info("letter sent")
        return None
