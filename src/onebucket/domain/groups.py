"""Groups, their account privilege and their names."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from onebucket.domain import ends
from onebucket.domain.accounts import Account
from onebucket.domain.journal_entry import Facts
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text


class AccountPrivilege(Enum):
    """What a group may do with the account that owns it (contract/api-1.0.md#1.12)."""

    ADMIN = "admin"
    COLLABORATOR = "collaborator"


def parse_account_privilege(word: str) -> AccountPrivilege:
    """Parse an account privilege: `admin` or `collaborator`. Raises Invalid."""
    try:
        return AccountPrivilege(word)
    except ValueError:
        raise Invalid("privileges must be admin or collaborator") from None


@dataclass(frozen=True, slots=True)
class Group:
    """A group of people in one account; `permission` is its default level on the account's repositories.

    A level set for one repository overrides `permission` there. `directory_id` is the directory that keeps the group:
    nobody else changes its name and its members.
    """

    account_id: str
    id: str
    name: str
    slug: str
    permission: Level | None = None
    auto_add: bool = False
    email_forwarding_disabled: bool = False
    account_privilege: AccountPrivilege | None = None
    directory_id: str | None = None


@dataclass(frozen=True, slots=True)
class GroupWithMembers:
    """A group with its owner and its members in the order they were added; `members` is None if they weren't read."""

    group: Group
    owner: Account
    members: Iterable[Account] | None


def member_facts(person: Account, until: datetime | None = None) -> dict[str, str]:
    """The journal's record of a membership, and of when it ends."""
    return {"member": person.username, "id": person.id, **ends.facts(until)}


def is_administrator(person: Account, owner: Account, groups: Iterable[Group]) -> bool:
    """Return whether a person with these groups in an account administers it (contract/api-1.0.md#1.12)."""
    if person.site_admin or person.id == owner.id:
        return True
    return any(each.account_privilege is AccountPrivilege.ADMIN for each in groups)


def check_name(value: str) -> str:
    """Trim and check a group's name: one line of 1 to 255 characters (contract/api-1.0.md#1.4). Raises Invalid."""
    return clean_text(value, what="name")


def group_facts(group: Group) -> Facts:
    """Return the journal's record of a group."""
    return {
        "name": group.name,
        "slug": group.slug,
        "permission": group.permission.word if group.permission else None,
        "auto_add": group.auto_add,
        "email_forwarding_disabled": group.email_forwarding_disabled,
        "account_privilege": group.account_privilege.value if group.account_privilege else None,
    }
