"""Accounts (people and teams), who is asking, and what usernames and e-mail addresses may look like."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from onebucket.domain.refusals import Invalid
from onebucket.domain.text import clean_text, quote_text


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a team: something that owns groups and repositories.

    `id` is a UUID in lower case with hyphens, `aaid` what the API calls `account_id` (a number, a colon and a UUID;
    None for teams), `nickname` None until somebody sets one.
    """

    id: str
    username: str
    display_name: str
    aaid: str | None
    nickname: str | None
    is_team: bool
    is_active: bool
    site_admin: bool

    @property
    def first_name(self) -> str:
        """The display name up to its first blank (contract/api-1.0.md#2)."""
        return self.display_name.partition(" ")[0]

    @property
    def last_name(self) -> str:
        """The display name after its first blank (contract/api-1.0.md#2)."""
        return self.display_name.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks: a person, the operator at the command line of the server's own machine, or nobody in particular.

    `scopes` limits what a credential may be used for; None means it is as good as the person. `credential` names it
    for the journal: `password`, `token:<id>`, `operator` and so on; at `expires_at` it ends by itself. It is the first
    of its `generation` 0, or was made with a credential of the generation before. `operates`: it is not a person who
    asks, but somebody may do what whoever runs the site may.
    """

    account: Account | None
    credential: str
    scopes: frozenset[str] | None = None
    expires_at: datetime | None = None
    is_operator: bool = False
    generation: int = 0

    @property
    def id(self) -> str | None:
        """The asking person's account id; None for others."""
        return self.account.id if self.account else None

    @property
    def name(self) -> str:
        """The asker as the journal names him: by his username or, where there is none, by what let him in."""
        return self.account.username if self.account else self.credential.partition(":")[0]

    @property
    def is_site_admin(self) -> bool:
        """Whether the asker may do what an administrator of any account may (contract/api-1.0.md#1.12)."""
        return self.account.site_admin if self.account else self.is_operator


# What isn't any account's own is told in a journal of this one, which nobody can have: no username holds a parenthesis.
SITE = Account("00000000-0000-0000-0000-000000000000", "(site)", "", None, None, True, True, False)

OPERATOR = Actor(account=None, credential="operator", is_operator=True)

# Whoever looks at a page without having signed in: he may do what a link lets him do, and nothing else.
NOBODY = Actor(account=None, credential="nobody")

# What each scope may be used for besides itself: writing holds reading, `team` is a synonym of `account` (contract/api-1.0.md#1.11).
SCOPES: Mapping[str, frozenset[str]] = {
    "account": frozenset(),
    "account:write": frozenset({"account"}),
    "team": frozenset({"account"}),
    "team:write": frozenset({"account", "account:write"}),
    "repository": frozenset(),
    "repository:write": frozenset({"repository"}),
    "repository:admin": frozenset({"repository", "repository:write"}),
    # Ours: what makes and ends credentials, or tells where they were used from, is held by nothing else.
    "app-password": frozenset(),
    "app-password:write": frozenset({"app-password"}),
    "journal": frozenset(),
}

# Words of the original for scopes that are others here.
SYNONYMS: Mapping[str, str] = {"team": "account", "team:write": "account:write"}


@cache
def effective_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """Every scope that `scopes` are good for.

    >>> sorted(effective_scopes(frozenset({"team:write"})))
    ['account', 'account:write', 'team:write']
    """
    return scopes.union(*(SCOPES[scope] for scope in scopes))


def parse_scope(word: str) -> str:
    """Check that `word` is one of the API's scopes. Raises Invalid."""
    if word not in SCOPES:
        raise Invalid(f"there is no scope {word[:64]!r}; the scopes are {', '.join(SCOPES)}")
    return word


# What git and scripts give for a name where a token alone says who they are.
TOKEN_NAMES = frozenset({"x-token-auth", "x-bitbucket-api-token-auth"})

_USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,61}")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
AAID = re.compile(r"[0-9]{1,18}:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_uuid(given: str | None) -> str | None:
    """A UUID that an account brings along, perhaps in braces, as we keep it. Raises Invalid."""
    if given is None:
        return None
    bare = given.removeprefix("{").removesuffix("}")
    if not UUID.fullmatch(bare):
        raise Invalid(f"{quote_text(given)} is not a UUID")
    return bare.lower()


def parse_account_id(given: str | None) -> str | None:
    """An account_id that an account brings along, as we keep it. Raises Invalid."""
    if given is not None and not AAID.fullmatch(given):
        raise Invalid(f"{quote_text(given)} is not an account_id: a number, a colon and a UUID")
    return given.lower() if given else None


def check_username(name: str) -> str:
    """Check a username: 1 to 62 ASCII letters, digits, `_`, `.` and `-`, that nothing else could be meant by.

    Raises Invalid. A UUID is refused because an account can be named by its UUID (contract/api-1.0.md#1.2).
    """
    if not _USERNAME.fullmatch(name) or UUID.fullmatch(name):
        raise Invalid(
            f"{name[:64]!r} can't be a username: 1 to 62 letters, digits, '_', '.' and '-', starting with a letter, "
            "a digit or '_'"
        )
    if username_key(name) in TOKEN_NAMES:
        raise Invalid(f"{name!r} can't be a username: programs give it in the place of one, with a token")
    return name


def username_key(name: str) -> str:
    """The form in which two usernames are the same name: their case doesn't count.

    >>> username_key("MokaFor")
    'mokafor'
    """
    # Beyond ASCII lower() makes a letter of what is another: the Kelvin sign becomes a k. No username holds one.
    return name.lower() if name.isascii() else name


def display_name(name: str) -> str:
    """Clean a display name: one line of 1 to 255 characters. Raises Invalid."""
    return clean_text(name, what="the display name")


MIN_PASSWORD_LENGTH = 8


def check_password(password: str) -> None:
    """Refuse a password that is too short to be anybody's. Raises Invalid."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise Invalid(f"the password must have {MIN_PASSWORD_LENGTH} characters or more")


_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def email_key(address: str) -> str:
    """The normal form in which two e-mail addresses are the same address. Raises Invalid.

    NFKC, lower case, nothing invisible, the domain in its ASCII form (security.md: addresses that look alike).

    >>> email_key("Mina.Okafor@Example.ORG")
    'mina.okafor@example.org'
    """
    if len(address) > 254:
        raise Invalid("the e-mail address is longer than 254 characters")

    # Lower case can bring letters together with accents that NFKC then makes one.
    lower = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).lower())
    local, at, domain = lower.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not local.isprintable() or "" in local.split("."):
        raise Invalid("that is not an e-mail address")

    spelled = domain if domain.isascii() else _in_ascii(domain)
    if not _DOMAIN.fullmatch(spelled):
        raise Invalid("the domain of that e-mail address is not a domain name")

    return f"{local}@{spelled}"


def new_email_key(address: str) -> str:
    """The normal form of an address that is about to be kept. Raises Invalid.

    Its local part must be its own NFKC: a letter goes to the mailbox as it is spelled, and what was proved there must
    not count for another mailbox of the same normal form. Addresses that were kept before are found by `email_key`.

    >>> new_email_key("Fiona@Example.ORG")
    'fiona@example.org'
    """
    key = email_key(address)
    local, _, _ = address.rpartition("@")
    if not unicodedata.is_normalized("NFKC", local):
        raise Invalid("that e-mail address looks like another one: give it in its usual letters")
    return key


def _in_ascii(domain: str) -> str:
    """A domain in its ASCII form, if that reads back as the same domain.

    IDNA of 2003 folds letters that registries tell apart: whoever has such a domain gives its ASCII form himself.
    """
    try:
        spelled = domain.encode("idna").decode("ascii")
        faithful = spelled.encode("ascii").decode("idna") == domain
    except UnicodeError:
        faithful = False
    if not faithful:
        raise Invalid("the domain of that e-mail address can be read in more than one way: give its ASCII form")

    return spelled


def facts(account: Account) -> dict[str, Any]:
    """What the journal tells of an account."""
    return {
        "username": account.username,
        "uuid": account.id,
        "display_name": account.display_name,
        "nickname": account.nickname,
        "is_active": account.is_active,
        "site_admin": account.site_admin,
    }
