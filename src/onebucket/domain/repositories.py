"""Repositories and the privileges set on them, and the rules for their slugs, names and descriptions."""

import re
from dataclasses import dataclass, field

from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text

_SLUG = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of an account; only its metadata is stored, not its content."""

    account_id: str
    id: str
    slug: str
    name: str
    is_private: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryGrants:
    """The levels set on one repository: groups by slug (`NONE` overrides their default), people by username."""

    groups: dict[str, Level] = field(default_factory=dict)
    people: dict[str, Level] = field(default_factory=dict)


def check_slug(slug: str) -> str:
    """Check a repository's slug: 1 to 100 ASCII letters, digits, `_`, `.` and `-`, case-sensitive. Raises Invalid.

    It may not end in `.git`: git treats `rocket` and `rocket.git` as the same repository.
    """
    if not _SLUG.fullmatch(slug) or slug in (".", ".."):
        raise Invalid(f"{slug[:64]!r} can't be a repository slug: 1 to 100 letters, digits, '_', '.' and '-'")
    if slug.lower().endswith(".git"):
        raise Invalid(f"{slug!r} can't be a repository slug: git takes it for the same with and without '.git'")
    return slug


def check_name(value: str) -> str:
    """Trim and check a repository's name: one line of 1 to 255 characters. Raises Invalid."""
    return clean_text(value, what="the repository's name")


def check_description(value: str) -> str:
    """Trim and check a repository's description: one line of up to 2000 characters. Raises Invalid."""
    return clean_text(value, what="the description", longest=2000, empty=True)
