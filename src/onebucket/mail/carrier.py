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
from onebucket.actions.outbox import Parcel
from onebucket.actions.work import Work
from onebucket.domain.letters import Letter
from onebucket.mail.post import Counter, Post, Undelivered, plain
from onebucket.mail.writing import Desk, Unwritable
from onebucket.store.database import Database, Transaction, Unavailable, Unusable, Version

# How often it looks whether a letter is due, and how long it waits after a trouble of the database's or our own.
LOOK_SECONDS = 0.5
TROUBLE_SECONDS = 5.0

# So many letters are taken at a time; what became of them is kept after so long, however many are left.
MOST = 20
KEEP_AFTER = timedelta(seconds=2)

TIDY_AFTER = timedelta(hours=1)

# No letter is begun that could not be finished within the lease, with as much again to keep it.
_LAST_BEGINNING = outbox.LEASE - 2 * timedelta(seconds=bounds.SMTP_LETTER_SECONDS)

# (letter, trouble, for good): no trouble means it is gone.
_Outcome = tuple[Letter, str | None, bool]


class Stopped(Exception):
    """The carrier was told to stop: the database is no longer its."""


class Carrier:
    """Carries letters from the outbox of `database` to `post`, until it is stopped.

    `key` is what links are made from; `operate` makes the operator's work in a transaction; `clock` tells the time.
    `sent` counts letters since it began.
    """

    def __init__(
        self,
        database: Database,
        *,
        post: Post,
        desk: Desk,
        key: bytes,
        operate: Callable[[Transaction], Work],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._post = post
        self._desk = desk
        self._key = key
        self._operate = operate
        self._clock = clock
        self._log = structlog.get_logger("onebucket.mail")
        self._stopping = threading.Event()
        self._stopped = False
        self._storing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._unkept: list[_Outcome] = []
        self._tidied: datetime | None = None
        self._seen: Version | None = None
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

    def round(self) -> bool:
        """Carry what is due now, if anything is; whether there was something. Raises Unavailable, Unusable, Stopped."""
        self._keep()
        if self._tidied is None or self._clock() - self._tidied >= TIDY_AFTER:
            self._tidy()
        if not self._is_due():
            return False

        parcels = self._take()
        self._carry(parcels)
        self._keep()
        return bool(parcels)

    def _run(self) -> None:
        wait = LOOK_SECONDS
        while not self._stopping.wait(wait):
            try:
                wait = 0.0 if self.round() else LOOK_SECONDS
            except Stopped:
                return
            except (Unavailable, Unusable) as error:
                self._log.warning("letters wait for the database", trouble=str(error))
                wait = TROUBLE_SECONDS
            except Exception:
                if self._stopped:
                    # The database was closed under a transaction that took too long.
                    return
                self._log.exception("unforeseen", thread="carrier")
                wait = TROUBLE_SECONDS

    # -- the database ------------------------------------------------------------------------------

    def _changing(self, change: Callable[[Work], None]) -> None:
        with self._storing:
            if self._stopped:
                raise Stopped
            with self._database.writing(lambda: bounds.LETTERS_BUSY_SECONDS) as tx:
                change(self._operate(tx))

    def _is_due(self) -> bool:
        """Whether a letter is due; asked of the database only when somebody has committed something since."""
        with self._storing:
            if self._stopped:
                raise Stopped
            version = self._database.version()
            if version != self._seen:
                with self._database.reading() as tx:
                    self._next_due = outbox.next_due(self._operate(tx))
                self._seen = version
        return self._next_due is not None and self._next_due <= self._clock()

    def _take(self) -> list[Parcel]:
        parcels: list[Parcel] = []

        def take(work: Work) -> None:
            parcels[:] = outbox.take(work, lambda link_id: hashing.link_secret(self._key, link_id), most=MOST)

        self._changing(take)
        return parcels

    def _keep(self) -> None:
        """Keep what became of letters; what can't be kept now is kept before anything else is taken."""
        if not self._unkept:
            return

        def keep(work: Work) -> None:
            for letter, trouble, for_good in self._unkept:
                if trouble is None:
                    outbox.carried(work, letter)
                else:
                    outbox.failed(work, letter, trouble, for_good=for_good)

        self._changing(keep)
        self._unkept = []

    def _put_back(self, parcels: list[Parcel]) -> None:
        def put_back(work: Work) -> None:
            for parcel in parcels:
                outbox.put_back(work, parcel.letter)

        if parcels:
            self._changing(put_back)

    def _tidy(self) -> None:
        self._changing(outbox.tidy)
        self._tidied = self._clock()

    # -- the mail server ---------------------------------------------------------------------------

    def _carry(self, parcels: list[Parcel]) -> None:
        """Hand in one after the other; what is left when the server takes too long, or it is to stop, is put back."""
        taken = kept = self._clock()
        counter = self._post.open()
        unusable: Undelivered | None = None
        try:
            for number, parcel in enumerate(parcels):
                now = self._clock()
                if self._stopping.is_set() or now - taken > _LAST_BEGINNING:
                    self._put_back(parcels[number:])
                    return
                if now - kept > KEEP_AFTER:
                    self._keep()
                    kept = now
                unusable = self._hand_in(counter, parcel, now, unusable)
        finally:
            counter.close()

    def _hand_in(
        self, counter: Counter, parcel: Parcel, now: datetime, unusable: Undelivered | None
    ) -> Undelivered | None:
        """Hand in one letter, unless the mail server was `unusable` a moment ago; whether it is now."""
        letter = parcel.letter
        log = self._log.bind(
            letter=letter.id, kind=letter.kind.value, account=parcel.owner.username, to=letter.email,
            attempt=letter.attempts,
        )  # fmt: skip
        try:
            if unusable is not None:
                raise unusable
            counter.hand_in(self._desk.write(parcel, now), id=letter.id, at=now)
        except (Undelivered, Unwritable) as error:
            # Some servers repeat what they object to, and that may be the link.
            trouble = plain(str(error).replace(parcel.secret, "…"))
            for_good = isinstance(error, Undelivered) and error.for_good
            self._unkept.append((letter, trouble, for_good))
            log.warning("letter not sent", trouble=trouble, for_good=for_good)
            return error if isinstance(error, Undelivered) and error.everywhere else None
        except Exception:  # nothing that one letter does may keep the others
            self._unkept.append((letter, "an unforeseen error, told in the server's log", False))
            log.exception("unforeseen")
            return None
        self._unkept.append((letter, None, False))
        self.sent += 1
        log.info("letter sent")
        return None
