"""Read OpenSSH public keys.

Outside of `domain`, because checking a key's numbers needs a library.
"""

from base64 import b64decode, b64encode

from onebucket.domain.refusals import Invalid
from onebucket.domain.ssh_keys import RSA_BITS, PublicKey, parse_line


def parse(text: str) -> PublicKey:
    """Read a public key of one line, and check that its numbers are those of a key of its type. Raises Invalid."""
    # Loaded for the first key: it takes longer than most commands run.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

    key = parse_line(text)
    try:
        numbers = load_ssh_public_key(key.text.encode())
        # The same numbers could be written in several ways, each with a fingerprint of its own. The library writes no
        # keys of security keys; they have one way only.
        is_canonical = b64encode(b64decode(key.encoded)).decode() == key.encoded and (
            key.type.startswith("sk-")
            or numbers.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() == key.text
        )
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):
        is_canonical = False
    if not is_canonical:
        raise Invalid("the key is damaged or cut off: give the whole line")
    if isinstance(numbers, RSAPublicKey) and numbers.key_size not in RSA_BITS:
        raise Invalid(f"the RSA key has {numbers.key_size} bits: it needs {RSA_BITS.start} to {RSA_BITS.stop - 1}")
    return key
