"""The token, revocation and introspection endpoints of OAuth 2: Authlib's protocol over our actions.

Everything here runs in one transaction, which is committed whatever the answer is: a refusal may have ended tokens that
somebody had stolen. Of what Authlib logs nothing is wanted: at its most talkative it tells whole tokens.
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
    """A form that a consumer has posted. `person_id` is whose name and password it holds, if they are right."""

    authorization: str | None
    form: Mapping[str, str]
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """What is answered: a JSON document, with headers."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...]


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """Answers one form that a consumer has posted, in one transaction; `key` is the server's.

    `count` counts a call of whoever has that id, and raises Overloaded where there were too many.
    """

    def __init__(
        self, work: UnitOfWork, posted: TokenRequest, *, key: bytes, password_grant: bool, count: Callable[[str], None]
    ) -> None:
        super().__init__(scopes_supported=None)
        self.work = work
        self.token_request = posted
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
        """The answer of `token`, `revocation` or `introspection`."""
        try:
            if endpoint == "token":
                return self.create_token_response(self.token_request)  # type: ignore[no-any-return]
            return self.create_endpoint_response(endpoint, self.token_request)  # type: ignore[no-any-return]
        except OAuth2Error as error:
            return self.handle_error_response(None, error)  # type: ignore[no-any-return]

    def query_client(self, client_id: str) -> AuthlibClient | None:
        """The consumer of that key."""
        found = oauth.consumer(self.work, client_id)
        return AuthlibClient(found, hashing.derived_secret(self._key, "consumer", found.key)) if found else None

    def authenticate_client(self, *how: Any, **more: Any) -> AuthlibClient:
        """The consumer that has posted it, which is a call of its own."""
        client: AuthlibClient = super().authenticate_client(*how, **more)
        self._count(client.consumer.id)
        return client

    def create_oauth2_request(self, request: TokenRequest) -> OAuth2Request:
        """What Authlib reads. Whether the way to us is secret is settled by whoever runs the server, not here."""
        made = _Request("POST", "https://onebucket", headers={"Authorization": request.authorization or ""})
        # All tokens are looked for in one place: a hint doesn't help, and a wrong one must not hinder.
        left_out = {"token_type_hint"}
        if request.authorization is not None:
            _check_single_client_authentication(request.authorization, request.form)
            left_out.add("client_secret")
        made.payload = BasicOAuth2Payload({name: value for name, value in request.form.items() if name not in left_out})
        return made

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> TokenResponse:
        """What is answered."""
        return TokenResponse(status, dict(body), tuple((name, value) for name, value in headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what happens is told to the journal."""

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """It is stored as it is made."""

    def _token(self, *, client: AuthlibClient, user: Account | None, scope: str | None, **how: Any) -> dict[str, Any]:
        """Make and store the tokens that a grant gives."""
        access = hashing.new_secret(hashing.ACCESS_PREFIX)
        refresh = hashing.new_secret(hashing.REFRESH_PREFIX) if how["include_refresh_token"] else None
        of = self.exchanged_token
        granted = of.scopes if of else client.consumer.scopes
        person = user or oauth.authenticate_consumer(self.work, client.consumer.acts_as or "")
        if person is None:
            raise UnauthorizedClientError(grants.NOBODY_TO_ACT_FOR)
        self._count(person.id)
        try:
            scopes = domain.narrow_scopes(granted, scope or "")
            hashes = {"access_hash": hashing.secret_hash(access)}
            if refresh:
                hashes["refresh_hash"] = hashing.secret_hash(refresh)
            oauth.issue(self.work, client.consumer, person, scopes, of=of, **hashes)
        except OAuthError as refusal:
            raise OAuth2Error(refusal.sentence, error=refusal.error) from None
        words = " ".join(sorted(scopes))
        seconds = int(domain.ACCESS_LASTS.total_seconds())
        made = {"access_token": access, "token_type": "bearer", "expires_in": seconds, "scopes": words, "scope": words}
        return made | ({"refresh_token": refresh} if refresh else {})


class _Request(OAuth2Request):  # type: ignore[misc]
    @property
    def form(self) -> Mapping[str, str]:
        return self.payload.data  # type: ignore[no-any-return]


def _check_single_client_authentication(authorization: str, form: Mapping[str, str]) -> None:
    """Refuse a header that we don't know, and one that says something else than the form. Raises OAuth2Error."""
    try:
        key, secret = extract_basic_authorization({"Authorization": authorization})
    except ValueError:
        key, secret = None, None
    if not key or not secret:
        raise InvalidClientError(status_code=401, description="The Authorization header must be Basic, key and secret")
    same_secret = hmac.compare_digest(form.get("client_secret", secret).encode(), secret.encode())
    if form.get("client_id", key) != key or not same_secret:
        raise InvalidRequestError("The consumer shows itself in two places, and not as the same")
