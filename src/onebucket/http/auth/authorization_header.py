"""Read the credentials in an Authorization header."""

import binascii
from base64 import b64decode

from onebucket.domain import accounts
from onebucket.domain.refusals import Unauthenticated


def basic_credentials(authorization: bytes) -> tuple[str | None, str]:
    """Login and secret of an Authorization header; the login is None when the secret alone identifies the account.

    That is so for Bearer, and for Basic with one of `accounts.TOKEN_NAMES`. Raises Unauthenticated.
    """
    login, secret = sent_credentials(authorization)
    return (None if login is not None and accounts.username_key(login) in accounts.TOKEN_NAMES else login), secret


def sent_credentials(authorization: bytes) -> tuple[str | None, str]:
    """Login and secret of an Authorization header as they were sent; the login is None for Bearer.

    Raises Unauthenticated.
    """
    scheme, _, value = authorization.strip().partition(b" ")

    if scheme.lower() == b"bearer":
        try:
            return None, value.strip().decode("ascii")
        except UnicodeDecodeError:
            raise Unauthenticated(bearer=True) from None
    if scheme.lower() != b"basic":
        raise Unauthenticated

    try:
        # One widely copied client sends a quote after the base64 text (contract/api-1.0.md#1.11).
        decoded = b64decode(value.strip().rstrip(b'"'), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated from None
    login, colon, secret = decoded.partition(":")
    if not colon or not login or not secret:
        raise Unauthenticated
    return login, secret
