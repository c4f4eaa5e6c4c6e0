"""CSRF protection: where a form comes from, its token, and where a page may redirect to."""

import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from onebucket.domain.refusals import Forbidden, TooManyRequests


class CrossSiteForm(Forbidden):
    """The form was sent by another site."""

    def __init__(self) -> None:
        super().__init__("this form came from another site; nothing has changed")


class BadCsrfToken(Forbidden):
    """The form's token isn't this browser's, or the session it belongs to has ended."""

    def __init__(self) -> None:
        super().__init__("this form has expired, or cookies are off; nothing has changed yet, so send it again")


class TooOften(TooManyRequests):
    """The person is over the hourly limit for pages; not even the page they sent is shown again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("you have reached the hourly limit for pages", retry_after=retry_after)


def check_source(headers: Mapping[str, str], base_url: str) -> None:
    """Refuse a form whose headers say that another site sent it. Raises CrossSiteForm."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise CrossSiteForm

    # Our Referrer-Policy makes browsers send `Origin: null`; then only the token decides.
    origin = headers.get("origin")
    if origin in (None, "null"):
        return
    own, sender = urlsplit(base_url), urlsplit(origin)
    if sender.netloc != headers.get("host") and (sender.scheme, sender.netloc) != (own.scheme, own.netloc):
        raise CrossSiteForm


def check_token(given: str, expected: str | None) -> None:
    """Refuse a form whose token isn't this browser's. Raises BadCsrfToken."""
    if expected is None or not hmac.compare_digest(given.encode(), expected.encode()):
        raise BadCsrfToken


_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]{0,2000}")


def local_address(address: str) -> str | None:
    """Return the address if it is a path on this server that no browser can read as another site; otherwise None.

    >>> local_address("/me"), local_address("//evil.example"), local_address("/\\\\evil.example"), local_address("https://evil.example")
    ('/me', None, None, None)
    """
    return address if _LOCAL.fullmatch(address) else None
