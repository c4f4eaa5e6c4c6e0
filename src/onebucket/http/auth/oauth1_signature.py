"""OAuth 1.0a: requests that a consumer has signed (RFC 5849).

The base string and the signatures are Authlib's. Its server is not used: it refuses plain http, which signatures are
made for, knows no HMAC-SHA256, and takes the time from a clock of its own.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit
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
from onebucket.store.engine.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as far as its signature goes; `form` is its body where that is a form, otherwise empty."""

    method: str
    scope: Scope
    headers: dict[bytes, bytes]
    form: bytes


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """Who has signed: `token` is the public part of the token it was done with, empty for none."""

    consumer: Consumer
    token: str
    words: dict[str, str]


class SignatureVerifier:
    """Checks signatures, and that each is used once. `key` is what the secrets are derived from."""

    def __init__(
        self, *, database: Database, writer: WriteQueue, key: bytes, base_url: str, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._writer = writer
        self._key = key
        self._base = urlsplit(base_url)
        self._clock = clock

    async def authenticate(self, message: SignedRequest) -> VerifiedCredential:
        """The proof of a signed request: for a consumer's own, or of a token it was given. Raises Unauthenticated."""
        checked = await self.verify(message)
        consumer = checked.consumer
        if not checked.token:
            if consumer.acts_as is None:
                raise Unauthenticated
            return VerifiedCredential(
                consumer.acts_as, None, f"consumer:{consumer.id}", None, bearer=False, single_use=True
            )
        found = await read_runner.read(self._database, lambda: self._token(checked.token))
        if found is None or found.kind is not TokenKind.SIGNING or not found.belongs_to(consumer):
            raise Unauthenticated
        return VerifiedCredential(found.account_id, None, found.credential, None, bearer=False, single_use=True)

    async def verify(self, message: SignedRequest) -> VerifiedSignature:
        """Who has signed a request, for the first time. Raises Unauthenticated."""
        words, others = _collect_parameters(message)
        consumer = await read_runner.read(self._database, lambda: self._consumer(words.get("oauth_consumer_key", "")))
        if consumer is None or consumer.is_public:
            raise Unauthenticated
        token = words.get("oauth_token", "")
        if words.get("oauth_version", "1.0") != "1.0" or not self._matches(message, words, others, consumer, token):
            raise Unauthenticated

        await self._use_nonce(consumer, words, token)
        return VerifiedSignature(consumer, token, words)

    def _token(self, token: str) -> OAuthToken | None:
        with self._database.reading() as tx:
            return oauth_token_rows.by_hash(tx, hashing.secret_hash(token))

    def _consumer(self, key: str) -> Consumer | None:
        with self._database.reading() as tx:
            return oauth_consumer_rows.by_key(tx, key)

    def _matches(
        self,
        message: SignedRequest,
        words: dict[str, str],
        others: list[tuple[str, str]],
        consumer: Consumer,
        token: str,
    ) -> bool:
        from authlib.oauth1.rfc5849 import signature
        from authlib.oauth1.rfc5849.util import escape

        own = hashing.derived_secret(self._key, "consumer", consumer.key)
        its = hashing.derived_secret(self._key, "token", token) if token else ""
        method = words.get("oauth_signature_method")
        if method == "PLAINTEXT":
            made = signature.plaintext_signature(own, its) if self._is_secret(message) else None
        elif method in ("HMAC-SHA1", "HMAC-SHA256"):
            signed = [(name, value) for name, value in words.items() if name != "oauth_signature"]
            # Authlib's own function for all three parts leaves out every `realm`.
            uri = signature.normalize_base_string_uri(*self._address(message))
            parameters = signature.normalize_parameters([*signed, *others])
            base = "&".join(escape(part) for part in (message.method.upper(), uri, parameters))
            if method == "HMAC-SHA1":
                made = signature.hmac_sha1_signature(base, own, its)
            else:
                digest = hmac.digest(f"{escape(own)}&{escape(its)}".encode(), base.encode(), "sha256")
                made = b64encode(digest).decode()
        else:
            made = None
        return made is not None and hmac.compare_digest(made.encode(), words.get("oauth_signature", "").encode())

    async def _use_nonce(self, consumer: Consumer, words: dict[str, str], token: str) -> None:
        """Refuse what was signed too long ago, and what has been seen. Raises Unauthenticated."""
        nonce, stamp = words.get("oauth_nonce", ""), words.get("oauth_timestamp", "")
        if words["oauth_signature_method"] == "PLAINTEXT" and not nonce and not stamp:
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
            # It may have been revoked just now.
            return oauth_consumer_rows.counts(tx, consumer) and oauth_consumer_rows.use_nonce(
                tx, consumer, hash, until=until
            )

        if not await self._writer.submit(use):
            raise Unauthenticated

    def _address(self, message: SignedRequest) -> tuple[str, str]:
        """The address as its sender knows it: of the proxy in front, if there is one."""
        host = message.headers.get(b"host", b"").decode("latin-1")
        scheme = self._base.scheme if host.lower() == self._base.netloc.lower() else message.scope["scheme"]
        raw: bytes = message.scope.get("raw_path") or message.scope["path"].encode()
        return f"{scheme}://{host}{raw.decode('latin-1')}", host

    def _is_secret(self, message: SignedRequest) -> bool:
        return message.scope["scheme"] == "https" or self._base.scheme == "https"


def _collect_parameters(message: SignedRequest) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The protocol's own words, from the one place where they are, and all others. Raises Unauthenticated.

    Of the header `realm` is not signed; a parameter of that name is (RFC 5849, 3.4.1.3.1).
    """
    header = message.headers.get(b"authorization")
    in_header = [each for each in _header_parameters(header) if each[0] != "realm"] if header is not None else []
    places = [in_header, _decode(message.scope["query_string"])]
    places.append(_decode(message.form))

    found = [[each for each in place if each[0].startswith("oauth_")] for place in places]
    own = [place for place in found if place]
    if len(own) != 1 or (header is not None and not found[0]):
        raise Unauthenticated
    words = dict(own[0])
    others = [each for place in places for each in place if not each[0].startswith("oauth_")]
    if len(words) != len(own[0]) or any(name == credential_source.TOKEN for name, _ in others):
        raise Unauthenticated
    return words, others


def _header_parameters(header: bytes) -> list[tuple[str, str]]:
    try:
        text = header[6:].decode("ascii")
        items = parse_http_list(text)
        return [_pair(each) for each in items]
    except ValueError:
        raise Unauthenticated from None


def _pair(item: str) -> tuple[str, str]:
    """A name and its value, which may stand in quotes. Raises ValueError."""
    name, equals, value = item.partition("=")
    if not equals:
        raise ValueError("a parameter without a value")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return unquote(name, errors="strict"), unquote(value, errors="strict")


def _decode(words: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(words.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise Unauthenticated from None
