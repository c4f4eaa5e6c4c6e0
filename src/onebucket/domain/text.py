"""The grammar of free text: what any name, title or label may hold."""

import unicodedata

from onebucket.domain.refusals import Invalid

_UNWRITABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean_text(value: str, *, what: str, longest: int = 255, empty: bool = False) -> str:
    """Trim `value` and check that a person could have typed it on one line; `what` names it in the refusal.

    Control characters, line and paragraph separators, lone surrogates and invisible direction overrides are refused,
    because they hide what a name says (contract/api-1.0.md#1.4). Raises Invalid.
    """
    value = value.strip()

    if not value and not empty:
        raise Invalid(f"{what} is missing")
    if len(value) > longest:
        raise Invalid(f"{what} is longer than {longest} characters")
    if not value.isascii() or not value.isprintable():
        for character in value:
            if unicodedata.category(character) in _UNWRITABLE or character in _OVERRIDES:
                raise Invalid(f"{what} contains a control character")

    return value


_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def quote_text(value: str, longest: int = 64) -> str:
    """Somebody's words as they may be repeated to him: cut, on one line, in quotes.

    >>> quote_text("no such\\nthing")
    "'no suchthing'"
    """
    return f"'{''.join(character for character in value[:longest] if character.isprintable())}'"
