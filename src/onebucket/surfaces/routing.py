"""What a surface is made of: routes, what a handler is asked, and finding the route of an address."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.wire import request_body
from onebucket.wire.request_body import BodyFields


@dataclass(frozen=True, slots=True)
class PlainText:
    """An answer that is plain text under every format, with headers of its own (names in lower case).

    `always_whole`: whoever asks understands no 304.
    """

    body: str
    headers: tuple[tuple[str, str], ...] = ()
    always_whole: bool = False


@dataclass(frozen=True, slots=True)
class StreamedList:
    """An answer that is a list or holds lists, however long: `LazyList`, which are written as their items come."""

    document: Any


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as a handler sees it: the variable parts of its address, its query and its body.

    `base_url` is where this server is reached, without a slash at its end; `new_secret` makes a random one;
    `headers` are those that the route heeds, by their names in lower case. `times` is the style of Amsterdam times
    (contract/formats.md#t2); without `emails_in_paths` addresses that hold an e-mail address are refused (contract/api-1.0.md#i2).
    `users_address` is what `/users/{a}` answers: `profile` or `invitations` (contract/api-1.0.md#u0). Empty parameters of the query
    are left out.
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
        """The fields of the body. Raises bodies.Unreadable."""
        return request_body.fields(self.body, self.content_type)

    def word(self) -> str:
        """The body as a bare word. Raises bodies.Unreadable."""
        return request_body.word(self.body)

    def is_flag_set(self, *names: str) -> bool:
        """Whether the query has one of these parameters, with a value that means yes."""
        return any(value.lower() in _YES for name in names for value in self.query.get(name, ()))


_YES = frozenset({"1", "true", "on", "yes"})

# What a handler answers: something to encode, plain text, or None where there is nothing to say (204).
Handler = Callable[[UnitOfWork, ApiRequest], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a field of a body, as the OpenAPI document tells of it."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address: who answers, which scope a token needs, and all that is published about it.

    `gives` is the type of the answer (None: 204), `word` says what a bare-word body is,
    `json` is the type of a body that must be JSON, `heeds` names request headers that the answer depends on, `refuses`
    the statuses besides those that every address has. `only_reads` is for a POST that changes nothing; what is not a
    call of the user's own doesn't `count` towards his limit.
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
        """Whether answering may change anything."""
        return self.method != "GET" and not self.only_reads


@dataclass(frozen=True, slots=True)
class RemovedRoute:
    """Addresses that were there once: `path` and, where it ends in `/**`, all below it."""

    path: str
    detail: str
    methods: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Surface:
    """A family of addresses under one or more base paths, the first being the one that is published.

    `exceptions` turn a refusal's class into another status than everywhere else. Addresses `elsewhere` lie under the
    bases and yet aren't the surface's: whoever asks there needn't be anybody. Refusals may be told `in_envelope`.
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
    """What is at an address: its routes by method, or the removal; both may be missing."""

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
        # Of the variable parts on the way here.
        self.names: tuple[str, ...] = ()
        self.removed: RemovedRoute | None = None
        self.removed_below: RemovedRoute | None = None


class Router:
    """Finds what is at an address, in time that does not depend on how many addresses there are."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        # The longest first: an address lies under the base that says most about it.
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
        """The base path that an address lies under, if it is one of ours; both as decoded segments."""
        for base in self._roots:
            if tuple(segments[: len(base)]) == base:
                named = segments[:-1] if segments[-1] == "" else segments
                return None if tuple(named) in self._elsewhere else base
        return None

    def find(self, base: tuple[str, ...], segments: Sequence[str]) -> RouteMatch:
        """What is at the address of these decoded segments below `base`; one empty last segment is a slash."""
        root, surface = self._roots[base]
        parts = segments[:-1] if segments and segments[-1] == "" else segments

        found = _walk(root, surface, parts, literally=True)
        if not found.methods and found.removed is None:
            # A name of somebody's choosing may be spelled like a part of another address.
            return _walk(root, surface, parts, literally=False)
        return found


def _walk(node: _Node, surface: Surface, segments: Sequence[str], *, literally: bool) -> RouteMatch:
    removed = None
    names: list[str] = []
    for segment in segments:
        removed = node.removed_below or removed
        below = node.below.get(segment)
        if segment and node.variable is not None and (below is None or not literally):
            below = node.variable
            names.append(segment)
        if below is None:
            return RouteMatch(surface, {}, {}, removed)
        node = below

    words = dict(zip(node.names, names, strict=True)) if node.methods else {}
    return RouteMatch(surface, words, node.methods, node.removed or (None if node.methods else removed))


def _leaf(node: _Node, path: str) -> _Node:
    for part in path.strip("/").split("/"):
        if part[:1] == "{":
            node.variable = node.variable or _Node()
            node = node.variable
        elif part:
            node = node.below.setdefault(part, _Node())
    return node
