"""Work: one actor, one transaction, one moment; and the telling of what was done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from onebucket.domain.accounts import Account, Actor
from onebucket.domain.events import Event
from onebucket.store import journal
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
        """Write into the account's journal what was done to `subject`, in this transaction."""
        entry = Entry(
            account_id=account.id,
            number=journal.next_number(self.tx, account.id),
            account=account.username,
            at=self.instant(),
            actor_id=self.actor.id,
            actor=self.actor.name,
            credential=self.actor.credential,
            address=self.address,
            event=event,
            subject=subject,
            before=before,
            after=after,
            request_id=self.request_id,
        )
        journal.add(self.tx, entry)
        self.told.append(entry)
