"""Passkeys (WebAuthn): what a browser is asked for, and whether its answer is right.

Outside of `domain`, because it needs a library.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from onebucket import hashing
from onebucket.domain.accounts import Account
from onebucket.domain.refusals import Invalid, Unauthenticated
from onebucket.domain.second_factors import PasskeyCredential

# The browser gives up after this many milliseconds; a challenge is valid for as many seconds.
_BROWSER_WAITS = 180_000
CHALLENGE_SECONDS = 300

_NAME = "onebucket"
WRONG = "that passkey didn't work: try again"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site that passkeys are for: its `id` (a host), and the origin of its pages."""

    id: str
    origin: str

    @classmethod
    def of(cls, base_url: str) -> Self | None:
        """Return the relying party of a `base_url`; None where browsers offer no passkeys: for addresses and http."""
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        if not (parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")):
            return None
        try:
            ip_address(host)
        except ValueError:
            return cls(host, f"{parts.scheme}://{parts.netloc}")
        return None


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge that this server made, and that the browser has sent back signed."""

    content: bytes
    expires_at: datetime

    @property
    def hash(self) -> str:
        """The hash under which a used challenge is stored."""
        return hashing.secret_hash(self.content.hex())


def load() -> None:
    """Import what checking needs, which takes longer than the check."""
    import webauthn  # noqa: F401


def creation_options(site: RelyingParty, person: Account, challenge: bytes, held: Sequence[PasskeyCredential]) -> str:
    """Return the options for `navigator.credentials.create`, in JSON; `held` are the passkeys that the person has."""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=f"{_NAME} {site.id}",
        user_id=UUID(person.id).bytes,
        user_name=person.username,
        user_display_name=person.display_name,
        challenge=challenge,
        timeout=_BROWSER_WAITS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors([each.credential_id for each in held]),
    )
    return webauthn.options_to_json(options)


def request_options(site: RelyingParty, challenge: bytes, credential_ids: Sequence[str] = (), *, is_alone: bool) -> str:
    """Return the options for `navigator.credentials.get`, in JSON.

    `is_alone`: the passkey signs in without a password, so the authenticator has to verify who uses it.
    """
    import webauthn
    from webauthn.helpers import structs

    verification = structs.UserVerificationRequirement
    options = webauthn.generate_authentication_options(
        rp_id=site.id,
        challenge=challenge,
        timeout=_BROWSER_WAITS,
        allow_credentials=_descriptors(credential_ids),
        user_verification=verification.REQUIRED if is_alone else verification.PREFERRED,
    )
    return webauthn.options_to_json(options)


def challenge_of(answer: str, key: bytes, purpose: str, *, at: datetime) -> Challenge:
    """Return the challenge in a browser's answer, if this server made it for that purpose. Raises Unauthenticated."""
    from webauthn import base64url_to_bytes

    try:
        client = json.loads(base64url_to_bytes(_answer(answer)["response"]["clientDataJSON"]))
        content = base64url_to_bytes(client["challenge"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unauthenticated(WRONG) from None
    expiry = hashing.challenge_expiry(key, purpose, content)
    if expiry is None or expiry <= at.timestamp():
        raise Unauthenticated("that took too long: try again")
    return Challenge(content, datetime.fromtimestamp(expiry, UTC))


def credential_id(answer: str) -> str:
    """Return the id of the passkey that a browser's answer is from. Raises Unauthenticated."""
    id = _answer(answer).get("id")
    if not isinstance(id, str):
        raise Unauthenticated(WRONG)
    return id.rstrip("=")


def register(site: RelyingParty, answer: str, challenge: Challenge) -> PasskeyCredential:
    """Check what a browser has answered to `creation_options`. Raises Invalid."""
    import webauthn
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = webauthn.verify_registration_response(
            credential=_answer(answer),
            expected_challenge=challenge.content,
            expected_rp_id=site.id,
            expected_origin=site.origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise Invalid(WRONG) from None
    id, public_key = verified.credential_id, verified.credential_public_key
    return PasskeyCredential(bytes_to_base64url(id), bytes_to_base64url(public_key), verified.sign_count)


def verify(site: RelyingParty, answer: str, challenge: Challenge, passkey: PasskeyCredential, *, is_alone: bool) -> int:
    """Check what a browser has answered to `request_options`; return the new count. Raises Unauthenticated."""
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = webauthn.verify_authentication_response(
            credential=_answer(answer),
            expected_challenge=challenge.content,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=webauthn.base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=is_alone,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise Unauthenticated(WRONG) from None
    return verified.new_sign_count


def _answer(answer: str) -> dict[str, Any]:
    try:
        parsed = json.loads(answer)
    except ValueError:
        raise Unauthenticated(WRONG) from None
    if not isinstance(parsed, dict):
        raise Unauthenticated(WRONG)
    return parsed


def _descriptors(credential_ids: Sequence[str]) -> list[Any]:
    from webauthn import base64url_to_bytes
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(id)) for id in credential_ids]
