"""Access checks for proxies in front of a git server (nginx `auth_request`, forward-auth).

The proxy asks here before it lets a request through, with the caller's own credentials and the original URL in a
header. Proxies understand only 200, 401 and 403.

The git server parses the same URL again. So a URL that it could parse differently is refused, and only requests that
git itself sends are allowed.
"""

import re
from urllib.parse import unquote

from onebucket.actions import access_checks
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import scope_rules
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Forbidden, Invalid, NotFound
from onebucket.surfaces.core.surface import ApiRequest, Parameter, PlainText, Route, Surface
from onebucket.wire.request_body import UnreadableBody

# Header names: nginx's, then those of Traefik and Caddy.
_ADDRESS = ("X-Original-URI", "X-Forwarded-Uri")
_METHOD = ("X-Original-Method", "X-Forwarded-Method")

# Only braces, `:` and `@` may be percent-encoded: they occur in a UUID, an account_id or an e-mail address.
_OTHER_ENCODED = re.compile(r"%(?!7b|7d|3a|40)", re.IGNORECASE)
_GIT_PATH = re.compile(
    r"(?!/\.\.?/)/(?P<account>[\w.@{}:+-]+)(?!/\.\.?/)/(?P<repository>[\w.-]+?)(?:\.git)?(?P<request>/.+)", re.ASCII
)

# The requests that `git http-backend` serves, with the level each needs. It also splits a query at `;` and uses the
# last `service`, so only a query with one parameter, or none, is accepted.
_FILES = (
    r"/HEAD|/objects/(info/(packs|alternates|http-alternates)|[0-9a-f]{2}/[0-9a-f]{38}([0-9a-f]{24})?"
    r"|pack/pack-[0-9a-f]{40}([0-9a-f]{24})?\.(pack|idx))"
)
_REQUESTS = (
    (("GET", "HEAD"), re.compile(r"/info/refs(\?service=git-upload-pack)?"), Level.READ),
    (("GET", "HEAD"), re.compile(r"/info/refs\?service=git-receive-pack"), Level.WRITE),
    (("GET", "HEAD"), re.compile(_FILES), Level.READ),
    (("POST",), re.compile(r"/git-upload-pack"), Level.READ),
    (("POST",), re.compile(r"/git-receive-pack"), Level.WRITE),
)
_SCOPE_RULES = {Level.READ: scope_rules.READ_REPOSITORIES, Level.WRITE: scope_rules.PUSH}


def verify(work: UnitOfWork, request: ApiRequest) -> PlainText:
    """Allow or refuse a git request; `X-Onebucket-User` in the response names the caller.

    Raises Forbidden, InsufficientScope, Invalid, NotFound.
    """
    account, repository, level = _requested_access(request)
    _SCOPE_RULES[level].check(work.actor.scopes)
    assert work.actor.account is not None

    decision = access_checks.check(work, AccessQuery(work.actor.account.id, account, repository))
    if not decision.allows(level):
        raise Forbidden(f"you may not {level.word} {account}/{repository}")
    return PlainText("", headers=(("x-onebucket-user", work.actor.account.username),), always_whole=True)


def _requested_access(request: ApiRequest) -> tuple[str, str, Level]:
    """Return the account, repository and level that the original request needs. Raises Invalid."""
    address, method = _proxy_header(request, _ADDRESS), _proxy_header(request, _METHOD)
    prefix = f"/{request.query.get('prefix', [''])[-1].strip('/')}".rstrip("/")
    if not address.startswith(f"{prefix}/"):
        raise Invalid(f"the original address does not begin with {prefix}/")
    raw, mark, query = address.removeprefix(prefix).partition("?")
    if _OTHER_ENCODED.search(raw):
        raise Invalid("the original address is spelled in a way that another server may read differently")

    match = _GIT_PATH.fullmatch(unquote(raw))
    git_request = f"{match['request']}{mark}{query}" if match else ""
    for methods, pattern, level in _REQUESTS:
        if match and method in methods and pattern.fullmatch(git_request):
            return match["account"], match["repository"], level
    if match and match["request"].startswith("/info/lfs"):
        raise Invalid("Git LFS is not supported yet: see enforce.md")
    raise Invalid("the original request is not a git request to account/repository.git")


def _proxy_header(request: ApiRequest, names: tuple[str, ...]) -> str:
    """Read one fact about the original request from the proxy's headers.

    Raises Invalid if it is missing or given twice with different values. A proxy sets the headers of one family; the
    caller may have forged those of the other.
    """
    values = {request.headers[name.lower()] for name in names if name.lower() in request.headers}
    if not values:
        raise Invalid(f"the proxy sends no {' or '.join(names)}")
    if len(values) > 1:
        raise Invalid(f"{' and '.join(names)} contradict each other")
    return values.pop()


_PREFIX = Parameter("prefix", "the part before `/account/repository` in the original address, such as `/git`")

# Every refusal but 401 is sent as 403: proxies understand nothing else, and 404 would tell which repositories exist.
GIT_GATE = Surface(
    "git",
    ("/api/access/verify",),
    (
        Route(
            "GET",
            "",
            verify,
            None,  # it depends on the git request
            "verifyGitRequest",
            "For proxies: check the git request in X-Original-URI",
            PlainText,
            query=(_PREFIX,),
            varies_on=tuple(name.lower() for name in (*_ADDRESS, *_METHOD)),
            errors=(403,),
            # One clone sends several requests; they are not API calls of the user.
            is_rate_limited=False,
        ),
    ),
    description="Access checks for a proxy in front of a git server.",
    statuses={NotFound: 403, Invalid: 403, UnreadableBody: 403},
)
