"""The slug that stands for a group's name in addresses: names in any script have one.

Outside of the domain, because what a letter of another script is called in Latin ones is a library's knowledge.
"""

import re
import unicodedata
from hashlib import sha256

from onebucket.domain.refusals import Invalid

LONGEST = 62
_DROPPED = re.compile(r"[^a-z0-9_-]+")
_DASHES = re.compile(r"-{2,}")
_BLANKS = re.compile(r"\s")
# Letters, digits and symbols: what a person sees and could tell names apart by.
_VISIBLE = ("L", "N", "S")


def slugify(name: str) -> str:
    """Make the slug of a group's name. Raises Invalid when nothing is in it that one could be made of (contract/api-1.0.md#1.4).

    Latin letters and digits are kept as the original did it. A name with letters of other scripts is transliterated;
    where nothing comes of that, it is `group-` and six characters that follow from the name, so that a document finds
    the same group again.

    >>> slugify("  Night   ImportedTeam ")
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
    if any(not each.isascii() and unicodedata.category(each)[0] in _VISIBLE for each in name):
        return f"group-{sha256(unicodedata.normalize('NFC', name.strip()).encode()).hexdigest()[:6]}"
    raise Invalid("name has no letter or digit that a slug could be made of")


def _clean(text: str) -> str:
    dashed = _BLANKS.sub("-", text.lower().strip())
    return _DASHES.sub("-", _DROPPED.sub("", dashed)).strip("-")[:LONGEST].strip("-")


def _is_of_another_script(character: str) -> bool:
    """Whether it is a letter or digit of which the original's rule would keep nothing, and no Latin one."""
    return (
        not character.isascii()
        and character.isalnum()
        and not unicodedata.name(character, "LATIN").startswith("LATIN")
        and not _clean(unicodedata.normalize("NFKD", character))
    )


def _in_latin(text: str) -> str:
    """Transliterate letters, digits and the marks on them; words of scripts without blanks stay together."""
    # Takes some milliseconds to load, and hardly any name needs it.
    from anyascii import anyascii

    return "".join(
        anyascii(each) if not each.isascii() and unicodedata.category(each)[0] in "LMN" else each for each in text
    )
