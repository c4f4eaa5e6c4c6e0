"""Pages of a list: `{"items": […], "next": "https://…?page=2"}`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from onebucket.domain.refusals import Invalid
from onebucket.surfaces.core.surface import ApiRequest, Parameter

PER_PAGE = 2
PAGE = Parameter("page", "the number of the page, from 1", {"type": "integer", "minimum": 1, "default": 1})


@dataclass(frozen=True)
class PagedList:
    """A list that is sent page by page."""

    items: Sequence[Any]


def present(request: ApiRequest, result: Any) -> Any:
    """Cut the page that was asked for out of a list. Raises Invalid."""
    if not isinstance(result, PagedList):
        return result
    number = request.query.get("page", ["1"])[-1]
    if not number.isdecimal() or number == "0":
        raise Invalid("page is not a number from 1")
    end = int(number) * PER_PAGE
    page: dict[str, Any] = {"items": msgspec.to_builtins(result.items[end - PER_PAGE : end])}
    return page | {"next": request.url(page=str(int(number) + 1))} if len(result.items) > end else page
