"""Parsers from source tree nodes to typed values, with an error message for everything else.

A `Reader` takes a node and what to call it in messages, and returns its value. It raises UnreadableDocument with the
node's line.
"""

from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import Any, TypeVar

import msgspec

from onebucket.domain import privileges, projects, repositories
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.domain.refusals import Refusal
from onebucket.domain.repositories import ForkPolicy
from onebucket.safe_text import quote_text
from onebucket.transfer import source_tree
from onebucket.transfer.source_tree import Node, Scalar, ScalarStyle, UnreadableDocument

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
E = TypeVar("E", bound=Enum)

Reader = Callable[[Node, str], T]

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def text(node: Node, what: str) -> str:
    """Read a string. In YAML any scalar is one, also without quotes; in JSON it must be quoted."""
    if not isinstance(node, Scalar) or node.form is ScalarStyle.LITERAL:
        raise _mistaken(node, what, "must be a string")
    if source_tree.is_null(node):
        raise _mistaken(node, what, "has no value: remove it, or put the word in quotes")
    return node.text


def checked(check: Callable[[str], object]) -> Reader[str]:
    """Return a reader of a string that `check` accepts; its refusals become UnreadableDocument."""

    def read(node: Node, what: str) -> str:
        value = text(node, what)
        try:
            check(value)
        except Refusal as refusal:
            raise UnreadableDocument(f"{what}: {refusal.sentence}", line=node.line) from None
        return value

    return read


def flag(node: Node, what: str) -> bool:
    """Read a boolean: an unquoted `true`, `yes`, `on`, `false`, `no` or `off`."""
    value = _FLAGS.get(node.text.lower()) if isinstance(node, Scalar) and node.form is not ScalarStyle.TEXT else None
    if value is None:
        raise _mistaken(node, what, "must be true or false")
    return value


def level(node: Node, what: str) -> Level:
    """Read a level: `read`, `write` or `admin`."""
    return _level(node, what, none=False)


def level_or_none(node: Node, what: str) -> Level:
    """Read a level: `read`, `write`, `admin` or `none`."""
    return _level(node, what, none=True)


def level_or_nothing(node: Node, what: str) -> Level:
    """Read a level that may be null: `read`, `write`, `admin`, `none` or null."""
    return Level.NONE if source_tree.is_null(node) else _level(node, what, none=True)


def _level(node: Node, what: str, *, none: bool) -> Level:
    try:
        return privileges.parse_level(node.text if isinstance(node, Scalar) else "", none=none)
    except Refusal:
        raise _mistaken(node, what, f"must be read, write{', admin or none' if none else ' or admin'}") from None


def project_level(node: Node, what: str) -> ProjectLevel:
    """Read a level on a project: `read`, `write`, `create-repo` or `admin`."""
    try:
        return projects.parse_project_level(node.text if isinstance(node, Scalar) else "")
    except Refusal:
        raise _mistaken(node, what, "must be read, write, create-repo or admin") from None


def fork_policy(node: Node, what: str) -> ForkPolicy:
    """Read a fork policy: `allow_forks`, `no_public_forks` or `no_forks`."""
    try:
        return repositories.parse_fork_policy(node.text if isinstance(node, Scalar) else "")
    except Refusal:
        raise _mistaken(node, what, "must be allow_forks, no_public_forks or no_forks") from None


def one_of(words: type[E]) -> Reader[E | None]:
    """Return a reader of an enum's values; null and `none` become None."""
    known: dict[str, E | None] = {member.value: member for member in words} | {"none": None}

    def read(node: Node, what: str) -> E | None:
        if source_tree.is_null(node):
            return None
        if not isinstance(node, Scalar) or node.text not in known:
            raise _mistaken(node, what, f"must be {', '.join(list(known)[:-1])} or none")
        return known[node.text]

    return read


# From an item to the key that must be unique in its list, and its name in messages.
Identity = Callable[[T], tuple[Hashable, str]]


def listed(read: Reader[T], *, each: str, identity: Identity[T] | None = None) -> Reader[list[T]]:
    """Return a reader of a list of items with unique `identity`; `each` is what messages call an item."""

    def read_all(node: Node, what: str) -> list[T]:
        if not isinstance(node, source_tree.Sequence):
            raise _mistaken(node, what, f"must be a list (of {each}s)")
        values = [read(item, f"{_article(each)} in {what}") for item in node.items]
        if identity:
            _check_distinct(node, [identity(value) for value in values], each)
        return values

    return read_all


def _check_distinct(node: source_tree.Sequence, identities: list[tuple[Hashable, str]], each: str) -> None:
    seen: dict[Hashable, tuple[int, str]] = {}
    for item, (key, title) in zip(node.items, identities, strict=True):
        if key in seen:
            line, other = seen[key]
            raise UnreadableDocument(f"{title!r} is the same {each} as {other!r} on line {line}", line=item.line)
        seen[key] = item.line, title


def mapped(read: Reader[T]) -> Reader[dict[str, T]]:
    """Return a reader of a mapping from names to values that `read` reads."""

    def read_all(node: Node, what: str) -> dict[str, T]:
        if not isinstance(node, source_tree.Mapping):
            raise _mistaken(node, what, "must be a mapping (name: value)")
        return {key: read(item, quote_text(key)) for key, item in node.items.items()}

    return read_all


def struct(cls: type[S], what_it_is: str, fields: Mapping[str, Reader[Any]]) -> Reader[S]:
    """Return a reader of `cls` from a mapping with the keys of `fields`; `what_it_is` names it in messages.

    Refuses unknown keys, and missing ones whose field has no default.
    """
    required = [field.name for field in msgspec.structs.fields(cls) if field.required]

    def read(node: Node, what: str) -> S:
        if not isinstance(node, source_tree.Mapping):
            raise _mistaken(node, what, f"must be a mapping with keys of {what_it_is}: {', '.join(fields)}")
        for key, line in node.lines.items():
            if key not in fields:
                known = ", ".join(fields)
                raise UnreadableDocument(
                    f"there is no key {key[:64]!r} in {what_it_is}; the keys are {known}", line=line
                )
        for key in required:
            if key not in node.items:
                raise UnreadableDocument(f"{what_it_is} needs the key {key!r}", line=node.line)
        return cls(**{key: fields[key](item, repr(key)) for key, item in node.items.items()})

    return read


def _mistaken(node: Node, what: str, why: str) -> UnreadableDocument:
    return UnreadableDocument(f"{what} {why}", line=node.line)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
