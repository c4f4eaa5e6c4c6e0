"""A caller's text, made safe to repeat in an error or a response."""


def printable(text: str, longest: int = 64) -> str:
    """Remove what can't be printed or isn't valid Unicode, and cut the rest (contract/formats.md#f2).

    >>> printable("x\\r\\nml")
    'xml'
    """
    return "".join(character for character in text if character.isprintable())[:longest]


def quote_text(text: str) -> str:
    """Put a caller's text into quotes for an error, printable and shortened.

    >>> quote_text("no such\\nthing")
    "'no suchthing'"
    """
    return f"'{printable(text)}'"
