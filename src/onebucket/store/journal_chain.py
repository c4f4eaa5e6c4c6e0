"""The hash chain of an account's audit log: each entry's hash covers the previous hash and the whole entry.

Anyone who changes, removes, inserts or moves an entry would have to recompute all later hashes. The last hash is also
stored separately (`journal_heads`), so that missing entries at the end are noticed too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

_Column = str | int | None

# The first faults tell the most; a thousand more would only repeat them.
MAX_REPORTED_FAULTS = 5


def chain_hash(previous: str, columns: Sequence[_Column]) -> str:
    """Return the hash of an entry: SHA-256 of a JSON list of the previous hash and the columns as they are stored.

    For the first entry, the account's id takes the place of the previous hash.
    """
    return sha256(msgspec.json.encode([previous, *columns])).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry of an account's audit log: its number, which is also the number of entries, and its hash."""

    number: int
    hash: str


@dataclass(slots=True)
class VerifiedChain:
    """The result of verifying an account's audit log: its last entry (`head`) and what is wrong (`faults`).

    `account` is the account's current or last username. Faults beyond `MAX_REPORTED_FAULTS` are only counted.
    """

    account_id: str
    account: str
    head: ChainHead
    faults: list[str] = field(default_factory=list)
    further: int = 0

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
    for row in rows:
        *columns, stored = row
        _, numbered, *_ = columns
        if not isinstance(numbered, int):
            chain.add_fault("an entry has no number")
            continue
        if numbered > number + 1:
            # Without the previous entry, its hash can't be checked.
            chain.add_fault(_missing_entries(number + 1, numbered - 1))
        elif numbered != number + 1 or _recomputed(hash, columns) != stored:
            chain.add_fault(f"entry {numbered} was changed or moved")
        number, hash = numbered, stored
        if expected is not None and number == expected.number and stored != expected.hash:
            chain.add_fault(f"entry {number} is not the one that was expected")
    chain.head = ChainHead(number, str(hash).encode(errors="replace").decode() if number else "")

    for fault in _faults_at_end(number, hash, kept):
        chain.add_fault(fault)
    if expected is not None and number < expected.number:
        chain.add_fault(f"it should have {expected.number} entries or more")


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
