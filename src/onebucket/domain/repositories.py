"""Repositories: what privileges are about; their slugs and names."""

import re
from dataclasses import dataclass, field

from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text

_SLUG = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of an account; nothing of its content is kept here."""

    account_id: str
    id: str
    slug: str
    name: str
    is_private: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryGrants:
    """What is set on one repository: for groups by slug (`NONE` overrides a default), for people by username."""

    groups: dict[str, Level] = field(default_factory=dict)
    people: dict[str, Level] = field(default_factory=dict)


def check_slug(slug: str) -> str:
    """Check a repository's slug: 1 to 100 ASCII letters, digits, `_`, `.` and `-`; case counts. Raises Invalid.

    None ends in `.git`: git takes `rocket` and `rocket.git` for the same repository.
    """
    if not _SLUG.fullmatch(slug) or slug in (".", ".."):
        raise Invalid(f"{slug[:64]!r} can't be a repository slug: 1 to 100 letters, digits, '_', '.' and '-'")
    if slug.lower().endswith(".git"):
        raise Invalid(f"{slug!r} can't be a repository slug: git takes it for the same with and without '.git'")
    return slug


def check_name(value: str) -> str:
    """Clean a repository's name. Raises Invalid."""
    return clean_text(value, what="the repository's name")


def check_description(value: str) -> str:
    """Clean a repository's description, which may be empty. Raises Invalid."""
    return clean_text(value, what="the description", longest=2000, empty=True)
