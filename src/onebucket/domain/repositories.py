"""Repositories and the privileges set on them, and the rules for their slugs, names and descriptions."""

import re
from dataclasses import dataclass, field
from enum import Enum

from onebucket.domain.journal_entry import Facts
from onebucket.domain.privileges import Level
from onebucket.domain.projects import Project
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text

_SLUG = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class ForkPolicy(Enum):
    """Which forks of a repository may be made; stored for clients, since there is no content to fork."""

    ALLOW_FORKS = "allow_forks"
    NO_PUBLIC_FORKS = "no_public_forks"
    NO_FORKS = "no_forks"


def parse_fork_policy(word: str) -> ForkPolicy:
    """Parse a fork policy: `allow_forks`, `no_public_forks` or `no_forks`. Raises Invalid."""
    try:
        return ForkPolicy(word)
    except ValueError:
        raise Invalid("the fork policy must be allow_forks, no_public_forks or no_forks") from None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of an account, in one of its projects; only its metadata is stored, not its content."""

    account_id: str
    id: str
    slug: str
    name: str
    project_id: str
    is_private: bool = True
    description: str = ""
    fork_policy: ForkPolicy = ForkPolicy.ALLOW_FORKS
    language: str = ""
    has_issues: bool = False
    has_wiki: bool = False
    mainbranch: str = "main"
    has_inherited_merge_strategy: bool = True
    has_inherited_branching_model: bool = True


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
        raise Invalid(f"{slug!r} can't be a repository slug: git treats it the same with and without '.git'")
    return slug


def check_name(value: str) -> str:
    """Trim and check a repository's name: one line of 1 to 255 characters. Raises Invalid."""
    return clean_text(value, what="the repository's name")


def check_description(value: str) -> str:
    """Trim and check a repository's description: one line of up to 2000 characters. Raises Invalid."""
    return clean_text(value, what="the description", longest=2000, empty=True)


def check_language(value: str) -> str:
    """Trim and check the name of a programming language: up to 64 characters, in lower case. Raises Invalid."""
    return clean_text(value, what="the language", longest=64, empty=True).lower()


def check_branch(value: str) -> str:
    """Trim and check the name of the main branch: one line of 1 to 255 characters. Raises Invalid."""
    return clean_text(value, what="the name of the main branch")


def repository_facts(repository: Repository, project: Project) -> Facts:
    """Return the journal's record of a repository."""
    return {
        "slug": repository.slug,
        "name": repository.name,
        "project": project.key,
        "is_private": repository.is_private,
        "description": repository.description,
        "fork_policy": repository.fork_policy.value,
        "language": repository.language,
        "has_issues": repository.has_issues,
        "has_wiki": repository.has_wiki,
        "mainbranch": repository.mainbranch,
        "has_inherited_merge_strategy": repository.has_inherited_merge_strategy,
        "has_inherited_branching_model": repository.has_inherited_branching_model,
    }
