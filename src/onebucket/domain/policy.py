"""Access policy: one table with the rule for each operation."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel


class To(Enum):
    """An operation that a caller may be allowed to do."""

    LIST_GROUPS = "list the account's groups"
    SEE_GROUP = "see the group"
    CREATE_GROUP = "create groups in the account"
    CHANGE_GROUP = "change the group"
    DELETE_GROUP = "delete the group"
    ADD_MEMBER = "add members to the group"
    REMOVE_MEMBER = "remove this member from the group"
    SET_ACCOUNT_PRIVILEGE = "set the group's privilege on the account"
    LIST_PROJECTS = "list the account's projects"
    SEE_PROJECT = "see the project"
    CREATE_PROJECT = "create projects in the account"
    CHANGE_PROJECT = "change the project"
    DELETE_PROJECT = "delete the project"
    GRANT_ON_PROJECT = "manage permissions on the project"
    SEE_REPOSITORY = "see the repository"
    ADD_REPOSITORY = "add repositories to the account"
    CHANGE_REPOSITORY = "change the repository"
    DELETE_REPOSITORY = "delete the repository"
    GRANT_PRIVILEGE = "set privileges on the repository"
    SEE_PRIVILEGES = "see privileges in the account"
    ASK_ABOUT_PERSON = "check this person's access to the repository"
    INVITE = "invite people to the account"
    INVITE_TO_REPOSITORY = "invite people to the repository"
    ASK_FOR_ACCESS = "ask for access in the account"
    ANSWER_REQUESTS = "answer requests for access in the account"
    CHANGE_ACCOUNT = "rename the account"
    CHANGE_PERSON = "change this person's addresses and password"
    MANAGE_CONSUMERS = "manage the account's OAuth apps"
    ACT_FOR = "let an app act for this person"
    HANDLE_TOKENS = "manage this person's app passwords"
    HANDLE_SSH_KEYS = "manage this person's SSH keys"
    RUN_REVIEWS = "run access reviews in the account"
    ANSWER_REVIEW = "answer this access review"
    REMOVE_PERSON = "take everything in the account away from a person"
    MANAGE_WEBHOOKS = "manage the account's webhooks"
    RUN_MIRRORS = "pause and resume the account's mirrors"
    HANDLE_SECOND_FACTORS = "see and remove this person's second factors"
    SET_UP_SECOND_FACTORS = "set up and use this person's second factors"
    SEE_DIRECTORIES = "see the account's directories"
    KEEP_PEOPLE = "keep the people and groups of this directory"
    READ_JOURNAL = "read the account's journal"
    SEE_PROFILE = "see this profile"
    RUN_SITE = "manage the accounts of this server"


class Standing(NamedTuple):
    """The caller's relation to an account, and to the group, member, project or repository in question.

    `administers` is true for the owner of a personal account, for members of a group whose account privilege is
    `admin`, and for site administrators (contract/api-1.0.md#1.12). `level` is the caller's level on the repository,
    `project_level` the one on the project, which `is_public` if everybody may see it. `is_directory` is true for the
    directory in question itself, `is_reviewer` for whoever answers in the access review in question.
    """

    is_site_admin: bool = False
    administers: bool = False
    in_account: bool = False
    in_group: bool = False
    is_self: bool = False
    level: Level = Level.NONE
    project_level: ProjectLevel = ProjectLevel.NONE
    is_public: bool = False
    is_directory: bool = False
    is_reviewer: bool = False


Rule = Callable[[Standing], bool]


def _administrators(standing: Standing) -> bool:
    return standing.administers


def _administrators_and_everyone_in_the_account(standing: Standing) -> bool:
    return standing.administers or standing.in_account


def _administrators_and_members_of_the_group(standing: Standing) -> bool:
    return standing.administers or standing.in_group


def _administrators_and_self(standing: Standing) -> bool:
    return standing.administers or standing.is_self


def _administrators_and_everyone_with_a_level_on_the_repository(standing: Standing) -> bool:
    return standing.administers or standing.level >= Level.READ


def _administrators_of_account_or_repository(standing: Standing) -> bool:
    # Both have admin, the highest level, on the repository, so nobody grants more than they have
    # (contract/api-1.0.md#4).
    return standing.administers or standing.level is Level.ADMIN


def _administrators_of_account_or_repository_and_self(standing: Standing) -> bool:
    return _administrators_of_account_or_repository(standing) or standing.is_self


def _everybody_with_a_part_in_the_account_or_project(standing: Standing) -> bool:
    return (
        standing.administers or standing.in_account or standing.is_public or standing.project_level > ProjectLevel.NONE
    )


def _administrators_of_account_or_project(standing: Standing) -> bool:
    # Both have admin on all of the project's repositories, so nobody grants more than they have.
    return standing.administers or standing.project_level is ProjectLevel.ADMIN


def _administrators_and_who_may_create_repositories_in_the_project(standing: Standing) -> bool:
    return standing.administers or standing.project_level >= ProjectLevel.CREATE_REPO


def _administrators_and_reviewers(standing: Standing) -> bool:
    return standing.administers or standing.is_reviewer


def _self_and_site_admins(standing: Standing) -> bool:
    # Not other administrators of the personal account: acting as that person reaches every account they belong to.
    return standing.is_self or standing.is_site_admin


def _self(standing: Standing) -> bool:
    return standing.is_self


def _the_directory(standing: Standing) -> bool:
    return standing.is_directory


def _site_admins(standing: Standing) -> bool:
    return standing.is_site_admin


def _everybody(standing: Standing) -> bool:
    return True


RULES: Mapping[To, Rule] = {
    To.LIST_GROUPS: _administrators_and_everyone_in_the_account,
    To.SEE_GROUP: _administrators_and_members_of_the_group,
    To.CREATE_GROUP: _administrators,
    To.CHANGE_GROUP: _administrators,
    To.DELETE_GROUP: _administrators,
    To.ADD_MEMBER: _administrators,
    To.REMOVE_MEMBER: _administrators_and_self,
    To.SET_ACCOUNT_PRIVILEGE: _administrators,
    To.LIST_PROJECTS: _everybody,
    To.SEE_PROJECT: _everybody_with_a_part_in_the_account_or_project,
    To.CREATE_PROJECT: _administrators,
    To.CHANGE_PROJECT: _administrators_of_account_or_project,
    To.DELETE_PROJECT: _administrators_of_account_or_project,
    To.GRANT_ON_PROJECT: _administrators_of_account_or_project,
    To.SEE_REPOSITORY: _administrators_and_everyone_with_a_level_on_the_repository,
    To.ADD_REPOSITORY: _administrators_and_who_may_create_repositories_in_the_project,
    To.CHANGE_REPOSITORY: _administrators,
    To.DELETE_REPOSITORY: _administrators,
    To.GRANT_PRIVILEGE: _administrators_of_account_or_repository,
    To.SEE_PRIVILEGES: _administrators,
    To.ASK_ABOUT_PERSON: _administrators_of_account_or_repository_and_self,
    To.INVITE: _administrators,
    To.INVITE_TO_REPOSITORY: _administrators_of_account_or_repository,
    To.ASK_FOR_ACCESS: _everybody,
    To.ANSWER_REQUESTS: _administrators,
    To.CHANGE_ACCOUNT: _administrators,
    To.CHANGE_PERSON: _self_and_site_admins,
    To.MANAGE_CONSUMERS: _administrators,
    To.ACT_FOR: _self_and_site_admins,
    To.HANDLE_TOKENS: _self_and_site_admins,
    To.HANDLE_SSH_KEYS: _self_and_site_admins,
    To.RUN_REVIEWS: _administrators,
    To.ANSWER_REVIEW: _administrators_and_reviewers,
    To.REMOVE_PERSON: _administrators,
    To.MANAGE_WEBHOOKS: _administrators,
    To.RUN_MIRRORS: _administrators,
    To.HANDLE_SECOND_FACTORS: _self_and_site_admins,
    To.SET_UP_SECOND_FACTORS: _self,
    To.SEE_DIRECTORIES: _administrators,
    To.KEEP_PEOPLE: _the_directory,
    To.READ_JOURNAL: _administrators,
    To.SEE_PROFILE: _everybody,
    To.RUN_SITE: _site_admins,
}


# What only its directory does with a group that one keeps; privileges stay its account's to set.
OF_THE_DIRECTORY = frozenset({To.DELETE_GROUP, To.ADD_MEMBER, To.REMOVE_MEMBER})


def may(standing: Standing, to: To) -> bool:
    """Whether a caller with that standing may do `to`.

    >>> may(Standing(in_group=True), To.SEE_GROUP), may(Standing(in_group=True), To.DELETE_GROUP)
    (True, False)
    """
    return RULES[to](standing)
