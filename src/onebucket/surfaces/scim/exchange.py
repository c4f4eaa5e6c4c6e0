"""What requests to SCIM have in common: what they ask for, and how they are answered."""

from collections.abc import Mapping
from typing import Any

from onebucket.domain.filters import ListQuery
from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import ApiRequest, Reply
from onebucket.surfaces.scim import discovery, list_filters
from onebucket.surfaces.scim.errors import SCIM_JSON, VersionMismatch
from onebucket.surfaces.scim.shapes import Projection
from onebucket.wire import request_body
from onebucket.wire.request_body import UnreadableBody

_MEDIA_TYPES = frozenset({SCIM_JSON, "application/json"})
_DEFAULT_COUNT = 100


def directory_of(request: ApiRequest) -> str:
    """Return the directory's id in the path."""
    return request.path_parameters["directory"].lower()


def id_of(request: ApiRequest) -> str:
    """Return the id of the resource in the path."""
    return request.path_parameters["id"].lower()


def root_of(request: ApiRequest) -> str:
    """Return the address of the directory, under the base path that the request came to."""
    base = "v2" if request.path.lstrip("/").startswith("scim/v2/") else "directory"
    return f"{request.base_url}/scim/{base}/{directory_of(request)}"


def body_of(request: ApiRequest) -> Mapping[str, Any]:
    """Return the JSON object in the body. Raises UnreadableBody."""
    if request_body.media_type_of(request.content_type) not in _MEDIA_TYPES:
        raise UnreadableBody(f"the content type must be {SCIM_JSON} or application/json")
    return request_body.document(request.body, dict[str, Any], "a JSON object")


def wanted_part(request: ApiRequest, fields: Mapping[str, list_filters.Field], schema: str) -> tuple[int, ListQuery]:
    """Return the number of the first item, from 1, and the part of a list that a request wants. Raises Invalid."""
    if "sortBy" in request.query or "sortOrder" in request.query:
        raise Invalid("lists can't be sorted: they are in the order in which the directory brought things")
    start = max(_number(request, "startIndex", 1), 1)
    count = min(max(_number(request, "count", _DEFAULT_COUNT), 0), discovery.MOST_RESULTS)
    texts = request.query.get("filter", ())
    if len(texts) > 1:
        raise Invalid("filter is given more than once")
    condition = list_filters.compile_filter(texts[0], fields, schema) if texts else None
    return start, ListQuery(limit=count, offset=start - 1, filter=condition)


def _number(request: ApiRequest, name: str, default: int) -> int:
    text = request.query.get(name, [str(default)])[-1]
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 10:
        raise Invalid(f"{name} must be a number")
    return int(text)


def check_version(request: ApiRequest, document: Mapping[str, Any]) -> None:
    """Refuse a change of another version than If-Match names. Raises VersionMismatch."""
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    versions = {each.strip().removeprefix("W/") for each in wanted.split(",")}
    if document["meta"]["version"].removeprefix("W/") not in versions:
        raise VersionMismatch


def reply(document: Mapping[str, Any], *headers: tuple[str, str]) -> Reply:
    """Make the response with a document."""
    return Reply(document, 200, headers, SCIM_JSON)


def resource(request: ApiRequest, document: Mapping[str, Any]) -> Reply:
    """Make the response with one resource: those of its attributes that are wanted, and its version."""
    meta = document["meta"]
    sent = Projection(request).apply(document)
    return reply(sent, ("etag", meta["version"]), ("location", meta["location"]))
