"""Generates the OpenAPI 3.1 document from the route tables that the server uses."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

import onebucket
from onebucket.domain.scope_rules import ScopeRule, described
from onebucket.domain.scopes import SCOPES
from onebucket.surfaces.core.surface import Parameter, PlainText, Route, Surface
from onebucket.wire import formats
from onebucket.wire.formats import Format

_DESCRIPTION = """\
Groups, their members and their privileges at the addresses of Bitbucket Cloud's REST API 1.0. Every address works \
with and without a trailing slash, also under /api/1.0 and /!api/1.0, and with HEAD and OPTIONS.

Sign in with HTTP Basic: a username or e-mail address, and a password or an app password. An app password \
works as a Bearer token too.

Responses are JSON, or XML or YAML with ?format=xml or ?format=yaml; GET with ?callback=name returns JSONP. \
Errors are plain text: the standard phrase, then a sentence that says what to change.

The response to a change may carry X-Onebucket-Revision, a position. Send it back with a later request, as \
X-Onebucket-Revision: at-least=POSITION, and the response is no older than that change, wherever it is read."""

# The schema of a path parameter: not empty, no control characters.
_PATH_SCHEMA = {"type": "string", "minLength": 1, "pattern": r"^[^/\u0000-\u001f\u007f-\u009f]+$"}
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
    400: "Invalid input; the body says what to change",
    401: "Missing or wrong credentials",
    403: "Not allowed, or the credentials lack a scope",
    404: "Not found",
    409: "It exists already",
    413: "The body is longer than 1 MiB",
    429: "Too many requests; Retry-After says when to try again",
    503: "The database is busy; Retry-After says when to try again",
}
_COMMON_STATUSES = (400, 401, 403, 429, 503)


def lazy_document(surfaces: Sequence[Surface], *, base_url: str) -> Callable[[], dict[str, Any]]:
    """Return a function that generates the document on its first call, to keep the start of the server fast."""
    return cache(lambda: document(surfaces, base_url=base_url))


def document(surfaces: Sequence[Surface], *, base_url: str) -> dict[str, Any]:
    """Generate the document, ready to be encoded as JSON; a surface for directories describes itself instead."""
    surfaces = [surface for surface in surfaces if not surface.for_directories]
    types = list(dict.fromkeys(kind for surface in surfaces for kind in _types(surface)))
    shapes, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(types, shapes, strict=True))

    paths: dict[str, dict[str, Any]] = {}
    for surface in surfaces:
        for route in surface.routes:
            item = paths.setdefault(surface.bases[0] + route.path, _path_parameters(surface, route))
            item[route.method.lower()] = _operation(surface, route, schemas)

    return {
        "openapi": "3.1.0",
        "info": {"title": "onebucket", "version": onebucket.__version__, "description": _DESCRIPTION},
        "servers": [{"url": base_url}],
        "tags": [{"name": surface.title, "description": surface.description} for surface in surfaces if surface.routes],
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


def _types(surface: Surface) -> Iterator[Any]:
    """Every type of a JSON body that the surface sends or takes."""
    for route in surface.routes:
        yield from (kind for kind in (route.response, route.json) if kind is not None and kind is not PlainText)
        for status in _error_statuses(route):
            yield from surface.errors.types(status).values()


def _path_parameters(surface: Surface, route: Route) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", route.path)
    if not names:
        return {}
    return {
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": surface.describe_path_parameter(name),
                "schema": _PATH_SCHEMA,
            }
            for name in names
        ]
    }


def _operation(surface: Surface, route: Route, schemas: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
    parameters = [_parameter(parameter) for parameter in route.query]
    if len(surface.formats) > 1:
        parameters.append(_format(surface))
    if surface.has_jsonp and route.method == "GET":
        parameters.append(_CALLBACK)
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [surface.title],
        "summary": route.summary,
        **_scopes(route.scope_rule),
        "parameters": parameters,
        "responses": _responses(surface, route, schemas),
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


def _scopes(rule: ScopeRule | None) -> dict[str, Any]:
    """Say which scopes an operation needs: in a sentence, and as alternatives for programs."""
    if rule is None:
        return {"description": "Which scope an app password needs depends on the request that the proxy asks about."}
    newer = sorted(rule.newer)
    instead = f", or {' and '.join(f'`{scope}`' for scope in newer)}" if newer else ""
    alternatives = [[rule.classic], newer] if newer else [[rule.classic]]
    return {
        "description": f"An app password needs the scope `{rule.classic}`{instead}.",
        "security": [{"basic": []}, {"bearer": []}, *({"oauth2": scopes} for scopes in alternatives)],
    }


def _format(surface: Surface) -> dict[str, Any]:
    names = [format.value for format in surface.formats]
    return {
        "name": "format",
        "in": "query",
        "description": f"{', '.join(names[:-1])} or {names[-1]}",
        "schema": {"type": "string", "enum": names, "default": names[0]},
    }


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


def _responses(surface: Surface, route: Route, schemas: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
    refusals = {
        str(status): {
            "description": _STATUS_DESCRIPTIONS.get(status) or HTTPStatus(status).phrase,
            "content": {
                _media_type(kind): {"schema": schemas[of]} for kind, of in surface.errors.types(status).items()
            },
        }
        for status in _error_statuses(route)
    }
    headers = {"headers": _REVISION} if route.changes else {}
    if route.response is None:
        return {"204": {"description": "Done", **headers}, **refusals}

    content = _content(surface, route, schemas)
    done = {str(route.status): {"description": "Done", **headers, "content": content}}
    if route.may_move:
        location = {"Location": {"description": "The new address", "schema": {"type": "string"}}}
        done["201"] = {
            "description": "Done; it has a new address",
            "headers": {**_REVISION, **location},
            "content": content,
        }
    unchanged = {} if route.method != "GET" else {"304": {"description": "Unchanged since the ETag in If-None-Match"}}
    return {**done, **unchanged, **refusals}


def _content(surface: Surface, route: Route, schemas: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
    """Describe the body of a successful response in each of its formats."""
    text = {"schema": {"type": "string"}}
    if route.response is PlainText:
        return {"text/plain": text}
    # YAML has the same structure as JSON (contract/formats.md#y2); other formats are described as strings.
    structured = (Format.JSON, Format.YAML)
    content = {
        _media_type(formats.CONTENT_TYPES[format]): {"schema": schemas[route.response]}
        if format in structured
        else text
        for format in surface.formats
    }
    has_jsonp = surface.has_jsonp and route.method == "GET"
    return content | ({_media_type(formats.JSONP_CONTENT_TYPE): text} if has_jsonp else {})


def _error_statuses(route: Route) -> list[int]:
    return sorted({*_COMMON_STATUSES, *route.errors})


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0]
