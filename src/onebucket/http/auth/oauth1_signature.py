"""Verify OAuth 1.0a signatures (RFC 5849).

Authlib computes the base string and the signatures. Its server is not used: it refuses plain http, which signatures
exist for, lacks HMAC-SHA256, and reads the system clock.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit
from urllib.request import parse_http_list

from onebucket import hashing
from onebucket.domain import oauth
from onebucket.domain.oauth import Consumer, OAuthToken, TokenKind
from onebucket.domain.refusals import Unauthenticated
from onebucket.http.auth import credential_source
from onebucket.http.auth.authentication import VerifiedCredential
from onebucket.http.execution import read_runner
from onebucket.http.execution.write_queue import WriteQueue
from onebucket.http.request import Scope
from onebucket.store import oauth_consumer_rows, oauth_token_rows
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction
from onebucket.wire import request_body
from onebucket.wire.request_body import UnreadableBody

_BITBUCKET_HOSTS = ("api.bitbucket.org", "bitbucket.org")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature covers; `form` is the body if it is a form, otherwise empty."""

    method: str
    scope: Scope
    headers: dict[bytes, bytes]
    form: bytes


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A verified signature. `token` is the token's public part, empty for none; `parameters` are the `oauth_` ones."""

    consumer: Consumer
    token: str
    parameters: dict[str, str]


class SignatureVerifier:
    """Verify signatures and reject replays. The secrets of consumers and tokens are derived from `key`."""

    def __init__(
        self, *, database: Database, write_queue: WriteQueue, key: bytes, base_url: str, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._write_queue = write_queue
        self._key = key
        self._base = urlsplit(base_url)
        self._clock = clock

    async def authenticate(self, request: SignedRequest) -> VerifiedCredential:
        """Return the credential of a signed request: the consumer's own, or the token's. Raises Unauthenticated."""
        verified = await self.verify(request)
        consumer = verified.consumer
        if not verified.token:
            if consumer.acts_as is None:
                raise Unauthenticated
            return VerifiedCredential(
                consumer.acts_as, None, f"consumer:{consumer.id}", None, bearer=False, single_use=True
            )
        token = await read_runner.read(self._database, lambda: self._token(verified.token))
        if token is None or token.kind is not TokenKind.SIGNING or not token.belongs_to(consumer):
            raise Unauthenticated
        return VerifiedCredential(token.account_id, None, token.credential, None, bearer=False, single_use=True)

    async def verify(self, request: SignedRequest) -> VerifiedSignature:
        """Check a signature, and use up its nonce. Raises Unauthenticated."""
        protocol, others = _collect_parameters(request)
        consumer = await read_runner.read(
            self._database, lambda: self._consumer(protocol.get("oauth_consumer_key", ""))
        )
        if consumer is None or consumer.is_public:
            raise Unauthenticated
        token = protocol.get("oauth_token", "")
        if protocol.get("oauth_version", "1.0") != "1.0":
            raise Unauthenticated
        if not self._matches(request, protocol, others, consumer, token):
            raise Unauthenticated

        await self._use_nonce(consumer, protocol, token)
        return VerifiedSignature(consumer, token, protocol)

    def _token(self, token: str) -> OAuthToken | None:
        with self._database.reading() as tx:
            return oauth_token_rows.by_hash(tx, hashing.secret_hash(token))

    def _consumer(self, key: str) -> Consumer | None:
        with self._database.reading() as tx:
            return oauth_consumer_rows.by_key(tx, key)

    def _matches(
        self,
        request: SignedRequest,
        protocol: dict[str, str],
        others: list[tuple[str, str]],
        consumer: Consumer,
        token: str,
    ) -> bool:
        from authlib.oauth1.rfc5849 import signature
        from authlib.oauth1.rfc5849.util import escape

        consumer_secret = hashing.derived_secret(self._key, "consumer", consumer.key)
        token_secret = hashing.derived_secret(self._key, "token", token) if token else ""
        method = protocol.get("oauth_signature_method")
        if method == "PLAINTEXT":
            is_encrypted = self._is_encrypted(request)
            expected = signature.plaintext_signature(consumer_secret, token_secret) if is_encrypted else None
        elif method in ("HMAC-SHA1", "HMAC-SHA256"):
            signed = [(name, value) for name, value in protocol.items() if name != "oauth_signature"]
            # Authlib's function for the whole base string drops every `realm`, also a signed parameter of that name.
            uri = signature.normalize_base_string_uri(*self._address(request))
            parameters = signature.normalize_parameters([*signed, *others])
            base = "&".join(escape(part) for part in (request.method.upper(), uri, parameters))
            if method == "HMAC-SHA1":
                expected = signature.hmac_sha1_signature(base, consumer_secret, token_secret)
            else:
                key = f"{escape(consumer_secret)}&{escape(token_secret)}"
                expected = b64encode(hmac.digest(key.encode(), base.encode(), "sha256")).decode()
        else:
            expected = None
        sent = protocol.get("oauth_signature", "")
        return expected is not None and hmac.compare_digest(expected.encode(), sent.encode())

    async def _use_nonce(self, consumer: Consumer, protocol: dict[str, str], token: str) -> None:
        """Refuse a timestamp outside the allowed clock skew and a nonce that was used. Raises Unauthenticated."""
        nonce, stamp = protocol.get("oauth_nonce", ""), protocol.get("oauth_timestamp", "")
        if protocol["oauth_signature_method"] == "PLAINTEXT" and not nonce and not stamp:
            return
        if not nonce or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):
            raise Unauthenticated
        signed_at, now = datetime.fromtimestamp(int(stamp), UTC), self._clock()
        if abs(signed_at - now) > oauth.CLOCK_SKEW:
            raise Unauthenticated

        hash = hashing.secret_hash(f"{stamp} {token} {nonce}")
        until = signed_at + oauth.CLOCK_SKEW + timedelta(seconds=1)

        def use(tx: Transaction) -> bool:
            oauth_consumer_rows.delete_expired(tx, before=now)
            # The consumer may have been revoked since it was read.
            return oauth_consumer_rows.counts(tx, consumer) and oauth_consumer_rows.use_nonce(
                tx, consumer, hash, until=until
            )

        if not await self._write_queue.submit(use):
            raise Unauthenticated

    def _address(self, request: SignedRequest) -> tuple[str, str]:
        """The URL and host that the client signed: those of the proxy in front, if there is one.

        A client of `onebucket run` has signed Bitbucket's address, which X-Forwarded-Host tells. Anybody may send that
        header: the signature is what proves the client, and it covers the host.
        """
        forwarded = request.headers.get(b"x-forwarded-host", b"").decode("latin-1").lower()
        if forwarded in _BITBUCKET_HOSTS:
            return f"https://{forwarded}{_raw_path(request)}", forwarded
        host = request.headers.get(b"host", b"").decode("latin-1")
        scheme = self._base.scheme if host.lower() == self._base.netloc.lower() else request.scope["scheme"]
        return f"{scheme}://{host}{_raw_path(request)}", host

    def _is_encrypted(self, request: SignedRequest) -> bool:
        return request.scope["scheme"] == "https" or self._base.scheme == "https"


def _raw_path(request: SignedRequest) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.decode("latin-1")


def _collect_parameters(request: SignedRequest) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Split a request's parameters into the `oauth_` ones and all others. Raises Unauthenticated.

    The `oauth_` ones must all be in one place: header, query or form. The header's `realm` is not signed; a parameter
    of that name in query or form is (RFC 5849, 3.4.1.3.1).
    """
    header = request.headers.get(b"authorization")
    in_header = [pair for pair in _header_parameters(header) if pair[0] != "realm"] if header is not None else []
    sources = [in_header, _decode(request.scope["query_string"]), _decode(request.form)]

    protocol_by_source = [[pair for pair in source if pair[0].startswith("oauth_")] for source in sources]
    used = [pairs for pairs in protocol_by_source if pairs]
    if len(used) != 1 or (header is not None and not protocol_by_source[0]):
        raise Unauthenticated
    protocol = dict(used[0])
    others = [pair for source in sources for pair in source if not pair[0].startswith("oauth_")]
    if len(protocol) != len(used[0]) or any(name == credential_source.TOKEN for name, _ in others):
        raise Unauthenticated
    return protocol, others


def _header_parameters(header: bytes) -> list[tuple[str, str]]:
    try:
        text = header[6:].decode("ascii")
        items = parse_http_list(text)
        return [_pair(item) for item in items]
    except ValueError:
        raise Unauthenticated from None


def _pair(item: str) -> tuple[str, str]:
    """Parse `name=value` or `name="value"`. Raises ValueError."""
    name, equals, value = item.partition("=")
    if not equals:
        raise ValueError("a parameter without a value")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return unquote(name, errors="strict"), unquote(value, errors="strict")


def _decode(encoded: bytes) -> list[tuple[str, str]]:
    try:
        return request_body.parse_pairs(encoded, "the request", strict=True)
    except UnreadableBody:
        raise Unauthenticated from None
