"""The query language of `q`: `project.key = "X" AND (name ~ "api" OR is_private = true)`.

    condition   = conjunction *( "OR" conjunction )
    conjunction = term *( "AND" term )
    term        = "(" condition ")" / field operator literal / field ["NOT"] "IN" "(" literal *( "," literal ) ")"
    literal     = text in double quotes / number / time / "true" / "false" / "null"

A literal that a field can't be compared with is refused, as is everything that isn't known, with its place.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from onebucket.domain.filters import AllOf, AnyOf, Comparison, Filter, Operator, Value
from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text
from onebucket.surfaces.v2.list_fields import FieldTable, Kind, Literal, key_of

# Enough for 90 addresses in one list.
MAX_LENGTH = 8000
MAX_DEPTH = 20
MAX_COMPARISONS = 100
# As long as a name can be. A longer text takes long to look for.
MAX_SEARCHED_TEXT = 255

_TOKEN = re.compile(
    r"""
    (?P<text>     "(?:[^"\\\x00-\x1f]|\\["\\])*" )
    # A + that is not percent-encoded arrives as a space.
  | (?P<moment>   [0-9]{4}-[0-9]{2}-[0-9]{2} (?: T[0-9:.]+ (?: Z | [-+\ ][0-9]{2}:?[0-9]{2} )? )? )
  | (?P<number>   -?[0-9]{1,18} (?![0-9A-Za-z_.]) )
  | (?P<word>     [A-Za-z_][A-Za-z0-9_]* (?: \.[A-Za-z_][A-Za-z0-9_]* )* )
  | (?P<operator> != | !~ | >= | <= | [=~<>] )
  | (?P<mark>     [(),] )
    """,
    re.VERBOSE,
)
_BLANKS = re.compile(r"[ \t\r\n]*")
_ESCAPED = re.compile(r"\\(.)")
_CONSTANTS: dict[str, Literal] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class _Token:
    # The name of its group in `_TOKEN`; "end" for the one after the last.
    kind: str
    text: str
    # Counted from 1.
    place: int

    def is_keyword(self, word: str) -> bool:
        return self.kind == "word" and self.text.upper() == word


def parse(text: str, table: FieldTable) -> Filter:
    """Parse a condition on the fields of a table. Raises Invalid, with the place of what isn't understood."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"the condition q may be {MAX_LENGTH:,} characters long at most")
    return _Parser(_tokens(text), table).whole()


def _refuse(place: int, sentence: str) -> NoReturn:
    raise Invalid(f"character {place} of q: {sentence}")


def _tokens(text: str) -> list[_Token]:
    found = []
    position = _skip_blanks(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            if text[position] in "\"'":
                _refuse(position + 1, 'a text stands between double quotes; a " or \\ in it follows a \\')
            _refuse(position + 1, f"{quote_text(text[position])} is not understood here")
        found.append(_Token(match.lastgroup or "", match[0], position + 1))
        position = _skip_blanks(text, match.end())
    return [*found, _Token("end", "", len(text) + 1)]


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


class _Parser:
    def __init__(self, tokens: list[_Token], table: FieldTable) -> None:
        self._tokens = tokens
        self._table = table
        self._position = 0
        self._depth = 0
        self._comparisons = 0

    def whole(self) -> Filter:
        parsed = self._condition()
        if self._next.kind != "end":
            _refuse(self._next.place, "AND, OR or the end is needed here")
        return parsed

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._next
        self._position += 1
        return token

    def _takes_keyword(self, word: str) -> bool:
        is_next = self._next.is_keyword(word)
        self._position += is_next
        return is_next

    def _take_mark(self, mark: str) -> None:
        if self._next.kind != "mark" or self._next.text != mark:
            _refuse(self._next.place, f"'{mark}' is needed here")
        self._position += 1

    def _condition(self) -> Filter:
        return self._several("OR", self._conjunction, AnyOf)

    def _conjunction(self) -> Filter:
        return self._several("AND", self._term, AllOf)

    def _several(
        self, keyword: str, part: Callable[[], Filter], join: Callable[[tuple[Filter, ...]], Filter]
    ) -> Filter:
        parts = [part()]
        while self._takes_keyword(keyword):
            parts.append(part())
        return join(tuple(parts)) if len(parts) > 1 else parts[0]

    def _term(self) -> Filter:
        if self._next.kind != "mark" or self._next.text != "(":
            return self._comparison()
        if self._depth == MAX_DEPTH:
            _refuse(self._next.place, f"brackets may be {MAX_DEPTH} levels deep at most")
        self._depth += 1
        self._take_mark("(")
        inner = self._condition()
        self._take_mark(")")
        self._depth -= 1
        return inner

    def _comparison(self) -> Filter:
        name = self._take()
        if name.kind != "word":
            _refuse(name.place, "the name of a field is needed here")
        if name.text not in self._table:
            known = ", ".join(self._table)
            _refuse(name.place, f"there is no field {quote_text(name.text)} in this list; it has {known}")
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            _refuse(name.place, f"there may be {MAX_COMPARISONS} comparisons at most; IN compares with several values")
        kind, key = self._table[name.text].kind, key_of(self._table, name.text)

        place = self._next.place
        operator = self._operator()
        if operator not in kind.operators:
            _refuse(place, f"{name.text} can't be compared with {operator}")
        if operator in (Operator.IN, Operator.NOT_IN):
            return Comparison(key, operator, self._values(kind))
        return Comparison(key, operator, self._value(kind, operator))

    def _operator(self) -> Operator:
        token = self._take()
        if token.kind == "operator":
            return Operator(token.text)
        if token.is_keyword("IN"):
            return Operator.IN
        if token.is_keyword("NOT") and self._takes_keyword("IN"):
            return Operator.NOT_IN
        _refuse(token.place, "an operator is needed here: =, !=, ~, !~, >, >=, <, <=, IN or NOT IN")

    def _values(self, kind: Kind) -> tuple[Value, ...]:
        self._take_mark("(")
        values = [self._value(kind, Operator.IN)]
        while self._next.kind == "mark" and self._next.text == ",":
            self._take_mark(",")
            values.append(self._value(kind, Operator.IN))
        self._take_mark(")")
        return tuple(values)

    def _value(self, kind: Kind, operator: Operator) -> Value:
        token = self._take()
        literal = _literal(token, kind)
        if literal is None:
            if operator not in (Operator.EQUAL, Operator.NOT_EQUAL):
                _refuse(token.place, f"null can't be compared with {operator}")
            return None
        if isinstance(literal, str) and operator in (Operator.CONTAINS, Operator.NOT_CONTAINS):
            if len(literal) > MAX_SEARCHED_TEXT:
                _refuse(token.place, f"a text to look for may be {MAX_SEARCHED_TEXT} characters long at most")
            return literal
        try:
            return kind.parse(literal)
        except (ValueError, Invalid):
            _refuse(token.place, f"{kind.needs} is needed here")


def _literal(token: _Token, kind: Kind) -> Literal:
    if token.kind == "text":
        return _ESCAPED.sub(r"\1", token.text[1:-1])
    if token.kind == "number":
        return int(token.text)
    if token.kind == "moment":
        try:
            return datetime.fromisoformat(token.text.replace(" ", "+"))
        except ValueError:
            _refuse(token.place, "there is no such time")
    if token.kind == "word" and token.text.lower() in _CONSTANTS:
        return _CONSTANTS[token.text.lower()]
    _refuse(token.place, f"{kind.needs} is needed here")
