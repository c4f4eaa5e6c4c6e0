"""Forms that a passkey signs: their options for the browser, and sessions that begin with one."""

from collections.abc import Sequence

from onebucket import passkeys
from onebucket.domain.refusals import Invalid, Unauthenticated
from onebucket.surfaces.web.core.backend import VerifiedPassword
from onebucket.surfaces.web.core.page_request import PageRequest

ANSWER = "passkey"


def purpose_of(request: PageRequest, what: str) -> str:
    """Return what a challenge is for: something to be done in this browser alone."""
    return f"{what} {request.form_token}"


def request_options(request: PageRequest, what: str, credential_ids: Sequence[str] = (), *, is_alone: bool) -> str:
    """Return the options for a form that a passkey signs; empty where browsers offer no passkeys.

    Without `credential_ids` any passkey will do. `is_alone`: there is no password beside it.
    """
    site = request.site.relying_party
    if site is None:
        return ""
    challenge = request.backend.challenge(purpose_of(request, what))
    return passkeys.request_options(site, challenge, credential_ids, is_alone=is_alone)


async def start_session(
    request: PageRequest,
    what: str,
    proved: VerifiedPassword | None = None,
    *,
    account_id: str | None = None,
    field: str = ANSWER,
) -> None:
    """Sign this browser in with what a passkey, of the account with that id, has signed. Raises Invalid."""
    purpose = purpose_of(request, what)
    try:
        secret = await request.backend.start_session_with_passkey(
            request.browser, request.text(field), purpose=purpose, proved=proved, account_id=account_id
        )
    except Unauthenticated as refusal:
        raise Invalid(refusal.sentence) from None
    request.keep_session(secret)
