"""An entry of the journal, which is the audit log."""

from datetime import datetime
from typing import Any, NamedTuple

from onebucket.domain.events import Event

Facts = dict[str, Any]


# A NamedTuple, because a listing of the journal makes many thousands of them.
class Entry(NamedTuple):
    """Who did what to which subject, with which credential, before and after.

    `number` counts an account's entries from 1. `address` is the client's IP address; None at the command line. `hash`
    covers all other fields and the previous entry's hash.
    """

    account_id: str
    number: int
    account: str
    at: datetime
    actor_id: str | None
    actor: str
    credential: str
    address: str | None
    event: Event
    subject: str
    before: Facts | None
    after: Facts | None
    request_id: str
    hash: str
