"""Create and hash secrets: argon2id for passwords, BLAKE2b for random secrets and derived ones."""

import hmac
import secrets
from base64 import b32encode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

ARGON2ID = PasswordHasher()

# The prefixes of our secrets, so that people and secret scanners recognize a leaked one.
PREFIX = "obk_"
# OAuth 2 access tokens have their own prefix: they are looked up in a table of their own.
ACCESS_PREFIX = "obo_"
REFRESH_PREFIX = "obr_"
# The keys of directories.
DIRECTORY_PREFIX = "obd_"
# Secrets of webhooks: the prefix of Standard Webhooks.
WEBHOOK_PREFIX = "whsec_"


def password_hash(password: str) -> str:
    """Hash a password with argon2id; takes tens of milliseconds and 64 MiB on purpose."""
    return ARGON2ID.hash(password)


def matches(hash: str, password: str) -> bool:
    """Compare a password with an argon2id hash; takes as long for a wrong one as for a right one."""
    try:
        return ARGON2ID.verify(hash, password)
    except (VerificationError, InvalidHashError):
        return False


def is_password_hash(hash: str) -> bool:
    """Whether `hash` is a valid argon2id hash."""
    try:
        ARGON2ID.check_needs_rehash(hash)
    except InvalidHashError:
        return False
    return hash.startswith("$argon2id$")


def new_secret(prefix: str = PREFIX) -> str:
    """Create a random secret of 192 bits that headers, URLs and commands take as it is: it looks like no option."""
    secret = prefix + secrets.token_urlsafe(24)
    return new_secret(prefix) if secret.startswith("-") else secret


def new_consumer_key() -> str:
    """Create a random public key for an OAuth consumer."""
    return consumer_key(new_secret())


def consumer_key(secret: str) -> str:
    """Derive an OAuth consumer's public key from a secret that isn't shown to anybody."""
    return secret_hash(secret)[:24]


def derived_secret(key: bytes, purpose: str, name: str) -> str:
    """Derive the secret (192 bits) for the public key of an OAuth consumer or token; `purpose` is the one or the other.

    Verifying a signature needs the secret itself, not a hash of it. It is derived with the server's key, so the
    database needn't store it.
    """
    keyed = blake2b(f"{purpose} {name}".encode(), key=key[:64], digest_size=24, person=b"onebucket oauth")
    return urlsafe_b64encode(keyed.digest()).decode()


def totp_secret(key: bytes, account_id: str, factor_id: str) -> str:
    """Derive the secret (160 bits, in base32) of an authenticator app from the factor's id and the server's key."""
    name = f"{account_id} {factor_id}"
    keyed = blake2b(name.encode(), key=key[:64], digest_size=20, person=b"onebucket totp")
    return b32encode(keyed.digest()).decode()


def recovery_code(secret: str) -> str:
    """Derive a recovery code (80 bits) that people can type from a secret that isn't shown to anybody."""
    code = b32encode(blake2b(secret.encode(), digest_size=10).digest()).decode().lower()
    return "-".join(code[start : start + 4] for start in range(0, 16, 4))


def link_secret(key: bytes, link_id: str) -> str:
    """Derive the secret (192 bits) in a mailed link from the link's id and the server's key.

    It is never stored, and a mail that is sent again contains the same link.
    """
    keyed = blake2b(link_id.encode(), key=key[:64], digest_size=24, person=b"onebucket link")
    return urlsafe_b64encode(keyed.digest()).decode()


def webhook_secret(key: bytes, secret_id: str) -> str:
    """Derive a secret that signs webhooks (192 bits) from its id and the server's key, as Standard Webhooks have it."""
    keyed = blake2b(secret_id.encode(), key=key[:64], digest_size=24, person=b"onebucket hook")
    return WEBHOOK_PREFIX + b64encode(keyed.digest()).decode()


def form_token(secret: str) -> str:
    """Derive a form's CSRF token from the browser's secret, which the token doesn't reveal."""
    return blake2b(b"form", key=secret.encode()[:64], digest_size=24, person=b"onebucket form").hexdigest()


def seal(key: bytes, purpose: str, text: str) -> str:
    """Sign a text for the browser to keep; `unseal` with the same key and purpose returns it."""
    encoded = urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"{encoded}.{_seal_mac(key, purpose, encoded)}"


def unseal(key: bytes, purpose: str, sealed: str) -> str | None:
    """Return the text that was sealed; None if it was altered, or sealed for something else."""
    encoded, _, mac = sealed.partition(".")
    if not hmac.compare_digest(mac.encode(), _seal_mac(key, purpose, encoded).encode()):
        return None
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def _seal_mac(key: bytes, purpose: str, encoded: str) -> str:
    text = f"{purpose} {encoded}"
    return blake2b(text.encode(), key=key[:64], digest_size=24, person=b"onebucket seal").hexdigest()


def challenge(key: bytes, purpose: str, *, expiry: int, nonce: bytes) -> bytes:
    """Make a challenge for a passkey; `challenge_expiry` recognizes it, so that none is stored before it is used."""
    content = nonce + expiry.to_bytes(8, "big")
    return content + _challenge_mac(key, purpose, content)


def challenge_expiry(key: bytes, purpose: str, challenge: bytes) -> int | None:
    """Return when a challenge expires; None if this server didn't make it for that purpose."""
    content, mac = challenge[:-16], challenge[-16:]
    is_own = hmac.compare_digest(mac, _challenge_mac(key, purpose, content))
    return int.from_bytes(content[-8:], "big") if is_own else None


def _challenge_mac(key: bytes, purpose: str, content: bytes) -> bytes:
    keyed = blake2b(purpose.encode() + b" " + content, key=key[:64], digest_size=16, person=b"onebucket chal")
    return keyed.digest()


def secret_hash(secret: str) -> str:
    """Hash a random secret for storage; it can't be guessed, so a fast hash is enough."""
    return blake2b(secret.encode(), digest_size=32).hexdigest()
