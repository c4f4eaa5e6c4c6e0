"""What a caller may have meant by a name that isn't there."""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import Enum
from typing import NamedTuple

# Names that are compared with the wanted one: those that come before and after it in the order of names.
NEIGHBOURS = 50
# Longer names are compared with none: comparing takes the product of both lengths.
LONGEST = 64

# Characters, times those of the wanted name, that are compared in the time it takes to read a row.
CHARACTERS_OF_A_ROW = 200

_CUTOFF = 0.7


class Kind(Enum):
    """What a name can be of."""

    ACCOUNT = "account"
    PERSON = "person"
    GROUP = "group"
    PROJECT = "project"
    REPOSITORY = "repository"


class Sought(NamedTuple):
    """What was looked for: a name, in the account with that id unless it is one of an account or a person."""

    kind: Kind
    name: str
    account_id: str = ""


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of some names that is most like another, in either case; None if none is.

    >>> closest("Desingers", ["developers", "designers"])
    'designers'
    >>> closest("rocket", ["developers"]) is None
    True
    """
    if len(name) > LONGEST:
        return None
    by_key = {each.casefold(): each for each in names if each != name and len(each) <= LONGEST}
    found = get_close_matches(name.casefold(), by_key, n=1, cutoff=_CUTOFF)
    return by_key[found[0]] if found else None
