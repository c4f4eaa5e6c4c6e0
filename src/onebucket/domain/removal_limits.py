"""Limits on how much one change may remove, as a number or a percentage: a safeguard against incomplete input."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """What may be removed at once: `number` items, or `number` percent of the items there are."""

    number: int
    in_hundred: bool

    def allows(self, gone: int, had: int) -> bool:
        """Return whether `gone` of `had` items may be removed."""
        return gone * 100 <= self.number * had if self.in_hundred else gone <= self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.in_hundred else str(self.number)


DEFAULT = RemovalLimit(25, in_hundred=True)


def parse_limit(text: str) -> RemovalLimit:
    """Parse a limit given as a number or a percentage. Raises ValueError.

    >>> parse_limit("25%"), parse_limit("12")
    (RemovalLimit(number=25, in_hundred=True), RemovalLimit(number=12, in_hundred=False))
    """
    digits = text.removesuffix("%").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise ValueError(f"{text!r} is neither a number nor a percentage like 25%")
    return RemovalLimit(int(digits), in_hundred=text.endswith("%"))
