"""The OAuth 2 server behind the token, revocation and introspection endpoints: Authlib's protocol over our actions.

Each request runs in one transaction, which is committed even when the request is refused: the refusal may have revoked
tokens because a code or refresh token was reused. Authlib's debug log is off: it writes whole tokens.
"""

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidRequestError,
    OAuth2Request,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6749.util import extract_basic_authorization

from onebucket import hashing
from onebucket.actions import oauth
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import oauth as domain
from onebucket.domain.accounts import Account
from onebucket.domain.oauth import OAuthToken
from onebucket.domain.refusals import OAuthError
from onebucket.http.oauth import grants
from onebucket.http.oauth.grants import AuthlibClient

logging.getLogger("authlib").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A form posted by a consumer; `person_id` is the account whose valid username and password it has, if any."""

    authorization: str | None
    form: Mapping[str, str]
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The response: a JSON document with headers."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...]


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """Handle one token request in one transaction; consumers' secrets are derived from `key`.

    `count` counts a call for the account or consumer of that id, and raises TooManyRequests over the limit.
    """

    def __init__(
        self,
        work: UnitOfWork,
        token_request: TokenRequest,
        *,
        key: bytes,
        password_grant: bool,
        count: Callable[[str], None],
    ) -> None:
        super().__init__(scopes_supported=None)
        self.work = work
        self.token_request = token_request
        self.exchanged_token: OAuthToken | None = None
        self._key = key
        self._count = count
        self.register_grant(grants.CodeGrant, [grants.PkceChallenge(required=True)])
        self.register_grant(grants.ClientCredentialsGrant)
        self.register_grant(grants.RefreshGrant)
        if password_grant:
            self.register_grant(grants.PasswordGrant)
        self.register_endpoint(grants.TokenRevocation)
        self.register_endpoint(grants.TokenIntrospection)
        self.register_token_generator("default", self._token)

    def handle(self, endpoint: str) -> TokenResponse:
        """Respond as the endpoint `token`, `revocation` or `introspection`."""
        try:
            if endpoint == "token":
                return self.create_token_response(self.token_request)  # type: ignore[no-any-return]
            return self.create_endpoint_response(endpoint, self.token_request)  # type: ignore[no-any-return]
        except OAuth2Error as error:
            return self.handle_error_response(None, error)  # type: ignore[no-any-return]

    def query_client(self, client_id: str) -> AuthlibClient | None:
        """Find a consumer by its key."""
        consumer = oauth.consumer(self.work, client_id)
        if consumer is None:
            return None
        return AuthlibClient(consumer, hashing.derived_secret(self._key, "consumer", consumer.key))

    def authenticate_client(self, *args: Any, **kwargs: Any) -> AuthlibClient:
        """Authenticate the consumer, and count the call for its rate limit."""
        client: AuthlibClient = super().authenticate_client(*args, **kwargs)
        self._count(client.consumer.id)
        return client

    def create_oauth2_request(self, request: TokenRequest) -> OAuth2Request:
        """Build the request that Authlib reads. Its URL is always https: requiring TLS is up to the operator."""
        oauth2_request = _Request("POST", "https://onebucket", headers={"Authorization": request.authorization or ""})
        # All tokens are in one table, so a hint isn't needed, and a wrong one must not prevent finding the token.
        ignored = {"token_type_hint"}
        if request.authorization is not None:
            _check_single_client_authentication(request.authorization, request.form)
            ignored.add("client_secret")
        fields = {name: value for name, value in request.form.items() if name not in ignored}
        oauth2_request.payload = BasicOAuth2Payload(fields)
        return oauth2_request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> TokenResponse:
        """Build the response from what Authlib returns."""
        return TokenResponse(status, dict(body), tuple((name, value) for name, value in headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing: our actions write events to the journal."""

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Do nothing: `_token` has stored it."""

    def _token(
        self, *, client: AuthlibClient, user: Account | None, scope: str | None, **options: Any
    ) -> dict[str, Any]:
        """Create and store the tokens of a grant."""
        access = hashing.new_secret(hashing.ACCESS_PREFIX)
        refresh = hashing.new_secret(hashing.REFRESH_PREFIX) if options["include_refresh_token"] else None
        exchanged = self.exchanged_token
        granted = exchanged.scopes if exchanged else client.consumer.scopes
        person = user or oauth.authenticate_consumer(self.work, client.consumer.acts_as or "")
        if person is None:
            raise UnauthorizedClientError(grants.NOBODY_TO_ACT_FOR)
        self._count(person.id)
        try:
            scopes = domain.narrow_scopes(granted, scope or "")
            hashes = {"access_hash": hashing.secret_hash(access)}
            if refresh:
                hashes["refresh_hash"] = hashing.secret_hash(refresh)
            oauth.issue(self.work, client.consumer, person, scopes, of=exchanged, **hashes)
        except OAuthError as refusal:
            raise OAuth2Error(refusal.sentence, error=refusal.error) from None
        scope_list = " ".join(sorted(scopes))
        response = {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": int(domain.ACCESS_LASTS.total_seconds()),
            "scopes": scope_list,
            "scope": scope_list,
        }
        return response | ({"refresh_token": refresh} if refresh else {})


class _Request(OAuth2Request):  # type: ignore[misc]
    @property
    def form(self) -> Mapping[str, str]:
        return self.payload.data  # type: ignore[no-any-return]


def _check_single_client_authentication(authorization: str, form: Mapping[str, str]) -> None:
    """Refuse an Authorization header that isn't Basic or that contradicts the form. Raises OAuth2Error."""
    try:
        key, secret = extract_basic_authorization({"Authorization": authorization})
    except ValueError:
        key, secret = None, None
    if not key or not secret:
        raise InvalidClientError(status_code=401, description="The Authorization header must be Basic, key and secret")
    same_secret = hmac.compare_digest(form.get("client_secret", secret).encode(), secret.encode())
    if form.get("client_id", key) != key or not same_secret:
        raise InvalidRequestError("The request names two different apps in two places")
