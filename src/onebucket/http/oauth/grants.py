"""What Authlib's OAuth 2 server is told of consumers, and of how they get, give back and ask about tokens."""

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
    """A consumer as Authlib asks about it."""

    def __init__(self, consumer: Consumer, secret: str) -> None:
        self.consumer = consumer
        self._secret = secret

    def check_client_secret(self, given: str) -> bool:
        """Whether that is its secret."""
        return hmac.compare_digest(self._secret.encode(), given.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Whether it may show itself so: with its secret, or without where it has none."""
        return (method == "none") is self.consumer.is_public

    def check_grant_type(self, name: str) -> bool:
        """Whether it may get tokens so."""
        return name != "client_credentials" or self.consumer.acts_as is not None


class AuthlibToken:
    """A code or a token that was issued to the consumer of that key, as Authlib asks about it."""

    def __init__(self, issued: OAuthToken, key: str) -> None:
        self.token = issued
        self.key = key
        self.code_challenge = issued.challenge

    def get_redirect_uri(self) -> str | None:
        """Where it was sent, if that was asked for."""
        return self.token.redirect

    def get_scope(self) -> str:
        """What it is good for."""
        return " ".join(sorted(self.token.scopes))

    def check_client(self, client: AuthlibClient) -> bool:
        """Whether it was issued to that consumer."""
        return self.token.belongs_to(client.consumer)

    def is_expired(self) -> bool:
        """What has expired isn't shown."""
        return False

    def is_revoked(self) -> bool:
        """What was revoked isn't there."""
        return False


class _Grant:
    """What our grants have in common."""

    TOKEN_ENDPOINT_AUTH_METHODS = ANY_METHOD
    server: Any
    request: OAuth2Request

    def _presented_token(self, secret: str, client: AuthlibClient, kind: TokenKind) -> AuthlibToken | None:
        """What the consumer shows to get a token for it."""
        found = oauth.present_token(self.server.work, client.consumer, hashing.secret_hash(secret), kind)
        self.server.exchanged_token = found
        return AuthlibToken(found, client.consumer.key) if found else None

    def authenticate_user(self, shown: AuthlibToken) -> Account | None:
        """For whom it was issued."""
        return oauth.authenticate_consumer(self.server.work, shown.token.account_id)

    def mark_consumed(self, shown: AuthlibToken) -> None:
        """It was, as the token was issued for it."""


class CodeGrant(_Grant, grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """A code for tokens."""

    def query_authorization_code(self, code: str, client: AuthlibClient) -> AuthlibToken | None:
        """The code that is shown."""
        return self._presented_token(code, client, TokenKind.CODE)

    delete_authorization_code = _Grant.mark_consumed


class PkceChallenge(CodeChallenge):  # type: ignore[misc]
    """No code was given for any other challenge."""

    def get_authorization_code_challenge_method(self, shown: AuthlibToken) -> str:
        """How its challenge was made."""
        return "S256"


class RefreshGrant(_Grant, grants.RefreshTokenGrant):  # type: ignore[misc]
    """A refresh token for another one and an access token."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, secret: str) -> AuthlibToken | None:
        """The refresh token that is shown."""
        return self._presented_token(secret, self.request.client, TokenKind.REFRESH)

    def _validate_token_scope(self, shown: AuthlibToken) -> None:
        """Ours knows that writing holds reading."""

    revoke_old_credential = _Grant.mark_consumed


class ClientCredentialsGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    """A token for whom the consumer acts on its own."""

    TOKEN_ENDPOINT_AUTH_METHODS = SECRET_METHODS

    def validate_token_request(self) -> None:
        """As always; a consumer that acts for nobody is told how to make one that does."""
        try:
            super().validate_token_request()
        except UnauthorizedClientError:
            raise UnauthorizedClientError(NOBODY_TO_ACT_FOR) from None


class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):  # type: ignore[misc]
    """A person's name and password for tokens."""

    TOKEN_ENDPOINT_AUTH_METHODS = SECRET_METHODS

    def authenticate_user(self, username: str, password: str) -> Account | None:
        """The person whose name and password were right."""
        person = oauth.authenticate_consumer(self.server.work, self.server.token_request.person_id or "")
        if person is None:
            raise InvalidGrantError("There is nobody with that name and that password")
        return person


class TokenRevocation(RevocationEndpoint):  # type: ignore[misc]
    """A token is given back (RFC 7009)."""

    CLIENT_AUTH_METHODS = ANY_METHOD

    def authenticate_token(self, request: OAuth2Request, client: AuthlibClient) -> AuthlibToken | None:
        """The token that is meant."""
        return _find_token(self, request, client)

    def revoke_token(self, shown: AuthlibToken, request: OAuth2Request) -> None:
        """End it."""
        oauth.revoke_token(self.server.work, request.client.consumer, shown.token)


class TokenIntrospection(IntrospectionEndpoint):  # type: ignore[misc]
    """What a token is good for, told to the consumer that it was issued to (RFC 7662)."""

    CLIENT_AUTH_METHODS = SECRET_METHODS

    def authenticate_token(self, request: OAuth2Request, client: AuthlibClient) -> AuthlibToken | None:
        """The token that is meant."""
        return _find_token(self, request, client)

    def introspect_token(self, shown: AuthlibToken) -> dict[str, Any]:
        """What it is good for."""
        issued = shown.token
        person = oauth.authenticate_consumer(self.server.work, issued.account_id)
        if person is None:
            return {"active": False}
        assert issued.expires_at is not None
        return {
            "active": True,
            "scope": shown.get_scope(),
            "client_id": shown.key,
            "username": person.username,
            "sub": person.id,
            "token_type": "bearer" if issued.kind is TokenKind.ACCESS else "refresh_token",
            "iat": int(issued.created_at.timestamp()),
            "exp": int(issued.expires_at.timestamp()),
        }


def _find_token(endpoint: Any, request: OAuth2Request, client: AuthlibClient) -> AuthlibToken | None:
    endpoint.check_params(request, client)
    hash = hashing.secret_hash(request.form["token"])
    found = oauth.find_token(endpoint.server.work, client.consumer, hash, TokenKind.ACCESS, TokenKind.REFRESH)
    return AuthlibToken(found, client.consumer.key) if found else None
