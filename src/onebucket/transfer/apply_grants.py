"""Sets and prunes what groups and people were given on a repository or on a project."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from msgspec import UnsetType

from onebucket.domain import ends
from onebucket.domain.ends import EndWish
from onebucket.domain.refusals import Invalid
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

    @property
    def privileges_until(self) -> Mapping[str, str] | UnsetType:
        """When levels of groups end, by slug."""

    @property
    def users_until(self) -> Mapping[str, str] | UnsetType:
        """When levels of people end, by name."""


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

    set_group: Callable[[str, L, EndWish], object]
    set_person: Callable[[str, L, EndWish], object]
    unset_group: Callable[[str], object]
    unset_person: Callable[[str], object]


# When what is set ends: of groups by slug, of people by username.
Ends = tuple[Mapping[str, datetime], Mapping[str, datetime]]


def set_grants(
    task: ApplyContext, where: str, listed: Listed[L], present: Present[L], until: Ends, actions: GrantActions[L]
) -> None:
    """Give what is listed and differs from what is set; `where` is the place in the documents.

    What isn't there and has ended meanwhile, as the documents say, isn't given again.
    """
    of_groups, of_people = until
    groups_until, users_until = given_fields(listed.privileges_until) or {}, given_fields(listed.users_until) or {}
    levels, people = given_fields(listed.privileges) or {}, given_fields(listed.users) or {}
    check_named(f"{where} privileges_until", groups_until, levels)
    check_named(f"{where} users_until", users_until, people)
    for slug, level in levels.items():
        with describe(f"{where} privileges/{slug}"):
            wish = wish_for(groups_until, slug)
            if _is_to_be_set(task, level, wish, present.groups.get(slug), of_groups.get(slug)):
                actions.set_group(slug, level, wish)
        task.progress.advance()
    for name, level in people.items():
        with describe(f"{where} users/{name}"):
            username, wish = task.person(name).username, wish_for(users_until, name)
            if _is_to_be_set(task, level, wish, present.people.get(username), of_people.get(username)):
                actions.set_person(username, level, wish)
        task.progress.advance()


def _is_to_be_set(task: ApplyContext, level: L, wish: EndWish, before: L | None, ended: datetime | None) -> bool:
    is_other = before is not level or ends.moves(wish, ended)
    return is_other and not (before is None and has_passed(task, wish))


def wish_for(until: Mapping[str, str], name: str) -> EndWish:
    """Return when documents want what somebody has to end. Raises Invalid."""
    return ends.parse(until[name]) if name in until else None


def has_passed(task: ApplyContext, wish: EndWish) -> bool:
    """Return whether an end has come already."""
    return isinstance(wish, datetime) and wish <= task.work.at


def check_named(where: str, until: Mapping[str, str], listed: Collection[str]) -> None:
    """Refuse an end of something that the document doesn't list. Raises Invalid."""
    for name in until:
        if name not in listed:
            with describe(f"{where}/{name}"):
                raise Invalid("it has an end, but isn't listed itself")


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
