"""Filters and paths of SCIM (RFC 7644, 3.4.2.2 and 3.5.2), parsed into trees.

filter = term *( ("and" / "or") term )          "and" binds more tightly
term   = ["not"] "(" filter ")" / path "pr" / path operator value
path   = [URN ":"] attribute ["[" filter "]"] ["." attribute]
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text
from onebucket.surfaces.scim.errors import InvalidFilter, InvalidPath
from onebucket.wire import request_body
from onebucket.wire.request_body import UnreadableBody

MAX_LENGTH = 8000
MAX_DEPTH = 20
MAX_COMPARISONS = 100

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\\x00-\x1f]|\\.)*")
  | (?P<number>-?[0-9]{1,18}(?:\.[0-9]+)?(?![0-9A-Za-z_.]))
  | (?P<word>[A-Za-z$][A-Za-z0-9_$:.-]*)
  | (?P<mark>[()\[\]])
  | (?P<sub>\.[A-Za-z$][A-Za-z0-9_$-]*)
)""",
    re.VERBOSE,
)
_OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_CONSTANTS: Mapping[str, object] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Path:
    """A way to an attribute, in lower case: the URN of a schema, if it names one, the attribute, and a part of it.

    `where` chooses among several values.
    """

    schema: str
    attribute: str
    where: "Expression | None" = None
    sub: str = ""

    def __str__(self) -> str:
        chosen = "[…]" if self.where is not None else ""
        return f"{self.attribute}{chosen}{'.' if self.sub else ''}{self.sub}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition on one attribute; the operator is in lower case, `pr` has no value."""

    path: Path
    operator: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions of which all (`and`) or one (`or`) have to hold."""

    word: str
    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Negated:
    """A condition that must not hold."""

    part: "Expression"


Expression: TypeAlias = Comparison | Joined | Negated


def parse_filter(text: str) -> Expression:
    """Parse a filter. Raises InvalidFilter."""
    parser = _Parser(text, InvalidFilter, "the filter")
    expression = parser.expression()
    parser.end()
    return expression


def parse_path(text: str) -> Path:
    """Parse the path of a PATCH operation. Raises InvalidPath."""
    parser = _Parser(text, InvalidPath, "the path")
    path = parser.path()
    parser.end()
    return path


class _Parser:
    def __init__(self, text: str, error: type[Invalid], what: str) -> None:
        self._error = error
        self._what = what
        if len(text) > MAX_LENGTH:
            raise error(f"{what} may be {MAX_LENGTH:,} characters long at most")
        self._tokens = [*self._split(text), ("end", "")]
        self._position = 0
        self._depth = 0
        self._comparisons = 0

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error(
                    f"{self._what} is not understood from {quote_text(text[position : position + 20])} on"
                )
            position = match.end()
            kind = match.lastgroup or ""
            yield kind, match[kind]

    def _refuse(self, sentence: str) -> Invalid:
        found = self._tokens[self._position][1]
        return self._error(f"{self._what} needs {sentence} {f'before {quote_text(found)}' if found else 'at its end'}")

    def _takes(self, *words: str) -> str:
        kind, text = self._tokens[self._position]
        if kind in ("word", "mark") and text.lower() in words:
            self._position += 1
            return text.lower()
        return ""

    def end(self) -> None:
        if self._tokens[self._position][0] != "end":
            raise self._refuse("its end")

    def expression(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"{self._what} is nested too deeply")
        choices = [self._conjunction()]
        while self._takes("or"):
            choices.append(self._conjunction())
        self._depth -= 1
        return choices[0] if len(choices) == 1 else Joined("or", tuple(choices))

    def _conjunction(self) -> Expression:
        terms = [self._term()]
        while self._takes("and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else Joined("and", tuple(terms))

    def _term(self) -> Expression:
        is_negated = self._tokens[self._position + 1 : self._position + 2] == [("mark", "(")] and self._takes("not")
        if self._takes("("):
            inner = self.expression()
            if not self._takes(")"):
                raise self._refuse("a ')'")
            return Negated(inner) if is_negated else inner

        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise self._error(f"{self._what} has more than {MAX_COMPARISONS} conditions")
        path = self.path()
        if self._takes("pr"):
            return Comparison(path, "pr")
        operator = self._takes(*_OPERATORS)
        if not operator:
            # `emails[type eq "work"]` alone is a condition too: that there is such a value.
            if path.where is not None and not path.sub:
                return Comparison(path, "pr")
            raise self._refuse("an operator such as eq")
        return Comparison(path, operator, self._value())

    def _value(self) -> Any:
        kind, text = self._tokens[self._position]
        self._position += 1
        if kind == "word" and text.lower() in _CONSTANTS:
            return _CONSTANTS[text.lower()]
        if kind in ("text", "number"):
            with suppress(UnreadableBody, UnicodeEncodeError):
                return request_body.document(text.encode(), object, "a value")
        self._position -= 1
        raise self._refuse("a value")

    def path(self) -> Path:
        kind, text = self._tokens[self._position]
        if kind != "word":
            raise self._refuse("an attribute")
        self._position += 1
        try:
            schema, attribute, sub = _split_name(text.lower())
        except ValueError:
            raise self._error(f"{quote_text(text)} is no attribute") from None
        where = None
        if not sub and self._takes("["):
            where = self.expression()
            if not self._takes("]"):
                raise self._refuse("a ']'")
            if self._tokens[self._position][0] == "sub":
                sub = self._tokens[self._position][1][1:].lower()
                self._position += 1
        return Path(schema, attribute, where, sub)


# URNs contain full stops in their version only.
_NAME = re.compile(
    r"(?:(?P<schema>urn:[a-z0-9:._-]+?):)?(?P<attribute>[a-z$][a-z0-9_$-]*)(?:\.(?P<sub>[a-z$][a-z0-9_$-]*))?"
)


def _split_name(name: str) -> tuple[str, str, str]:
    """Split a name into the URN of a schema, the attribute and its part.

    >>> _split_name("urn:ietf:params:scim:schemas:core:2.0:user:name.givenname")
    ('urn:ietf:params:scim:schemas:core:2.0:user', 'name', 'givenname')
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(name)
    return match["schema"] or "", match["attribute"], match["sub"] or ""


def matches(expression: Expression, values: Mapping[str, Any]) -> bool:
    """Return True if a value, by the lower-case names of its parts, passes a filter. Raises InvalidFilter."""
    if isinstance(expression, Negated):
        return not matches(expression.part, values)
    if isinstance(expression, Joined):
        found = (matches(part, values) for part in expression.parts)
        return all(found) if expression.word == "and" else any(found)
    name = expression.path.attribute
    if name not in values or expression.path.where is not None or expression.path.sub:
        raise InvalidFilter(f"values can't be chosen by {expression.path}")
    value, wanted = (_folded(each) for each in (values[name], expression.value))
    if expression.operator == "pr":
        return value is not None
    if expression.operator in ("eq", "ne"):
        return bool(value == wanted) == (expression.operator == "eq")
    raise InvalidFilter(f"values can't be chosen by {expression.operator}: use eq")


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        folded = value.casefold()
        return {"true": True, "false": False}.get(folded, folded)
    return value


def chosen_by(expression: Expression | None) -> dict[str, Any] | None:
    """Return what a filter of `eq` and `and` alone wants each part to be; None for any other filter."""
    if isinstance(expression, Comparison) and expression.operator == "eq":
        return {expression.path.attribute: expression.value}
    if isinstance(expression, Joined) and expression.word == "and":
        wanted: dict[str, Any] = {}
        for part in expression.parts:
            of_part = chosen_by(part)
            if of_part is None:
                return None
            wanted |= of_part
        return wanted
    return None
