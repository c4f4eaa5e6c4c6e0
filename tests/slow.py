"""Who may do what, worked out slowly and obviously: spec 1.12 to 1.14 read aloud, over dicts and sets.

The server's answers are compared with these. Nothing here is shared with onebucket, remembered, or clever: where the
two differ, this page is read first, and it must be plain which of them is wrong.
"""

from copy import deepcopy
from dataclasses import dataclass, field

LEVELS = ("none", "read", "write", "admin")

# A level, through what, and the group as `account/slug` where it is through one.
Way = tuple[str, str, str | None]


@dataclass
class Person:
    active: bool = True
    runs_site: bool = False


@dataclass
class Group:
    permission: str = "none"
    administers: bool = False
    members: set[str] = field(default_factory=set)


@dataclass
class Repository:
    """`groups` and `people` hold what was set there: by slug, also `none`, and by username."""

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
    """`owner` is the person whose own account it is; None for a team.

    `invited` holds what is pending, by the person and the repository it is to, None for groups.
    """

    owner: str | None = None
    invited: dict[tuple[str, str | None], Invitation] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)


@dataclass
class World:
    people: dict[str, Person] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)


def at_least(one: str, other: str) -> bool:
    """Whether one level holds the other (1.13)."""
    return LEVELS.index(one) >= LEVELS.index(other)


def has(world: World, account: str, group: str, repository: str) -> str:
    """What a group has on a repository: what was set there, also `none`; otherwise its permission (1.14)."""
    set_there = world.accounts[account].repositories[repository].groups
    if group in set_there:
        return set_there[group]
    return world.accounts[account].groups[group].permission


def ways(world: World, person: str, account: str, repository: str) -> list[Way]:
    """Every way in which a person has a level on a repository (1.13): the highest level first.

    Ways to the same level come in the order in which they are looked for here; groups by their slug.
    """
    if not world.people[person].active:
        return []

    where = world.accounts[account]
    there = where.repositories[repository]
    mine = [slug for slug in sorted(where.groups) if person in where.groups[slug].members]
    found: list[Way] = []

    if where.owner == person:
        found.append(("admin", "owner", None))
    if world.people[person].runs_site:
        found.append(("admin", "account", None))
    for slug in mine:
        if where.groups[slug].administers:
            found.append(("admin", "account", f"{account}/{slug}"))
    if person in there.people:
        found.append((there.people[person], "direct", None))
    for slug in mine:
        if has(world, account, slug, repository) != "none":
            found.append((has(world, account, slug, repository), "group", f"{account}/{slug}"))
    if there.public:
        found.append(("read", "public", None))

    highest_first = list(reversed(LEVELS))
    return sorted(found, key=lambda way: highest_first.index(way[0]))


def level(world: World, person: str, account: str, repository: str) -> str:
    """The highest of them; `none` when there is no way."""
    levels = [each for each, _, _ in ways(world, person, account, repository)]
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
    """Repository, group and level wherever a group has something (4): all of an account, or one, or one on one.

    With `private`, without the public repositories.
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
    """Whether a person administers an account (1.12)."""
    if not world.people[person].active:
        return False
    where = world.accounts[account]
    through_a_group = any(group.administers and person in group.members for group in where.groups.values())
    return world.people[person].runs_site or where.owner == person or through_a_group


def administrators(world: World, account: str) -> set[str]:
    """The active people through whom a team is administered: without one it may not be left (1.12)."""
    groups = world.accounts[account].groups.values()
    everyone = {person for group in groups if group.administers for person in group.members}
    return {person for person in everyone if world.people[person].active}


def without(world: World, account: str, group: str, member: str | None = None) -> World:
    """The same world after a group was deleted with all that was set for it, or only after a member left it."""
    after = deepcopy(world)
    if member is not None:
        after.accounts[account].groups[group].members.remove(member)
        return after
    del after.accounts[account].groups[group]
    for invitation in after.accounts[account].invited.values():
        invitation.groups.discard(group)
    for repository in after.accounts[account].repositories.values():
        repository.groups.pop(group, None)
    return after


def own_level(world: World, person: str, account: str, repository: str) -> str:
    """What a person has apart from what everybody has, as if they were not disabled."""
    supposed = deepcopy(world)
    supposed.people[person].active = True
    supposed.accounts[account].repositories[repository].public = False
    return level(supposed, person, account, repository)


def is_good(world: World, account: str, repository: str | None, invitation: Invitation) -> bool:
    """Whether an invitation can be accepted: its inviter may invite to it now."""
    if not world.people[invitation.inviter].active:
        return False
    if repository is None:
        return administers(world, invitation.inviter, account)
    return (
        administers(world, invitation.inviter, account)
        or level(world, invitation.inviter, account, repository) == "admin"
    )


def settle(before: World, after: World) -> None:
    """End what is pending in the world that came after: what the person has, and what was taken from them.

    Whoever has left the last group of an account has nothing pending there.
    """
    # A team that is called otherwise since then has not changed.
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
    """Who has less on which repository of an account: person, repository, then and now; in that order."""
    return [
        (person, repository, level(before, person, account, repository), level(after, person, account, repository))
        for person in sorted(before.people, key=str.lower)
        for repository in sorted(before.accounts[account].repositories)
        if not at_least(level(after, person, account, repository), level(before, person, account, repository))
    ]
