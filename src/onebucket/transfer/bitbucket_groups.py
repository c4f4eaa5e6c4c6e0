"""The groups of a Bitbucket workspace as account documents have them."""

from collections.abc import Collection

from msgspec import UNSET

from onebucket import slugs
from onebucket.domain.groups import AccountPrivilege
from onebucket.domain.privileges import Level, parse_level
from onebucket.domain.refusals import Refusal
from onebucket.remote import bitbucket_objects
from onebucket.remote.bitbucket_objects import OWNER, WorkspaceContents
from onebucket.transfer.bitbucket_people import PeopleOfWorkspace
from onebucket.transfer.model import Group
from onebucket.transfer.source_tree import UnreadableDocument

# The group that administers a new workspace at Bitbucket, and the one that we add if that one doesn't hold all owners.
_ADMINISTRATORS = "administrators"
_OWNERS_GROUP = "Workspace owners"


def groups(contents: WorkspaceContents, people: PeopleOfWorkspace, notes: list[str], *, is_new: bool) -> list[Group]:
    """Return the groups; those that only permissions name have no members here. Appends to `notes`.

    The APIs don't say which groups administer the workspace, only who its owners are. So `administrators` does, if all
    who are in it are owners, and a group of its own holds the owners who are not. It isn't needed where the account is
    here already (not `is_new`) and its groups couldn't be read. Raises UnreadableDocument.
    """
    owners = {member.user.uuid: member.user for member in contents.members if member.permission == OWNER}
    found = contents.groups
    administrators = _administrators(found or [], owners.keys())
    converted = (
        [Group(name=_name(slug, name, notes)) for slug, name in sorted(_named_groups(contents).items())]
        if found is None
        else [_group(group, people, notes, is_administering=group is administrators) for group in found]
    )
    held = {member.uuid for member in administrators.members} if administrators else set()
    left = owners.keys() - held
    if left and (is_new or found is not None):
        names = sorted(people.username(owners[uuid]) for uuid in left)
        converted.append(
            Group(name=_OWNERS_GROUP, account_privilege=AccountPrivilege.ADMIN, permission=Level.ADMIN, members=names)
        )
        notes.append(
            f"{', '.join(names[:5])}{' …' if len(names) > 5 else ''}: owners there, here in the group "
            f"{_OWNERS_GROUP!r}, because the API doesn't say which groups administer the workspace"
        )
    if is_new and not owners:
        notes.append("nobody is known to own the workspace, so nobody administers the account yet")
    return converted


def known_slugs(contents: WorkspaceContents) -> set[str]:
    """Return the slugs of the groups that `groups` returns, as they are there."""
    return set(_named_groups(contents)) if contents.groups is None else {group.slug for group in contents.groups}


def level(word: str, where: str) -> Level:
    """Parse the level of a permission. Raises UnreadableDocument."""
    try:
        return parse_level(word, none=True)
    except Refusal as refusal:
        raise UnreadableDocument(f"{where}: {refusal.sentence}") from None


def _named_groups(contents: WorkspaceContents) -> dict[str, str]:
    """Return the names of groups that have a permission, by slug."""
    given = [*contents.repository_permissions.values(), *contents.project_permissions.values()]
    return {each.group.slug: each.group.name for permissions in given for each in permissions.groups}


def _administrators(found: list[bitbucket_objects.Group], owners: Collection[str]) -> bitbucket_objects.Group | None:
    for group in found:
        members = {member.uuid for member in group.members}
        if group.slug == _ADMINISTRATORS and members and members <= set(owners):
            return group
    return None


def _group(
    group: bitbucket_objects.Group, people: PeopleOfWorkspace, notes: list[str], *, is_administering: bool
) -> Group:
    return Group(
        name=_name(group.slug, group.name, notes),
        account_privilege=AccountPrivilege.ADMIN if is_administering else UNSET,
        permission=level(group.permission or "none", f"the group {group.slug}"),
        auto_add=group.auto_add,
        email_forwarding_disabled=group.email_forwarding_disabled,
        members=[people.username(member) for member in group.members],
    )


def _name(slug: str, name: str, notes: list[str]) -> str:
    """Return the group's name, or its slug if the name has another slug here: scripts know groups by slug."""
    try:
        if slugs.slugify(name) == slug:
            return name
    except Refusal:
        pass
    notes.append(f"the group {name!r} is called {slug!r} here, so that its slug stays")
    return slug
