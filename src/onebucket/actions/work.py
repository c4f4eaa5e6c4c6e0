"""Work: one actor, one transaction, one moment; and the telling of what was done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.store import accounts, journal
from onebucket.store.database import Transaction
from onebucket.store.journal import Entry

_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Work:
    """Everything an action is handed: who asks, in which transaction, when, and where new ids come from.

    `address` is the caller's network address, None at the command line; `told` the journal entries written so far.
    """

    actor: Actor
    tx: Transaction
    at: datetime
    request_id: str
    new_id: Callable[[], str]
    address: str | None = None
    told: list[Entry] = field(default_factory=list)

    def instant(self) -> datetime:
        """A moment later than any this work has handed out, so that what it adds keeps its order."""
        self.at += _MICROSECOND
        return self.at

    def tell(
        self,
        event: Event,
        account: Account,
        subject: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Write into the account's journal what was done to `subject`, in this transaction; its revision grows."""
        accounts.revise(self.tx, account.id)
        self.note(event, account, subject, before=before, after=after)

    def note(
        self,
        event: Event,
        account: Account,
        subject: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Write into the account's journal what was attempted in vain: nothing of the account is another for it."""
        entry = journal.add(
            self.tx,
            account,
            self.actor,
            event,
            subject,
            before=before,
            after=after,
            at=self.instant(),
            address=self.address,
            request_id=self.request_id,
        )
        self.told.append(entry)
