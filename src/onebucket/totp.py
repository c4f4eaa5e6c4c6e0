"""Codes of authenticator apps: time-based one-time passwords (RFC 6238), of six digits, for 30 seconds each.

Outside of `domain`, because it needs a library.
"""

import hmac
from datetime import datetime

# Seconds that a code is valid for; the codes before and after are accepted too, for clocks that are a little off.
STEP = 30
_TOLERANCE = 1

# What apps show above the account.
ISSUER = "onebucket"


def matching_step(secret: str, code: str, *, at: datetime, after: int) -> int | None:
    """Return the number of the 30 seconds that a code is for; None if it is wrong, or not newer than `after`.

    `secret` is in base32.
    """
    # Loaded for the first code: most processes never see one.
    from pyotp import TOTP

    now = int(at.timestamp()) // STEP
    codes = TOTP(secret)
    found = None
    for step in range(now - _TOLERANCE, now + _TOLERANCE + 1):
        # Every code is compared, so that the time taken tells nothing.
        if hmac.compare_digest(codes.generate_otp(step).encode(), code.encode()) and step > after:
            found = step
    return found


def setup_address(secret: str, *, username: str, host: str) -> str:
    """Return the otpauth:// address that an app reads from a QR code."""
    from pyotp import TOTP

    return TOTP(secret).provisioning_uri(name=username, issuer_name=f"{ISSUER} {host}")


def qr_code(address: str) -> str:
    """Return a QR code as an SVG element for a page, with a quiet zone around it."""
    import segno

    return segno.make(address, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=True)
