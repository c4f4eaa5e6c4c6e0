"""One OpenID provider over HTTP: its discovery document and its keys, cached, and codes exchanged for proofs.

Sources: OpenID Connect Core 1.0, OpenID Connect Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (`iss` in responses).
"""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from onebucket.remote import openid_tokens
from onebucket.remote.errors import Rejected, UnexpectedResponse, Unreachable
from onebucket.remote.loopback import is_loopback
from onebucket.remote.openid_tokens import InvalidToken, UnknownKey

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

# A person waits for each request.
TIMEOUT_SECONDS = 10.0
MAX_RESPONSE_BYTES = 1 << 20
# Providers publish new keys before they sign with them. An unknown key is asked for at once, but not more often than
# this, so that forged tokens don't make us ask.
CACHE_SECONDS, REFRESH_SECONDS = 3600.0, 60.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of a provider. `posts_secret`: the token endpoint takes the client's secret in the body only."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    posts_secret: bool
    always_names_issuer: bool


class OpenIdProvider:
    """A client of one provider, in one event loop. `monotonic` is a clock in seconds.

    Methods raise Unreachable when it doesn't answer, UnexpectedResponse when it answers something else, Rejected when
    it refuses, and InvalidToken for a token that isn't valid. `wanted` are claims to ask for at `userinfo` when the
    token has none of them.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        *,
        wanted: tuple[str, ...] = (),
        monotonic: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._wanted = wanted
        self._monotonic = monotonic
        # No connection is kept: people sign in now and then, and nothing has to be closed at the end.
        self._client = httpx.AsyncClient(
            headers={"Accept": "application/json", "User-Agent": "onebucket"},
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_keepalive_connections=0),
            follow_redirects=False,
            transport=transport,
        )
        self._lock = asyncio.Lock()
        self._endpoints: tuple[float, Endpoints] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def authorization_url(
        self, *, redirect_uri: str, scopes: tuple[str, ...], state: str, nonce: str, verifier: str, again: bool = False
    ) -> str:
        """Return where to send the browser; `verifier` is PKCE's secret. `again`: the person has to log in anew."""
        endpoints = await self._discover()
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if again:
            # With `max_age`, the token says when they logged in (`auth_time`). With 0 some providers never stop asking.
            parameters |= {"prompt": "login", "max_age": "60"}
        separator = "&" if urlsplit(endpoints.authorization).query else "?"
        return f"{endpoints.authorization}{separator}{urlencode(parameters)}"

    async def check_issuer(self, given: str) -> None:
        """Check the `iss` that a browser brings back, empty if there is none. Raises InvalidToken."""
        endpoints = await self._discover()
        if given != self._issuer and (given or endpoints.always_names_issuer):
            raise InvalidToken("it is from another issuer")

    async def redeem(self, code: str, *, redirect_uri: str, verifier: str, nonce: str, now: float) -> Mapping[str, Any]:
        """Exchange a code for the claims of its `id_token`, checked; `now` is the time in seconds since 1970."""
        endpoints = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        auth: httpx.BasicAuth | None = None
        if endpoints.posts_secret:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        else:
            # RFC 6749, 2.3.1: both are encoded as in a form first. Not every provider reads a plus as a space.
            auth = httpx.BasicAuth(quote(self._client_id, safe=""), quote(self._client_secret, safe=""))
        tokens = await self._ask("POST", endpoints.token, data=form, auth=auth)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise UnexpectedResponse("it answers a code without an id_token")

        claims = await self._signed_claims(id_token)
        openid_tokens.check_id_token(claims, issuer=self._issuer, client_id=self._client_id, nonce=nonce, now=now)
        if not endpoints.userinfo or not isinstance(access_token, str) or all(name in claims for name in self._wanted):
            return claims
        more = await self._ask("GET", endpoints.userinfo, headers={"Authorization": f"Bearer {access_token}"})
        if more.get("sub") != claims["sub"]:
            raise InvalidToken("its userinfo is about somebody else")
        return {**more, **claims}

    async def logout_claims(self, token: str, *, now: float) -> Mapping[str, Any]:
        """Return the claims of a `logout_token`, checked."""
        claims = await self._signed_claims(token)
        openid_tokens.check_logout_token(claims, issuer=self._issuer, client_id=self._client_id, now=now)
        return claims

    # -- what is cached

    async def _discover(self) -> Endpoints:
        async with self._lock:
            cached = self._endpoints
            if cached is None or self._monotonic() >= cached[0] + CACHE_SECONDS:
                address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                found = self._endpoints_of(await self._ask("GET", address))
                cached = self._endpoints = self._monotonic(), found
            return cached[1]

    def _endpoints_of(self, document: Mapping[str, Any]) -> Endpoints:
        if document.get("issuer") != self._issuer:
            raise UnexpectedResponse(
                f"its discovery document is of the issuer {str(document.get('issuer'))[:100]!r}, not {self._issuer!r}"
            )
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Endpoints(
            authorization=self._address(document, "authorization_endpoint"),
            token=self._address(document, "token_endpoint"),
            keys=self._address(document, "jwks_uri"),
            userinfo=self._address(document, "userinfo_endpoint") if "userinfo_endpoint" in document else "",
            posts_secret="client_secret_basic" not in methods,
            always_names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _address(self, document: Mapping[str, Any], name: str) -> str:
        """Return an address of the discovery document: https, or on this machine if the issuer is."""
        address = document.get(name)
        parts = urlsplit(address) if isinstance(address, str) else None
        host = parts.hostname if parts else None
        is_local = is_loopback(host or "") and is_loopback(urlsplit(self._issuer).hostname or "")
        if parts is None or not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
            raise UnexpectedResponse(f"its discovery document has no https address for {name}")
        return parts.geturl()

    async def _signed_claims(self, token: str) -> dict[str, Any]:
        read_at, keys = await self._read_keys(older_than=CACHE_SECONDS)
        try:
            return openid_tokens.signed_claims(token, keys)
        except UnknownKey:
            newer = await self._read_keys(older_than=REFRESH_SECONDS)
            if newer[0] == read_at:
                raise
            return openid_tokens.signed_claims(token, newer[1])

    async def _read_keys(self, *, older_than: float) -> "tuple[float, KeySet]":
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        endpoints = await self._discover()
        async with self._lock:
            cached = self._keys
            if cached is None or self._monotonic() >= cached[0] + older_than:
                document = await self._ask("GET", endpoints.keys)
                keys = document.get("keys")
                # One key of a kind that isn't known here must not hide the others.
                known = (
                    [key for key in keys if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP")]
                    if (isinstance(keys, list))
                    else []
                )
                try:
                    key_set = KeySet.import_key_set({"keys": known})
                except (JoseError, ValueError, KeyError, TypeError):
                    raise UnexpectedResponse("its keys can't be read") from None
                cached = self._keys = self._monotonic(), key_set
            return cached

    # -- HTTP

    async def _ask(self, method: str, address: str, **how: Any) -> Mapping[str, Any]:
        """Send a request and return the JSON object of its response."""
        host = urlsplit(address).hostname
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self._client.stream(method, address, **how) as response:
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_RESPONSE_BYTES:
                        raise UnexpectedResponse(f"{host} answers more than {MAX_RESPONSE_BYTES >> 20} MiB")
        except (TimeoutError, httpx.TimeoutException):
            raise Unreachable(f"{host} doesn't answer within {TIMEOUT_SECONDS:g} seconds") from None
        except httpx.HTTPError as error:
            raise Unreachable(f"{host} can't be reached: {error or type(error).__name__}") from None
        if response.status_code >= 500 or response.status_code == 429:
            raise Unreachable(f"{host} answers {response.status_code}")
        try:
            document = msgspec.json.decode(bytes(content))
        except msgspec.DecodeError:
            document = None
        if response.status_code >= 400:
            said = document.get("error") if isinstance(document, dict) else None
            reason = said[:100] if isinstance(said, str) and said.isprintable() else f"status {response.status_code}"
            raise Rejected(f"{host} refuses: {reason}", status=response.status_code)
        if response.status_code != 200 or not isinstance(document, dict):
            raise UnexpectedResponse(f"{host} answers something else than OpenID Connect's JSON")
        return document
