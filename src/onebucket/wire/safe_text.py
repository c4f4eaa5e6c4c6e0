"""How much of what a caller sent may be said back to him."""

import unicodedata

LIMIT = 64
_UNSPEAKABLE = frozenset({"Cc", "Cs"})  # control characters, and lone surrogates, which UTF-8 cannot carry


def quote_input(text: str) -> str:
    """Cut a caller's text down to what may stand in a sentence: no control characters, at most 64 others (contract/formats.md#f2).

    >>> quote_input("x\\r\\nml")
    'xml'
    """
    return without_controls(text)[:LIMIT]


def without_controls(text: str) -> str:
    """The same, as long as it is."""
    return "".join(character for character in text if unicodedata.category(character) not in _UNSPEAKABLE)
