"""Toasts: the next page names what was just done, read from the journal, and offers to undo it."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.responses import Response

from onebucket.actions import undo
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.journal_entry import Entry

# The query parameter that names an entry of a journal: the account's id and the number.
PARAMETER = "did"

_ENTRY = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,9})")

# A page's own confirmations, whose place a toast takes.
_CONFIRMATIONS = ("done", "ended")


class Toast(NamedTuple):
    """What the reader has just done: the entries of one request, and whether they may be undone."""

    entries: list[Entry]
    has_opposite: bool


def load(work: UnitOfWork, parameter: str) -> Toast | None:
    """Return the toast that a query parameter names, if it is the reader's own and recent: one statement or none."""
    named = _ENTRY.fullmatch(parameter)
    entries = undo.recent(work, named[1], int(named[2])) if named else []
    return Toast(entries, undo.has_opposite(entries)) if entries else None


def announce(response: Response, entries: Sequence[Entry], *, always: bool = False) -> Response:
    """Let the page that a redirect leads to show the entries as a toast, if they can be undone, or `always`."""
    if response.status_code != 303 or not entries or not (always or undo.has_opposite(entries)):
        return response
    address = urlsplit(response.headers["location"])
    kept = [each for each in parse_qsl(address.query) if each[0] not in (*_CONFIRMATIONS, PARAMETER)]
    query = urlencode([*kept, (PARAMETER, f"{entries[0].account_id}.{entries[0].number}")])
    response.headers["location"] = urlunsplit(address._replace(query=query))
    return response
