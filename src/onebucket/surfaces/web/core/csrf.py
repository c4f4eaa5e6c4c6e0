"""What keeps other sites out: where a form comes from, the token that it carries, and where a page may lead."""

import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from onebucket.domain.refusals import Forbidden, TooManyRequests


class CrossSiteForm(Forbidden):
    """A form that another site has sent."""

    def __init__(self) -> None:
        super().__init__("another site sent this form, not you; nothing was done")


class BadCsrfToken(Forbidden):
    """A form that wasn't made for this browser, or for who was signed in with it then."""

    def __init__(self) -> None:
        super().__init__("this form was open for too long, or cookies are off; nothing was done yet, so send it again")


class TooOften(TooManyRequests):
    """Somebody has asked for so much on pages that nothing is worked out for them any more, the same page included."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("that is more than one person may do on pages in an hour", retry_after=retry_after)


def check_source(headers: Mapping[str, str], base_url: str) -> None:
    """Refuse a form that says it comes from another site. Raises CrossSiteForm."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise CrossSiteForm

    # From a page with our Referrer-Policy browsers send `null`: there the token alone decides.
    origin = headers.get("origin")
    if origin in (None, "null"):
        return
    ours, theirs = urlsplit(base_url), urlsplit(origin)
    if theirs.netloc != headers.get("host") and (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
        raise CrossSiteForm


def check_token(given: str, expected: str | None) -> None:
    """Refuse a form whose token is another than this browser's. Raises BadCsrfToken."""
    if expected is None or not hmac.compare_digest(given.encode(), expected.encode()):
        raise BadCsrfToken


_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]{0,2000}")


def local_address(address: str) -> str | None:
    """An address if it is a path of this server, and nothing that any browser takes for something else.

    >>> local_address("/me"), local_address("//evil.example"), local_address("/\\\\evil.example"), local_address("https://evil.example")
    ('/me', None, None, None)
    """
    return address if _LOCAL.fullmatch(address) else None
