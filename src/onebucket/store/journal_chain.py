"""The chain of an account's journal: each entry's hash is made of the one before and of all the entry says.

So whoever changes, removes, inserts or moves an entry would have to make every later hash anew; and the last of them is
kept apart (`journal_heads`), so that entries missing at the end are noticed too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

_Column = str | int | None

# An account's worst news comes first; a thousand more of the same kind would tell nobody anything.
MAX_REPORTED_FAULTS = 5


def chain_hash(previous: str, columns: Sequence[_Column]) -> str:
    """The hash of an entry: SHA-256 of one JSON list, the hash before it and the columns as they are stored.

    The first entry has none before it: the account's id stands in its place.
    """
    return sha256(msgspec.json.encode([previous, *columns])).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry of an account's journal: its number, which is how many there are, and its hash."""

    number: int
    hash: str


@dataclass(slots=True)
class VerifiedChain:
    """What came of examining an account's journal; `head` is what it ends with, `faults` what is wrong with it.

    `account` is the name it goes by, or went by last. More than `MAX_REPORTED_FAULTS` faults are only counted.
    """

    account_id: str
    account: str
    head: ChainHead
    faults: list[str] = field(default_factory=list)
    further: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults

    def add_fault(self, fault: str) -> None:
        """Note what is wrong."""
        if len(self.faults) < MAX_REPORTED_FAULTS:
            self.faults.append(fault)
        else:
            self.further += 1


def examine_chain(
    chain: VerifiedChain, rows: Iterable[Sequence[Any]], kept: ChainHead | None, expected: ChainHead | None
) -> None:
    """Note in `chain` what is wrong with its entries: each row an entry's columns and its hash, in their order.

    `kept` is the head that is stored apart, `expected` one that was so at an earlier time and was kept elsewhere.
    """
    number, hash = 0, chain.account_id
    for row in rows:
        *columns, stored = row
        if not isinstance(columns[1], int):
            chain.add_fault("an entry has no number")
            continue
        if columns[1] > number + 1:
            # Whether it was changed too can't be told without the one before it.
            chain.add_fault(_missing(number + 1, columns[1] - 1))
        elif columns[1] != number + 1 or _recomputed(hash, columns) != stored:
            chain.add_fault(f"entry {columns[1]} was changed, or is not in its place")
        number, hash = columns[1], stored
        if expected is not None and number == expected.number and stored != expected.hash:
            chain.add_fault(f"entry {number} is not the one that was expected")
    chain.head = ChainHead(number, str(hash).encode(errors="replace").decode() if number else "")

    for fault in _at_the_end(number, hash, kept):
        chain.add_fault(fault)
    if expected is not None and number < expected.number:
        chain.add_fault(f"it was expected to have {expected.number} entries or more")


def _recomputed(previous: str, columns: Sequence[Any]) -> str | None:
    """The hash that an entry should have; None where somebody has put something else in the place of text."""
    if any(isinstance(each, bytes | float) for each in columns):
        return None
    try:
        return chain_hash(previous, columns)
    except UnicodeEncodeError:
        return None


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _at_the_end(number: int, hash: str, kept: ChainHead | None) -> Iterator[str]:
    if kept is None:
        yield "what it ended with was removed"
    elif number < kept.number:
        yield _missing(number + 1, kept.number)
    elif number > kept.number:
        yield f"entries after {kept.number} were added by somebody else"
    elif hash != kept.hash:
        yield f"entry {number} is not the one it ended with"
