"""Where a request shows its credential: in one place, and in no other."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from onebucket.domain.refusals import Unauthenticated
from onebucket.http import request as requests
from onebucket.http.request import Request

_FORM = b"application/x-www-form-urlencoded"

# Names that a credential goes by outside of the Authorization header.
TOKEN = "access_token"  # noqa: S105
_MARKS = ("oauth_signature", "oauth_consumer_key", "oauth_token", "oauth_signature_method")


# What is told to whoever shows a token there in vain.
QUERY_TOKEN_OFF = (
    b"a token in the query (access_token) counts only where the setting query_token is on; "
    b"send it as a Bearer token instead"
)


def is_token_overlooked(request: Request) -> bool:
    """Whether a request without another credential shows a token in the query, which is not looked at there."""
    return b"authorization" not in request.headers and bool(requests.without_tokens(request.query)[1])


def find_credential(request: Request, *, in_query: bool) -> bytes | None:
    """The Authorization header; with `in_query` also the token in the query, which is taken out of it there.

    Raises Unauthenticated when there are two.
    """
    header = request.headers.get(b"authorization")
    if not in_query:
        return header
    request.query, tokens = requests.without_tokens(request.query)
    if not tokens:
        return header
    if header is not None or len(tokens) > 1:
        raise Unauthenticated(bearer=True)
    return b"Bearer " + tokens[0]


def check_single_credential(request: Request, credential: bytes | None) -> None:
    """Refuse a request that shows another credential besides this one. Raises Unauthenticated."""
    form = request.body if request.is_read and is_form_body(request.headers) else b""
    if credential is None or (b"oauth_" not in request.query + form and b"access_token" not in request.query + form):
        return
    words = parse_qsl(b"&".join((request.query, form)).decode("latin-1"), keep_blank_values=True)
    if any(name in (*_MARKS, TOKEN) for name, _ in words):
        raise Unauthenticated


def may_be_oauth1_signed(request: Request, credential: bytes | None) -> bool:
    """Whether a request shows no such credential but OAuth 1's, or may show those in its body."""
    if credential is None:
        return b"oauth_" in request.query or is_form_body(request.headers)
    return credential[:6].lower() == b"oauth "


def is_form_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request says that its body is a form."""
    return headers.get(b"content-type", b"").split(b";")[0].strip().lower() == _FORM
