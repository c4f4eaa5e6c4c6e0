"""The description of API 2.0 that the original publishes, where it is beside the checkout: what answers must fit."""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from jsonschema import Draft202012Validator

from checkout import TOP

PATH = TOP.parent / "shared" / "spec" / "bitbucket-2.0.json"

# Where the description contradicts what the original sends: which types, by the name of a schema, are fine too.
# Keys are called `ssh_key` by the schema that they are made of; projects of people have a user as their owner.
TYPES = {"team": ["user"], "ssh_account_key": ["ssh_key"]}

_BASE = re.compile(r"/(?:api/|(?:!|%21)api/)?2\.0(?=/)")


def _name_types(schemas: dict[str, Any]) -> None:
    """Let each schema have the type of those that are made of it: `user` has all of `account`, but its own type."""
    parents = {
        name: re.findall(r"schemas/(\w+)\"\}, \{\"allOf", json.dumps(schema)) for name, schema in schemas.items()
    }
    names = {name: [name, *TYPES.get(name, ())] for name in schemas}
    for name in schemas:
        ancestors = [*parents[name]]
        for parent in ancestors:
            names[parent] += names[name]
            ancestors += parents[parent]
    for name, schema in schemas.items():
        own = schema.get("allOf", [{}])[0].get("properties", {}).get("type", {})
        if "const" in own:
            del own["const"]
            own["enum"] = sorted({*names[name]})


def document() -> dict[str, Any]:
    """Read the description, with the types that it forgets."""
    read: dict[str, Any] = json.loads(PATH.read_text())
    schemas = read["components"]["schemas"]
    _name_types(schemas)
    # A missing scope is told in an object, for which the description has a text.
    schemas["error"]["allOf"][1]["properties"]["error"]["properties"]["detail"] = {"type": ["string", "object"]}
    return read


def operations() -> set[tuple[str, str]]:
    """Return the method and the path of each operation, with the names in braces left out."""
    return {
        (method.upper(), nameless(path))
        for path, item in document()["paths"].items()
        for method in item
        if method != "parameters"
    }


def nameless(path: str) -> str:
    """Leave out the names in the braces of a path, which differ."""
    return re.sub(r"\{\w+\}", "{}", path)


@cache
def _published() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    if not PATH.is_file():
        return []
    paths = sorted(document()["paths"].items(), key=lambda each: each[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), item) for path, item in paths]


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": document()["components"]})


def check(method: str, address: str, answer: httpx.Response) -> None:
    """Check that an answer fits the description, if it describes the address; parts of answers can't."""
    url = urlsplit(address)
    base = _BASE.match(url.path)
    if base is None or "fields" in parse_qs(url.query):
        return
    path = url.path[base.end() :]
    for pattern, item in _published():
        if pattern.fullmatch(path) and method.lower() in item:
            _check(item[method.lower()], answer)
            return


def _check(operation: dict[str, Any], answer: httpx.Response) -> None:
    responses, status = operation["responses"], str(answer.status_code)
    schema = responses.get(status, {}).get("content", {}).get("application/json", {}).get("schema")
    if answer.status_code >= 400:
        schema = {"$ref": "#/components/schemas/error"}
    elif "default" not in responses:
        assert status in responses, f"{status} is none of {', '.join(responses)}"
    if schema is not None:
        errors = [*_validator(json.dumps(schema)).iter_errors(answer.json())]
        assert not errors, "\n".join(f"{error.json_path}: {error.message[:300]}" for error in errors)
