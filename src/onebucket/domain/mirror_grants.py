"""What a mirror gives at a code host, and to whom."""

from enum import StrEnum


class GrantKind(StrEnum):
    """Who was given something there, and on what; an invitation is to a group."""

    PERSON = "person"
    GROUP = "group"
    PROJECT_GROUP = "project-group"
    INVITATION = "invitation"

    @property
    def is_of_group(self) -> bool:
        """Whether a group has it, not a person."""
        return self in (GrantKind.GROUP, GrantKind.PROJECT_GROUP)

    @property
    def is_on_project(self) -> bool:
        """Whether it holds on all repositories of a project."""
        return self is GrantKind.PROJECT_GROUP
