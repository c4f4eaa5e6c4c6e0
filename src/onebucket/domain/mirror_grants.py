"""What a mirror gives at a code host, and to whom."""

from enum import StrEnum


class GrantKind(StrEnum):
    """Who was given something there, and on what."""

    PERSON = "person"
    GROUP = "group"
    PROJECT_GROUP = "project-group"

    @property
    def is_of_group(self) -> bool:
        """Whether a group has it, not a person."""
        return self is not GrantKind.PERSON

    @property
    def is_on_project(self) -> bool:
        """Whether it holds on all repositories of a project."""
        return self is GrantKind.PROJECT_GROUP
