"""Secrets and what is kept of them: argon2id for passwords, one fast hash for random ones."""

import secrets
from base64 import urlsafe_b64encode
from hashlib import blake2b

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_ARGON2ID = PasswordHasher()

# Random secrets of our making begin so: whoever finds one knows what it is, and scanners can look for it.
PREFIX = "obk_"


# An OAuth 2 access token, which is looked for among those alone.
ACCESS_PREFIX = "obo_"
REFRESH_PREFIX = "obr_"


def password_hash(password: str) -> str:
    """Hash a password with argon2id; takes tens of milliseconds and 64 MiB, on purpose."""
    return _ARGON2ID.hash(password)


def matches(hash: str, password: str) -> bool:
    """Whether the password is the one with that argon2id hash; as slow for a wrong one as for a right one."""
    try:
        return _ARGON2ID.verify(hash, password)
    except (VerificationError, InvalidHashError):
        return False


def is_password_hash(hash: str) -> bool:
    """Whether `hash` is an argon2id hash that passwords can be compared with."""
    try:
        _ARGON2ID.check_needs_rehash(hash)
    except InvalidHashError:
        return False
    return hash.startswith("$argon2id$")


def new_secret(prefix: str = PREFIX) -> str:
    """A random secret of 190 bits, safe in headers, addresses and shells."""
    return prefix + secrets.token_urlsafe(24)


def new_consumer_key() -> str:
    """A random public name for an OAuth consumer."""
    return consumer_key(new_secret())


def consumer_key(secret: str) -> str:
    """A public name for an OAuth consumer, made from a secret that nobody is told."""
    return secret_hash(secret)[:24]


def derived_secret(key: bytes, purpose: str, name: str) -> str:
    """The secret that belongs to an OAuth `consumer` or `token` of that public name: 192 bits, always the same.

    Signatures can't be checked with a hash of it; so it is derived with the server's key, and the database holds none.
    """
    keyed = blake2b(f"{purpose} {name}".encode(), key=key[:64], digest_size=24, person=b"onebucket oauth")
    return urlsafe_b64encode(keyed.digest()).decode()


def link_secret(key: bytes, link_id: str) -> str:
    """The secret at the end of a link in a letter: 192 bits, the same again for the same link and key.

    So it is kept nowhere, and a letter that has to be sent twice holds the same link.
    """
    keyed = blake2b(link_id.encode(), key=key[:64], digest_size=24, person=b"onebucket link")
    return urlsafe_b64encode(keyed.digest()).decode()


def form_token(secret: str) -> str:
    """What the forms carry that were made for the browser with that secret; the secret can't be told from it."""
    return blake2b(b"form", key=secret.encode()[:64], digest_size=24, person=b"onebucket form").hexdigest()


def secret_hash(secret: str) -> str:
    """What is kept of a random secret: it can't be guessed, so one fast hash is enough."""
    return blake2b(secret.encode(), digest_size=32).hexdigest()
