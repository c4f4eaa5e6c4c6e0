"""May I? One table: for everything that can be wanted, the rule that answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from onebucket.domain.privileges import Level


class To(Enum):
    """What somebody wants a thing for."""

    LIST_GROUPS = "list the account's groups"
    SEE_GROUP = "see the group"
    CREATE_GROUP = "create groups in the account"
    CHANGE_GROUP = "change the group"
    DELETE_GROUP = "delete the group"
    ADD_MEMBER = "add members to the group"
    REMOVE_MEMBER = "remove this member from the group"
    SET_ACCOUNT_PRIVILEGE = "say what the group may do with the account"
    ADD_REPOSITORY = "add repositories to the account"
    CHANGE_REPOSITORY = "change the repository"
    DELETE_REPOSITORY = "delete the repository"
    GRANT_PRIVILEGE = "say who may do what on the repository"
    SEE_PRIVILEGES = "see who may do what in the account"
    ASK_ABOUT_PERSON = "ask what this person may do on the repository"
    INVITE = "invite people to the account"
    INVITE_TO_REPOSITORY = "invite people to the repository"
    CHANGE_ACCOUNT = "say what the account is called"
    CHANGE_PERSON = "change this person's addresses and password"
    MANAGE_CONSUMERS = "manage the account's OAuth consumers"
    ACT_FOR = "let a consumer act for this person"
    HANDLE_TOKENS = "handle this person's app passwords"
    READ_JOURNAL = "read the account's journal"
    SEE_PROFILE = "see who this is"
    RUN_SITE = "manage the accounts of this server"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the asker is to an account, and to the group, the member or the repository of it that are meant.

    `administers` holds for the owner of a personal account, for members of a group whose account privilege is `admin`,
    and for whoever runs the site (contract/api-1.0.md#1.12); `level` is what he may do on the repository.
    """

    is_site_admin: bool = False
    administers: bool = False
    in_account: bool = False
    in_group: bool = False
    is_self: bool = False
    level: Level = Level.NONE


Rule = Callable[[Standing], bool]


def _administrators(standing: Standing) -> bool:
    return standing.administers


def _administrators_and_everyone_in_the_account(standing: Standing) -> bool:
    return standing.administers or standing.in_account


def _administrators_and_members_of_the_group(standing: Standing) -> bool:
    return standing.administers or standing.in_group


def _administrators_and_self(standing: Standing) -> bool:
    return standing.administers or standing.is_self


def _administrators_of_account_or_repository(standing: Standing) -> bool:
    # Both have admin on the repository, the highest level there is: so nobody grants more than he has (contract/api-1.0.md#4).
    return standing.administers or standing.level is Level.ADMIN


def _administrators_of_account_or_repository_and_self(standing: Standing) -> bool:
    return _administrators_of_account_or_repository(standing) or standing.is_self


def _self_and_site_admins(standing: Standing) -> bool:
    # Not others who administer his account: being him reaches into every account he is something in.
    return standing.is_self or standing.is_site_admin


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
    To.ADD_REPOSITORY: _administrators,
    To.CHANGE_REPOSITORY: _administrators,
    To.DELETE_REPOSITORY: _administrators,
    To.GRANT_PRIVILEGE: _administrators_of_account_or_repository,
    To.SEE_PRIVILEGES: _administrators,
    To.ASK_ABOUT_PERSON: _administrators_of_account_or_repository_and_self,
    To.INVITE: _administrators,
    To.INVITE_TO_REPOSITORY: _administrators_of_account_or_repository,
    To.CHANGE_ACCOUNT: _administrators,
    To.CHANGE_PERSON: _self_and_site_admins,
    To.MANAGE_CONSUMERS: _administrators,
    To.ACT_FOR: _self_and_site_admins,
    To.HANDLE_TOKENS: _self_and_site_admins,
    To.READ_JOURNAL: _administrators,
    To.SEE_PROFILE: _everybody,
    To.RUN_SITE: _site_admins,
}


def may(standing: Standing, to: To) -> bool:
    """Whether somebody of that standing may do `to`.

    >>> may(Standing(in_group=True), To.SEE_GROUP), may(Standing(in_group=True), To.DELETE_GROUP)
    (True, False)
    """
    return RULES[to](standing)
