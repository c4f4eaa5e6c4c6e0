"""PATCH (RFC 7644, 3.5.2), in all the forms that Entra ID and Okta send it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text
from onebucket.surfaces.scim import attributes, expressions
from onebucket.surfaces.scim.attributes import ENTERPRISE, GROUP, USER, Attribute
from onebucket.surfaces.scim.errors import InvalidPath, InvalidSyntax, NoTarget, NotMutable
from onebucket.surfaces.scim.expressions import Path

_SCHEMAS = {schema.lower(): schema for schema in (USER, ENTERPRISE, GROUP)}
MOST_OPERATIONS = 1000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `add`, `replace` or `remove`; without a path, the value is an object of attributes."""

    op: str
    path: str | None
    value: Any


def operations(body: Mapping[str, Any]) -> Iterator[Operation]:
    """Yield the operations of a body; names match in any case. Raises Invalid, InvalidSyntax."""
    sent = {name.lower(): value for name, value in body.items()}.get("operations")
    if not isinstance(sent, list) or not sent:
        raise InvalidSyntax("Operations must be a list of one operation or more")
    if len(sent) > MOST_OPERATIONS:
        raise Invalid(f"one PATCH has {MOST_OPERATIONS:,} operations at most")
    for each in sent:
        if not isinstance(each, Mapping):
            raise InvalidSyntax("an operation must be an object")
        fields = {name.lower(): value for name, value in each.items()}
        op, path = fields.get("op"), fields.get("path")
        if not isinstance(op, str) or op.lower() not in ("add", "replace", "remove"):
            raise InvalidSyntax(f"op must be add, replace or remove, not {quote_text(str(op))}")
        if path is not None and not isinstance(path, str):
            raise InvalidPath("path must be a text")
        yield Operation(op.lower(), path or None, fields.get("value"))


def apply(document: dict[str, Any], schema: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a User or a Group is after all operations of a body; attributes of an extension are under its URN.

    Members of a Group are a dict with their ids as keys. Raises Invalid, InvalidPath, NoTarget, NotMutable.
    """
    changed = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    for operation in operations(body):
        if operation.path is not None:
            _at(changed, schema, operation.op, expressions.parse_path(operation.path), operation.value, is_named=True)
            continue
        if operation.op == "remove":
            raise NoTarget("remove needs a path")
        if not isinstance(operation.value, Mapping):
            raise InvalidSyntax("without a path, value must be an object")
        _all(changed, schema, operation.op, operation.value)
    return changed


def _all(document: dict[str, Any], schema: str, op: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        extension = _SCHEMAS.get(name.lower())
        if extension is not None:
            if not isinstance(value, Mapping):
                raise Invalid(f"{name} must be an object")
            for inner, each in value.items():
                _at(document, schema, op, expressions.parse_path(f"{extension}:{inner}"), each)
        elif name.lower() not in attributes.OF_THE_SERVER:
            _at(document, schema, op, expressions.parse_path(name), value)


def _at(document: dict[str, Any], schema: str, op: str, path: Path, value: Any, *, is_named: bool = False) -> None:
    """Apply an operation at a path. One that is `named` may not be one that only the server sets."""
    whole = _SCHEMAS.get(f"{path.schema}:{path.attribute}" if path.schema else "")
    if whole is not None and whole != schema:
        # The path is the URN of the extension alone.
        document.pop(whole, None) if op == "remove" else _all(document, schema, op, {whole: value})
        return
    place = _SCHEMAS.get(path.schema, "") if path.schema else schema
    if place not in (schema, ENTERPRISE if schema == USER else schema):
        raise InvalidPath(f"{quote_text(path.schema)} is no schema of this resource")
    attribute = attributes.find(place, path.attribute)
    if attribute is None:
        if path.attribute in attributes.OF_THE_SERVER and is_named:
            raise NotMutable(f"{path.attribute} is set by the server")
        if attributes.is_known(place, path.attribute):
            return
        raise InvalidPath(f"{quote_text(path.attribute)} is no attribute of this resource")
    if attribute.read_only:
        if is_named:
            raise NotMutable(f"{attribute.name} is set by the server")
        return
    target = document if place == schema else document.setdefault(place, {})
    _change(target, attribute, op, path, value)
    if place != schema and not target:
        del document[place]


def _change(target: dict[str, Any], attribute: Attribute, op: str, path: Path, value: Any) -> None:
    change: Callable[[dict[str, Any], Attribute, str, Path, Any], None]
    if attribute.key == "members":
        change = _members
    elif attribute.is_list:
        change = _several
    elif attribute.kind == "complex":
        change = _parts
    else:
        change = _single
    change(target, attribute, op, path, value)


def _single(target: dict[str, Any], attribute: Attribute, op: str, path: Path, value: Any) -> None:
    if path.sub or path.where is not None:
        raise InvalidPath(f"{attribute.name} has no parts")
    kept = None if op == "remove" else attributes.check(attribute, value)
    if kept is None and attribute.is_required:
        raise NotMutable(f"{attribute.name} can't be without a value")
    if kept is None:
        target.pop(attribute.name, None)
    else:
        target[attribute.name] = kept


def _parts(target: dict[str, Any], attribute: Attribute, op: str, path: Path, value: Any) -> None:
    if path.where is not None:
        raise InvalidPath(f"{attribute.name} has one value only")
    present = dict(target.get(attribute.name) or {})
    if path.sub:
        _single(present, _part(attribute, path), op, Path("", path.sub), value)
    elif op == "remove":
        present = {}
    else:
        present |= attributes.check(attribute, value) or {}
    if present:
        target[attribute.name] = present
    else:
        target.pop(attribute.name, None)


def _part(attribute: Attribute, path: Path) -> Attribute:
    part = attribute.part(path.sub)
    if part is None:
        raise InvalidPath(f"{attribute.name} has no {quote_text(path.sub)}")
    return part


def _several(target: dict[str, Any], attribute: Attribute, op: str, path: Path, value: Any) -> None:
    present: list[dict[str, Any]] = [dict(each) for each in target.get(attribute.name) or ()]
    if path.where is None and not path.sub:
        kept = [] if op == "remove" and value is None else attributes.check(attribute, value) or []
        if op == "add":
            present = [each for each in present if each.get("value") not in {new.get("value") for new in kept}] + kept
        elif op == "remove" and kept:
            present = [each for each in present if each.get("value") not in {old.get("value") for old in kept}]
        else:
            present = kept
        _one_primary(present, kept)
    else:
        present = _chosen(present, attribute, op, path, value)
    if present:
        target[attribute.name] = present
    else:
        target.pop(attribute.name, None)


def _chosen(
    present: list[dict[str, Any]], attribute: Attribute, op: str, path: Path, value: Any
) -> list[dict[str, Any]]:
    """Change those values that the path chooses, or their part; where there is none, one is made as it wants it."""
    where = path.where
    parts = {part.key: part.name for part in attribute.parts}
    chosen = [
        each
        for each in present
        if where is None or expressions.matches(where, {key: each.get(name) for key, name in parts.items()})
    ]
    if op == "remove" and not path.sub:
        return [each for each in present if each not in chosen]
    if not chosen and op != "remove":
        wanted = expressions.chosen_by(where) if where is not None else {}
        if wanted is None or not wanted.keys() <= parts.keys():
            raise NoTarget(f"{path} leads to no value")
        chosen = [attributes.check(attribute, wanted)[0] if wanted else {}]
        present = [*present, *chosen]
    for each in chosen:
        if path.sub:
            _single(each, _part(attribute, path), op, Path("", path.sub), value)
        else:
            each |= (attributes.check(attribute, value) or [{}])[0]
    _one_primary(present, chosen)
    return [each for each in present if each.get("value") or each.get("display")]


def _one_primary(present: list[dict[str, Any]], changed: list[dict[str, Any]]) -> None:
    """Let the value that was made the primary one last be the only one."""
    primary = next((each for each in changed if each.get("primary")), None)
    if primary is not None:
        for each in present:
            if each is not primary and each.get("primary"):
                each["primary"] = False


def _members(target: dict[str, Any], attribute: Attribute, op: str, path: Path, value: Any) -> None:
    present: dict[str, None] = dict(target.get("members") or {})
    if path.sub:
        raise InvalidPath("what a member is can't be changed: add and remove members")
    if path.where is not None:
        if op != "remove":
            raise NoTarget("members are added by a list of them")
        present = {id: None for id in present if not expressions.matches(path.where, {"value": id})}
    elif op == "remove":
        gone = member_ids(value) if value not in (None, [], "") else present
        present = {id: None for id in present if id not in gone}
    else:
        new = member_ids(value)
        present = {**present, **new} if op == "add" else new
    target["members"] = present


def member_ids(value: Any) -> dict[str, None]:
    """Return the ids of a list of members, each once and in order. Raises Invalid."""
    ids: dict[str, None] = {}
    for each in value if isinstance(value, list) else [] if value is None else [value]:
        id = {name.lower(): part for name, part in each.items()}.get("value") if isinstance(each, Mapping) else each
        if not isinstance(id, str) or not id:
            raise Invalid("a member must be an object with the value of a User's id")
        ids[id.lower()] = None
    return ids
