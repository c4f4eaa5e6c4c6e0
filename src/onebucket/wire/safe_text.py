"""Make a caller's text safe to repeat in a response."""

import unicodedata

LIMIT = 64
_REMOVED_CATEGORIES = frozenset({"Cc", "Cs"})  # control characters, and lone surrogates, which UTF-8 can't encode


def quote_input(text: str) -> str:
    """Remove control characters and shorten to `LIMIT` (64) characters (contract/formats.md#f2).

    >>> quote_input("x\\r\\nml")
    'xml'
    """
    return without_controls(text)[:LIMIT]


def without_controls(text: str) -> str:
    """Remove control characters and lone surrogates."""
    return "".join(character for character in text if unicodedata.category(character) not in _REMOVED_CATEGORIES)
