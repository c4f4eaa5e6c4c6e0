"""Identity providers that people sign in with by OpenID Connect, and what counts of what they say of a person."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from onebucket.domain import accounts
from onebucket.domain.refusals import Forbidden, Invalid, Refusal

# Entra ID sends no `email_verified`. Its claim for "the domain of this address belongs to the tenant" is this one.
_ENTRA_HOST, _ENTRA_VERIFIED = "login.microsoftonline.com", "xms_edov"

# Entra ID leaves out a list of groups that is too long for a token, and says so with one of these.
_LEFT_OUT = ("_claim_names", "hasgroups")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

# How far the clocks of a provider and of this server may differ.
_SKEW_SECONDS = 60


class ProviderUnavailable(Refusal):
    """The provider doesn't answer, or answers what OpenID Connect doesn't know."""


class SignInRefused(Forbidden):
    """A sign-in with a provider ends here: it was cancelled, is over, or its proof isn't valid."""


@dataclass(frozen=True, slots=True)
class SignInProvider:
    """One provider. `domains` are those of e-mail addresses that it may speak for.

    `links_by_address`: whoever has a verified address of `domains` here is recognized by it the first time; otherwise
    they prove their account first. `groups_claim` is empty if it keeps no groups. `logs_in_again`: the provider lets
    people log in anew when it is asked to, and says when they did; otherwise each sign-in with it counts as that.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str
    scopes: tuple[str, ...]
    groups_claim: str
    domains: frozenset[str]
    links_by_address: bool
    logs_in_again: bool = True

    @property
    def credential(self) -> str:
        """What the journal calls a sign-in with it."""
        return f"oidc:{self.name}"


@dataclass(frozen=True, slots=True)
class ProvenIdentity:
    """A person at a provider, proved by an `id_token`: the issuer and the provider's id of the person, `subject`.

    `email` is the address that the provider states. `is_verified`: it has verified that, and may speak for the domain.
    `groups` are names of groups, None if it says nothing about them. `session` is its id of the session, or empty.
    `is_fresh`: they logged in there for this sign-in; otherwise the provider may have known them from earlier.
    """

    provider: str
    issuer: str
    subject: str
    email: str
    is_verified: bool
    name: str
    username: str
    groups: tuple[str, ...] | None
    session: str = ""
    links_by_address: bool = False
    is_fresh: bool = False

    @property
    def shown(self) -> str:
        """What to call the person at the provider: their address there or, without one, the id."""
        return self.email or self.subject


def check_name(name: str) -> None:
    """Check a provider's name. Raises Invalid."""
    if not _NAME.fullmatch(name):
        raise Invalid("a provider's name has up to 32 small letters, digits and hyphens")


def identity(provider: SignInProvider, claims: Mapping[str, Any], *, begun: float) -> ProvenIdentity:
    """Make the identity from the claims of a valid `id_token`; `begun` is when the sign-in began, since 1970."""
    email = _text(claims.get("email"))
    return ProvenIdentity(
        provider=provider.name,
        issuer=provider.issuer,
        subject=str(claims["sub"]),
        email=email,
        is_verified=_says_verified(provider, claims) and speaks_for(provider, email),
        name=_text(claims.get("name")),
        username=_text(claims.get("preferred_username")),
        groups=_groups(provider, claims),
        session=_text(claims.get("sid")),
        links_by_address=provider.links_by_address,
        is_fresh=not provider.logs_in_again or _logged_in_since(claims, begun),
    )


def _logged_in_since(claims: Mapping[str, Any], begun: float) -> bool:
    at = claims.get("auth_time")
    return isinstance(at, int | float) and not isinstance(at, bool) and at >= begun - _SKEW_SECONDS


def speaks_for(provider: SignInProvider, address: str) -> bool:
    """Whether an address is in one of the provider's domains.

    An address that only looks like one of them isn't: it must be in its usual form, the domain in ASCII.

    >>> okta = SignInProvider("okta", "", "", "", "", (), "", frozenset({"corp.example"}), True)
    >>> [speaks_for(okta, f"{name}@corp.example") for name in ("fiona", "Fiona", "ﬁona")]
    [True, True, False]
    """
    try:
        key = accounts.new_email_key(address)
    except Invalid:
        return False
    domain = address.rpartition("@")[2]
    return (
        domain.isascii() and unicodedata.is_normalized("NFKC", address) and key.rpartition("@")[2] in provider.domains
    )


def _says_verified(provider: SignInProvider, claims: Mapping[str, Any]) -> bool:
    if urlsplit(provider.issuer).hostname == _ENTRA_HOST:
        # It is documented as a boolean, and tokens have numbers and text, too.
        return str(claims.get(_ENTRA_VERIFIED)).lower() in ("true", "1")
    # Some providers write it as text.
    return claims.get("email_verified") is True or claims.get("email_verified") == "true"


def _groups(provider: SignInProvider, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    if not provider.groups_claim:
        return None
    groups = claims.get(provider.groups_claim)
    if groups is None:
        return None if any(name in claims for name in _LEFT_OUT) else ()
    listed = groups if isinstance(groups, list) else [groups]
    return tuple(str(each).removeprefix("/") for each in listed)


def _text(value: object) -> str:
    """Return a claim that is one line of text, or nothing."""
    return value.strip() if isinstance(value, str) and value.isprintable() and len(value) <= 255 else ""
