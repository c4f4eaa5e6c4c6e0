"""The terms of the house: how long links are good for, how many letters may go out, who may make an account."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator has settled once for everybody.

    An invitation's link is good for `invitation_days`. In any 24 hours `letters_per_account` letters may be asked for
    in the name of one account and `letters_per_address` to one address. `sign_up` says who may make an account:
    people who are `invited`, anybody (`open`), or nobody (`off`). `callbacks_extend`: an OAuth
    consumer may have people sent to addresses below its callback.
    """

    invitation_days: int = 7
    letters_per_account: int = 2000
    letters_per_address: int = 50
    sign_up: str = "invited"
    callbacks_extend: bool = False

    def invitation_until(self, at: datetime) -> datetime:
        """Until when the link of an invitation is good that is sent at that moment."""
        return at + timedelta(days=self.invitation_days)


DEFAULT = Terms()

# What confirms an address may lie in a mailbox over a weekend; what sets a password is wanted now.
CONFIRMING = timedelta(days=3)
RESETTING = timedelta(hours=1)
