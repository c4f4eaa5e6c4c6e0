"""Second factors of people: authenticator apps, passkeys and recovery codes, and when guessing codes is stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from onebucket.domain.text import clean_text

# Authenticator apps and passkeys together that one person can have.
MOST_FACTORS = 20

RECOVERY_CODES = 10

# So many wrong codes within `GUESSING` stop all codes of the person for as long.
WRONG_CODES = 5
GUESSING = timedelta(minutes=10)


class FactorKind(Enum):
    """The kinds of second factors that people set up; the value is the word in the database and the journal."""

    APP = "authenticator app"
    PASSKEY = "passkey"


class SignInMethod(Enum):
    """How somebody proved who they are when a session began; the value completes "signed in with".

    `PROVIDER_SESSION`: the provider knew them from earlier, so that it proves nothing about who is there now.
    """

    PASSWORD = "password"  # noqa: S105
    APP = "password and authenticator app"
    RECOVERY_CODE = "password and recovery code"
    PASSWORD_AND_PASSKEY = "password and passkey"  # noqa: S105
    PASSKEY = "passkey"
    PROVIDER = "a provider"
    PROVIDER_SESSION = "a session at a provider"
    LINK = "a one-time link"


@dataclass(frozen=True, slots=True)
class PasskeyCredential:
    """The public half of a passkey; all texts are base64url without padding.

    `sign_count` is how often the authenticator says that it was used, 0 where it doesn't count.
    """

    credential_id: str
    public_key: str
    sign_count: int


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A second factor of a person; it counts once it is confirmed, which a passkey is when it is added.

    `last_step` is the number of the newest 30 seconds of which a code was used: no older code is accepted. The secret
    of an authenticator app is derived from the factor's id, and never stored.
    """

    account_id: str
    id: str
    kind: FactorKind
    label: str
    created_at: datetime
    confirmed_at: datetime | None = None
    last_used_at: datetime | None = None
    last_step: int = 0
    passkey: PasskeyCredential | None = None


def clean_label(label: str) -> str:
    """Clean a second factor's name: one line of 1 to 80 characters. Raises Invalid."""
    return clean_text(label, what="the name", longest=80)


def plain_code(code: str) -> str:
    """Return a code as it is compared: in lower case, without blanks and hyphens.

    >>> plain_code(" 123 456 "), plain_code("ABCD-efgh")
    ('123456', 'abcdefgh')
    """
    return "".join(code.split()).replace("-", "").lower()


def stopped_until(wrong: Sequence[datetime], at: datetime) -> datetime | None:
    """Return until when codes are stopped, given when the wrong ones came; None if they aren't.

    Nothing is compared while codes are stopped, so the last wrong one is the one that stopped them.

    >>> noon = datetime(2030, 1, 1, 12)
    >>> stopped_until([noon] * 5, noon).minute, stopped_until([noon] * 4, noon)
    (10, None)
    """
    if not wrong:
        return None
    last = max(wrong)
    within = [each for each in wrong if last - each < GUESSING]
    return last + GUESSING if len(within) >= WRONG_CODES and at < last + GUESSING else None


def is_required(setting: str, *, is_site_admin: bool, administers_team: bool) -> bool:
    """Return whether somebody has to have a second factor, by the setting `second_factor`.

    >>> is_required("administrators", is_site_admin=False, administers_team=True)
    True
    """
    return setting == "everybody" or (setting == "administrators" and (is_site_admin or administers_team))
