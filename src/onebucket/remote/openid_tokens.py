"""Checks the signed tokens of an OpenID provider: the signature, whom they are for, and until when.

Sources: OpenID Connect Core 1.0, 3.1.3.7; OpenID Connect Back-Channel Logout 1.0, 2.6.
"""

import hmac
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onebucket.remote.errors import RemoteError

if TYPE_CHECKING:
    from joserfc.jwk import Key, KeySet

# What a token may be signed with, and the type of key for it. So a public key is never taken for a shared secret.
ALGORITHMS = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
SKEW_SECONDS = 60
_LONGEST_TOKEN = 64 << 10
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


class InvalidToken(RemoteError):
    """A token isn't valid; the message says what is wrong with it."""


class UnknownKey(InvalidToken):
    """The token is signed with a key that isn't among the provider's."""


def signed_claims(token: str, keys: "KeySet") -> dict[str, Any]:
    """Return the claims of a token after checking its signature. Raises InvalidToken, UnknownKey."""
    # Loaded here, because a server without providers doesn't need it.
    from joserfc import jws, jwt
    from joserfc.errors import JoseError, SecurityWarning

    if len(token) > _LONGEST_TOKEN:
        raise InvalidToken("the token is too long")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise InvalidToken("it is not a signed token") from None
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidToken("it is signed with an algorithm that isn't accepted: RS256, ES256 and EdDSA are")
    key = _key(keys, header.get("kid"), ALGORITHMS[algorithm])
    # Providers still call Ed25519 so, and the key says which curve it is.
    warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)
    try:
        return jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError):
        raise InvalidToken("its signature is wrong") from None


def _key(keys: "KeySet", kid: object, kind: str) -> "Key":
    fitting = [key for key in keys.keys if key.key_type == kind and key.get("use") in (None, "sig")]
    named = [key for key in fitting if kid is None or key.kid == kid]
    # Without a name, the only key of that kind is meant.
    if len(named) != 1:
        raise UnknownKey("it is signed with a key that the provider doesn't publish")
    return named[0]


def check_id_token(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: float) -> None:
    """Check whom an `id_token` is for. Raises InvalidToken."""
    _check_common(claims, issuer=issuer, client_id=client_id, now=now)
    if _number(claims, "exp") <= now - SKEW_SECONDS:
        raise InvalidToken("it has expired")
    if not isinstance(claims.get("nonce"), str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise InvalidToken("it belongs to another sign-in")
    if not _is_id(claims.get("sub")):
        raise InvalidToken("it names nobody")


def check_logout_token(claims: Mapping[str, Any], *, issuer: str, client_id: str, now: float) -> None:
    """Check a `logout_token`, which names a person (`sub`), a session (`sid`) or both. Raises InvalidToken."""
    _check_common(claims, issuer=issuer, client_id=client_id, now=now)
    if "exp" in claims and _number(claims, "exp") <= now - SKEW_SECONDS:
        raise InvalidToken("it has expired")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT), dict) or "nonce" in claims:
        raise InvalidToken("it is no token for logging out")
    if not _is_id(claims.get("sub")) and not _is_id(claims.get("sid")):
        raise InvalidToken("it names neither a person nor a session")


def _check_common(claims: Mapping[str, Any], *, issuer: str, client_id: str, now: float) -> None:
    if claims.get("iss") != issuer:
        raise InvalidToken("it is from another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences or claims.get("azp", client_id) != client_id:
        raise InvalidToken("it is for another application")
    if len(audiences) > 1 and "azp" not in claims:
        raise InvalidToken("it is for several applications")
    if _number(claims, "iat") > now + SKEW_SECONDS or ("nbf" in claims and _number(claims, "nbf") > now + SKEW_SECONDS):
        raise InvalidToken("it is from the future: compare the clocks")


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"it has no {name}")
    return value


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()
