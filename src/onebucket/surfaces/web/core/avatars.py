"""Avatars: the first letter of a name on a background colour derived from the name."""

from hashlib import blake2b
from html import escape


def avatar_svg(name: str, size: int) -> str:
    """Return an SVG of `size` pixels; the same name always gives the same image.

    >>> "M</text>" in avatar_svg("mokafor", 32)
    True
    """
    letter = next((character for character in name if character.isalnum()), "?").upper()
    hue = int.from_bytes(blake2b(name.lower().encode(errors="replace"), digest_size=2).digest()) % 360
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="4" fill="hsl({hue} 45% 38%)"/>'
        '<text x="16" y="16" dy=".36em" text-anchor="middle" font-family="system-ui, sans-serif" font-size="16" '
        f'font-weight="600" fill="#fff">{escape(letter)}</text></svg>'
    )
