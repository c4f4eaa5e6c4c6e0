"""Adapters for Authlib's OAuth 2 server: consumers, tokens, and the grants, revocation and introspection of tokens.

Authlib gives the methods their names.
"""

import hmac
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, OAuth2Request, UnauthorizedClientError, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from onebucket import hashing
from onebucket.actions import oauth
from onebucket.domain.accounts import Account
from onebucket.domain.oauth import Consumer, OAuthToken, TokenKind

SECRET_METHODS = ["client_secret_basic", "client_secret_post"]
NOBODY_TO_ACT_FOR = (
    "This consumer acts for nobody on its own: make one with onebucket consumer add --as USER, or on the page"
)
ANY_METHOD = [*SECRET_METHODS, "none"]


class AuthlibClient:
    """A consumer with the interface of Authlib's client."""

    def __init__(self, consumer: Consumer, secret: str) -> None:
        self.consumer = consumer
        self._secret = secret

    def check_client_secret(self, secret: str) -> bool:
        """Compare with the consumer's secret in constant time."""
        return hmac.compare_digest(self._secret.encode(), secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Whether the consumer may authenticate so: with its secret, or without one if it is public."""
        return (method == "none") is self.consumer.is_public

    def check_grant_type(self, name: str) -> bool:
        """Whether the consumer may use a grant: `client_credentials` only if it acts for an account."""
        return name != "client_credentials" or self.consumer.acts_as is not None


class AuthlibToken:
    """A code or token with the interface of Authlib's tokens; `key` is that of the consumer it was issued to."""

    def __init__(self, issued: OAuthToken, key: str) -> None:
        self.token = issued
        self.key = key
        self.code_challenge = issued.challenge

    def get_redirect_uri(self) -> str | None:
        """The `redirect_uri` of the authorization request, None if it had none."""
        return self.token.redirect

    def get_scope(self) -> str:
        """The scopes, separated by blanks."""
        return " ".join(sorted(self.token.scopes))

    def check_client(self, client: AuthlibClient) -> bool:
        """Whether the token was issued to that consumer."""
        return self.token.belongs_to(client.consumer)

    def is_expired(self) -> bool:
        """Always False: expired tokens are not found."""
        return False

    def is_revoked(self) -> bool:
        """Always False: revoked tokens are deleted."""
        return False


class _Grant:
    """Base of the grants that exchange a token or code."""

    TOKEN_ENDPOINT_AUTH_METHODS = ANY_METHOD
    server: Any
    request: OAuth2Request

    def _presented_token(self, secret: str, client: AuthlibClient, kind: TokenKind) -> AuthlibToken | None:
        """Find the code or token that the consumer wants to exchange, and remember it for `OAuthServer`."""
        token = oauth.present_token(self.server.work, client.consumer, hashing.secret_hash(secret), kind)
        self.server.exchanged_token = token
        return AuthlibToken(token, client.consumer.key) if token else None

    def authenticate_user(self, presented: AuthlibToken) -> Account | None:
        """The account that the token was issued for."""
        return oauth.authenticate_consumer(self.server.work, presented.token.account_id)

    def mark_consumed(self, presented: AuthlibToken) -> None:
        """Do nothing: issuing the new token has consumed it."""


class CodeGrant(_Grant, grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """Exchange an authorization code for tokens."""

    def query_authorization_code(self, code: str, client: AuthlibClient) -> AuthlibToken | None:
        """Find the authorization code."""
        return self._presented_token(code, client, TokenKind.CODE)

    delete_authorization_code = _Grant.mark_consumed


class PkceChallenge(CodeChallenge):  # type: ignore[misc]
    """PKCE: S256 is the only method for which codes are issued."""

    def get_authorization_code_challenge_method(self, presented: AuthlibToken) -> str:
        """Always S256."""
        return "S256"


class RefreshGrant(_Grant, grants.RefreshTokenGrant):  # type: ignore[misc]
    """Exchange a refresh token for an access token and a new refresh token."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, secret: str) -> AuthlibToken | None:
        """Find the refresh token."""
        return self._presented_token(secret, self.request.client, TokenKind.REFRESH)

    def _validate_token_scope(self, presented: AuthlibToken) -> None:
        """Do nothing: `OAuthServer` narrows scopes, and knows that write scopes include read scopes."""

    revoke_old_credential = _Grant.mark_consumed


class ClientCredentialsGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    """Issue a token for the account that the consumer itself acts for."""

    TOKEN_ENDPOINT_AUTH_METHODS = SECRET_METHODS

    def validate_token_request(self) -> None:
        """Validate as Authlib does; the error for a consumer without an account says how to make one with it."""
        try:
            super().validate_token_request()
        except UnauthorizedClientError:
            raise UnauthorizedClientError(NOBODY_TO_ACT_FOR) from None


class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):  # type: ignore[misc]
    """Exchange a person's username and password for tokens."""

    TOKEN_ENDPOINT_AUTH_METHODS = SECRET_METHODS

    def authenticate_user(self, username: str, password: str) -> Account | None:
        """The person whose username and password were verified before. Raises InvalidGrantError when there is none."""
        person = oauth.authenticate_consumer(self.server.work, self.server.token_request.person_id or "")
        if person is None:
            raise InvalidGrantError("Wrong username or password")
        return person


class TokenRevocation(RevocationEndpoint):  # type: ignore[misc]
    """Revoke a token (RFC 7009)."""

    CLIENT_AUTH_METHODS = ANY_METHOD

    def authenticate_token(self, request: OAuth2Request, client: AuthlibClient) -> AuthlibToken | None:
        """Find the token by its hash."""
        return _find_token(self, request, client)

    def revoke_token(self, presented: AuthlibToken, request: OAuth2Request) -> None:
        """Revoke the token."""
        oauth.revoke_token(self.server.work, request.client.consumer, presented.token)


class TokenIntrospection(IntrospectionEndpoint):  # type: ignore[misc]
    """Describe a token to the consumer that it was issued to (RFC 7662)."""

    CLIENT_AUTH_METHODS = SECRET_METHODS

    def authenticate_token(self, request: OAuth2Request, client: AuthlibClient) -> AuthlibToken | None:
        """Find the token by its hash."""
        return _find_token(self, request, client)

    def introspect_token(self, presented: AuthlibToken) -> dict[str, Any]:
        """The introspection response of an active token."""
        issued = presented.token
        person = oauth.authenticate_consumer(self.server.work, issued.account_id)
        if person is None:
            return {"active": False}
        assert issued.expires_at is not None
        return {
            "active": True,
            "scope": presented.get_scope(),
            "client_id": presented.key,
            "username": person.username,
            "sub": person.id,
            "token_type": "bearer" if issued.kind is TokenKind.ACCESS else "refresh_token",
            "iat": int(issued.created_at.timestamp()),
            "exp": int(issued.expires_at.timestamp()),
        }


def _find_token(endpoint: Any, request: OAuth2Request, client: AuthlibClient) -> AuthlibToken | None:
    endpoint.check_params(request, client)
    hash = hashing.secret_hash(request.form["token"])
    token = oauth.find_token(endpoint.server.work, client.consumer, hash, TokenKind.ACCESS, TokenKind.REFRESH)
    return AuthlibToken(token, client.consumer.key) if token else None
