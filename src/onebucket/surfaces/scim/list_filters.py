"""Which attributes lists of Users and Groups can be filtered by, and what is stored for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from onebucket import slugs
from onebucket.domain import time_range
from onebucket.domain.filters import AllOf, AnyOf, Comparison, Filter, Operator, Value
from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text
from onebucket.surfaces.scim import expressions
from onebucket.surfaces.scim.errors import InvalidFilter
from onebucket.surfaces.scim.expressions import Expression, Joined, Path

_OPERATORS = {
    "eq": Operator.EQUAL,
    "ne": Operator.NOT_EQUAL,
    "co": Operator.CONTAINS,
    "sw": Operator.STARTS,
    "ew": Operator.ENDS,
    "gt": Operator.GREATER,
    "ge": Operator.GREATER_OR_EQUAL,
    "lt": Operator.LESS,
    "le": Operator.LESS_OR_EQUAL,
}
_OPPOSITES = {
    Operator.EQUAL: Operator.NOT_EQUAL,
    Operator.CONTAINS: Operator.NOT_CONTAINS,
    Operator.STARTS: Operator.NOT_STARTS,
    Operator.ENDS: Operator.NOT_ENDS,
    Operator.GREATER: Operator.LESS_OR_EQUAL,
    Operator.GREATER_OR_EQUAL: Operator.LESS,
}
_OPPOSITES |= {after: before for before, after in _OPPOSITES.items()}
_EQUALITY = frozenset({"eq", "ne", "pr"})
_TEXTS = frozenset({"co", "sw", "ew"})
_SEARCH = _EQUALITY | _TEXTS
_ORDER = _EQUALITY | {"gt", "ge", "lt", "le"}


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute that lists can be filtered by: the stored field, its operators, and how a value is stored.

    `searched` is the field that texts are looked for in, where that is another one.
    """

    stored: str
    operators: frozenset[str]
    parse: Callable[[Any], Value]
    searched: str = ""


def _text(value: Any) -> Value:
    if not isinstance(value, str):
        raise InvalidFilter("a text in double quotes is needed")
    return value


def _text_in_any_case(value: Any) -> Value:
    text = str(_text(value))
    return text.lower() if text.isascii() else text.casefold()


def _truth(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise InvalidFilter("true or false is needed")


def _moment(value: Any) -> Value:
    return time_range.parse(str(_text(value)), what="the value")


def _slug(value: Any) -> Value:
    """Names with the same slug are the same name here."""
    try:
        return slugs.slugify(str(_text(value)))
    except InvalidFilter:
        raise
    except Invalid:
        return ""


_OF_BOTH = {
    "id": Field("id", _EQUALITY, _text_in_any_case),
    "externalid": Field("external_id", _SEARCH, _text),
    "meta.created": Field("created_at", _ORDER, _moment),
    "meta.lastmodified": Field("changed_at", _ORDER, _moment),
}
USERS: Mapping[str, Field] = {
    **_OF_BOTH,
    "username": Field("user_name", _SEARCH, _text_in_any_case),
    "emails": Field("email", _SEARCH, _text_in_any_case),
    "emails.value": Field("email", _SEARCH, _text_in_any_case),
    "displayname": Field("display_name", _SEARCH, _text_in_any_case),
    "active": Field("is_active", _EQUALITY, _truth),
}
# Whether somebody is a member; that somebody else is one, too, would not be what `ne` seems to ask for.
_MEMBERS = Field("members", frozenset({"eq", "pr"}), _text_in_any_case)
GROUPS: Mapping[str, Field] = {
    **_OF_BOTH,
    "displayname": Field("slug", _SEARCH, _slug, searched="name"),
    "members": _MEMBERS,
    "members.value": _MEMBERS,
}

# How providers choose the address that they compare.
_CHOICES = ({"type": "work"}, {"primary": True}, {"type": "work", "primary": True})


def compile_filter(text: str, fields: Mapping[str, Field], schema: str) -> Filter:
    """Compile a filter for lists of one schema. Raises InvalidFilter."""
    return _compile(expressions.parse_filter(text), fields, schema.lower(), negated=False)


def _compile(expression: Expression, fields: Mapping[str, Field], schema: str, *, negated: bool) -> Filter:
    if isinstance(expression, expressions.Negated):
        return _compile(expression.part, fields, schema, negated=not negated)
    if isinstance(expression, Joined):
        parts = tuple(_compile(part, fields, schema, negated=negated) for part in expression.parts)
        return AllOf(parts) if (expression.word == "and") != negated else AnyOf(parts)

    if (inner := _of_values(expression)) is not None:
        return _compile(inner, fields, schema, negated=negated)
    name = expression.operator
    field = fields.get(_field_name(expression.path, schema))
    if field is None:
        raise InvalidFilter(f"lists can't be filtered by {expression.path}")
    if name not in field.operators:
        raise InvalidFilter(f"{expression.path} can't be filtered by {quote_text(name)}")
    if name == "pr":
        return Comparison(field.stored, Operator.EQUAL if negated else Operator.NOT_EQUAL, None)
    stored = field.searched if name in _TEXTS and field.searched else field.stored
    value = _value(field, name, expression.value)
    test = _OPPOSITES[_OPERATORS[name]] if negated else _OPERATORS[name]
    compiled = Comparison(stored, test, value)
    if negated and name in ("gt", "ge", "lt", "le"):
        return AnyOf((compiled, Comparison(stored, Operator.EQUAL, None)))
    return compiled


def _value(field: Field, operator: str, value: Any) -> Value:
    if value is None and operator in ("eq", "ne"):
        return None
    if operator in _TEXTS and field.searched:
        return _text(value)
    try:
        return field.parse(value)
    except InvalidFilter:
        raise
    except (Invalid, ValueError):
        raise InvalidFilter(f"{quote_text(str(value))} is not a value to compare with") from None


def _of_values(condition: expressions.Comparison) -> Expression | None:
    """Return what `emails[type eq "work" and value co "x"]` or `members[value eq "x"]` asks of the value, or None."""
    path = condition.path
    if path.where is None or path.sub or condition.operator != "pr":
        return None
    parts = path.where.parts if isinstance(path.where, Joined) and path.where.word == "and" else (path.where,)
    asked = [each for each in parts if isinstance(each, expressions.Comparison) and str(each.path) == "value"]
    choice = tuple(each for each in parts if each not in asked)
    place = Path(path.schema, path.attribute, Joined("and", choice) if choice else None, "value")
    return replace(asked[0], path=place) if len(asked) == 1 else None


def _field_name(path: Path, schema: str) -> str:
    if path.schema not in ("", schema):
        return ""
    if path.where is not None:
        is_known = path.attribute == "emails" and expressions.chosen_by(path.where) in _CHOICES
        return "emails.value" if is_known and path.sub in ("", "value") else ""
    return f"{path.attribute}.{path.sub}" if path.sub else path.attribute
