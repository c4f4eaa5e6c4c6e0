"""Partial responses: which parts of a document the query parameter `fields` asks for.

Names are separated by commas, and the names of nested parts by dots: `next,values.links`. Lists are transparent. With
plain names, only these parts are sent. `+` adds a part that is left out by default, `-` removes one.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import ApiRequest, Parameter

MAX_LENGTH = 2000
MAX_DEPTH = 10

_SCHEMA_ITEM = rf"[+-]?[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){{0,{MAX_DEPTH - 1}}}"
# A `+` that is not percent-encoded arrives as a space.
_SIGN, _PATH = "[+ -]?", rf"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+){{0,{MAX_DEPTH - 1}}}"
_ITEM = re.compile(rf"(?P<sign>{_SIGN})(?P<path>{_PATH}) *")

FIELDS = Parameter(
    "fields",
    "only these parts of the document, such as next,values.slug; +name adds a part that is left out by default, "
    "-name removes one",
    {"type": "string", "maxLength": MAX_LENGTH, "pattern": f"^{_SCHEMA_ITEM}(,{_SCHEMA_ITEM})*$"},
)

# Names of parts, each with its own parts; None means all of them.
_Tree = dict[str, "_Tree | None"]


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """A parsed `fields` parameter: paths that were named, the tree of parts to keep, and that of parts to remove."""

    named: set[str] = field(default_factory=set)
    kept: _Tree = field(default_factory=dict)
    removed: _Tree = field(default_factory=dict)
    is_partial: bool = False

    def apply(self, document: Any) -> Any:
        """Return the selected parts of a document of built-in types."""
        selected = _keep(document, self.kept) if self.is_partial else document
        return _remove(selected, self.removed) if self.removed else selected

    def names(self, path: str) -> bool:
        """Return True if this part, or a part of it, is named with `+` or without a sign."""
        return any(each == path or each.startswith(f"{path}.") for each in self.named)


def selection_of(request: ApiRequest) -> FieldSelection | None:
    """Parse the parameter of a request; None if it has none. Raises Invalid."""
    values = request.query.get("fields")
    return _parsed(",".join(values)) if values else None


def wants(request: ApiRequest, path: str) -> bool:
    """Return True if the request asks for a part that is left out by default, as `values.user.email`. Raises Invalid.

    A shape calls this for each of its optional parts; naming the part around it is not enough.
    """
    selection = selection_of(request)
    return selection is not None and selection.names(path)


@lru_cache(maxsize=256)
def _parsed(text: str) -> FieldSelection:
    if len(text) > MAX_LENGTH:
        raise Invalid(f"fields may be {MAX_LENGTH:,} characters long at most")
    named: set[str] = set()
    kept: _Tree = {}
    removed: _Tree = {}
    is_partial = False
    position = 0
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            needed = f"a name of 1 to {MAX_DEPTH} parts, such as values.slug"
            raise Invalid(f"character {position + 1} of fields: {needed}, is needed here")
        names = match["path"].split(".")
        if match["sign"] == "-":
            _add(removed, names)
        else:
            _add(kept, names)
            named.add(match["path"])
            is_partial = is_partial or not match["sign"]
        position += len(item) + 1
    return FieldSelection(named, kept, removed, is_partial)


def _add(tree: _Tree, names: list[str]) -> None:
    *parents, last = names
    for name in parents:
        below = tree.setdefault(name, {})
        if below is None:
            return
        tree = below
    tree[last] = None


def _keep(document: Any, tree: _Tree) -> Any:
    if isinstance(document, list):
        return [_keep(item, tree) for item in document]
    if not isinstance(document, dict):
        return document
    kept = {}
    for name, value in document.items():
        if name in tree:
            below = tree[name]
            kept[name] = value if below is None else _keep(value, below)
    return kept


def _remove(document: Any, tree: _Tree) -> Any:
    if isinstance(document, list):
        return [_remove(item, tree) for item in document]
    if not isinstance(document, dict):
        return document
    left = {}
    for name, value in document.items():
        below = tree.get(name, {})
        if below is not None:
            left[name] = _remove(value, below) if below else value
    return left
