"""Every address of 1.0 in one list, and the handlers behind them."""

from dataclasses import replace

from onebucket.actions import groups
from onebucket.actions.work import Work
from onebucket.domain import privileges
from onebucket.domain.groups import Roster
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import GroupExists
from onebucket.surfaces.routing import Ask, Parameter, Removed, Route, Surface
from onebucket.surfaces.v1 import privileges as granting
from onebucket.surfaces.v1 import shapes
from onebucket.wire.bodies import Fields

BASES = ("/1.0", "/api/1.0", "/!api/1.0")


def list_my_groups(work: Work, ask: Ask) -> list[shapes.Group]:
    """G1: without a filter all groups of the caller, with `group=account/slug` those of them."""
    # Some clients send several filters as one value, percent-encoded (spec G1).
    named = [name for value in ask.query.get("group", ()) for name in value.split("&group=")]
    if not named:
        return shapes.groups(groups.everywhere(work, members=_with_members(ask)), ask.base_url)

    pairs = [(account, slug) for account, _, slug in (name.partition("/") for name in named)]
    return shapes.groups(groups.among(work, pairs, members=_with_members(ask)), ask.base_url)


def list_groups(work: Work, ask: Ask) -> list[shapes.Group]:
    """G2."""
    found = groups.of_account(work, ask.words["accountname"], members=_with_members(ask))
    return shapes.groups(found, ask.base_url)


def create_group(work: Work, ask: Ask) -> shapes.Group:
    """G3."""
    fields = ask.fields()
    roster = groups.create(
        work,
        ask.words["accountname"],
        name=fields.text("name") or "",
        permission=_permission(fields) or Level.NONE,
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _told(ask, roster)


def read_group(work: Work, ask: Ask) -> shapes.Group:
    """G4."""
    roster = groups.read(work, ask.words["accountname"], ask.words["group_slug"], members=_with_members(ask))
    return shapes.group(roster, ask.base_url)


def change_group(work: Work, ask: Ask) -> shapes.Group:
    """G5: what is omitted is kept, but for the two flags, which are then false."""
    fields = ask.fields()
    roster = groups.change(
        work,
        ask.words["accountname"],
        ask.words["group_slug"],
        name=fields.text("name"),
        permission=_permission(fields),
        auto_add=fields.flag("auto_add") or False,
        email_forwarding_disabled=fields.flag("email_forwarding_disabled") or False,
    )
    return _told(ask, roster)


def delete_group(work: Work, ask: Ask) -> None:
    """G6."""
    groups.delete(work, ask.words["accountname"], ask.words["group_slug"])


def list_members(work: Work, ask: Ask) -> list[shapes.User]:
    """G7."""
    return shapes.users(groups.members(work, ask.words["accountname"], ask.words["group_slug"]), ask.base_url)


def read_member(work: Work, ask: Ask) -> shapes.User:
    """G8."""
    found = groups.member(work, ask.words["accountname"], ask.words["group_slug"], ask.words["member"])
    return shapes.user(found, ask.base_url)


def add_member(work: Work, ask: Ask) -> shapes.User:
    """G9: the body is not read."""
    added = groups.add_member(work, ask.words["accountname"], ask.words["group_slug"], ask.words["member"])
    return shapes.user(added, ask.base_url)


def remove_member(work: Work, ask: Ask) -> None:
    """G10."""
    groups.remove_member(work, ask.words["accountname"], ask.words["group_slug"], ask.words["member"])


def _told(ask: Ask, roster: Roster) -> shapes.Group:
    """A group that was changed, less its members where they are to be left out of every answer (spec 1.5)."""
    return shapes.group(roster if _with_members(ask) else replace(roster, members=None), ask.base_url)


def _with_members(ask: Ask) -> bool:
    return not ask.switched_on("exclude_members", "exclude-members")


def _permission(fields: Fields) -> Level | None:
    """None when the field was left out; `NONE` when it is null, empty or `none` (spec G5)."""
    if not fields.has("permission"):
        return None
    return privileges.named(fields.text("permission") or "none", none=True)


_BOOLEAN = {"type": "boolean", "default": False}
_EXCLUDE = Parameter("exclude_members", "`true` leaves `members` out of every group", _BOOLEAN)
_FILTER = Parameter(
    "group",
    "an account's name and a group's slug, `account/slug`; may be repeated",
    {"type": "array", "items": {"type": "string"}},
)
_NAME = Parameter(
    "name",
    "1 to 255 characters, of which at least one goes into the slug",
    {"type": "string", "minLength": 1, "maxLength": 255},
)
_PERMISSION = Parameter(
    "permission",
    "the group's level on every repository where nothing else was set for it; empty, null or `none`: nothing",
    {"type": ["string", "null"], "enum": ["read", "write", "admin", "none", "", None]},
)
_AUTO_ADD = Parameter("auto_add", "stored and echoed", _BOOLEAN)
_NO_FORWARDING = Parameter("email_forwarding_disabled", "stored and echoed", _BOOLEAN)
_NEW = (replace(_NAME, required=True), _PERMISSION, _AUTO_ADD, _NO_FORWARDING)
_CHANGED = (replace(_NAME, schema={**_NAME.schema, "type": ["string", "null"]}), _PERMISSION, _AUTO_ADD, _NO_FORWARDING)

_GROUPS = "/groups"
_ACCOUNT = f"{_GROUPS}/{{accountname}}"
_GROUP = f"{_ACCOUNT}/{{group_slug}}"
_MEMBERS = f"{_GROUP}/members"
_MEMBER = f"{_MEMBERS}/{{member}}"
_READ, _WRITE = "account", "account:write"

GROUPS = (
    Route("GET", _GROUPS, list_my_groups, _READ, "listMyGroups", "The groups you administer or are in",
          list[shapes.Group], query=(_FILTER, _EXCLUDE)),
    Route("GET", _ACCOUNT, list_groups, _READ, "listGroups", "An account's groups: all for its administrators, "
          "your own for you", list[shapes.Group], query=(_EXCLUDE,), refuses=(403, 404)),
    Route("POST", _ACCOUNT, create_group, _WRITE, "createGroup", "Make a group, without members",
          shapes.Group, query=(_EXCLUDE,), takes=_NEW, refuses=(400, 403, 404, 413)),
    Route("GET", _GROUP, read_group, _READ, "readGroup", "One group", shapes.Group, query=(_EXCLUDE,),
          refuses=(403, 404)),
    Route("PUT", _GROUP, change_group, _WRITE, "changeGroup", "Change a group: what is left out stays, but the two "
          "flags, which are then false", shapes.Group, query=(_EXCLUDE,), takes=_CHANGED, refuses=(400, 403, 404, 413)),
    Route("POST", _GROUP, change_group, _WRITE, "changeGroupByPost", "The same as PUT", shapes.Group,
          query=(_EXCLUDE,), takes=_CHANGED, refuses=(400, 403, 404, 413)),
    Route("DELETE", _GROUP, delete_group, _WRITE, "deleteGroup", "Delete a group with its memberships and privileges",
          refuses=(400, 403, 404, 413)),
    Route("GET", _MEMBERS, list_members, _READ, "listMembers", "A group's members, in the order they were added",
          list[shapes.User], refuses=(403, 404)),
    Route("GET", _MEMBER, read_member, _READ, "readMember", "One member of a group", shapes.User, refuses=(403, 404)),
    Route("PUT", _MEMBER, add_member, _WRITE, "addMember", "Put a person into a group; the body is not read",
          shapes.User, refuses=(400, 403, 404, 409, 413)),
    Route("DELETE", _MEMBER, remove_member, _WRITE, "removeMember", "Take a person, or yourself, out of a group",
          refuses=(400, 403, 404, 413)),
)  # fmt: skip

_LEVEL_FILTER = Parameter("filter", "only entries of at least this level", {"enum": ["read", "write", "admin"]})
_PRIVATE = Parameter("private", "`true`: only private repositories", _BOOLEAN)
_WANTED = (_LEVEL_FILTER, _PRIVATE, _EXCLUDE)
_ON_ACCOUNT = "/group-privileges/{accountname}"
_ON_REPOSITORY = f"{_ON_ACCOUNT}/{{repo_slug}}"
_OF_GROUP = f"{_ON_ACCOUNT}/{{group_owner}}/{{group_slug}}"
_OF_GROUP_ON_REPOSITORY = f"{_ON_REPOSITORY}/{{group_owner}}/{{group_slug}}"
_ADMIN = "repository:admin"
_WORD = "the bare word `read`, `write` or `admin`, under any Content-Type"

GROUP_PRIVILEGES = (
    Route("GET", _ON_ACCOUNT, granting.list_of_account, _ADMIN, "listGroupPrivileges",
          "Every group and repository of an account where the group has something", list[shapes.GroupPrivilege],
          query=_WANTED, refuses=(403, 404)),
    Route("GET", _ON_REPOSITORY, granting.list_of_repository, _ADMIN, "listGroupPrivilegesOnRepository",
          "The groups that have something on a repository", list[shapes.GroupPrivilege], query=_WANTED,
          refuses=(403, 404)),
    Route("GET", _OF_GROUP, granting.list_of_group, _ADMIN, "listPrivilegesOfGroup",
          "The repositories on which a group has something", list[shapes.GroupPrivilege], query=_WANTED,
          refuses=(403, 404)),
    Route("GET", _OF_GROUP_ON_REPOSITORY, granting.read_one, _ADMIN, "readGroupPrivilege",
          "What one group has on one repository: a list of one, or an empty one", list[shapes.GroupPrivilege],
          query=_WANTED, refuses=(403, 404)),
    Route("PUT", _OF_GROUP_ON_REPOSITORY, granting.grant, _ADMIN, "grantGroupPrivilege",
          "Set what a group has on a repository", list[shapes.GroupPrivilege], query=(_EXCLUDE,), word=_WORD,
          refuses=(400, 403, 404, 413)),
    Route("DELETE", _OF_GROUP_ON_REPOSITORY, granting.revoke, _ADMIN, "revokeGroupPrivilege",
          "End what a group has on a repository, also by default", refuses=(403, 404, 413)),
    Route("DELETE", _OF_GROUP, granting.revoke_everywhere, _ADMIN, "revokeGroupPrivileges",
          "End what a group has on every repository there is now", refuses=(403, 404, 413)),
)  # fmt: skip

_DIRECT = "/privileges/{accountname}"
_DIRECT_THERE = f"{_DIRECT}/{{repo_slug}}"
_DIRECT_ONE = f"{_DIRECT_THERE}/{{user}}"
_FILTERS = (_LEVEL_FILTER, _PRIVATE)

DIRECT_PRIVILEGES = (
    *(
        Route("GET", path, granting.list_direct, _ADMIN, name, about, list[shapes.DirectPrivilege], query=_FILTERS,
              refuses=(403, 404))
        for path, name, about in (
            (_DIRECT, "listPrivileges", "What was given to people directly on an account's repositories"),
            (_DIRECT_THERE, "listPrivilegesOnRepository", "What was given to people directly on a repository"),
            (_DIRECT_ONE, "readPrivilege", "What was given to one person there: a list of one, or an empty one"),
        )
    ),
    Route("PUT", _DIRECT_ONE, granting.give, _ADMIN, "givePrivilege", "Give a person something directly",
          list[shapes.DirectPrivilege], word=_WORD, refuses=(400, 403, 404, 413)),
    *(
        Route("DELETE", path, granting.take, _ADMIN, name, about, refuses=(400, 403, 404, 413))
        for path, name, about in (
            (_DIRECT, "takePrivileges", "Take everything that was given to people directly in an account"),
            (_DIRECT_THERE, "takePrivilegesOnRepository", "Take everything that was given directly on a repository"),
            (_DIRECT_ONE, "takePrivilege", "Take what was given to one person there"),
        )
    ),
)  # fmt: skip

_WITH_ACCOUNT = "/users/{accountname}/privileges"
_GROUP_WITH_ACCOUNT = f"{_WITH_ACCOUNT}/{{group_owner}}/{{group_slug}}"
_PRIVILEGES = Parameter(
    "privileges", "`admin`: its members administer the account; `collaborator`",
    {"type": "string", "enum": ["admin", "collaborator"]}, required=True,
)  # fmt: skip

ACCOUNT_PRIVILEGES = (
    Route("GET", _WITH_ACCOUNT, granting.list_account_privileges, _READ, "listAccountPrivileges",
          "What groups may do with the account itself, by `account/slug`", dict[str, str], refuses=(403, 404)),
    Route("GET", _GROUP_WITH_ACCOUNT, granting.read_account_privilege, _READ, "readAccountPrivilege",
          "What one group may do with the account itself", shapes.AccountPrivilege, refuses=(403, 404)),
    Route("PUT", _GROUP_WITH_ACCOUNT, granting.set_account_privilege, _WRITE, "setAccountPrivilege",
          "Say what one group may do with the account itself", shapes.AccountPrivilege, takes=(_PRIVILEGES,),
          refuses=(400, 403, 404, 413)),
    Route("DELETE", _GROUP_WITH_ACCOUNT, granting.end_account_privilege, _WRITE, "endAccountPrivilege",
          "Let one group do nothing with the account itself any more", refuses=(400, 403, 404, 413)),
)  # fmt: skip

_SEE_GROUPS = "use /1.0/groups: this server keeps groups, privileges and invitations, and nothing else of 1.0"
_SEE_PRIVILEGES = "use /1.0/group-privileges for what groups may do"
_SEE_ACCOUNT = "accounts are kept by this server's operator; a group's answer shows its owner and its members"

REMOVED = (
    Removed("/privileges", _SEE_PRIVILEGES),
    Removed("/user/**", _SEE_ACCOUNT),
    Removed("/users/**", _SEE_ACCOUNT),
    Removed("/newuser/**", _SEE_ACCOUNT),
    Removed("/emails/**", _SEE_ACCOUNT),
    Removed("/repositories/**", _SEE_GROUPS),
    Removed("/oauth/**", _SEE_GROUPS),
)

# A second name with the same slug is a bad request in 1.0, not a conflict (spec G3).
ROUTES = (*GROUPS, *GROUP_PRIVILEGES, *DIRECT_PRIVILEGES, *ACCOUNT_PRIVILEGES)

SURFACE = Surface("1.0", BASES, ROUTES, REMOVED, exceptions={GroupExists: 400})
