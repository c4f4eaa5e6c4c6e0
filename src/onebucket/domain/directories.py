"""A company's directory: an identity provider that brings a team's people and groups over SCIM, and its keys."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from onebucket.domain import accounts
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Conflict, Forbidden, Invalid
from onebucket.safe_text import quote_text

# Keys that are valid at once, so that one can be replaced without an interruption.
MOST_KEYS = 2

_LABEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,61}")


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory of a team; `label` names it among those of the team.

    `domains` are those of e-mail addresses that the team has proved to own: people who have a validated address there
    may be linked. With `adopts_groups` it may take over groups that the team has already.
    """

    account_id: str
    id: str
    label: str
    domains: tuple[str, ...]
    adopts_groups: bool
    created_at: datetime

    @property
    def actor_name(self) -> str:
        """What the journal calls it; no username has a blank."""
        return f"directory {self.label}"

    def owns(self, email_key: str) -> bool:
        """Whether an e-mail address, in its normal form, is in one of the proved domains."""
        return email_key.rpartition("@")[2] in self.domains


@dataclass(frozen=True, slots=True)
class DirectoryKey:
    """A key that a directory calls with; only its hash is stored. Without `expires_at` it is valid until revoked."""

    account_id: str
    directory_id: str
    id: str
    secret_hash: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    last_used_from: str | None = None

    @property
    def credential(self) -> str:
        """The identifier in the journal."""
        return f"directory:{self.id}"


@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """What a directory knows of a person: the names that it has for them, and what else it sent.

    `profile` holds attributes under their names in SCIM. `is_brought` says that the directory made the account, rather
    than being linked to one that was there. `is_held` says that the directory has disabled the person.
    """

    account_id: str
    directory_id: str
    person_id: str
    user_name: str
    external_id: str | None
    is_brought: bool
    is_held: bool
    created_at: datetime
    changed_at: datetime
    profile: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody whom a directory has disabled and deleted; no site administrator has decided about them since."""

    account_id: str
    directory_id: str
    person_id: str
    is_brought: bool


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """What a directory knows of a group that it keeps."""

    account_id: str
    id: str
    name: str
    slug: str
    external_id: str | None
    created_at: datetime
    changed_at: datetime


def check_label(label: str) -> str:
    """Check a directory's label: 1 to 62 letters, digits, `.`, `_` and `-`, in lower case. Raises Invalid."""
    if not _LABEL.fullmatch(label):
        raise Invalid(
            f"{quote_text(label)} can't be a directory's label: 1 to 62 lower-case letters, digits, '.', '_' and '-'"
        )
    return label


def check_domains(names: Iterable[str]) -> tuple[str, ...]:
    """Return domains of e-mail addresses in their normal form, sorted, each once. Raises Invalid.

    >>> check_domains(["Corp.Example", "corp.example"])
    ('corp.example',)
    """
    return tuple(sorted({accounts.email_key(f"somebody@{name}").rpartition("@")[2] for name in names}))


def check_number_of_keys(keys: int) -> None:
    """Refuse one more key than may be valid at once. Raises Conflict."""
    if keys >= MOST_KEYS:
        raise Conflict(f"{MOST_KEYS} keys are valid already: revoke the older one first")


def check_may_disable(person: Account) -> None:
    """Refuse that a directory disables a site administrator. Raises Forbidden."""
    if person.site_admin:
        raise Forbidden(f"{person.username} is a site administrator, whom a team's directory can't disable")


def facts(directory: Directory) -> dict[str, Any]:
    """The journal's record of a directory."""
    return {"label": directory.label, "domains": [*directory.domains], "adopt": directory.adopts_groups}
