"""Sets and prunes what groups and people were given on a repository or on a project."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from msgspec import UnsetType

from onebucket.transfer.apply_context import ApplyContext, describe
from onebucket.transfer.model import given_fields

L = TypeVar("L")
L_co = TypeVar("L_co", covariant=True)


class Listed(Protocol[L_co]):
    """What a document lists on a repository or a project: levels by group slug, and by a person's name."""

    @property
    def privileges(self) -> Mapping[str, L_co] | UnsetType:
        """Levels by the slug of a group."""

    @property
    def users(self) -> Mapping[str, L_co] | UnsetType:
        """Levels by a person's name."""


class Present(Protocol[L_co]):
    """What is set on it: levels by group slug, and by username."""

    @property
    def groups(self) -> Mapping[str, L_co]:
        """Levels by the slug of a group."""

    @property
    def people(self) -> Mapping[str, L_co]:
        """Levels by username."""


@dataclass(frozen=True, slots=True)
class GrantActions(Generic[L]):
    """How a group (by slug) or a person (by username) is given a level on it, and has it taken away."""

    set_group: Callable[[str, L], object]
    set_person: Callable[[str, L], object]
    unset_group: Callable[[str], object]
    unset_person: Callable[[str], object]


def set_grants(
    task: ApplyContext, where: str, listed: Listed[L], present: Present[L], actions: GrantActions[L]
) -> None:
    """Give what is listed and differs from what is set; `where` is the place in the documents."""
    for slug, level in (given_fields(listed.privileges) or {}).items():
        with describe(f"{where} privileges/{slug}"):
            if present.groups.get(slug) is not level:
                actions.set_group(slug, level)
        task.progress.advance()
    for name, level in (given_fields(listed.users) or {}).items():
        with describe(f"{where} users/{name}"):
            username = task.person(name).username
            if present.people.get(username) is not level:
                actions.set_person(username, level)
        task.progress.advance()


def prune_grants(
    task: ApplyContext,
    listed: Listed[L],
    present: Present[L],
    actions: GrantActions[L],
    *,
    deleted_groups: Collection[str],
) -> None:
    """Remove what is set and not listed, of groups and of people, each if the document lists any at all."""
    kept_groups, kept_names = given_fields(listed.privileges), given_fields(listed.users)
    for group in present.groups:
        if kept_groups is not None and group not in kept_groups and group not in deleted_groups:
            actions.unset_group(group)
    kept_people = {task.person(name).username for name in kept_names or ()}
    for name in present.people:
        if kept_names is not None and name not in kept_people:
            actions.unset_person(name)
