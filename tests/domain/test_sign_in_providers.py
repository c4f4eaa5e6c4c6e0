"""What counts of what a provider says: whether an address is verified, and whether somebody has just logged in."""

from dataclasses import replace
from typing import Any

import pytest

from onebucket.domain.sign_in_providers import SignInProvider, identity

OKTA = SignInProvider("okta", "https://a.okta.com", "", "", "Okta", (), "", frozenset({"example.com"}), True)
ENTRA = replace(OKTA, issuer="https://login.microsoftonline.com/0f3c/v2.0")
# When the sign-in began.
NOON = 1_893_499_200


@pytest.mark.parametrize(
    ("provider", "claims", "is_verified"),
    [
        (OKTA, {"email_verified": True}, True),
        (OKTA, {"email_verified": "true"}, True),
        (OKTA, {"email_verified": "True"}, False),
        (OKTA, {"email_verified": 1}, False),
        (OKTA, {"xms_edov": True}, False),
        (OKTA, {}, False),
        (ENTRA, {"xms_edov": True}, True),
        (ENTRA, {"xms_edov": "1"}, True),
        (ENTRA, {"xms_edov": 1}, True),
        (ENTRA, {"xms_edov": False}, False),
        (ENTRA, {"xms_edov": "0"}, False),
        (ENTRA, {"xms_edov": [True]}, False),
        (ENTRA, {"email_verified": True}, False),
    ],
    ids=str,
)
def test_an_address_is_verified_where_the_provider_says_so(
    provider: SignInProvider, claims: dict[str, Any], is_verified: bool
) -> None:
    claims |= {"sub": "1", "email": "alice@example.com"}

    assert identity(provider, claims, begun=NOON).is_verified is is_verified
    assert not identity(replace(provider, domains=frozenset()), claims, begun=NOON).is_verified


@pytest.mark.parametrize(
    ("at", "is_fresh"),
    [
        (NOON, True),
        (NOON + 5.5, True),
        (NOON - 60, True),
        (NOON - 61, False),
        (None, False),
        (True, False),
        ("now", False),
    ],
)
def test_somebody_has_just_logged_in_if_the_provider_says_when(at: object, is_fresh: bool) -> None:
    claims = {"sub": "1", "auth_time": at}

    assert identity(OKTA, claims, begun=NOON).is_fresh is is_fresh
    assert identity(replace(OKTA, logs_in_again=False), claims, begun=NOON).is_fresh
