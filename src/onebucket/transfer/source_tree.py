"""YAML and JSON texts as trees whose every part knows its line; what a part means is not decided here.

Scalars keep the text that was written, so that a person called `249043822` or `no` stays one. There are no anchors,
aliases, tags or merge keys: a file says what it says, and can't be small and mean something huge.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import NoReturn

import msgspec
import yaml

_DEEPEST = 64


class UnreadableDocument(Exception):
    """A file that can't be understood: `sentence` says where and why, and may be shown to whoever gave it."""

    def __init__(self, why: str, *, line: int | None = None, source: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.line = line
        self.source = source

    @property
    def sentence(self) -> str:
        """Source, line and reason; lower case, without a full stop."""
        return ":".join(str(part) for part in (self.source, self.line, f" {self.why}") if part is not None).strip()

    def __str__(self) -> str:
        return self.sentence


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Let every Unreadable raised inside say that it is about `source`."""
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
    """A text as written, without its quotes."""

    text: str
    line: int
    form: ScalarStyle


class Sequence(msgspec.Struct):
    """A list of parts."""

    line: int
    items: list["Node"]


class Mapping(msgspec.Struct):
    """Parts by key; `lines` says where each key stands."""

    line: int
    items: dict[str, "Node"]
    lines: dict[str, int]


Node = Scalar | Sequence | Mapping


def is_null(node: Node) -> bool:
    """Whether this is how YAML or JSON write that there is no value."""
    return (
        isinstance(node, Scalar)
        and node.form is not ScalarStyle.TEXT
        and node.text in ("", "~", "null", "Null", "NULL")
    )


def parsed(text: bytes | str) -> Node:
    """The tree of a text: JSON when its first character is `{`, else YAML. Raises UnreadableDocument."""
    text = _decoded(text)
    start = text.lstrip(" \t\r\n")
    if not start:
        raise UnreadableDocument("the file is empty")

    growing = _TreeBuilder()
    if start[0] == "{":
        _read_json(text, growing)
    else:
        _read_yaml(text, growing)

    if growing.root is None or is_null(growing.root):
        raise UnreadableDocument("the file is empty")
    return growing.root


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
    """A tree under construction, fed in the order of the text."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Scalar | None] = []

    def put(self, node: Node) -> None:
        """Add a part where the text is now."""
        if not self._open:
            self.root = node
            return

        inside = self._open[-1]
        if isinstance(inside, Sequence):
            inside.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._put_key(inside, node)
        else:
            inside.items[key.text] = node
            self._keys[-1] = None

    def _put_key(self, inside: Mapping, node: Node) -> None:
        if not isinstance(node, Scalar):
            raise UnreadableDocument("a key must be a word, not a list or a mapping", line=node.line)
        if is_null(node):
            raise UnreadableDocument("a key has no value here: put the word in quotes if it is a name", line=node.line)
        if node.text in inside.lines:
            first = inside.lines[node.text]
            raise UnreadableDocument(
                f"the key {node.text[:64]!r} is here twice; the first is on line {first}", line=node.line
            )
        inside.lines[node.text] = node.line
        self._keys[-1] = node

    def open(self, node: Sequence | Mapping) -> None:
        """Add a part whose own parts follow."""
        if len(self._open) == _DEEPEST:
            raise UnreadableDocument("this is nested too deeply", line=node.line)
        self.put(node)
        self._open.append(node)
        self._keys.append(None)

    def close(self) -> None:
        """The part opened last has no more parts."""
        self._open.pop()
        self._keys.pop()


# -- YAML ------------------------------------------------------------------------------------------

# What YAML 1.1 lets nobody write without an escape.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _read_yaml(text: str, growing: _TreeBuilder) -> None:
    if unprintable := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, unprintable.start()) + 1
        raise UnreadableDocument(f"there is a control character here (U+{ord(unprintable[0]):04X})", line=line)

    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            _build(growing, event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(text, error) from None
    except yaml.YAMLError as error:
        raise UnreadableDocument(f"this is not YAML: {' '.join(str(error).split())}") from None


def _build(growing: _TreeBuilder, event: yaml.Event) -> None:
    assert event.start_mark is not None
    line = event.start_mark.line + 1
    if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and (event.anchor or event.tag):
        what = f"anchors are not read: take away &{event.anchor}" if event.anchor else f"tags are not read: {event.tag}"
        raise UnreadableDocument(what, line=line)

    match event:
        case yaml.ScalarEvent():
            growing.put(Scalar(event.value, line, ScalarStyle.TEXT if event.style else ScalarStyle.PLAIN))
        case yaml.MappingStartEvent():
            growing.open(Mapping(line, {}, {}))
        case yaml.SequenceStartEvent():
            growing.open(Sequence(line, []))
        case yaml.CollectionEndEvent():
            growing.close()
        case yaml.AliasEvent():
            raise UnreadableDocument(f"aliases are not read: write out what *{event.anchor} stands for", line=line)
        case yaml.DocumentStartEvent() if growing.root is not None:
            raise UnreadableDocument("a second document begins here: give each a file of its own", line=line)


def _syntax_error(text: str, error: yaml.MarkedYAMLError) -> UnreadableDocument:
    last = max(1, len(text.splitlines()))
    line = min(error.problem_mark.line + 1, last) if error.problem_mark else last
    begun = error.context_mark.line + 1 if error.context_mark else line
    context = f" ({error.context} that begins on line {begun})" if begun < line else ""
    return UnreadableDocument(f"this is not YAML: {error.problem}{context}", line=line)


# -- JSON ------------------------------------------------------------------------------------------

_WORD = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}\n]|[^][{}\s,:"]+')


def _read_json(text: str, growing: _TreeBuilder) -> None:
    """Check the text with the standard library, which is strict, and then read it word by word for the lines' sake."""
    try:
        # Numbers stay texts: reading a very long one costs more than it may.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise UnreadableDocument(f"this is not JSON: {error.msg}", line=error.lineno) from None
    except RecursionError:
        raise UnreadableDocument("this is nested too deeply") from None

    line = 1
    grown: dict[str, Callable[[], None]] = {
        "{": lambda: growing.open(Mapping(line, {}, {})),
        "[": lambda: growing.open(Sequence(line, [])),
        "}": growing.close,
        "]": growing.close,
    }
    for match in _WORD.finditer(text):
        word = match[0]
        if word == "\n":
            line += 1
        elif word in grown:
            grown[word]()
        elif word[0] == '"':
            growing.put(Scalar(_unquoted(word, line), line, ScalarStyle.TEXT))
        else:
            growing.put(Scalar(word, line, ScalarStyle.LITERAL))


def _refuse_constant(word: str) -> NoReturn:
    raise UnreadableDocument(f"this is not JSON: there is no {word}")


def _unquoted(word: str, line: int) -> str:
    if "\\" not in word:
        return word[1:-1]
    text: str = json.loads(word)
    if _SURROGATE.search(text):
        raise UnreadableDocument("half of a surrogate pair is not a character", line=line)
    return text
