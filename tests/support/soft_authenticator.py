"""An authenticator without a browser: it creates passkeys and signs challenges as a page's script would send them."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _HAS_KEY = 0x01, 0x04, 0x40


def text(content: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(content).decode().rstrip("=")


class SoftPasskey:
    """A passkey on P-256 for one site; `origin` is what the browser says where the page is from."""

    def __init__(self, origin: str, site: str, *, is_verified: bool = True) -> None:
        self.origin = origin
        self.is_verified = is_verified
        self.count = 0
        self._site_hash = sha256(site.encode()).digest()
        self._id = os.urandom(16)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: str) -> str:
        """Answer `navigator.credentials.create`."""
        numbers = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        held = bytes(16) + len(self._id).to_bytes(2, "big") + self._id + cbor2.dumps(key)
        attested = {"fmt": "none", "attStmt": {}, "authData": self._data(_HAS_KEY) + held}
        client = self._client("webauthn.create", options)
        return self._answer({"clientDataJSON": text(client), "attestationObject": text(cbor2.dumps(attested))})

    def sign(self, options: str) -> str:
        """Answer `navigator.credentials.get`."""
        self.count += 1
        client, data = self._client("webauthn.get", options), self._data()
        signature = self._key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signature)}
        )

    def _client(self, kind: str, options: str) -> bytes:
        challenge = json.loads(options)["challenge"]
        assert urlsafe_b64decode(challenge + "=" * (-len(challenge) % 4))
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, flags: int = 0) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.is_verified else 0)
        return self._site_hash + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, response: dict[str, Any]) -> str:
        id = text(self._id)
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": response})
