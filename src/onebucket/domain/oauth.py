"""OAuth: consumers, what is issued to them, and the rules: scopes, redirects, challenges, lifetimes."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import urlencode, urlsplit, urlunsplit

from onebucket.domain.accounts import SCOPES, SYNONYMS, effective_scopes
from onebucket.domain.refusals import Invalid, OAuthError

# As long as the original's.
ACCESS_LASTS = timedelta(hours=2)
# What is exchanged for an access token lies in a browser's history: the next request brings it.
CODE_LASTS = timedelta(minutes=1)
# A refresh token that nobody uses for so long is dead; each use gives a new one.
REFRESH_LASTS = timedelta(days=30)
# In so long a person must have decided about an OAuth 1 request, and the consumer have fetched what came of it.
REQUEST_LASTS = timedelta(minutes=10)
# So often the journal tells that a consumer gets access tokens of one consent.
TOLD_EVERY = timedelta(hours=1)
# By so much a signed request's clock may be off.
CLOCK_SKEW = timedelta(minutes=5)

# Where OAuth 1 sends nobody back: the person reads the verifier and types it.
OUT_OF_BAND = "oob"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
# A name with a dot in it, so that no browser takes it for `javascript` or `data`.
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
# Segments without anything encoded; none is `.` or `..`, none is empty.
_MORE_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+/?", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]{1,2000}")


class TokenKind(Enum):
    """What was issued: a code to be exchanged, a Bearer token, what renews it, or an OAuth 1 token."""

    CODE = "code"
    ACCESS = "access token"
    REFRESH = "refresh token"
    SIGNING = "signing token"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A program that may ask for tokens; it belongs to an account.

    `key` is its public name, from which its secret is derived; one that `is_public` has no secret. `callback` is where
    people are sent back to, if they are. `acts_as` is the id of the person it acts for on its own.
    """

    account_id: str
    id: str
    key: str
    label: str
    callback: str | None
    scopes: frozenset[str]
    is_public: bool
    acts_as: str | None
    created_at: datetime

    @property
    def credential(self) -> str:
        """How the journal names it."""
        return f"consumer:{self.id}"

    @property
    def facts(self) -> dict[str, object]:
        """What the journal keeps of it."""
        return {
            "key": self.key,
            "label": self.label,
            "callback": self.callback,
            "scopes": sorted(self.scopes),
            "public": self.is_public,
        }


@dataclass(frozen=True, slots=True)
class OAuthToken:
    """Something that was issued to a consumer for the person `account_id`.

    All that comes of one consent is one family, and ends together. A code and a refresh token are good once, until
    `spent_at`; a code remembers where it was sent (`redirect`, if that was asked for) and the PKCE `challenge`.
    """

    account_id: str
    id: str
    kind: TokenKind
    family_id: str
    consumer_account_id: str
    consumer_id: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    consumed_at: datetime | None = None
    redirect: str | None = None
    challenge: str | None = None

    @property
    def credential(self) -> str:
        """How the journal names it."""
        return f"{'oauth1' if self.kind is TokenKind.SIGNING else 'oauth2'}:{self.id}"

    def belongs_to(self, consumer: Consumer) -> bool:
        """Whether it was issued to that consumer."""
        return (self.consumer_account_id, self.consumer_id) == (consumer.account_id, consumer.id)

    def is_expired(self, at: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a browser brings to the consent page of OAuth 2; what is missing is empty."""

    key: str
    response_type: str = ""
    redirect: str = ""
    scope: str = ""
    state: str = ""
    challenge: str = ""
    challenge_method: str = ""


def check_callback(address: str) -> str:
    """Check an address that people may be sent back to: https, http, or a program's own scheme. Raises Invalid."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise Invalid("a callback must be an address") from None
    if not _PRINTABLE.fullmatch(address) or "#" in address or "\\" in address or "@" in parts.netloc:
        raise Invalid("a callback is one address, without a fragment and without a name in front of its host")
    if not (parts.scheme in ("http", "https") and parts.hostname) and not _OWN_SCHEME.fullmatch(parts.scheme):
        raise Invalid("a callback begins with https://, http:// or a program's own scheme such as com.example.app:/")
    return address


def choose_redirect(consumer: Consumer, given: str, *, may_extend: bool = False) -> str:
    """Where the person is sent back to: the consumer's own callback, letter by letter. Raises Invalid.

    With `may_extend` more segments may follow its path. Nothing is ever sent to another address, not even a refusal.
    """
    if consumer.callback is None:
        raise Invalid("this consumer has no callback: nobody can be sent back to it")
    if not given or given == consumer.callback:
        return consumer.callback
    if not (may_extend and _extends(consumer.callback, given)):
        raise Invalid("the redirect_uri is not the callback that was registered for this consumer")
    return given


def _extends(callback: str, given: str) -> bool:
    """Whether an address is a callback with more segments after its path, which no server reads in another way.

    >>> _extends("https://ci.example.com/done?job=7", "https://ci.example.com/done/sub?job=7")
    True
    """
    path, mark, query = callback.partition("?")
    base, end = path.rstrip("/"), mark + query
    if not (given.startswith(f"{base}/") and given.endswith(end)):
        return False
    return _MORE_PATH.fullmatch(given[len(base) : len(given) - len(end)]) is not None


def narrow_scopes(granted: frozenset[str], wanted: str) -> frozenset[str]:
    """What of the wanted scopes was granted, or all that was where none are wanted.

    Words that are no scope here, and what goes beyond the grant, are left out.
    Raises OAuthError when nothing is left.

    >>> granted = frozenset({"account"})
    >>> sorted(narrow_scopes(granted, "account,email team")), sorted(narrow_scopes(granted, ""))
    (['account', 'team'], ['account'])
    """
    asked = frozenset(wanted.replace(",", " ").split())
    if not asked:
        return granted

    known = asked.intersection(SCOPES)
    fitting = frozenset(
        scope for scope in effective_scopes(known) if SYNONYMS.get(scope, scope) in effective_scopes(granted)
    )
    # Of a scope that is too much, what it holds may fit.
    given = known & fitting | effective_scopes(known - fitting) & fitting
    if not given:
        has = ", ".join(sorted(granted)) or "none"
        raise OAuthError("invalid_scope", f"nothing of that was granted; the scopes that were are {has}")
    return given


def check_request(consumer: Consumer, wish: AuthorizationRequest) -> None:
    """Refuse a wish for anything but a code, or one whose code could be used by whoever intercepts it.

    Raises OAuthError.
    """
    if wish.response_type != "code":
        raise OAuthError("unsupported_response_type", "only response_type=code is supported")
    if not wish.challenge and not wish.challenge_method:
        if consumer.is_public:
            raise OAuthError("invalid_request", "this consumer has no secret, so it needs a code_challenge")
        return
    # Without a method it would be `plain`, which protects from nothing.
    if wish.challenge_method != "S256":
        raise OAuthError("invalid_request", "the code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(wish.challenge):
        raise OAuthError("invalid_request", "the code_challenge must be the S256 of a code_verifier: 43 characters")


def redirect_to(address: str, **words: str) -> str:
    """An address with more words in its query; empty ones are left out.

    >>> redirect_to("https://ci.example.com/done?job=7", code="abc", state="")
    'https://ci.example.com/done?job=7&code=abc'
    """
    parts = urlsplit(address)
    query = urlencode({name: value for name, value in words.items() if value})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, query)))))
