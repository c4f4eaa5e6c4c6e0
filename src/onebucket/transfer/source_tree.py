"""Parses YAML and JSON into trees whose nodes know their lines; the nodes' meaning is not decided here.

Scalars keep the text as written, so that people called `249043822` or `no` keep their names. Anchors, aliases, tags and
merge keys are refused: a small file can't expand into a huge one.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import NoReturn

import msgspec
import yaml

_MAX_DEPTH = 64


class UnreadableDocument(Exception):
    """A file that can't be read; `sentence` says where and why, and may be shown to the user."""

    def __init__(self, why: str, *, line: int | None = None, source: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.line = line
        self.source = source

    @property
    def sentence(self) -> str:
        """Return source, line and reason; lower case, without a full stop."""
        return ":".join(str(part) for part in (self.source, self.line, f" {self.why}") if part is not None).strip()

    def __str__(self) -> str:
        return self.sentence


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Set `source` on an UnreadableDocument raised inside."""
    try:
        yield
    except UnreadableDocument as unreadable:
        unreadable.source = source
        raise


class ScalarStyle(Enum):
    """How a scalar was written: `TEXT` in quotes, `PLAIN` without them in YAML, `LITERAL` without them in JSON."""

    TEXT = "text"
    PLAIN = "plain"
    LITERAL = "literal"


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """A scalar's text as written, without its quotes."""

    text: str
    line: int
    form: ScalarStyle


class Sequence(msgspec.Struct):
    """A list of nodes."""

    line: int
    items: list["Node"]


class Mapping(msgspec.Struct):
    """Nodes by key; `lines` has the line of each key."""

    line: int
    items: dict[str, "Node"]
    lines: dict[str, int]


Node = Scalar | Sequence | Mapping


def is_null(node: Node) -> bool:
    """Return whether the node is null in YAML or JSON, or empty."""
    return (
        isinstance(node, Scalar)
        and node.form is not ScalarStyle.TEXT
        and node.text in ("", "~", "null", "Null", "NULL")
    )


def parsed(text: bytes | str) -> Node:
    """Parse a text: as JSON when its first character is `{`, otherwise as YAML. Raises UnreadableDocument."""
    text = _decoded(text)
    start = text.lstrip(" \t\r\n")
    if not start:
        raise UnreadableDocument("the file is empty")

    builder = _TreeBuilder()
    if start[0] == "{":
        _read_json(text, builder)
    else:
        _read_yaml(text, builder)

    if builder.root is None or is_null(builder.root):
        raise UnreadableDocument("the file is empty")
    return builder.root


_SURROGATE = re.compile("[\ud800-\udfff]")


def _decoded(text: bytes | str) -> str:
    if isinstance(text, bytes):
        try:
            return text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UnreadableDocument("this is not UTF-8", line=text.count(b"\n", 0, error.start) + 1) from None
    if surrogate := _SURROGATE.search(text):
        raise UnreadableDocument("this is not UTF-8", line=text.count("\n", 0, surrogate.start()) + 1)
    return text.removeprefix("\ufeff")


class _TreeBuilder:
    """Builds a tree from parser events in the order of the text."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Scalar | None] = []

    def put(self, node: Node) -> None:
        """Add a node at the current position: as the root, an item, a key or a value."""
        if not self._open:
            self.root = node
            return

        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._put_key(parent, node)
        else:
            parent.items[key.text] = node
            self._keys[-1] = None

    def _put_key(self, parent: Mapping, node: Node) -> None:
        if not isinstance(node, Scalar):
            raise UnreadableDocument("a key must be a word, not a list or a mapping", line=node.line)
        if is_null(node):
            raise UnreadableDocument("a key has no value here: put the word in quotes if it is a name", line=node.line)
        if node.text in parent.lines:
            first = parent.lines[node.text]
            raise UnreadableDocument(
                f"the key {node.text[:64]!r} is here twice; the first is on line {first}", line=node.line
            )
        parent.lines[node.text] = node.line
        self._keys[-1] = node

    def open(self, node: Sequence | Mapping) -> None:
        """Add a list or mapping; nodes added from now on are its children."""
        if len(self._open) == _MAX_DEPTH:
            raise UnreadableDocument("this is nested too deeply", line=node.line)
        self.put(node)
        self._open.append(node)
        self._keys.append(None)

    def close(self) -> None:
        """End the list or mapping that was opened last."""
        self._open.pop()
        self._keys.pop()


# -- YAML ------------------------------------------------------------------------------------------

# Characters that YAML 1.1 allows only as escapes.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _read_yaml(text: str, builder: _TreeBuilder) -> None:
    if unprintable := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, unprintable.start()) + 1
        raise UnreadableDocument(f"there is a control character here (U+{ord(unprintable[0]):04X})", line=line)

    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            _build(builder, event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(text, error) from None
    except yaml.YAMLError as error:
        raise UnreadableDocument(f"this is not YAML: {' '.join(str(error).split())}") from None


def _build(builder: _TreeBuilder, event: yaml.Event) -> None:
    assert event.start_mark is not None
    line = event.start_mark.line + 1
    if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and (event.anchor or event.tag):
        what = (
            f"anchors are not supported: remove &{event.anchor}"
            if event.anchor
            else f"tags are not supported: {event.tag}"
        )
        raise UnreadableDocument(what, line=line)

    match event:
        case yaml.ScalarEvent():
            builder.put(Scalar(event.value, line, ScalarStyle.TEXT if event.style else ScalarStyle.PLAIN))
        case yaml.MappingStartEvent():
            builder.open(Mapping(line, {}, {}))
        case yaml.SequenceStartEvent():
            builder.open(Sequence(line, []))
        case yaml.CollectionEndEvent():
            builder.close()
        case yaml.AliasEvent():
            raise UnreadableDocument(f"aliases are not supported: write out what *{event.anchor} stands for", line=line)
        case yaml.DocumentStartEvent() if builder.root is not None:
            raise UnreadableDocument("a second document starts here: put each into its own file", line=line)


def _syntax_error(text: str, error: yaml.MarkedYAMLError) -> UnreadableDocument:
    last = max(1, len(text.splitlines()))
    line = min(error.problem_mark.line + 1, last) if error.problem_mark else last
    start = error.context_mark.line + 1 if error.context_mark else line
    context = f" ({error.context} that starts on line {start})" if start < line else ""
    return UnreadableDocument(f"this is not YAML: {error.problem}{context}", line=line)


# -- JSON ------------------------------------------------------------------------------------------

_LEXEME = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}\n]|[^][{}\s,:"]+')


def _read_json(text: str, builder: _TreeBuilder) -> None:
    """Validate the text with the strict standard library parser, then split it into lexemes to get line numbers."""
    try:
        # Keep numbers as strings: converting a very long one takes too much time.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise UnreadableDocument(f"this is not JSON: {error.msg}", line=error.lineno) from None
    except RecursionError:
        raise UnreadableDocument("this is nested too deeply") from None

    line = 1
    actions: dict[str, Callable[[], None]] = {
        "{": lambda: builder.open(Mapping(line, {}, {})),
        "[": lambda: builder.open(Sequence(line, [])),
        "}": builder.close,
        "]": builder.close,
    }
    for match in _LEXEME.finditer(text):
        lexeme = match[0]
        if lexeme == "\n":
            line += 1
        elif lexeme in actions:
            actions[lexeme]()
        elif lexeme[0] == '"':
            builder.put(Scalar(_unquoted(lexeme, line), line, ScalarStyle.TEXT))
        else:
            builder.put(Scalar(lexeme, line, ScalarStyle.LITERAL))


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableDocument(f"this is not JSON: there is no {name}")


def _unquoted(lexeme: str, line: int) -> str:
    if "\\" not in lexeme:
        return lexeme[1:-1]
    text: str = json.loads(lexeme)
    if _SURROGATE.search(text):
        raise UnreadableDocument("half of a surrogate pair is not a character", line=line)
    return text
