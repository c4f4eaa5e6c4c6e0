"""Generates the OpenAPI 3.1 document from the route tables that the server uses."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

import onebucket
from onebucket.domain.accounts import SCOPES
from onebucket.domain.scopes import described
from onebucket.http import errors
from onebucket.surfaces.routing import Parameter, PlainText, Route, Surface
from onebucket.wire import formats

_DESCRIPTION = """\
Groups, their members and their privileges at the addresses of Bitbucket Cloud's REST API 1.0. Every address answers \
with and without a slash at its end, also under /api/1.0 and /!api/1.0, and to HEAD and OPTIONS.

Say who you are with HTTP Basic: a username or e-mail address, and a password or an app password. An app password \
works as a Bearer token too.

Answers are JSON, or XML or YAML with ?format=xml or ?format=yaml; GET with ?callback=name answers JSONP. \
Refusals are plain text: the standard phrase, then a sentence that says what to mend.

A change may be answered with X-Onebucket-Revision, a position. Sent back with a question, as \
X-Onebucket-Revision: at-least=POSITION, the answer is no older than that change, wherever it is read."""

_PATH_PARAMETERS = {
    "accountname": "a person or a team: username, UUID with or without braces, account_id, or validated e-mail address",
    "group_slug": "the group's slug; case counts",
    "repo_slug": "the repository's slug; case counts",
    "group_owner": "the account that owns the group: the same account",
    "user": "a person, named in any of the ways an account can be",
    "email": "the invited e-mail address",
    "id": "its id, as the list tells it",
    "member": "a person, named in any of the ways an account can be",
}
# The schema of a path parameter: not empty, no control characters.
_PATH_SCHEMA = {"type": "string", "minLength": 1, "pattern": r"^[^/\u0000-\u001f\u007f-\u009f]+$"}
_FORMAT = {
    "name": "format",
    "in": "query",
    "description": "json, xml or yaml",
    "schema": {"type": "string", "enum": [format.value for format in formats.Format], "default": "json"},
}
_CALLBACK = {
    "name": "callback",
    "in": "query",
    "description": "answer JSONP: a call of this JavaScript function",
    "schema": {"type": "string", "maxLength": formats.CALLBACK_LIMIT, "pattern": f"^{formats.CALLBACK.pattern}$"},
}
_REVISION = {
    "X-Onebucket-Revision": {
        "description": "On PostgreSQL, the position from which on the change can be seen",
        "schema": {"type": "string"},
    }
}

# The description of each error status, the same for all operations.
_STATUS_DESCRIPTIONS = {
    400: "What was sent cannot be meant that way; the sentence says what to mend",
    401: "No credentials, or wrong ones",
    403: "You may not do this, or your token was not made for it",
    404: "There is no such thing",
    409: "It is there already",
    413: "The body is longer than 1 MiB",
    429: "Too much at once; Retry-After says when to try again",
    503: "The database is busy; Retry-After says when to try again",
}
_COMMON_STATUSES = (400, 401, 403, 429, 503)


def lazy_document(surfaces: Sequence[Surface], *, base_url: str) -> Callable[[], dict[str, Any]]:
    """Return a function that generates the document on its first call, to keep the start of the server fast."""
    return cache(lambda: document(surfaces, base_url=base_url))


def document(surfaces: Sequence[Surface], *, base_url: str) -> dict[str, Any]:
    """Generate the document, ready to be encoded as JSON."""
    routes = [(surface.bases[0], route) for surface in surfaces for route in surface.routes]
    json_types = [
        kind
        for _, route in routes
        for kind in (route.response, route.json)
        if kind is not None and kind is not PlainText
    ]
    types = list(dict.fromkeys(json_types))
    shapes, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(types, shapes, strict=True))

    paths: dict[str, dict[str, Any]] = {}
    for base, route in routes:
        item = paths.setdefault(base + route.path, _components(route))
        item[route.method.lower()] = _operation(route, schemas)

    return {
        "openapi": "3.1.0",
        "info": {"title": "onebucket", "version": onebucket.__version__, "description": _DESCRIPTION},
        "servers": [{"url": base_url}],
        "security": [{"basic": []}, {"bearer": []}, {"oauth2": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "oauth2": {"type": "oauth2", "flows": _FLOWS},
            },
        },
    }


_TOKEN_FLOW = {
    "tokenUrl": "/site/oauth2/access_token",
    "scopes": {scope: described(scope) for scope in SCOPES},
}
_CODE_FLOW = {"authorizationUrl": "/site/oauth2/authorize", "refreshUrl": _TOKEN_FLOW["tokenUrl"]}
_FLOWS = {"authorizationCode": _TOKEN_FLOW | _CODE_FLOW, "clientCredentials": _TOKEN_FLOW}


def _components(route: Route) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", route.path)
    if not names:
        return {}
    return {
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": _PATH_PARAMETERS[name],
                "schema": _PATH_SCHEMA,
            }
            for name in names
        ]
    }


def _operation(route: Route, schemas: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
    schema = {"type": "string"} if route.response is PlainText else schemas.get(route.response)
    query = [_parameter(parameter) for parameter in route.query]
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"An app password needs the scope `{route.scope}`.",
        "parameters": [*query, _FORMAT, *([_CALLBACK] if route.method == "GET" else [])],
        "responses": _responses(route, schema),
    }
    if route.fields:
        operation["requestBody"] = _body(route.fields)
    if route.json is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[route.json]}},
        }
    if route.word:
        content = {"text/plain": {"schema": {"type": "string", "enum": ["read", "write", "admin"]}}}
        operation["requestBody"] = {"required": True, "description": route.word, "content": content}
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described_schema = {"description": parameter.description, "schema": dict(parameter.schema)}
    # An empty parameter counts as absent.
    return {"name": parameter.name, "in": "query", "allowEmptyValue": True, **described_schema}


def _body(parameters: Sequence[Parameter]) -> dict[str, Any]:
    required = [parameter.name for parameter in parameters if parameter.required]
    fields = {parameter.name: {**parameter.schema, "description": parameter.description} for parameter in parameters}
    kinds = {
        "application/json": fields,
        "application/x-www-form-urlencoded": {name: _without_null(field) for name, field in fields.items()},
    }
    content = {
        kind: {"schema": {"type": "object", "properties": properties, "required": required}}
        for kind, properties in kinds.items()
    }
    return {"required": bool(required), "content": content}


def _without_null(field: Mapping[str, Any]) -> dict[str, Any]:
    """Remove null from a field's types: forms have no null."""
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    schema = {**field, "type": [kind for kind in kinds if kind != "null"]}
    return {**schema, "enum": [value for value in field["enum"] if value is not None]} if "enum" in field else schema


def _responses(route: Route, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    refusals = {
        str(status): {"description": _STATUS_DESCRIPTIONS[status], "content": _error_response(status)}
        for status in sorted({*_COMMON_STATUSES, *route.errors})
    }
    headers = {"headers": _REVISION} if route.changes else {}
    if schema is None:
        return {"204": {"description": "Done", **headers}, **refusals}

    kinds = [*formats.CONTENT_TYPES.values(), *([formats.JSONP_CONTENT_TYPE] if route.method == "GET" else [])]
    names = ["text/plain"] if route.response is PlainText else [kind.partition(";")[0] for kind in kinds]
    # YAML has the same structure as JSON (contract/formats.md#y2); other formats are described as strings.
    values = ("application/json", "application/x-yaml")
    content = {name: {"schema": schema if name in values else {"type": "string"}} for name in names}
    done = {"200": {"description": "Done", **headers, "content": content}}
    unchanged = {} if route.method != "GET" else {"304": {"description": "Unchanged since the ETag in If-None-Match"}}
    return {**done, **unchanged, **refusals}


def _error_response(status: int) -> dict[str, Any]:
    kinds = (errors.PLAIN, errors.JSON) if status == 403 else (errors.PLAIN,)
    return {
        kind.partition(";")[0]: {"schema": {"type": "object" if kind == errors.JSON else "string"}} for kind in kinds
    }
