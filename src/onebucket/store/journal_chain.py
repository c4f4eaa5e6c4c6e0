"""The hash chain of an account's audit log: each entry's hash covers the previous hash and the whole entry.

Anyone who changes, removes, inserts or moves an entry would have to recompute all later hashes. The last hash is also
stored separately (`journal_heads`), so that missing entries at the end are noticed too.

An entry out of which names were struck keeps its hash, which it no longer has by its columns. A later entry of the
chain vouches for it: `journal.struck-out` holds its number and the hash of its columns as they read now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

from onebucket.domain.events import Event

_Column = str | int | None

# The first faults tell the most; a thousand more would only repeat them.
MAX_REPORTED_FAULTS = 5


def chain_hash(previous: str, columns: Sequence[_Column]) -> str:
    """Return the hash of an entry: SHA-256 of a JSON list of the previous hash and the columns as they are stored.

    For the first entry, the account's id takes the place of the previous hash.
    """
    return sha256(msgspec.json.encode([previous, *columns])).hexdigest()


def content_hash(columns: Sequence[_Column]) -> str:
    """Return the hash of an entry by itself: SHA-256 of a JSON list of the columns as they are stored."""
    return sha256(msgspec.json.encode([*columns])).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry of an account's audit log: its number, which is also the number of entries, and its hash."""

    number: int
    hash: str


@dataclass(slots=True)
class VerifiedChain:
    """The result of verifying an account's audit log: its last entry (`head`) and what is wrong (`faults`).

    `account` is the account's current or last username. Faults beyond `MAX_REPORTED_FAULTS` are only counted.
    `struck_out` is the number of entries out of which names were struck, for which others vouch.
    """

    account_id: str
    account: str
    head: ChainHead
    faults: list[str] = field(default_factory=list)
    further: int = 0
    struck_out: int = 0

    @property
    def is_whole(self) -> bool:
        """True if there are no faults."""
        return not self.faults

    def add_fault(self, fault: str) -> None:
        """Add a fault, or count it if there are enough."""
        if len(self.faults) < MAX_REPORTED_FAULTS:
            self.faults.append(fault)
        else:
            self.further += 1


def examine_chain(
    chain: VerifiedChain, rows: Iterable[Sequence[Any]], kept: ChainHead | None, expected: ChainHead | None
) -> None:
    """Verify entries, in order, and add what is wrong to `chain`. A row is an entry's columns and its hash.

    `kept` is the head stored separately. `expected` is the head at an earlier time, kept elsewhere by the user.
    """
    number, hash = 0, chain.account_id
    struck = _StruckEntries()
    for row in rows:
        *columns, stored = row
        _, numbered, *_ = columns
        if not isinstance(numbered, int):
            chain.add_fault("an entry has no number")
            continue
        if numbered > number + 1:
            # Without the previous entry, its hash can't be checked.
            chain.add_fault(_missing_entries(number + 1, numbered - 1))
        elif numbered != number + 1:
            chain.add_fault(_changed(numbered))
        elif _recomputed(hash, columns) != stored:
            if not struck.add(columns):
                chain.add_fault(_changed(numbered))
        elif columns[_EVENT] == Event.JOURNAL_STRUCK_OUT.value:
            struck.vouch(columns)
        number, hash = numbered, stored
        if expected is not None and number == expected.number and stored != expected.hash:
            chain.add_fault(f"entry {number} is not the one that was expected")
    chain.head = ChainHead(number, str(hash).encode(errors="replace").decode() if number else "")

    for numbered in struck.without_voucher:
        chain.add_fault(_changed(numbered))
    chain.struck_out = struck.vouched_for
    for fault in _faults_at_end(number, hash, kept):
        chain.add_fault(fault)
    if expected is not None and number < expected.number:
        chain.add_fault(f"it should have {expected.number} entries or more")


_NUMBER, _EVENT, _AFTER = 1, 8, 11


class _StruckEntries:
    """Entries whose hash isn't that of their columns, until a later entry vouches for how they read now."""

    def __init__(self) -> None:
        self._waiting: dict[int, bytes] = {}
        # What those of them say that are vouchers themselves.
        self._vouchers: dict[int, Sequence[Any]] = {}
        self.vouched_for = 0

    @property
    def without_voucher(self) -> list[int]:
        """The numbers of the entries for which none vouches."""
        return sorted(self._waiting)

    def add(self, columns: Sequence[Any]) -> bool:
        """Add an entry; return False if it holds what no entry can hold."""
        if any(isinstance(column, bytes | float) for column in columns):
            return False
        try:
            self._waiting[columns[_NUMBER]] = bytes.fromhex(content_hash(columns))
        except UnicodeEncodeError:
            return False
        if columns[_EVENT] == Event.JOURNAL_STRUCK_OUT.value:
            self._vouchers[columns[_NUMBER]] = columns
        return True

    def vouch(self, columns: Sequence[Any]) -> None:
        """Take the entries that this one names, and that read as it says, for struck out rather than changed."""
        vouching = [columns]
        while vouching:
            voucher = vouching.pop()
            for number, hash in _named_entries(voucher[_AFTER]):
                if number < voucher[_NUMBER] and self._waiting.get(number) == hash:
                    del self._waiting[number]
                    self.vouched_for += 1
                    if number in self._vouchers:
                        vouching.append(self._vouchers.pop(number))


def _named_entries(facts: Any) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and hashes in the facts of a `journal.struck-out` entry."""
    try:
        for number, hash in msgspec.json.decode(facts)["entries"]:
            yield int(number), bytes.fromhex(hash)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return


def _changed(number: int) -> str:
    return f"entry {number} was changed or moved"


def _recomputed(previous: str, columns: Sequence[Any]) -> str | None:
    """Return the hash an entry should have; None if a column holds what no entry can hold."""
    if any(isinstance(column, bytes | float) for column in columns):
        return None
    try:
        return chain_hash(previous, columns)
    except UnicodeEncodeError:
        return None


def _missing_entries(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _faults_at_end(number: int, hash: str, kept: ChainHead | None) -> Iterator[str]:
    if kept is None:
        yield "its last entries were removed"
    elif number < kept.number:
        yield _missing_entries(number + 1, kept.number)
    elif number > kept.number:
        yield f"entries after {kept.number} were not added by onebucket"
    elif hash != kept.hash:
        yield f"entry {number} is not the recorded last one"
