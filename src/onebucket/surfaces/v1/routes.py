"""All routes of API 1.0 in one list; each family's handlers are in a module of their own."""

from dataclasses import replace

from onebucket.domain import scope_rules
from onebucket.domain.refusals import GroupExists
from onebucket.surfaces.core.surface import INCLUDE_UNTIL, UNTIL, Parameter, PlainText, RemovedRoute, Route, Surface
from onebucket.surfaces.v1 import groups, invitation_shapes, invitations, privileges, profiles, shapes

BASES = ("/1.0", "/api/1.0", "/!api/1.0")

_BOOLEAN = {"type": "boolean", "default": False}
_EXCLUDE = Parameter("exclude_members", "`true`: without the `members` of groups", _BOOLEAN)
_INCLUDE = Parameter(
    "include",
    "`pending`: for administrators, also who is invited to each group; `until`: with when memberships end",
    {"enum": ["pending", "until", "pending,until"]},
)
_FILTER = Parameter(
    "group",
    "an account's name and a group's slug, `account/slug`; can be repeated",
    {"type": "array", "items": {"type": "string"}},
)
_NAME = Parameter(
    "name",
    "1 to 255 characters, of which at least one can be part of the slug",
    {"type": "string", "minLength": 1, "maxLength": 255},
)
_PERMISSION = Parameter(
    "permission",
    "the group's default level, for repositories without a privilege of its own; empty, null or `none`: no access",
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
_READ, _WRITE = scope_rules.READ_WORKSPACES, scope_rules.CHANGE_WORKSPACES

GROUPS = (
    Route("GET", _GROUPS, groups.list_my_groups, _READ, "listMyGroups", "The groups you administer or are in",
          list[shapes.Group], query=(_FILTER, _EXCLUDE, _INCLUDE)),
    Route("GET", _ACCOUNT, groups.list_groups, _READ, "listGroups", "An account's groups: all for its administrators, "
          "your own for you", list[shapes.Group], query=(_EXCLUDE, _INCLUDE), errors=(403, 404)),
    Route("POST", _ACCOUNT, groups.create_group, _WRITE, "createGroup", "Create a group, without members",
          shapes.Group, query=(_EXCLUDE,), fields=_NEW, errors=(400, 403, 404, 413)),
    Route("GET", _GROUP, groups.read_group, _READ, "readGroup", "One group", shapes.Group,
          query=(_EXCLUDE, _INCLUDE), errors=(403, 404)),
    Route("PUT", _GROUP, groups.change_group, _WRITE, "changeGroup",
          "Change a group. Fields left out keep their value, except the two flags, which become false", shapes.Group,
          query=(_EXCLUDE,), fields=_CHANGED, errors=(400, 403, 404, 413)),
    Route("POST", _GROUP, groups.change_group, _WRITE, "changeGroupByPost", "The same as PUT", shapes.Group,
          query=(_EXCLUDE,), fields=_CHANGED, errors=(400, 403, 404, 413)),
    Route("DELETE", _GROUP, groups.delete_group, _WRITE, "deleteGroup",
          "Delete a group with its memberships and privileges", errors=(400, 403, 404, 413)),
    Route("GET", _MEMBERS, groups.list_members, _READ, "listMembers", "A group's members, in the order they were added",
          list[shapes.User], query=(INCLUDE_UNTIL,), errors=(403, 404)),
    Route("GET", _MEMBER, groups.read_member, _READ, "readMember", "One member of a group", shapes.User,
          query=(INCLUDE_UNTIL,), errors=(403, 404)),
    Route("PUT", _MEMBER, groups.add_member, _WRITE, "addMember", "Add a person to a group; the body is not read",
          shapes.User, query=(UNTIL, INCLUDE_UNTIL), errors=(400, 403, 404, 409, 413)),
    Route("DELETE", _MEMBER, groups.remove_member, _WRITE, "removeMember", "Remove a person, or yourself, from a group",
          errors=(400, 403, 404, 413)),
)  # fmt: skip

_LEVEL_FILTER = Parameter("filter", "only entries of at least this level", {"enum": ["read", "write", "admin"]})
_PRIVATE = Parameter("private", "`true`: only private repositories", _BOOLEAN)
_WANTED = (_LEVEL_FILTER, _PRIVATE, _EXCLUDE, INCLUDE_UNTIL)
_ON_ACCOUNT = "/group-privileges/{accountname}"
_ON_REPOSITORY = f"{_ON_ACCOUNT}/{{repo_slug}}"
_OF_GROUP = f"{_ON_ACCOUNT}/{{group_owner}}/{{group_slug}}"
_OF_GROUP_ON_REPOSITORY = f"{_ON_REPOSITORY}/{{group_owner}}/{{group_slug}}"
_READ_GRANTS = scope_rules.READ_REPOSITORY_PERMISSIONS
_SET_GRANTS = scope_rules.SET_REPOSITORY_PERMISSIONS
_REMOVE_GRANTS = scope_rules.REMOVE_REPOSITORY_PERMISSIONS
_WORD = "the bare word `read`, `write` or `admin`, under any Content-Type"

GROUP_PRIVILEGES = (
    Route("GET", _ON_ACCOUNT, privileges.list_of_account, _READ_GRANTS, "listGroupPrivileges",
          "The privileges of all groups on an account's repositories", list[shapes.GroupPrivilege],
          query=_WANTED, errors=(403, 404)),
    Route("GET", _ON_REPOSITORY, privileges.list_of_repository, _READ_GRANTS, "listGroupPrivilegesOnRepository",
          "The privileges of groups on a repository", list[shapes.GroupPrivilege], query=_WANTED,
          errors=(403, 404)),
    Route("GET", _OF_GROUP, privileges.list_of_group, _READ_GRANTS, "listPrivilegesOfGroup",
          "The privileges of a group on repositories", list[shapes.GroupPrivilege], query=_WANTED,
          errors=(403, 404)),
    Route("GET", _OF_GROUP_ON_REPOSITORY, privileges.read_one, _READ_GRANTS, "readGroupPrivilege",
          "The privilege of a group on a repository: a list of one, or an empty one", list[shapes.GroupPrivilege],
          query=_WANTED, errors=(403, 404)),
    Route("PUT", _OF_GROUP_ON_REPOSITORY, privileges.grant, _SET_GRANTS, "grantGroupPrivilege",
          "Set the privilege of a group on a repository", list[shapes.GroupPrivilege],
          query=(_EXCLUDE, UNTIL, INCLUDE_UNTIL), word=_WORD,
          errors=(400, 403, 404, 413)),
    Route("DELETE", _OF_GROUP_ON_REPOSITORY, privileges.revoke, _REMOVE_GRANTS, "revokeGroupPrivilege",
          "End the privilege of a group on a repository, the default one too", errors=(403, 404, 413)),
    Route("DELETE", _OF_GROUP, privileges.revoke_everywhere, _REMOVE_GRANTS, "revokeGroupPrivileges",
          "End the privileges of a group on all current repositories", errors=(403, 404, 413)),
)  # fmt: skip

_DIRECT = "/privileges/{accountname}"
_DIRECT_THERE = f"{_DIRECT}/{{repo_slug}}"
_DIRECT_ONE = f"{_DIRECT_THERE}/{{user}}"
_FILTERS = (_LEVEL_FILTER, _PRIVATE, INCLUDE_UNTIL)

DIRECT_PRIVILEGES = (
    *(
        Route("GET", path, privileges.list_direct, _READ_GRANTS, name, about, list[shapes.DirectPrivilege],
              query=_FILTERS, errors=(403, 404))
        for path, name, about in (
            (_DIRECT, "listPrivileges", "The direct privileges of people on an account's repositories"),
            (_DIRECT_THERE, "listPrivilegesOnRepository", "The direct privileges of people on a repository"),
            (_DIRECT_ONE, "readPrivilege", "The direct privilege of a person: a list of one, or an empty one"),
        )
    ),
    Route("PUT", _DIRECT_ONE, privileges.give, _SET_GRANTS, "givePrivilege",
          "Give a person a direct privilege on a repository",
          list[shapes.DirectPrivilege], query=(UNTIL, INCLUDE_UNTIL), word=_WORD, errors=(400, 403, 404, 413)),
    *(
        Route("DELETE", path, privileges.take, _REMOVE_GRANTS, name, about, errors=(400, 403, 404, 413))
        for path, name, about in (
            (_DIRECT, "takePrivileges", "End all direct privileges on an account's repositories"),
            (_DIRECT_THERE, "takePrivilegesOnRepository", "End all direct privileges on a repository"),
            (_DIRECT_ONE, "takePrivilege", "End the direct privilege of a person"),
        )
    ),
)  # fmt: skip

_WITH_ACCOUNT = "/users/{accountname}/privileges"
_GROUP_WITH_ACCOUNT = f"{_WITH_ACCOUNT}/{{group_owner}}/{{group_slug}}"
_PRIVILEGES = Parameter(
    "privileges", "`admin`: its members administer the account; or `collaborator`",
    {"type": "string", "enum": ["admin", "collaborator"]}, required=True,
)  # fmt: skip

ACCOUNT_PRIVILEGES = (
    Route("GET", _WITH_ACCOUNT, privileges.list_account_privileges, _READ, "listAccountPrivileges",
          "The privileges of groups on the account itself, by `account/slug`", dict[str, str], errors=(403, 404)),
    Route("GET", _GROUP_WITH_ACCOUNT, privileges.read_account_privilege, _READ, "readAccountPrivilege",
          "The privilege of a group on the account itself, by `account/slug`", dict[str, str], errors=(403, 404)),
    *(
        Route(method, _GROUP_WITH_ACCOUNT, privileges.set_account_privilege, _WRITE, name,
              "Set the privilege of a group on the account itself", dict[str, str], fields=(_PRIVILEGES,),
              errors=(400, 403, 404, 413))
        for method, name in (("PUT", "setAccountPrivilege"), ("POST", "setAccountPrivilegeByPost"))
    ),
    Route("DELETE", _GROUP_WITH_ACCOUNT, privileges.end_account_privilege, _WRITE, "endAccountPrivilege",
          "End the privilege of a group on the account itself", errors=(400, 403, 404, 413)),
)  # fmt: skip

_EMAIL = Parameter("email", "the invited address", {"type": "string", "minLength": 1}, required=True)
_GROUP_SLUG = Parameter(
    "group_slug", "the group's slug, also as `account/slug`", {"type": "string", "minLength": 1}, required=True
)
_LEVEL = Parameter(
    "permission", "the invited person's level; not `read` for a public repository, which everybody can read",
    {"type": "string", "enum": ["read", "write", "admin"]}, required=True,
)  # fmt: skip
# A DELETE takes its fields from the body or the query (contract/api-1.0.md#u6).
_WHOM = (Parameter("email", "the invited address, if it is not in the body", _EMAIL.schema),)
_WHAT = (*_WHOM, Parameter("group_slug", "only this group, if it is not in the body"))
_TO_REPOSITORY = "/invitations/{accountname}/{repo_slug}"
_OF_ADDRESS_THERE = f"{_TO_REPOSITORY}/{{email}}"
_USER = "/users/{accountname}"
_TO_GROUPS = f"{_USER}/invitations"
_OF_ADDRESS = f"{_TO_GROUPS}/{{email}}"
_OF_ADDRESS_TO_GROUP = f"{_OF_ADDRESS}/{{group_owner}}/{{group_slug}}"

_WITH_END = (UNTIL, INCLUDE_UNTIL)

INVITATIONS = (
    Route("GET", _TO_REPOSITORY, invitations.list_to_repository, _READ, "listRepositoryInvitations",
          "The invitations to a repository, newest first", list[invitation_shapes.RepositoryInvitation],
          query=(INCLUDE_UNTIL,), errors=(403, 404)),
    Route("POST", _TO_REPOSITORY, invitations.invite_to_repository, _WRITE, "inviteToRepository",
          "Invite an address to a repository; sends an e-mail", invitation_shapes.RepositoryInvitation,
          query=_WITH_END, fields=(_EMAIL, _LEVEL), errors=(400, 403, 404, 409, 413)),
    Route("DELETE", _TO_REPOSITORY, invitations.withdraw_from_repository, _WRITE, "withdrawFromRepository",
          "Withdraw the invitation of an address to a repository", query=_WHOM, errors=(400, 403, 404, 413)),
    Route("POST", _OF_ADDRESS_THERE, invitations.invite_to_repository_by_path, _WRITE, "inviteToRepositoryByPath",
          "Invite an address to a repository, as before 2019", invitation_shapes.RepositoryInvitation, fields=(_LEVEL,),
          query=_WITH_END, errors=(400, 403, 404, 409, 413)),
    Route("DELETE", _OF_ADDRESS_THERE, invitations.withdraw_from_repository_by_path, _WRITE,
          "withdrawFromRepositoryByPath",
          "Withdraw the invitation of an address to a repository, as before 2019", errors=(400, 403, 404, 413)),
    Route("GET", _TO_GROUPS, invitations.list_to_groups, _READ, "listGroupInvitations",
          "The invitations to groups of an account, newest first", list[invitation_shapes.GroupInvitation],
          query=(INCLUDE_UNTIL,), errors=(403, 404)),
    *(
        Route(method, _TO_GROUPS, invitations.invite_to_group, _WRITE, name,
              "Invite an address to a group; sends an e-mail, again if it is invited already",
              invitation_shapes.GroupInvitation, query=_WITH_END, fields=(_EMAIL, _GROUP_SLUG),
              errors=(400, 403, 404, 409, 413))
        for method, name in (("PUT", "inviteToGroup"), ("POST", "inviteToGroupByPost"))
    ),
    Route("DELETE", _TO_GROUPS, invitations.withdraw_from_groups, _WRITE, "withdrawFromGroups",
          "Withdraw the invitation of an address to all groups, or to one", query=_WHAT, errors=(400, 403, 404, 413)),
    Route("GET", _OF_ADDRESS, invitations.read_to_groups, _READ, "readGroupInvitation",
          "The invitation of an address to groups", invitation_shapes.GroupInvitation, query=(INCLUDE_UNTIL,),
          errors=(400, 403, 404)),
    Route("DELETE", _OF_ADDRESS, invitations.withdraw_from_groups_by_path, _WRITE, "withdrawFromGroupsByPath",
          "Withdraw the invitation of an address to all groups", errors=(400, 403, 404, 413)),
    Route("GET", _OF_ADDRESS_TO_GROUP, invitations.check_invited, _READ, "checkInvitedToGroup",
          "`OK` if the address is invited to the group", PlainText, errors=(400, 403, 404)),
    Route("PUT", _OF_ADDRESS_TO_GROUP, invitations.invite_to_group_by_path, _WRITE, "inviteToGroupByPath",
          "Invite an address to a group: `OK`", PlainText, query=(UNTIL,), errors=(400, 403, 404, 409, 413)),
    Route("DELETE", _OF_ADDRESS_TO_GROUP, invitations.withdraw_from_group_by_path, _WRITE, "withdrawFromGroupByPath",
          "Withdraw the invitation of an address to a group", errors=(400, 403, 404, 413)),
)  # fmt: skip

_PROFILE = scope_rules.READ_PROFILES

PROFILES = (
    Route("GET", "/user", profiles.of_oneself, _PROFILE, "readOwnProfile", "Your profile and your repositories",
          profiles.Profile),
    Route("GET", _USER, profiles.of_account, _PROFILE, "readProfile",
          "A profile, with the repositories that you can see; with `users_address = invitations` the list of "
          "invitations to groups", profiles.Profile, errors=(403, 404)),
)  # fmt: skip

_SEE_GROUPS = "use /1.0/groups: of API 1.0, this server has groups, privileges and invitations only"
_SEE_PRIVILEGES = "use /1.0/group-privileges for the privileges of groups"
_SEE_ACCOUNT = "the operator of this server manages accounts; a group's response contains its owner and members"

REMOVED = (
    RemovedRoute("/privileges", _SEE_PRIVILEGES),
    RemovedRoute("/user/**", _SEE_ACCOUNT),
    RemovedRoute("/users/**", _SEE_ACCOUNT),
    RemovedRoute("/users/{accountname}", _SEE_ACCOUNT),
    RemovedRoute("/newuser/**", _SEE_ACCOUNT),
    RemovedRoute("/emails/**", _SEE_ACCOUNT),
    RemovedRoute("/repositories/**", _SEE_GROUPS),
    RemovedRoute("/oauth/**", _SEE_GROUPS),
)

# Served without authentication: clients come here to get their credentials.
OAUTH = ("/oauth/request_token", "/oauth/authenticate", "/oauth/access_token")

ROUTES = (*GROUPS, *GROUP_PRIVILEGES, *DIRECT_PRIVILEGES, *ACCOUNT_PRIVILEGES, *INVITATIONS, *PROFILES)

# A duplicate group name is 400 in API 1.0, not 409 (contract/api-1.0.md#g3).
V1 = Surface(
    "1.0",
    BASES,
    ROUTES,
    REMOVED,
    OAUTH,
    description="Groups, their members and privileges, and invitations, as in Bitbucket Cloud's REST API 1.0.",
    statuses={GroupExists: 400},
)
