"""Sign-in with an OpenID provider: from here to the provider, and back with a proof; and log-outs that it announces.

What has to be known when the browser comes back is in a sealed cookie of that browser, so any worker can go on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING, TypeVar

import msgspec
import structlog

from onebucket import hashing
from onebucket.domain import sign_in_providers
from onebucket.domain.refusals import NotFound
from onebucket.domain.sign_in_providers import ProvenIdentity, ProviderUnavailable, SignInProvider, SignInRefused
from onebucket.remote.errors import Rejected, RemoteError
from onebucket.surfaces.web.core import backend
from onebucket.surfaces.web.core.backend import CameBack, LogoutNotice

if TYPE_CHECKING:
    from onebucket.remote.openid_provider import OpenIdProvider

_Result = TypeVar("_Result")

# How long a person may take at the provider, and how long to prove their account here.
LIFETIME = timedelta(minutes=10)

# Browsers keep cookies of 4 KiB.
_LONGEST_SEAL = 3800


class _Flow(msgspec.Struct, frozen=True):
    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    until: datetime
    again: bool = False


class _Pending(msgspec.Struct, frozen=True):
    identity: ProvenIdentity
    until: datetime


class ProviderFlow(backend.ProviderFlow):
    """The providers of one server; `base_url` is where they send browsers back to, `key` seals cookies.

    `now` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        providers: Sequence[SignInProvider],
        *,
        base_url: str,
        key: bytes,
        clock: Callable[[], datetime],
        now: Callable[[], float],
        new_secret: Callable[[], str],
    ) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._clients: dict[str, OpenIdProvider] = {}
        self._base_url = base_url
        self._key = key
        self._clock = clock
        self._now = now
        self._new_secret = new_secret
        self._log = structlog.get_logger("onebucket.http").bind()

    async def begin(self, name: str, next_path: str, *, again: bool = False) -> tuple[str, str]:
        provider, client = self._provider(name)
        # A nonce of 192 bits each; PKCE wants 43 characters or more (RFC 7636, 4.1).
        state, nonce, verifier = self._new_secret(), self._new_secret(), self._new_secret() + self._new_secret()
        flow = _Flow(name, state, nonce, verifier, next_path, self._clock() + LIFETIME, again)
        url = await self._ask(
            provider,
            client.authorization_url(
                redirect_uri=self._callback(name),
                scopes=provider.scopes,
                state=state,
                nonce=nonce,
                verifier=verifier,
                again=again and provider.logs_in_again,
            ),
        )
        return url, hashing.seal(self._key, "sign-in", msgspec.json.encode(flow).decode())

    async def finish(self, name: str, query: Mapping[str, str], sealed: str) -> CameBack:
        provider, client = self._provider(name)
        content = hashing.unseal(self._key, "sign-in", sealed)
        flow = msgspec.json.decode(content, type=_Flow) if content is not None else None
        if flow is None or flow.provider != name or flow.until <= self._clock():
            raise SignInRefused("this sign-in is over, or began in another browser: begin again")
        if not compare_digest(query.get("state", "").encode(), flow.state.encode()):
            raise SignInRefused("this response belongs to another sign-in: begin again")
        await self._ask(provider, client.check_issuer(query.get("iss", "")))
        if error := query.get("error", ""):
            said = "you cancelled it, or may not use it" if error == "access_denied" else "it answers with an error"
            raise SignInRefused(f"{provider.label} did not sign you in: {said}")
        claims = await self._ask(
            provider,
            client.redeem(
                query.get("code", ""),
                redirect_uri=self._callback(name),
                verifier=flow.verifier,
                nonce=flow.nonce,
                now=self._clock().timestamp(),
            ),
        )
        identity = sign_in_providers.identity(provider, claims, begun=(flow.until - LIFETIME).timestamp())
        if flow.again and not identity.is_fresh:
            said = "did not ask you to log in again" if "auth_time" in claims else "doesn't say when you logged in"
            raise SignInRefused(f"{provider.label} {said}, so that confirms nothing")
        return CameBack(identity, flow.next, flow.again)

    def seal(self, identity: ProvenIdentity) -> str:
        until = self._clock() + LIFETIME
        sealed = hashing.seal(self._key, "identity", msgspec.json.encode(_Pending(identity, until)).decode())
        if len(sealed) <= _LONGEST_SEAL:
            return sealed
        # The next sign-in brings the groups.
        return self.seal(replace(identity, groups=None))

    def unseal(self, sealed: str) -> ProvenIdentity | None:
        content = hashing.unseal(self._key, "identity", sealed)
        pending = msgspec.json.decode(content, type=_Pending) if content is not None else None
        return pending.identity if pending is not None and pending.until > self._clock() else None

    async def logout(self, name: str, token: str) -> LogoutNotice:
        provider, client = self._provider(name)
        now = self._clock().timestamp()
        claims = await self._ask(provider, client.logout_claims(token, now=now))
        subject, session = claims.get("sub"), claims.get("sid")
        issued = datetime.fromtimestamp(claims["iat"], self._clock().tzinfo)
        return LogoutNotice(
            name, provider.issuer, str(subject) if subject else None, str(session) if session else None, issued
        )

    def label(self, name: str) -> str:
        provider = self._providers.get(name)
        return provider.label if provider else name

    def _callback(self, name: str) -> str:
        return f"{self._base_url}/oidc/{name}/callback"

    def _provider(self, name: str) -> "tuple[SignInProvider, OpenIdProvider]":
        provider = self._providers.get(name)
        if provider is None:
            raise NotFound("there is no such way to sign in")
        client = self._clients.get(name)
        if client is None:
            # The HTTP client takes longer to load than the rest of the server.
            from onebucket.remote.openid_provider import OpenIdProvider

            wanted = ("email", *([provider.groups_claim] if provider.groups_claim else []))
            client = self._clients[name] = OpenIdProvider(
                provider.issuer, provider.client_id, provider.client_secret, wanted=wanted, monotonic=self._now
            )
        return provider, client

    async def _ask(self, provider: SignInProvider, asked: Awaitable[_Result]) -> _Result:
        """Turn what goes wrong at the provider into a sentence for the person; the log has the details."""
        from onebucket.remote.openid_tokens import InvalidToken

        try:
            return await asked
        except RemoteError as error:
            self._log.warning("provider", provider=provider.name, error=str(error))
            if isinstance(error, InvalidToken):
                raise SignInRefused(f"what {provider.label} says of you isn't valid: {error}") from None
            if isinstance(error, Rejected):
                raise SignInRefused(f"{provider.label} did not confirm this sign-in: begin again") from None
            raise ProviderUnavailable(f"{provider.label} can't be asked now: try again in a moment") from None
