"""Rules for free text on one line: names, titles, labels."""

import unicodedata

from onebucket.domain.refusals import Invalid

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean_text(value: str, *, what: str, field: str = "", longest: int = 255, empty: bool = False) -> str:
    """Trim `value` and check it; `what` names it in the error, and `field` is the parameter that it came in.

    Control characters, line and paragraph separators, lone surrogates and invisible direction overrides are refused,
    because they can disguise a name (contract/api-1.0.md#1.4). Raises Invalid.
    """
    value = value.strip()

    if not value and not empty:
        raise Invalid(f"{what} is missing", field=field)
    if len(value) > longest:
        raise Invalid(f"{what} is longer than {longest} characters", field=field)
    if not value.isascii() or not value.isprintable():
        for character in value:
            if unicodedata.category(character) in _FORBIDDEN_CATEGORIES or character in _DIRECTION_OVERRIDES:
                raise Invalid(f"{what} contains a control character", field=field)

    return value


_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
