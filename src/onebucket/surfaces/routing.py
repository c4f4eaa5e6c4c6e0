"""The parts of a surface (routes, requests, responses) and the router that finds the route for a path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.wire import request_body
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
class ApiRequest:
    """A request as a handler sees it: path parameters, query and body.

    `base_url` is this server's public address without a trailing slash; `new_secret` makes a random secret. `headers`
    holds only those in the route's `varies_on`, by lower-case name. `times` is the style of Amsterdam times
    (contract/formats.md#t2). Without `emails_in_paths`, paths that contain an e-mail address are refused
    (contract/api-1.0.md#i2). `users_address` says what `/users/{a}` returns: `profile` or `invitations`
    (contract/api-1.0.md#u0). Empty query parameters are left out.
    """

    path_parameters: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: bytes
    content_type: str | None
    base_url: str
    new_secret: Callable[[], str]
    headers: Mapping[str, str] = field(default_factory=dict)
    times: str = "plain"
    emails_in_paths: bool = True
    users_address: str = "profile"

    def fields(self) -> BodyFields:
        """Parse the body as fields. Raises UnreadableBody."""
        return request_body.fields(self.body, self.content_type)

    def word(self) -> str:
        """Read the body as a bare word. Raises UnreadableBody."""
        return request_body.word(self.body)

    def is_flag_set(self, *names: str) -> bool:
        """True if one of these query parameters has a value that means yes."""
        return any(value.lower() in _YES for name in names for value in self.query.get(name, ()))


_YES = frozenset({"1", "true", "on", "yes"})

# A handler returns a value to encode, `PlainText` or `StreamedList`, or None for an empty response (204).
Handler = Callable[[UnitOfWork, ApiRequest], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a body field, as the OpenAPI document describes it."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path: its handler, the scope a token needs, and everything the documentation says of it.

    `response` is the type of the response (None: 204). `word` describes a bare-word body, `json` is the type of a
    body that must be JSON. `varies_on` names request headers the response depends on. `errors` lists the statuses
    beyond those every path can return. `only_reads` marks a POST that changes nothing. With `is_rate_limited=False`
    requests don't count towards the caller's limit.
    """

    method: str
    path: str
    handler: Handler
    scope: str
    name: str
    summary: str
    response: Any = None
    query: tuple[Parameter, ...] = ()
    fields: tuple[Parameter, ...] = ()
    word: str = ""
    json: Any = None
    varies_on: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    only_reads: bool = False
    is_rate_limited: bool = True

    @property
    def changes(self) -> bool:
        """True if the request may change something."""
        return self.method != "GET" and not self.only_reads


@dataclass(frozen=True, slots=True)
class RemovedRoute:
    """A path that the original removed in 2019 and that returns 410 (contract/api-1.0.md#7).

    A `path` that ends in `/**` includes everything below it.
    """

    path: str
    detail: str
    methods: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Surface:
    """A set of routes under one or more base paths; the first base path is the published one.

    `exceptions` maps error classes to a status that differs from other surfaces. `unrouted` paths lie below the base
    paths but are served by someone else, without authentication. With `in_envelope`, errors are sent in the JSON
    error envelope.
    """

    title: str
    bases: tuple[str, ...]
    routes: tuple[Route, ...]
    removed: tuple[RemovedRoute, ...] = ()
    unrouted: tuple[str, ...] = ()
    exceptions: Mapping[type[Exception], int] = field(default_factory=dict)
    in_envelope: bool = False


@dataclass(slots=True)
class RouteMatch:
    """What the router found for a path: its routes by method, or a removed route, or neither."""

    surface: Surface
    path_parameters: dict[str, str]
    methods: Mapping[str, Route]
    removed: RemovedRoute | None = None


class _Node:
    __slots__ = ("below", "methods", "names", "removed", "removed_below", "variable")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.methods: dict[str, Route] = {}
        # Names of the path parameters from the root to this node.
        self.names: tuple[str, ...] = ()
        self.removed: RemovedRoute | None = None
        self.removed_below: RemovedRoute | None = None


class Router:
    """Finds the route for a path, in time that doesn't depend on the number of routes."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        # Longest base path first, so that the most specific one matches.
        self._roots: dict[tuple[str, ...], tuple[_Node, Surface]] = {}
        self._elsewhere: set[tuple[str, ...]] = set()
        for surface in surfaces:
            root = _Node()
            for route in surface.routes:
                leaf = _leaf(root, route.path)
                leaf.methods[route.method] = route
                leaf.names = tuple(part[1:-1] for part in route.path.split("/") if part[:1] == "{")
            for removed in surface.removed:
                path, everything_below = removed.path.removesuffix("/**"), removed.path.endswith("/**")
                leaf = _leaf(root, path)
                leaf.removed = removed
                if everything_below:
                    leaf.removed_below = removed
            for base in surface.bases:
                self._roots[tuple(base.strip("/").split("/"))] = (root, surface)
                self._elsewhere.update(tuple(f"{base}{path}".strip("/").split("/")) for path in surface.unrouted)

        self._roots = dict(sorted(self._roots.items(), key=lambda item: -len(item[0])))

    def find_base(self, segments: Sequence[str]) -> tuple[str, ...] | None:
        """Return the base path that an address lies under, or None if it isn't ours.

        The address and the base path are lists of decoded segments.
        """
        for base in self._roots:
            if tuple(segments[: len(base)]) == base:
                path = segments[:-1] if segments[-1] == "" else segments
                return None if tuple(path) in self._elsewhere else base
        return None

    def find(self, base: tuple[str, ...], segments: Sequence[str]) -> RouteMatch:
        """Match the decoded segments below `base`; one empty last segment is a trailing slash."""
        root, surface = self._roots[base]
        parts = segments[:-1] if segments and segments[-1] == "" else segments

        match = _walk(root, surface, parts, literally=True)
        if not match.methods and match.removed is None:
            # A user-chosen name (of a group, say) may equal a literal segment of another route.
            return _walk(root, surface, parts, literally=False)
        return match


def _walk(node: _Node, surface: Surface, segments: Sequence[str], *, literally: bool) -> RouteMatch:
    removed = None
    values: list[str] = []
    for segment in segments:
        removed = node.removed_below or removed
        below = node.below.get(segment)
        if segment and node.variable is not None and (below is None or not literally):
            below = node.variable
            values.append(segment)
        if below is None:
            return RouteMatch(surface, {}, {}, removed)
        node = below

    parameters = dict(zip(node.names, values, strict=True)) if node.methods else {}
    return RouteMatch(surface, parameters, node.methods, node.removed or (None if node.methods else removed))


def _leaf(node: _Node, path: str) -> _Node:
    for part in path.strip("/").split("/"):
        if part[:1] == "{":
            node.variable = node.variable or _Node()
            node = node.variable
        elif part:
            node = node.below.setdefault(part, _Node())
    return node
