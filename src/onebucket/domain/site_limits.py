"""Site-wide limits: lifetimes of links, numbers of mails, and who may create an account."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """The limits that the operator configures for everybody.

    An invitation's link is valid for `invitation_days`. In 24 hours, `letters_per_account` mails of a kind can be
    requested on behalf of one account, and `letters_per_address` to one address. `sign_up` says who may create an
    account: `invited` people, anybody (`open`), or nobody (`off`); `passwords`, who signs in with a password: everybody
    (`on`), `site-admins` or nobody (`off`). `second_factor` says who must have one (see `second_factors.is_required`).
    An OAuth consumer may have users sent only to its callback (`oauth_callbacks` is `exact`), or to URLs below it as
    well (`prefix`). Webhooks may be sent to public addresses, and to the networks and hosts of `webhook_allow`.

    The others are limits an hour, for one network or for all together, on new accounts (if `sign_up` is `open`),
    confirmation mails, password resets and sign-ins with a provider; 0 means no limit.
    """

    invitation_days: int = 7
    letters_per_account: int = 2000
    letters_per_address: int = 50
    sign_up: str = "invited"
    second_factor: str = "optional"
    passwords: str = "on"
    oauth_callbacks: str = "exact"
    sign_ups_per_network: int = 10
    sign_ups_per_hour: int = 100
    confirmations_per_network: int = 30
    confirmations_per_hour: int = 300
    resets_per_network: int = 20
    provider_sign_ins_per_network: int = 1000
    webhook_allow: frozenset[str] = frozenset()

    def invitation_expiry(self, at: datetime) -> datetime:
        """The expiry of an invitation's link that is sent at `at`."""
        return at + timedelta(days=self.invitation_days)

    def takes_password(self, *, of_site_admin: bool) -> bool:
        """Whether a person, site administrator or not, may sign in with a password."""
        return self.passwords == "on" or (self.passwords == "site-admins" and of_site_admin)


DEFAULT_LIMITS = SiteLimits()

# A confirmation mail may wait over a weekend; a password reset is requested when it is needed.
CONFIRM_EMAIL_LIFETIME = timedelta(days=3)
RESET_PASSWORD_LIFETIME = timedelta(hours=1)
# A link that signs in is made by the operator, for somebody who is waiting for it.
SESSION_LINK_LIFETIME = timedelta(minutes=15)

# The pause between two password reset mails to one address. The first link stays valid meanwhile.
RESET_PAUSE = timedelta(minutes=30)

# The limit in 24 hours on a person's confirmation mails and, if anybody may create an account, on invitations to that
# person's own groups and repositories.
TO_STRANGERS_A_DAY = 20
