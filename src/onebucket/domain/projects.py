"""Projects, which hold an account's repositories; the levels that they give, and the rules for their keys and names."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from onebucket.domain.journal_entry import Facts
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text
from onebucket.safe_text import quote_text

_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,127}")

# The project that an account gets with its first repository.
DEFAULT_KEY = "PROJ"
DEFAULT_NAME = "Default project"


class ProjectLevel(IntEnum):
    """A level of access to a project; a higher level includes the lower ones."""

    NONE = 0
    READ = 1
    WRITE = 2
    CREATE_REPO = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """The level as the API spells it.

        >>> ProjectLevel.CREATE_REPO.word
        'create-repo'
        """
        return self.name.lower().replace("_", "-")

    @property
    def on_repositories(self) -> Level:
        """The level that it gives on the project's repositories.

        >>> ProjectLevel.CREATE_REPO.on_repositories
        <Level.WRITE: 2>
        """
        return _ON_REPOSITORIES[self]


_ON_REPOSITORIES = {
    ProjectLevel.NONE: Level.NONE,
    ProjectLevel.READ: Level.READ,
    ProjectLevel.WRITE: Level.WRITE,
    ProjectLevel.CREATE_REPO: Level.WRITE,
    ProjectLevel.ADMIN: Level.ADMIN,
}
_BY_WORD = {level.word: level for level in ProjectLevel}


def parse_project_level(word: str) -> ProjectLevel:
    """Parse a level to give on a project: `read`, `write`, `create-repo` or `admin`. Raises Invalid.

    >>> parse_project_level("create-repo")
    <ProjectLevel.CREATE_REPO: 3>
    """
    level = _BY_WORD.get(word)
    if not level:
        raise Invalid("the permission on a project must be read, write, create-repo or admin")
    return level


@dataclass(frozen=True, slots=True)
class Project:
    """A project of an account; every repository is in exactly one."""

    account_id: str
    id: str
    key: str
    name: str
    description: str
    is_private: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectGrants:
    """The levels set on one project: groups by slug, people by username."""

    groups: dict[str, ProjectLevel] = field(default_factory=dict)
    people: dict[str, ProjectLevel] = field(default_factory=dict)


def check_key(key: str) -> str:
    """Check a project's key: a capital letter, then up to 127 capitals, digits and `_`. Raises Invalid."""
    if not _KEY.fullmatch(key):
        raise Invalid(
            f"{quote_text(key)} can't be a project key: a capital letter, then up to 127 capitals, digits and '_'"
        )
    return key


def normal_key(key: str) -> str:
    """The normal form of a key that a caller names, who may write it in any case.

    >>> normal_key("proj"), normal_key("proß")
    ('PROJ', 'proß')
    """
    return key.upper() if key.isascii() else key


def check_name(value: str) -> str:
    """Trim and check a project's name: one line of 1 to 255 characters. Raises Invalid."""
    return clean_text(value, what="the project's name")


def check_description(value: str) -> str:
    """Trim and check a project's description: one line of up to 2000 characters. Raises Invalid."""
    return clean_text(value, what="the description", longest=2000, empty=True)


def project_facts(project: Project) -> Facts:
    """Return the journal's record of a project."""
    return {
        "key": project.key,
        "name": project.name,
        "is_private": project.is_private,
        "description": project.description,
    }
