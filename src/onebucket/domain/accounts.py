"""Accounts (people and teams), actors and their scopes, and the rules for usernames, passwords and e-mail addresses."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text
from onebucket.safe_text import quote_text


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a team; both can own groups and repositories.

    `id` is a UUID in lower case with hyphens. `aaid` is the API's `account_id` (a number, a colon and a UUID), None for
    teams. `nickname` is None until it is set. `has_second_factor`: a password alone signs nobody in.
    """

    id: str
    username: str
    display_name: str
    aaid: str | None
    nickname: str | None
    is_team: bool
    is_active: bool
    site_admin: bool
    has_second_factor: bool = False

    @property
    def first_name(self) -> str:
        """The display name up to its first blank (contract/api-1.0.md#2)."""
        return self.display_name.partition(" ")[0]

    @property
    def last_name(self) -> str:
        """The display name after its first blank (contract/api-1.0.md#2)."""
        return self.display_name.partition(" ")[2]


class AccountName(NamedTuple):
    """An account's username, and what people call it."""

    username: str
    display_name: str


class DirectoryIdentity(NamedTuple):
    """A directory that makes a request: its team, its id, and what the journal calls it."""

    account_id: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a request: a person, a directory, the operator (the command line on the server's machine), or nobody.

    `scopes` limits what the credential may do; None means no limit. `credential` identifies it in the journal
    (`password`, `token:<id>`, `operator` …); it is invalid from `expires_at` on. `generation` is 0 for a credential
    that wasn't made with another limited one, otherwise one more than that one's. `is_operator` gives an actor without
    an account the rights of a site administrator. A `directory` has no account either, and no right but to keep its own
    people and groups.
    """

    account: Account | None
    credential: str
    scopes: frozenset[str] | None = None
    expires_at: datetime | None = None
    is_operator: bool = False
    generation: int = 0
    directory: DirectoryIdentity | None = None

    @property
    def id(self) -> str | None:
        """The account id of the person; None for the operator and nobody."""
        return self.account.id if self.account else None

    @property
    def name(self) -> str:
        """The name in the journal: that of the person or the directory, or otherwise the kind of the credential.

        A provider that keeps groups is named in full, as `oidc:okta`.
        """
        if self.directory is not None:
            return self.directory.name
        kind = self.credential.partition(":")[0]
        return self.account.username if self.account else self.credential if kind == "oidc" else kind

    @property
    def is_site_admin(self) -> bool:
        """Whether the actor may do what an administrator of any account may (contract/api-1.0.md#1.12)."""
        return self.account.site_admin if self.account else self.is_operator


# The journal of this pseudo-account holds site-wide events. Nobody can own it: usernames have no parentheses.
SITE = Account("00000000-0000-0000-0000-000000000000", "(site)", "", None, None, True, True, False)

OPERATOR = Actor(account=None, credential="operator", is_operator=True)

# A visitor who isn't signed in: may only do what a link from a mail allows.
NOBODY = Actor(account=None, credential="nobody")

# Usernames that git and scripts send when the token alone identifies the account.
TOKEN_NAMES = frozenset({"x-token-auth", "x-bitbucket-api-token-auth"})

_USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,61}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
AAID = re.compile(r"[0-9]{1,18}:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def bare_uuid(word: str) -> str | None:
    """Return a UUID without the braces it may have, in lower case; None if `word` is no UUID.

    >>> bare_uuid("{0B6F1C1E-6D0E-4A55-9D3A-3A5F1F2B7C10}")
    '0b6f1c1e-6d0e-4a55-9d3a-3a5f1f2b7c10'
    """
    bare = word[1:-1] if word[:1] == "{" and word[-1:] == "}" else word
    return bare.lower() if _UUID.fullmatch(bare) else None


def parse_uuid(value: str | None) -> str | None:
    """Normalize an imported account's UUID as `bare_uuid` does. Raises Invalid."""
    uuid = bare_uuid(value) if value is not None else None
    if value is not None and uuid is None:
        raise Invalid(f"{quote_text(value)} is not a UUID")
    return uuid


def parse_account_id(value: str | None) -> str | None:
    """Normalize an imported account's `account_id` to lower case. Raises Invalid."""
    if value is not None and not AAID.fullmatch(value):
        raise Invalid(f"{quote_text(value)} is not an account_id: a number, a colon and a UUID")
    return value.lower() if value else None


def check_username(name: str) -> str:
    """Check a username: 1 to 62 ASCII letters, digits, `_`, `.` and `-`. Raises Invalid.

    A UUID is refused because paths can name an account by its UUID (contract/api-1.0.md#1.2), and so are `TOKEN_NAMES`.
    """
    if not _USERNAME.fullmatch(name) or _UUID.fullmatch(name):
        raise Invalid(
            f"{name[:64]!r} can't be a username: 1 to 62 letters, digits, '_', '.' and '-', starting with a letter, "
            "a digit or '_'"
        )
    if username_key(name) in TOKEN_NAMES:
        raise Invalid(f"{name!r} can't be a username: programs send it instead of one, with a token")
    return name


def suggest_username(address: str) -> str:
    """Make a username from an e-mail address, or from another name for a person.

    >>> suggest_username("Mina.Okafor+git@example.org"), suggest_username("@")
    ('Mina.Okafor-git', 'user')
    """
    return re.sub("[^A-Za-z0-9_.-]+", "-", address.partition("@")[0]).lstrip(".-")[:62] or "user"


def username_key(name: str) -> str:
    """The normal form of a username, for comparison without case.

    >>> username_key("MokaFor")
    'mokafor'
    """
    # lower() maps some other characters to ASCII letters (the Kelvin sign to k), so those names stay as they are.
    return name.lower() if name.isascii() else name


def display_name(name: str) -> str:
    """Clean a display name: one line of 1 to 255 characters. Raises Invalid."""
    return clean_text(name, what="the display name")


MIN_PASSWORD_LENGTH = 8


def check_password(password: str) -> None:
    """Refuse a password shorter than `MIN_PASSWORD_LENGTH`. Raises Invalid."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise Invalid(f"the password must have {MIN_PASSWORD_LENGTH} characters or more")


_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def email_key(address: str) -> str:
    """The normal form of an e-mail address, for comparison. Raises Invalid.

    It is NFKC in lower case without invisible characters, the domain in its ASCII form, so that look-alike addresses
    are equal.

    >>> email_key("Mina.Okafor@Example.ORG")
    'mina.okafor@example.org'
    """
    if len(address) > 254:
        raise Invalid("the e-mail address is longer than 254 characters")

    # Normalize again: lower() can put letters next to accents that NFKC then combines.
    lower = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).lower())
    local, at_sign, domain = lower.rpartition("@")
    if not at_sign or not _LOCAL.fullmatch(local) or not local.isprintable() or "" in local.split("."):
        raise Invalid("that is not an e-mail address")

    ascii_domain = domain if domain.isascii() else _in_ascii(domain)
    if not _DOMAIN.fullmatch(ascii_domain):
        raise Invalid("the domain of that e-mail address is not a domain name")

    return f"{local}@{ascii_domain}"


def new_email_key(address: str) -> str:
    """The normal form of an address that is about to be stored. Raises Invalid.

    The local part must be NFKC already. Mail goes to the mailbox as spelled, and a confirmation by that mailbox must
    not be valid for another mailbox with the same normal form. Look up stored addresses with `email_key`.

    >>> new_email_key("Fiona@Example.ORG")
    'fiona@example.org'
    """
    key = email_key(address)
    local, _, _ = address.rpartition("@")
    if not unicodedata.is_normalized("NFKC", local):
        raise Invalid("that e-mail address looks like another one: write it in its usual form")
    return key


def _in_ascii(domain: str) -> str:
    """The ASCII form of a domain, if it decodes to the same domain. Raises Invalid.

    IDNA 2003 merges letters that registries distinguish; users with such a domain must enter its ASCII form.
    """
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
        round_trips = ascii_domain.encode("ascii").decode("idna") == domain
    except UnicodeError:
        round_trips = False
    if not round_trips:
        raise Invalid("the domain of that e-mail address is ambiguous: write it in ASCII")

    return ascii_domain


def facts(account: Account) -> dict[str, Any]:
    """The journal's record of an account."""
    return {
        "username": account.username,
        "uuid": account.id,
        "display_name": account.display_name,
        "nickname": account.nickname,
        "is_active": account.is_active,
        "site_admin": account.site_admin,
    }
