"""What a surface is made of: routes, what a handler is asked, and finding the route of an address."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onebucket.actions.work import Work
from onebucket.wire import bodies
from onebucket.wire.bodies import Fields


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is plain text under every format."""

    body: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a handler sees it: the variable parts of its address, its query and its body.

    `base_url` is where this server is reached, without a slash at its end.
    """

    words: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: bytes
    content_type: str | None
    base_url: str

    def fields(self) -> Fields:
        """The fields of the body. Raises bodies.Unreadable."""
        return bodies.fields(self.body, self.content_type)

    def switched_on(self, *names: str) -> bool:
        """Whether the query has one of these parameters, with a value that means yes."""
        return any(value.lower() in _YES for name in names for value in self.query.get(name, ()))


_YES = frozenset({"1", "true", "on", "yes"})

# What a handler answers: something to encode, plain text, or None where there is nothing to say (204).
Handler = Callable[[Work, Ask], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a field of a body, as the OpenAPI document tells of it."""

    name: str
    about: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address: who answers, which scope a token needs, and all that is published about it.

    `gives` is the type of the answer (None: 204), `refuses` the statuses besides those that every address has.
    """

    method: str
    path: str
    handler: Handler
    scope: str
    name: str
    summary: str
    gives: Any = None
    query: tuple[Parameter, ...] = ()
    takes: tuple[Parameter, ...] = ()
    refuses: tuple[int, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether answering may change anything."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Removed:
    """Addresses that were there once: `path` and, where it ends in `/**`, all below it."""

    path: str
    detail: str
    methods: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Surface:
    """A family of addresses under one or more base paths, the first being the one that is published.

    `exceptions` turn a refusal's class into another status than everywhere else.
    """

    title: str
    bases: tuple[str, ...]
    routes: tuple[Route, ...]
    removed: tuple[Removed, ...] = ()
    exceptions: Mapping[type[Exception], int] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What is at an address: its routes by method, or the removal; both may be missing."""

    surface: Surface
    words: dict[str, str]
    methods: Mapping[str, Route]
    removed: Removed | None = None


class _Node:
    __slots__ = ("below", "methods", "removed", "removed_below", "variable")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.methods: dict[str, Route] = {}
        self.removed: Removed | None = None
        self.removed_below: Removed | None = None


class Table:
    """Finds what is at an address, in time that does not depend on how many addresses there are."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        self._roots: dict[tuple[str, ...], tuple[_Node, Surface]] = {}
        for surface in surfaces:
            root = _Node()
            for route in surface.routes:
                _leaf(root, route.path).methods[route.method] = route
            for removed in surface.removed:
                path, everything_below = removed.path.removesuffix("/**"), removed.path.endswith("/**")
                leaf = _leaf(root, path)
                leaf.removed = removed
                if everything_below:
                    leaf.removed_below = removed
            for base in surface.bases:
                self._roots[tuple(base.strip("/").split("/"))] = (root, surface)

    def base(self, segments: Sequence[str]) -> tuple[str, ...] | None:
        """The base path that an address lies under, if it is one of ours; both as decoded segments."""
        for base in self._roots:
            if tuple(segments[: len(base)]) == base:
                return base
        return None

    def find(self, base: tuple[str, ...], segments: Sequence[str]) -> Found:
        """What is at the address of these decoded segments below `base`; one empty last segment is a slash."""
        node, surface = self._roots[base]
        removed = None
        names: list[str] = []

        for segment in segments[:-1] if segments and segments[-1] == "" else segments:
            removed = node.removed_below or removed
            below = node.below.get(segment)
            if below is None and segment:
                below = node.variable
                names.append(segment)
            if below is None:
                return Found(surface, {}, {}, removed)
            node = below

        words = dict(zip(_names(node), names, strict=True)) if node.methods else {}
        return Found(surface, words, node.methods, node.removed or removed)


def _names(node: _Node) -> Iterator[str]:
    path = next(iter(node.methods.values())).path
    return (part[1:-1] for part in path.split("/") if part[:1] == "{")


def _leaf(node: _Node, path: str) -> _Node:
    for part in path.strip("/").split("/"):
        if part[:1] == "{":
            node.variable = node.variable or _Node()
            node = node.variable
        elif part:
            node = node.below.setdefault(part, _Node())
    return node
