"""Find the credential of a request: in the Authorization header or the query, never in two places."""

from collections.abc import Mapping

from onebucket.domain.refusals import Unauthenticated
from onebucket.http import request as requests
from onebucket.http.request import Request
from onebucket.wire import request_body

# Parameters that carry credentials in a query or form.
TOKEN = "access_token"  # noqa: S105
_CREDENTIALS = frozenset(
    {b"access_token", b"oauth_signature", b"oauth_consumer_key", b"oauth_token", b"oauth_signature_method"}
)

# The hint for a client that sends a token in the query although the setting is off.
QUERY_TOKEN_OFF = (
    b"a token in the query (access_token) counts only where the setting query_token is on; "
    b"send it as a Bearer token instead"
)


def is_token_overlooked(request: Request) -> bool:
    """Whether a request's only credential is a token in the query; call it where query tokens are turned off."""
    return b"authorization" not in request.headers and bool(requests.without_tokens(request.state.query)[1])


def find_credential(request: Request, *, in_query: bool) -> bytes | None:
    """Return the Authorization header, or with `in_query` the token in the query as a Bearer header.

    With `in_query`, removes the token from the query of the state. Raises Unauthenticated for two credentials.
    """
    header = request.headers.get(b"authorization")
    if not in_query:
        return header
    request.state.query, tokens = requests.without_tokens(request.state.query)
    if not tokens:
        return header
    if header is not None or len(tokens) > 1:
        raise Unauthenticated(bearer=True)
    return b"Bearer " + tokens[0]


def check_single_credential(request: Request, credential: bytes | None) -> None:
    """Refuse a request that has a second credential in its query or form. Raises Unauthenticated."""
    query, form = request.state.query, b""
    if request.state.is_read and is_form_body(request.headers):
        form = request.state.body
    if credential is None or (b"oauth_" not in query + form and b"access_token" not in query + form):
        return
    parameters = request_body.split_pairs(b"&".join((query, form)))
    if any(name in _CREDENTIALS for _, name, _ in parameters):
        raise Unauthenticated


def may_be_oauth1_signed(request: Request, credential: bytes | None) -> bool:
    """Whether a request may be signed with OAuth 1: in its Authorization header, its query or its form.

    A form body counts without being read.
    """
    if credential is None:
        return b"oauth_" in request.state.query or is_form_body(request.headers)
    return credential[:6].lower() == b"oauth "


def is_form_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the Content-Type is that of a URL-encoded form."""
    return request_body.media_type_of(headers.get(b"content-type", b"").decode("latin-1")) == request_body.FORM
