"""The result of one check of `doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one check passed (`ok`), what it found, and how to fix it (empty if there is nothing to fix)."""

    ok: bool
    message: str
    fix: str = ""
