"""OAuth consumers and tokens, and the rules for scopes, redirects, PKCE challenges and lifetimes."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import urlencode, urlsplit, urlunsplit

from onebucket.domain.refusals import Invalid, OAuthError
from onebucket.domain.scopes import SCOPES, SYNONYMS, effective_scopes

# The same as the original's.
ACCESS_LASTS = timedelta(hours=2)
# Short, because a code stays in the browser's history; consumers exchange it at once.
CODE_LASTS = timedelta(minutes=1)
# Starts again with each use, because each use issues a new refresh token.
REFRESH_LASTS = timedelta(days=30)
# OAuth 1: the time from the request token to consent and the access token.
REQUEST_LASTS = timedelta(minutes=10)
# At most one journal entry in this time for access tokens issued under one consent.
TOLD_EVERY = timedelta(hours=1)
# The accepted difference between a signed request's timestamp and our clock.
CLOCK_SKEW = timedelta(minutes=5)

# The OAuth 1 callback without a redirect: the person copies the verifier from the page.
OUT_OF_BAND = "oob"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
# The dot excludes schemes such as `javascript` and `data`.
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
# Path segments without percent-encoding; none is empty, `.` or `..`.
_MORE_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+/?", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]{1,2000}")


class TokenKind(Enum):
    """The kind of a token: authorization code, access token, refresh token, or OAuth 1 token (`SIGNING`)."""

    CODE = "code"
    ACCESS = "access token"
    REFRESH = "refresh token"
    SIGNING = "signing token"


@dataclass(frozen=True, slots=True)
class Consumer:
    """An OAuth client, owned by an account.

    `key` is its public id, from which its secret is derived; a consumer that `is_public` has no secret. `callback` is
    the URL that users are sent back to, None if they never are. `acts_as` is the account id for which it gets tokens
    with the client credentials grant.
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
        """The identifier in the journal."""
        return f"consumer:{self.id}"

    @property
    def facts(self) -> dict[str, object]:
        """The journal's record of the consumer."""
        return {
            "key": self.key,
            "label": self.label,
            "callback": self.callback,
            "scopes": sorted(self.scopes),
            "public": self.is_public,
        }


@dataclass(frozen=True, slots=True)
class OAuthToken:
    """A code or token issued to a consumer for the person `account_id`.

    All tokens of one consent share `family_id` and are revoked together. Codes and refresh tokens can be used once;
    `consumed_at` is when. A code has the `redirect` of its authorization request (None if it had none) and the PKCE
    `challenge`.
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
        """The identifier in the journal."""
        return f"{'oauth1' if self.kind is TokenKind.SIGNING else 'oauth2'}:{self.id}"

    def belongs_to(self, consumer: Consumer) -> bool:
        """Whether the token was issued to that consumer."""
        return (self.consumer_account_id, self.consumer_id) == (consumer.account_id, consumer.id)

    def is_expired(self, at: datetime) -> bool:
        """Whether the token has expired; one without `expires_at` never does."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """The query of an OAuth 2 authorization request; missing parameters are empty texts."""

    key: str
    response_type: str = ""
    redirect: str = ""
    scope: str = ""
    state: str = ""
    challenge: str = ""
    challenge_method: str = ""


def check_callback(address: str) -> str:
    """Check a callback URL: https, http, or a program's own scheme with a dot in it. Raises Invalid."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise Invalid("a callback must be a URL", field="callback") from None
    if not _PRINTABLE.fullmatch(address) or "#" in address or "\\" in address or "@" in parts.netloc:
        raise Invalid("a callback is one URL, without a fragment and without a user before its host", field="callback")
    if not (parts.scheme in ("http", "https") and parts.hostname) and not _OWN_SCHEME.fullmatch(parts.scheme):
        raise Invalid(
            "a callback starts with https://, http:// or the app's own scheme, such as com.example.app:/",
            field="callback",
        )
    return address


def choose_redirect(consumer: Consumer, redirect_uri: str, *, may_extend: bool = False) -> str:
    """The URL to send the user back to: the consumer's callback, which a given `redirect_uri` must equal.

    With `may_extend`, more path segments may follow the callback's path. Errors are never sent to another URL either.
    Raises Invalid.
    """
    if consumer.callback is None:
        raise Invalid("this app has no callback, so nobody can return to it")
    if not redirect_uri or redirect_uri == consumer.callback:
        return consumer.callback
    if not (may_extend and _extends(consumer.callback, redirect_uri)):
        raise Invalid("the redirect_uri is not the callback that was registered for this app")
    return redirect_uri


def _extends(callback: str, redirect_uri: str) -> bool:
    """Whether `redirect_uri` is the callback with more plain segments after its path.

    >>> _extends("https://ci.example.com/done?job=7", "https://ci.example.com/done/sub?job=7")
    True
    """
    path, mark, query = callback.partition("?")
    base, end = path.rstrip("/"), mark + query
    if not (redirect_uri.startswith(f"{base}/") and redirect_uri.endswith(end)):
        return False
    return _MORE_PATH.fullmatch(redirect_uri[len(base) : len(redirect_uri) - len(end)]) is not None


def narrow_scopes(granted: frozenset[str], requested: str) -> frozenset[str]:
    """The granted scopes among the requested ones (separated by blanks or commas); all of them if none are requested.

    Unknown scopes and scopes beyond the grant are left out. Raises OAuthError when nothing is left.

    >>> granted = frozenset({"account"})
    >>> sorted(narrow_scopes(granted, "account,other team")), sorted(narrow_scopes(granted, ""))
    (['account', 'team'], ['account'])
    """
    scopes = frozenset(requested.replace(",", " ").split())
    if not scopes:
        return granted

    known = scopes.intersection(SCOPES)
    fitting = frozenset(
        scope for scope in effective_scopes(known) if SYNONYMS.get(scope, scope) in effective_scopes(granted)
    )
    # A requested scope beyond the grant may include scopes that are granted; those name what they include themselves.
    included = effective_scopes(known - fitting) & fitting
    narrowed = known & fitting | included.difference(*(SCOPES[scope] for scope in included))
    if not narrowed:
        granted_list = ", ".join(sorted(granted)) or "none"
        raise OAuthError("invalid_scope", f"none of these scopes was granted; granted were {granted_list}")
    return narrowed


def check_request(consumer: Consumer, request: AuthorizationRequest) -> None:
    """Refuse an authorization request unless it asks for a code, with PKCE (S256) if the consumer is public.

    A consumer with a secret may leave PKCE out, but not use another method. Raises OAuthError.
    """
    if request.response_type != "code":
        raise OAuthError("unsupported_response_type", "only response_type=code is supported")
    if not request.challenge and not request.challenge_method:
        if consumer.is_public:
            raise OAuthError("invalid_request", "this app has no secret, so it needs a code_challenge")
        return
    # A missing method means `plain`, which doesn't protect an intercepted code.
    if request.challenge_method != "S256":
        raise OAuthError("invalid_request", "the code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(request.challenge):
        raise OAuthError("invalid_request", "the code_challenge must be the S256 of a code_verifier: 43 characters")


def redirect_to(address: str, **parameters: str) -> str:
    """Append query parameters to a URL; empty ones are left out.

    >>> redirect_to("https://ci.example.com/done?job=7", code="abc", state="")
    'https://ci.example.com/done?job=7&code=abc'
    """
    parts = urlsplit(address)
    query = urlencode({name: value for name, value in parameters.items() if value})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, query)))))
