"""For proxies in front of git: may the caller do what the request that they hold asks for?

nginx (`auth_request`) and forward-auth proxies ask here before they let a request through, with the caller's own
credentials and the original address in a header. They understand 200, 401 and 403, and nothing else.

The server behind reads the same address once more. So what it could read in another way than we do is refused, and
nothing passes but what git sends, to the letter.
"""

import re
from urllib.parse import unquote

from onebucket.actions import access_checks
from onebucket.actions.access_checks import AccessQuery
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import accounts
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import Forbidden, InsufficientScope, Invalid, NotFound
from onebucket.surfaces.routing import ApiRequest, Parameter, PlainText, Route, Surface
from onebucket.wire.request_body import UnreadableBody

# nginx's names, then those that Traefik and Caddy send.
_ADDRESS = ("X-Original-URI", "X-Forwarded-Uri")
_METHOD = ("X-Original-Method", "X-Forwarded-Method")

# An account may be named by its UUID in braces, its account_id or an e-mail address; nothing else of an address needs
# to be encoded.
_ENCODED_OTHERWISE = re.compile(r"%(?!7b|7d|3a|40)", re.IGNORECASE)
_NAMED = re.compile(
    r"(?!/\.\.?/)/(?P<account>[\w.@{}:+-]+)(?!/\.\.?/)/(?P<repository>[\w.-]+?)(?:\.git)?(?P<request>/.+)", re.ASCII
)

# What `git http-backend` answers, and the level that each needs. It parts a query at `;` too, and takes the last of
# several services: so there is one, or none.
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
_SCOPES = {Level.READ: "repository", Level.WRITE: "repository:write"}


def verify(work: UnitOfWork, ask: ApiRequest) -> PlainText:
    """Let a git request pass, or refuse it; who the caller is goes back in `X-Onebucket-User`."""
    account, repository, level = _requested_access(ask)
    scopes = work.actor.scopes
    if scopes is not None and _SCOPES[level] not in accounts.effective_scopes(scopes):
        raise InsufficientScope(required=[_SCOPES[level]], granted=scopes)
    assert work.actor.account is not None

    verdict = access_checks.check(work, AccessQuery(work.actor.account.id, account, repository))
    if not verdict.allows(level):
        raise Forbidden(f"you may not {level.word} {account}/{repository}")
    return PlainText("", headers=(("x-onebucket-user", work.actor.account.username),), always_whole=True)


def _requested_access(ask: ApiRequest) -> tuple[str, str, Level]:
    """Which repository the original request is about, and what it needs there. Raises Invalid."""
    address, method = _respond(ask, _ADDRESS), _respond(ask, _METHOD)
    prefix = f"/{ask.query.get('prefix', [''])[-1].strip('/')}".rstrip("/")
    if not address.startswith(f"{prefix}/"):
        raise Invalid(f"the original address does not begin with {prefix}/")
    raw, mark, query = address.removeprefix(prefix).partition("?")
    if _ENCODED_OTHERWISE.search(raw):
        raise Invalid("the original address is spelled in a way that another server may read differently")

    named = _NAMED.fullmatch(unquote(raw))
    asked = f"{named['request']}{mark}{query}" if named else ""
    for methods, request, level in _REQUESTS:
        if named and method in methods and request.fullmatch(asked):
            return named["account"], named["repository"], level
    if named and named["request"].startswith("/info/lfs"):
        raise Invalid("Git LFS is not let through yet: see enforce.md")
    raise Invalid("the original request is none of git's to account/repository.git")


def _respond(ask: ApiRequest, names: tuple[str, ...]) -> str:
    """What the proxy says of the original request. Raises Invalid when it says nothing, or two things.

    A proxy sets the headers of one family. Those of the other may be the caller's own invention.
    """
    said = {ask.headers[name.lower()] for name in names if name.lower() in ask.headers}
    if not said:
        raise Invalid(f"the proxy sends no {' or '.join(names)}")
    if len(said) > 1:
        raise Invalid(f"{' and '.join(names)} contradict each other")
    return said.pop()


_PREFIX = Parameter("prefix", "what stands before `/account/repository` in the original address, such as `/git`")

# Proxies understand 401 and 403 alone, and whether a repository is there is nobody's business here.
GIT_GATE = Surface(
    "git",
    ("/api/access/verify",),
    (
        Route(
            "GET",
            "",
            verify,
            "repository",
            "verifyGitRequest",
            "For proxies: may the caller do what the git request in X-Original-URI asks for?",
            PlainText,
            query=(_PREFIX,),
            varies_on=tuple(name.lower() for name in (*_ADDRESS, *_METHOD)),
            errors=(403,),
            # Git asks several times for each clone: those are no calls of the API.
            is_rate_limited=False,
        ),
    ),
    exceptions={NotFound: 403, Invalid: 403, UnreadableBody: 403},
)
