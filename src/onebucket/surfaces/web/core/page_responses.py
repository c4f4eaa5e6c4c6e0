"""What every page's response has, and the sentences and headers of errors."""

from starlette.responses import Response

from onebucket.domain.refusals import Refusal

# Sent with every page: load nothing from elsewhere, allow no frames, run only our own script files.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def sentence(error: Exception) -> str:
    """Return the sentence a page shows for an error: lower case, no full stop."""
    return error.sentence if isinstance(error, Refusal) else str(error)


def retry_after(response: Response, error: Exception) -> Response:
    """Set `Retry-After` on the response if the error says when to try again."""
    seconds = getattr(error, "retry_after", None)
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response
