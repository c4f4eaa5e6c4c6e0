"""Groups and their members: names, the slugs that follow from them, and what is known of a group."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from onebucket.domain.accounts import Account
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Invalid
from onebucket.domain.text import cleaned


class AccountPrivilege(Enum):
    """What a group may do with the account that owns it (spec 1.12)."""

    ADMIN = "admin"
    COLLABORATOR = "collaborator"


def account_privilege_named(word: str) -> AccountPrivilege:
    """Read what a group may do with its account: `admin` or `collaborator`. Raises Invalid."""
    try:
        return AccountPrivilege(word)
    except ValueError:
        raise Invalid("privileges must be admin or collaborator") from None


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of people of one account; `permission` is its default level on the account's repositories."""

    account_id: str
    id: str
    name: str
    slug: str
    permission: Level | None = None
    auto_add: bool = False
    email_forwarding_disabled: bool = False
    account_privilege: AccountPrivilege | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """A group together with the account that owns it and its members, in the order they were added.

    `members` is None where nobody asked for them.
    """

    group: Group
    owner: Account
    members: Iterable[Account] | None


LONGEST_SLUG = 62
_DROPPED = re.compile(r"[^a-z0-9_-]+")
_DASHES = re.compile(r"-{2,}")
_BLANKS = re.compile(r"\s")


def name_of(value: str) -> str:
    """Clean a group's name: one line of 1 to 255 characters after trimming. Raises Invalid (spec 1.4)."""
    return cleaned(value, what="name")


def slug_of(name: str) -> str:
    """Make the slug that stands for a group's name in addresses. Raises Invalid when nothing is left (spec 1.4).

    >>> slug_of("  Night   Crew ")
    'night-crew'
    >>> slug_of("Équipe 7 (été)")
    'equipe-7-ete'
    """
    ascii_only = unicodedata.normalize("NFKD", name).lower()
    dashed = _BLANKS.sub("-", ascii_only.strip())
    slug = _DASHES.sub("-", _DROPPED.sub("", dashed)).strip("-")[:LONGEST_SLUG].strip("-")

    if not slug:
        raise Invalid("name has no letter or digit that a slug could be made of")

    return slug
