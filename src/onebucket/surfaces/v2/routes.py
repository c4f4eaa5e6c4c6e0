"""All routes of API 2.0 in one list; each family's handlers are in a module of their own."""

from onebucket.domain import scope_rules
from onebucket.surfaces.core.surface import INCLUDE_UNTIL, UNTIL, Parameter, Route, Surface
from onebucket.surfaces.v2 import (
    effective_permissions,
    lists,
    override_settings,
    permissions,
    pipelines,
    presenter,
    projects,
    repositories,
    ssh_keys,
    users,
    workspaces,
)
from onebucket.surfaces.v2.errors import EnvelopeErrors
from onebucket.surfaces.v2.fields import FIELDS
from onebucket.surfaces.v2.objects import (
    EmailAddress,
    RepositoryGroupPermission,
    RepositoryUserPermission,
    Workspace,
    WorkspaceAccess,
    WorkspaceMembership,
    WorkspaceUser,
)
from onebucket.surfaces.v2.pages import PAGE, PAGELEN, PageDocument
from onebucket.surfaces.v2.permissions import NewPermission
from onebucket.surfaces.v2.project_objects import (
    ProjectGroupPermission,
    ProjectObject,
    ProjectUserPermission,
    RepositoryObject,
)
from onebucket.surfaces.v2.projects import NewProject, NewProjectPermission, ProjectChange
from onebucket.surfaces.v2.repositories import RepositoryBody
from onebucket.wire.formats import Format

_PAGED = (PAGE, PAGELEN, FIELDS)
_WITH_END = (FIELDS, INCLUDE_UNTIL)
_SETS_END = (FIELDS, UNTIL, INCLUDE_UNTIL)
_PAGED_WITH_ENDS = (*_PAGED, INCLUDE_UNTIL)

_PROFILE, _EMAILS = scope_rules.READ_PROFILES, scope_rules.READ_EMAILS

USERS = (
    Route("GET", "/user", users.read_oneself, _PROFILE, "readUser", "Who you are", WorkspaceUser, query=(FIELDS,)),
    Route("GET", "/user/emails", users.list_emails, _EMAILS, "listEmails", "Your e-mail addresses",
          PageDocument[EmailAddress], query=_PAGED),
    Route("GET", "/user/emails/{email}", users.read_email, _EMAILS, "readEmail", "One of your e-mail addresses",
          EmailAddress, query=(FIELDS,), errors=(404,)),
    Route("GET", "/users/{selected_user}", users.read_user, _PROFILE, "readOtherUser", "Who somebody is",
          WorkspaceUser, query=(FIELDS,), errors=(404,)),
)  # fmt: skip

_READ_WORKSPACES = scope_rules.READ_WORKSPACES
_WORKSPACE = "/workspaces/{workspace}"
_ROLE = Parameter(
    "role",
    "only workspaces where you are at least that",
    {"type": "string", "enum": ["owner", "member", "collaborator"]},
)
_ADMINISTRATOR = Parameter(
    "administrator", "`true`: only workspaces that you administer", {"type": "boolean", "default": False}
)
_OF_WORKSPACES, _OF_OWN_MEMBERSHIPS, _OF_MEMBERS = (
    (*lists.parameters(table), FIELDS)
    for table in (
        workspaces.FIELDS_OF_WORKSPACES,
        workspaces.FIELDS_OF_OWN_MEMBERSHIPS,
        workspaces.FIELDS_OF_MEMBERS,
    )
)

WORKSPACES = (
    Route("GET", "/workspaces", workspaces.list_workspaces, _READ_WORKSPACES, "listWorkspaces",
          "The workspaces you are in", PageDocument[Workspace], query=(_ROLE, *_OF_WORKSPACES), errors=(410,)),
    Route("GET", "/user/workspaces", workspaces.list_workspace_access, _READ_WORKSPACES, "listWorkspaceAccess",
          "The workspaces you are in, and whether you administer each", PageDocument[WorkspaceAccess],
          query=(_ADMINISTRATOR, *_OF_OWN_MEMBERSHIPS)),
    Route("GET", "/user/permissions/workspaces", workspaces.list_own_memberships, _READ_WORKSPACES,
          "listOwnMemberships", "What you are in each workspace", PageDocument[WorkspaceMembership],
          query=_OF_OWN_MEMBERSHIPS, errors=(410,)),
    Route("GET", "/user/workspaces/{workspace}/permission", workspaces.read_own_membership, _READ_WORKSPACES,
          "readOwnMembership", "What you are in a workspace", WorkspaceMembership, query=(FIELDS,), errors=(404,)),
    Route("GET", _WORKSPACE, workspaces.read_workspace, _READ_WORKSPACES, "readWorkspace", "One workspace", Workspace,
          query=(FIELDS,), errors=(404,)),
    Route("GET", f"{_WORKSPACE}/members", workspaces.list_members, _READ_WORKSPACES, "listWorkspaceMembers",
          "Everybody who is in a group of the workspace", PageDocument[WorkspaceMembership], query=_OF_MEMBERS,
          errors=(403, 404)),
    Route("GET", f"{_WORKSPACE}/members/{{member}}", workspaces.read_member, _READ_WORKSPACES, "readWorkspaceMember",
          "One member of the workspace", WorkspaceMembership, query=(FIELDS,), errors=(403, 404)),
    Route("GET", f"{_WORKSPACE}/permissions", workspaces.list_permissions, _READ_WORKSPACES, "listWorkspacePermissions",
          "Everybody in the workspace: owners, members and collaborators", PageDocument[WorkspaceMembership],
          query=_OF_MEMBERS, errors=(403, 404)),
)  # fmt: skip

_REPOSITORIES = "/repositories/{workspace}"
_REPOSITORY = f"{_REPOSITORIES}/{{repo_slug}}"
_READ, _CHANGE = scope_rules.READ_REPOSITORIES, scope_rules.CHANGE_REPOSITORIES
_DELETE = scope_rules.DELETE_REPOSITORIES
_OF_REPOSITORIES = (repositories.ROLE, *lists.parameters(repositories.FIELDS_OF_REPOSITORIES), FIELDS)

REPOSITORIES = (
    Route("GET", "/repositories", repositories.list_everywhere, _READ, "listAllRepositories",
          "The repositories of all workspaces that you can see", PageDocument[RepositoryObject],
          query=(repositories.AFTER, *_OF_REPOSITORIES), errors=(410,)),
    Route("GET", _REPOSITORIES, repositories.list_repositories, _READ, "listRepositories",
          "The repositories of a workspace that you can see", PageDocument[RepositoryObject],
          query=_OF_REPOSITORIES, errors=(404,)),
    Route("GET", _REPOSITORY, repositories.read_repository, _READ, "readRepository", "One repository",
          RepositoryObject, query=(FIELDS,), errors=(404,)),
    Route("POST", _REPOSITORY, repositories.create_repository, _CHANGE, "createRepository", "Create a repository",
          RepositoryObject, query=(FIELDS,), json=RepositoryBody, errors=(403, 404, 409, 413)),
    Route("PUT", _REPOSITORY, repositories.change_repository, _CHANGE, "changeRepository",
          "Change a repository, or create it; another slug moves it", RepositoryObject, query=(FIELDS,),
          json=RepositoryBody, errors=(403, 404, 409, 413), may_move=True),
    Route("DELETE", _REPOSITORY, repositories.delete_repository, _DELETE, "deleteRepository",
          "Delete a repository with everything that is set on it", errors=(403, 404, 413)),
)  # fmt: skip

_PROJECTS = f"{_WORKSPACE}/projects"
_PROJECT = f"{_PROJECTS}/{{project_key}}"
_PROJECT_GROUPS = f"{_PROJECT}/permissions-config/groups"
_PROJECT_GROUP = f"{_PROJECT_GROUPS}/{{group_slug}}"
_PROJECT_USERS = f"{_PROJECT}/permissions-config/users"
_PROJECT_USER = f"{_PROJECT_USERS}/{{selected_user_id}}"
_READ_PROJECT, _CHANGE_PROJECT = scope_rules.READ_PROJECTS, scope_rules.CHANGE_PROJECTS
_READ_ON_PROJECT = scope_rules.READ_PROJECT_PERMISSIONS
_SET_ON_PROJECT = scope_rules.SET_PROJECT_PERMISSIONS
_REMOVE_ON_PROJECT = scope_rules.REMOVE_PROJECT_PERMISSIONS

PROJECTS = (
    Route("GET", _PROJECTS, projects.list_projects, _READ_PROJECT, "listProjects",
          "The projects of a workspace that you can see", PageDocument[ProjectObject],
          query=(*lists.parameters(projects.FIELDS_OF_PROJECTS), FIELDS), errors=(404,)),
    Route("POST", _PROJECTS, projects.create_project, _CHANGE_PROJECT, "createProject", "Create a project",
          ProjectObject, status=201, query=(FIELDS,), json=NewProject, errors=(403, 404, 409, 413)),
    Route("GET", _PROJECT, projects.read_project, _READ_PROJECT, "readProject", "One project", ProjectObject,
          query=(FIELDS,), errors=(404,)),
    Route("PUT", _PROJECT, projects.change_project, _CHANGE_PROJECT, "changeProject",
          "Change a project; another key moves it", ProjectObject, query=(FIELDS,),
          json=ProjectChange, errors=(403, 404, 409, 413), may_move=True),
    Route("DELETE", _PROJECT, projects.delete_project, _CHANGE_PROJECT, "deleteProject",
          "Delete a project that has no repositories", errors=(403, 404, 413)),
    Route("GET", _PROJECT_GROUPS, projects.list_of_groups, _READ_ON_PROJECT, "listProjectGroupPermissions",
          "The groups that have something on a project", PageDocument[ProjectGroupPermission], query=_PAGED_WITH_ENDS,
          errors=(403, 404)),
    Route("GET", _PROJECT_GROUP, projects.read_of_group, _READ_ON_PROJECT, "readProjectGroupPermission",
          "What a group has on a project", ProjectGroupPermission, query=_WITH_END, errors=(403, 404)),
    Route("PUT", _PROJECT_GROUP, projects.set_for_group, _SET_ON_PROJECT, "setProjectGroupPermission",
          "Set what a group has on a project", ProjectGroupPermission, query=_SETS_END, json=NewProjectPermission,
          errors=(403, 404, 413)),
    Route("DELETE", _PROJECT_GROUP, projects.remove_for_group, _REMOVE_ON_PROJECT, "removeProjectGroupPermission",
          "Take away what a group has on a project", errors=(403, 404, 413)),
    Route("GET", _PROJECT_USERS, projects.list_of_users, _READ_ON_PROJECT, "listProjectUserPermissions",
          "What was given to people directly on a project", PageDocument[ProjectUserPermission], query=_PAGED_WITH_ENDS,
          errors=(403, 404)),
    Route("GET", _PROJECT_USER, projects.read_of_user, _READ_ON_PROJECT, "readProjectUserPermission",
          "What was given to a person directly on a project", ProjectUserPermission, query=_WITH_END,
          errors=(403, 404)),
    Route("PUT", _PROJECT_USER, projects.set_for_user, _SET_ON_PROJECT, "setProjectUserPermission",
          "Give a person a permission directly on a project", ProjectUserPermission, query=_SETS_END,
          json=NewProjectPermission, errors=(403, 404, 413)),
    Route("DELETE", _PROJECT_USER, projects.remove_for_user, _REMOVE_ON_PROJECT, "removeProjectUserPermission",
          "Take what was given to a person directly on a project", errors=(403, 404, 413)),
)  # fmt: skip

_GROUPS_THERE = f"{_REPOSITORY}/permissions-config/groups"
_GROUP_THERE = f"{_GROUPS_THERE}/{{group_slug}}"
_USERS_THERE = f"{_REPOSITORY}/permissions-config/users"
_USER_THERE = f"{_USERS_THERE}/{{selected_user_id}}"
_READ_ON_REPOSITORY = scope_rules.READ_REPOSITORY_PERMISSIONS
_SET_ON_REPOSITORY = scope_rules.SET_REPOSITORY_PERMISSIONS
_REMOVE_ON_REPOSITORY = scope_rules.REMOVE_REPOSITORY_PERMISSIONS

PERMISSIONS = (
    Route("GET", _GROUPS_THERE, permissions.list_of_groups, _READ_ON_REPOSITORY, "listGroupPermissions",
          "What groups have on a repository", PageDocument[RepositoryGroupPermission], query=_PAGED_WITH_ENDS,
          errors=(403, 404)),
    Route("GET", _GROUP_THERE, permissions.read_of_group, _READ_ON_REPOSITORY, "readGroupPermission",
          "What a group has on a repository", RepositoryGroupPermission, query=_WITH_END, errors=(403, 404)),
    Route("PUT", _GROUP_THERE, permissions.set_for_group, _SET_ON_REPOSITORY, "setGroupPermission",
          "Set what a group has on a repository", RepositoryGroupPermission, query=_SETS_END, json=NewPermission,
          errors=(403, 404, 413)),
    Route("DELETE", _GROUP_THERE, permissions.remove_for_group, _REMOVE_ON_REPOSITORY, "removeGroupPermission",
          "Let a group have nothing on a repository, whatever its default is", errors=(403, 404, 413)),
    Route("GET", _USERS_THERE, permissions.list_of_users, _READ_ON_REPOSITORY, "listUserPermissions",
          "What was given to people directly on a repository", PageDocument[RepositoryUserPermission],
          query=_PAGED_WITH_ENDS, errors=(403, 404)),
    Route("GET", _USER_THERE, permissions.read_of_user, _READ_ON_REPOSITORY, "readUserPermission",
          "What was given to a person directly on a repository", RepositoryUserPermission, query=_WITH_END,
          errors=(403, 404)),
    Route("PUT", _USER_THERE, permissions.set_for_user, _SET_ON_REPOSITORY, "setUserPermission",
          "Give a person a permission directly on a repository", RepositoryUserPermission, query=_SETS_END,
          json=NewPermission, errors=(403, 404, 413)),
    Route("DELETE", _USER_THERE, permissions.remove_for_user, _REMOVE_ON_REPOSITORY, "removeUserPermission",
          "Take what was given to a person directly on a repository", errors=(403, 404, 413)),
)  # fmt: skip

V2 = Surface(
    "2.0",
    ("/2.0", "/api/2.0", "/!api/2.0"),
    (
        *USERS,
        *WORKSPACES,
        *REPOSITORIES,
        *PROJECTS,
        *PERMISSIONS,
        *effective_permissions.ROUTES,
        *override_settings.ROUTES,
        *pipelines.ROUTES,
        *ssh_keys.ROUTES,
    ),
    description="The part of Bitbucket Cloud's REST API 2.0 that clients of 1.0 call too.",
    errors=EnvelopeErrors(),
    formats=(Format.JSON,),
    has_jsonp=False,
    present=presenter.present,
    suggests_names=True,
    path_parameters={
        "project_key": "the project's key, in any case",
        "workspace": "an account, a person's or a team's: username, UUID in braces, or account_id",
        "selected_user": "a person: UUID in braces, account_id or username",
        "key_id": "an SSH key: UUID with or without braces, or fingerprint",
        "selected_user_id": "a person: UUID in braces, account_id or username",
    },
)
