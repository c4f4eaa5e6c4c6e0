"""Levels: what somebody may do on a repository, from nothing to admin."""

from enum import IntEnum

from onebucket.domain.refusals import Invalid


class Level(IntEnum):
    """What may be done on a repository; a higher level holds the lower ones (spec 1.13)."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The level as the API spells it.

        >>> Level.WRITE.word
        'write'
        """
        return self.name.lower()


_BY_WORD = {level.word: level for level in Level}


def named(word: str, *, none: bool = False) -> Level:
    """Read a level's word: `read`, `write`, `admin`, and `none` where it may stand. Raises Invalid.

    >>> named("write")
    <Level.WRITE: 2>
    """
    level = _BY_WORD.get(word)

    if level is None or (level is Level.NONE and not none):
        allowed = "read, write, admin or none" if none else "read, write or admin"
        raise Invalid(f"the permission must be {allowed}")

    return level
