"""The terms of the house: how long links are good for, how many letters may go out, who may make an account."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """What the operator has settled once for everybody.

    An invitation's link is good for `invitation_days`. Of each kind of letter, `letters_per_account` may be asked for
    in 24 hours in the name of one account, and `letters_per_address` to one address. `sign_up` says who may make an
    account: people who are `invited`, anybody (`open`), or nobody (`off`). `callbacks_extend`: an OAuth consumer may
    have people sent to addresses below its callback.

    The others are what may be asked for in an hour from one network, or from all: accounts where anybody may make one,
    letters that confirm an address, letters for a forgotten password; 0 is any number.
    """

    invitation_days: int = 7
    letters_per_account: int = 2000
    letters_per_address: int = 50
    sign_up: str = "invited"
    callbacks_extend: bool = False
    sign_ups_per_network: int = 10
    sign_ups_per_hour: int = 100
    confirmations_per_network: int = 30
    confirmations_per_hour: int = 300
    resets_per_network: int = 20

    def invitation_expiry(self, at: datetime) -> datetime:
        """Until when the link of an invitation is good that is sent at that moment."""
        return at + timedelta(days=self.invitation_days)


DEFAULT_LIMITS = SiteLimits()

# What confirms an address may lie in a mailbox over a weekend; what sets a password is wanted now.
CONFIRM_EMAIL_LIFETIME = timedelta(days=3)
RESET_PASSWORD_LIFETIME = timedelta(hours=1)

# How long after a letter that sets a password no other one goes there: its link is good meanwhile, whoever asks.
RESET_PAUSE = timedelta(minutes=30)

# How many letters in 24 hours that confirm addresses one person may ask for; and, where anybody may make an account,
# how many invitations to what is that person's own.
TO_STRANGERS_A_DAY = 20
