"""What a surface is made of: routes, and the requests and results of their handlers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain import ends
from onebucket.domain.ends import EndWish
from onebucket.domain.scope_rules import ScopeRule
from onebucket.surfaces.core.errors import ErrorStyle
from onebucket.surfaces.core.plain_text_errors import PlainTextErrors
from onebucket.wire import request_body
from onebucket.wire.formats import Format
from onebucket.wire.request_body import BodyFields


@dataclass(frozen=True, slots=True)
class PlainText:
    """A response that is `text/plain` whatever format was asked for.

    `headers` are added to it (names in lower case). `always_whole`: never answer 304, because the client (a git
    proxy) doesn't understand it.
    """

    body: str
    headers: tuple[tuple[str, str], ...] = ()
    always_whole: bool = False


@dataclass(frozen=True, slots=True)
class StreamedList:
    """A response that is a list, or holds lists, of any length.

    Each list is a `LazyList`, which is encoded while its items are read.
    """

    document: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """A document with a status of its own and more headers (names in lower case), such as 201 with Location.

    An `etag` among these takes the place of the one that is made of the body. `content_type` is that of a JSON document
    where it has one of its own.
    """

    document: Any
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None


class ApiRequest(msgspec.Struct, frozen=True):
    """A request as a handler sees it: path, path parameters, query and body.

    `path` is as the client sent it, without the query. `base_url` is this server's public address without a
    trailing slash; `new_secret` makes a random secret, `webhook_secret` derives that of a webhook from its id.
    `headers` holds only those in the route's `varies_on`, by lower-case name. `times` is the style of Amsterdam
    times (contract/formats.md#t2). Without `emails_in_paths`, paths that contain an e-mail address are refused
    (contract/api-1.0.md#i2). `users_address` says what `/users/{a}` returns: `profile` or `invitations`
    (contract/api-1.0.md#u0). `cross_workspace_lists` says whether lists over all workspaces are `gone`,
    `clone_urls` are templates of addresses to clone from (the setting `clone_url`). Empty query parameters are left
    out.
    """

    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: bytes
    content_type: str | None
    base_url: str
    new_secret: Callable[[], str]
    webhook_secret: Callable[[str], str]
    headers: Mapping[str, str] = {}
    times: str = "plain"
    emails_in_paths: bool = True
    users_address: str = "profile"
    cross_workspace_lists: str = "on"
    clone_urls: tuple[str, ...] = ()

    def fields(self) -> BodyFields:
        """Parse the body as fields. Raises UnreadableBody."""
        return request_body.fields(self.body, self.content_type)

    def word(self) -> str:
        """Read the body as a bare word. Raises UnreadableBody."""
        return request_body.word(self.body)

    def url(self, **changes: str) -> str:
        """Return this request's absolute address, with some query parameters changed: a link to another page, say."""
        query = {**self.query, **{name: [value] for name, value in changes.items()}}
        return f"{self.base_url}{self.path}" + (f"?{urlencode(query, doseq=True)}" if query else "")

    def until(self) -> EndWish:
        """Return when what the request gives ends, as `until` in the query says. Raises Invalid."""
        values = self.query.get("until", ())
        return ends.parse(values[-1]) if values else None

    def includes(self, name: str) -> bool:
        """True if `include` in the query asks for `name`, alone or in a list separated by commas."""
        return any(name in value.split(",") for value in self.query.get("include", ()))

    def shown_end(self, until: datetime | None) -> str | msgspec.UnsetType:
        """Return an end for an answer, if the request asks for it with `include=until` and there is one."""
        return ends.text(until) if until is not None and self.includes("until") else msgspec.UNSET

    def is_flag_set(self, *names: str) -> bool:
        """True if one of these query parameters has a value that means yes."""
        return any(value.lower() in _YES for name in names for value in self.query.get(name, ()))


_YES = frozenset({"1", "true", "on", "yes"})

# A handler returns a value to encode, `Reply`, `PlainText` or `StreamedList`, or None for an empty response (204).
Handler = Callable[[UnitOfWork, ApiRequest], Any]

# Makes the document that is sent of what a handler returned: a page of a list, say.
Presenter = Callable[[ApiRequest, Any], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a body field, as the OpenAPI document describes it."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


UNTIL = Parameter(
    "until",
    "when it ends: a time with its zone, a date for the end of that day in UTC, or `never`; left out, an end stays",
)
INCLUDE_UNTIL = Parameter("include", "`until`: with when it ends", {"enum": ["until"]})

# The schema of a parameter that `time_range.parse` reads.
TIME_SCHEMA: Mapping[str, Any] = {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path: its handler, the scopes a token needs, and its documentation.

    `scope_rule` is None where the handler checks scopes itself.

    `response` is the type of the response (None: 204), `status` the status of success where it isn't 200. `word`
    describes a bare-word body, `json` is the type of a body that must be JSON. `varies_on` names request headers
    the response depends on. `errors` lists the statuses beyond those every path can return. `only_reads` marks a
    POST or PUT that changes nothing. With `is_rate_limited=False` requests don't count towards the caller's limit. With
    `may_move` a PUT may give what it changes another address: then it answers 201, with Location.
    """

    method: str
    path: str
    handler: Handler
    scope_rule: ScopeRule | None
    name: str
    summary: str
    response: Any = None
    status: int = 200
    query: tuple[Parameter, ...] = ()
    fields: tuple[Parameter, ...] = ()
    word: str = ""
    json: Any = None
    varies_on: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    only_reads: bool = False
    is_rate_limited: bool = True
    may_move: bool = False

    @property
    def changes(self) -> bool:
        """True if the request may change something."""
        return self.method != "GET" and not self.only_reads

    @property
    def names_user(self) -> bool:
        """True if the query may name a person as `user`."""
        return any(parameter.name == "user" for parameter in self.query)


@dataclass(frozen=True, slots=True)
class RemovedRoute:
    """A path that the original removed in 2019 and that returns 410 (contract/api-1.0.md#7).

    A `path` that ends in `/**` includes everything below it. It may hold paths that have routes: their methods are
    served, and all others return 410.
    """

    path: str
    detail: str


# The variable parts of paths that name the account whose things are asked for or changed.
ACCOUNT_PARAMETERS = ("accountname", "workspace", "selected_user")

# Descriptions of the variable parts of paths that several surfaces have.
PATH_PARAMETERS: Mapping[str, str] = {
    "accountname": "a person or a team: username, UUID with or without braces, account_id, or validated e-mail address",
    "group_slug": "the group's slug; case counts",
    "repo_slug": "the repository's slug; case counts",
    "group_owner": "the account that owns the group: the same account",
    "user": "a person, named in any of the ways an account can be",
    "email": "the invited e-mail address",
    "id": "its id, as the list tells it",
    "delivery": "the id of a delivery of the webhook, as the list tells it",
    "member": "a person, named in any of the ways an account can be",
}


@dataclass(frozen=True, slots=True)
class Surface:
    """A set of routes under one or more base paths; the first base path is the published one.

    `title` is the tag of its routes in the OpenAPI document, `description` what the tag says. `errors` makes the bodies
    of errors, `statuses` maps error classes to a status that differs from other surfaces. `formats` are those that a
    client may ask for; a surface with one doesn't look at `format`, and one without JSONP not at `callback`. `present`
    is called with what a handler returned. `path_parameters` describes the variable parts of its paths that aren't in
    `PATH_PARAMETERS`. Where it `suggests_names`, a 404 may say what was meant. `unrouted` paths lie below the base
    paths but are served by someone else, without authentication. One `for_directories` takes the keys of directories
    and nothing else, isn't cached, and describes itself, so that it isn't in the OpenAPI document.
    """

    title: str
    bases: tuple[str, ...]
    routes: tuple[Route, ...]
    removed: tuple[RemovedRoute, ...] = ()
    unrouted: tuple[str, ...] = ()
    description: str = ""
    errors: ErrorStyle = field(default_factory=PlainTextErrors)
    statuses: Mapping[type[Exception], int] = field(default_factory=dict)
    formats: tuple[Format, ...] = tuple(Format)
    has_jsonp: bool = True
    present: Presenter | None = None
    suggests_names: bool = False
    for_directories: bool = False
    path_parameters: Mapping[str, str] = field(default_factory=dict)

    def describe_path_parameter(self, name: str) -> str:
        """Describe a variable part of one of the paths. Raises KeyError for one that nobody has described."""
        return self.path_parameters.get(name) or PATH_PARAMETERS[name]
