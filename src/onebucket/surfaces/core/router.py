"""Finds the route for an address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onebucket.surfaces.core.surface import ACCOUNT_PARAMETERS, RemovedRoute, Route, Surface


@dataclass(slots=True)
class RouteMatch:
    """What the router found for a path: its routes by method, or a removed route, or neither."""

    surface: Surface
    path_parameters: dict[str, str]
    methods: Mapping[str, Route]
    removed: RemovedRoute | None = None

    @property
    def account_name(self) -> str | None:
        """The name of the account in the path, as the client wrote it; None if the path has none."""
        return next((self.path_parameters[name] for name in ACCOUNT_PARAMETERS if name in self.path_parameters), None)


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
