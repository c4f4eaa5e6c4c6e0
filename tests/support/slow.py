"""A slow, obvious model of the permission rules, over dicts and sets; the server's answers are compared with it.

It shares nothing with onebucket and caches nothing. If the two differ, read this file first: it must be plain which of
them is wrong. The rules are in contract/api-1.0.md#1.12 to #1.14.
"""

from copy import deepcopy
from dataclasses import dataclass, field

LEVELS = ("none", "read", "write", "admin")
PROJECT_LEVELS = ("none", "read", "write", "create-repo", "admin")

# A level, its source, and the group (`account/slug`) and the project (`account/KEY`) if it comes from one.
Way = tuple[str, str, str | None, str | None]


@dataclass
class Person:
    active: bool = True
    runs_site: bool = False


@dataclass
class Group:
    permission: str = "none"
    administers: bool = False
    members: set[str] = field(default_factory=set)
    kept: bool = False


@dataclass
class Directory:
    """A team's directory: whom it has brought, and whether it has disabled each; whom it has disabled and deleted."""

    label: str
    adopts: bool
    people: dict[str, bool] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)


@dataclass
class Project:
    """`groups` and `people` are the levels given here, by group slug and by username; never `none`."""

    public: bool = False
    groups: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)


@dataclass
class Repository:
    """`groups` and `people` are the privileges set here, by group slug (`none` included) and by username.

    `project` is the key of the project that it is in.
    """

    project: str = "PROJ"
    public: bool = False
    groups: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)


@dataclass
class Invitation:
    """A pending invitation of a person: to `groups`, or to one repository with `permission`."""

    inviter: str
    groups: set[str] = field(default_factory=set)
    permission: str = "none"


@dataclass
class Account:
    """`owner` is the person whose personal account it is; None for a team.

    `invited` holds pending invitations by person and repository (None for invitations to groups). `projects` are in
    the order in which they were made.
    """

    owner: str | None = None
    directory: Directory | None = None
    invited: dict[tuple[str, str | None], Invitation] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)


@dataclass
class World:
    people: dict[str, Person] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)


def set_active(world: World, person: str, active: bool) -> None:
    """Let a site administrator disable or enable a person: what directories have said of that no longer counts."""
    world.people[person].active = active
    for account in world.accounts.values():
        if account.directory is not None:
            account.directory.people = {
                each: is_held and each != person for each, is_held in account.directory.people.items()
            }
            account.directory.left.discard(person)


def is_held(world: World, person: str) -> bool:
    """True if a directory has disabled a person."""
    found = (account.directory for account in world.accounts.values() if account.directory is not None)
    return any(each.people.get(person, False) or person in each.left for each in found)


def let(world: World, directory: Directory, person: str, active: bool) -> None:
    """Let a directory disable or enable a person whom it has brought; another one that has disabled them wins."""
    if active and directory.people[person]:
        directory.people[person] = False
        world.people[person].active = not is_held(world, person)
    if not active and (world.people[person].active or is_held(world, person)):
        directory.people[person] = True
        world.people[person].active = False


def at_least(one: str, other: str) -> bool:
    """True if one level includes the other (contract/api-1.0.md#1.13)."""
    return LEVELS.index(one) >= LEVELS.index(other)


def has(world: World, account: str, group: str, repository: str) -> str:
    """Return a group's level on a repository (contract/api-1.0.md#1.14).

    It is the privilege set there, `none` included; otherwise the group's permission.
    """
    set_there = world.accounts[account].repositories[repository].groups
    if group in set_there:
        return set_there[group]
    return world.accounts[account].groups[group].permission


def of_project(given: str) -> str:
    """Return what a level on a project is on the project's repositories."""
    return "write" if given == "create-repo" else given


def project_level(world: World, person: str, account: str, key: str) -> str:
    """Return the highest level that a person has on a project, themselves or through groups."""
    where = world.accounts[account]
    project = where.projects[key]
    through_groups = [level for slug, level in project.groups.items() if person in where.groups[slug].members]
    return max([project.people.get(person, "none"), *through_groups], key=PROJECT_LEVELS.index)


def sees_project(world: World, person: str, account: str, key: str) -> bool:
    """True if a person may see a project: it is public, or they have a part in the account or the project."""
    where = world.accounts[account]
    return (
        where.projects[key].public
        or administers(world, person, account)
        or any(person in group.members for group in where.groups.values())
        or project_level(world, person, account, key) != "none"
    )


def ways(world: World, person: str, account: str, repository: str) -> list[Way]:
    """Return every way in which a person has a level on a repository, highest level first (contract/api-1.0.md#1.13).

    Ways with the same level keep the order in which they are found here; groups are sorted by slug.
    """
    if not world.people[person].active:
        return []

    where = world.accounts[account]
    there = where.repositories[repository]
    project, key = where.projects[there.project], f"{account}/{there.project}"
    mine = [slug for slug in sorted(where.groups) if person in where.groups[slug].members]
    found: list[Way] = []

    if where.owner == person:
        found.append(("admin", "owner", None, None))
    if world.people[person].runs_site:
        found.append(("admin", "account", None, None))
    for slug in mine:
        if where.groups[slug].administers:
            found.append(("admin", "account", f"{account}/{slug}", None))
    if person in there.people:
        found.append((there.people[person], "direct", None, None))
    for slug in mine:
        if has(world, account, slug, repository) != "none":
            found.append((has(world, account, slug, repository), "group", f"{account}/{slug}", None))
    if person in project.people:
        found.append((of_project(project.people[person]), "project", None, key))
    for slug in mine:
        if slug in project.groups:
            found.append((of_project(project.groups[slug]), "project-group", f"{account}/{slug}", key))
    if there.public:
        found.append(("read", "public", None, None))

    highest_first = list(reversed(LEVELS))
    return sorted(found, key=lambda way: highest_first.index(way[0]))


def level(world: World, person: str, account: str, repository: str) -> str:
    """Return a person's highest level on a repository; `none` without any way."""
    levels = [each for each, *_ in ways(world, person, account, repository)]
    return max(levels, key=LEVELS.index, default="none")


def listed_level(world: World, person: str, account: str, repository: str) -> str:
    """Return a person's highest level on a repository without the public one, which lists of everybody leave out."""
    levels = [each for each, through, *_ in ways(world, person, account, repository) if through != "public"]
    return max(levels, key=LEVELS.index, default="none")


def listing(
    world: World,
    account: str,
    *,
    repository: str | None = None,
    group: str | None = None,
    least: str = "read",
    private: bool = False,
) -> list[tuple[str, str, str]]:
    """Return (repository, group, level) wherever a group has a level (contract/api-1.0.md#4).

    Of a whole account, a repository, a group, or one of each. With `private`, public repositories are left out.
    """
    where = world.accounts[account]
    return [
        (there, slug, has(world, account, slug, there))
        for there in sorted(where.repositories)
        for slug in sorted(where.groups)
        if repository in (there, None) and group in (slug, None)
        if has(world, account, slug, there) != "none" and at_least(has(world, account, slug, there), least)
        if not (private and where.repositories[there].public)
    ]


def administers(world: World, person: str, account: str) -> bool:
    """True if a person administers an account (contract/api-1.0.md#1.12)."""
    if not world.people[person].active:
        return False
    where = world.accounts[account]
    through_a_group = any(group.administers and person in group.members for group in where.groups.values())
    return world.people[person].runs_site or where.owner == person or through_a_group


def administrators(world: World, account: str) -> set[str]:
    """Return a team's active administrators; the last one can't be removed (contract/api-1.0.md#1.12)."""
    groups = world.accounts[account].groups.values()
    everyone = {person for group in groups if group.administers for person in group.members}
    return {person for person in everyone if world.people[person].active}


def without(world: World, account: str, group: str, member: str | None = None) -> World:
    """Return the world after deleting a group with its privileges, or after only `member` has left it."""
    after = deepcopy(world)
    if member is not None:
        after.accounts[account].groups[group].members.remove(member)
        return after
    del after.accounts[account].groups[group]
    for invitation in after.accounts[account].invited.values():
        invitation.groups.discard(group)
    for place in (*after.accounts[account].repositories.values(), *after.accounts[account].projects.values()):
        place.groups.pop(group, None)
    return after


def own_level(world: World, person: str, account: str, repository: str) -> str:
    """Return a person's level without the public one, as if they were not disabled."""
    supposed = deepcopy(world)
    supposed.people[person].active = True
    supposed.accounts[account].repositories[repository].public = False
    return level(supposed, person, account, repository)


def is_good(world: World, account: str, repository: str | None, invitation: Invitation) -> bool:
    """True if an invitation can be accepted: its inviter is still allowed to make it."""
    if not world.people[invitation.inviter].active:
        return False
    if repository is None:
        return administers(world, invitation.inviter, account)
    return (
        administers(world, invitation.inviter, account)
        or level(world, invitation.inviter, account, repository) == "admin"
    )


def settle(before: World, after: World) -> None:
    """End invitations in `after`: those whose privilege the person has already, or was taken from them.

    Who has left the last group of an account has no pending invitation there.
    """
    # A renamed team hasn't changed otherwise.
    for name in after.accounts.keys() & before.accounts.keys():
        had, account = before.accounts[name], after.accounts[name]
        for (person, repository), invitation in list(account.invited.items()):
            was_in = {slug for slug, group in had.groups.items() if person in group.members}
            is_in = {slug for slug, group in account.groups.items() if person in group.members}
            invitation.groups -= was_in | is_in
            over = repository is None and not invitation.groups
            if repository is not None:
                now = own_level(after, person, name, repository)
                then = own_level(before, person, name, repository) if repository in had.repositories else now
                over = at_least(now, invitation.permission) or not at_least(now, then)
            if over or (was_in and not is_in):
                del account.invited[person, repository]


def losses(before: World, after: World, account: str) -> list[tuple[str, str, str, str]]:
    """Return (person, repository, level before, level after) for everybody who has lost access, sorted."""
    return [
        (person, repository, level(before, person, account, repository), level(after, person, account, repository))
        for person in sorted(before.people, key=str.lower)
        for repository in sorted(before.accounts[account].repositories)
        if not at_least(level(after, person, account, repository), level(before, person, account, repository))
    ]
