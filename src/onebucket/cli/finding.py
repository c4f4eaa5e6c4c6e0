"""What `doctor` finds: what is so and, where it is wrong, how to mend it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    ok: bool
    message: str
    fix: str = ""
