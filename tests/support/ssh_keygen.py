"""SSH keys for tests, each made once in a process; no program is started for it."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_MAKES = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


@cache
def _pair(kind: str, name: str) -> tuple[str, str]:
    key = _MAKES[kind]()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return public, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def public(kind: str = "ed25519", name: str = "") -> str:
    """Return the line of a public key without a comment; the same one for the same name."""
    return _pair(kind, name)[0]


def private(kind: str = "ed25519", name: str = "") -> str:
    """Return the file of the private key that belongs to `public` of the same name."""
    return _pair(kind, name)[1]
