"""Requests to API 2.0 as handlers see them, without a server."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from onebucket.surfaces.core.surface import ApiRequest
from onebucket.surfaces.v2 import presenter
from onebucket.wire import request_body

BASE = "https://bucket.example"


def request(query: Mapping[str, Sequence[str]]) -> ApiRequest:
    """Make a request with these query parameters, decoded."""
    return ApiRequest("/2.0/repositories/acme", {"workspace": "acme"}, query, b"", None, BASE, lambda: "", str)


def get(query: str) -> ApiRequest:
    """Make a request with a query string; as in the server, empty parameters are left out."""
    parsed = request_body.query(query.encode())
    return request({name: filled for name, values in parsed.items() if (filled := [*filter(None, values)])})


def shown(asked: ApiRequest, result: Any) -> Any:
    """Return the document that is sent of what a handler returned, as a client decodes it."""
    return msgspec.json.decode(msgspec.json.encode(presenter.present(asked, result)))
