"""Make slugs from group names in any script.

Outside of `domain`, because transliteration needs a library.
"""

import re
import unicodedata
from hashlib import sha256

from onebucket.domain.refusals import Invalid

LONGEST = 62
_DROPPED = re.compile(r"[^a-z0-9_-]+")
_DASHES = re.compile(r"-{2,}")
_BLANKS = re.compile(r"\s")
# Unicode categories (first letters) of visible characters: letters, digits and symbols.
_VISIBLE = ("L", "N", "S")


def slugify(name: str) -> str:
    """Make the slug of a group's name (contract/api-1.0.md#1.4). Raises Invalid for a name without letters and digits.

    Latin letters and digits are kept, as in the original. Names with letters of other scripts are transliterated; if
    that yields nothing, the slug is `group-` and six characters of the name's hash, so that an import finds the same
    group again.

    >>> slugify("  Night   Crew ")
    'night-crew'
    >>> slugify("Équipe 7 (été)")
    'equipe-7-ete'
    >>> slugify("Ελλάδα ops"), slugify("Разработка")
    ('ellada-ops', 'razrabotka')
    """
    slug = _clean(unicodedata.normalize("NFKD", name))
    if slug and not any(map(_is_of_another_script, name)):
        return slug

    slug = _clean(_in_latin(unicodedata.normalize("NFC", name)))
    if slug:
        return slug
    if any(not character.isascii() and unicodedata.category(character)[0] in _VISIBLE for character in name):
        return f"group-{sha256(unicodedata.normalize('NFC', name.strip()).encode()).hexdigest()[:6]}"
    raise Invalid("name has no letter or digit to make a slug from")


def _clean(text: str) -> str:
    dashed = _BLANKS.sub("-", text.lower().strip())
    return _DASHES.sub("-", _DROPPED.sub("", dashed)).strip("-")[:LONGEST].strip("-")


def _is_of_another_script(character: str) -> bool:
    """Whether a character is a non-Latin letter or digit that the original's rule would drop."""
    return (
        not character.isascii()
        and character.isalnum()
        and not unicodedata.name(character, "LATIN").startswith("LATIN")
        and not _clean(unicodedata.normalize("NFKD", character))
    )


def _in_latin(text: str) -> str:
    """Transliterate letters, digits and combining marks to ASCII."""
    # Import here: it takes some milliseconds, and few names need it.
    from anyascii import anyascii

    return "".join(
        anyascii(character) if not character.isascii() and unicodedata.category(character)[0] in "LMN" else character
        for character in text
    )
