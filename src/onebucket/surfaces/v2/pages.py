"""Pages of a list: which one a request asks for, and the document that it is sent as."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from onebucket.surfaces.core.surface import ApiRequest, Parameter
from onebucket.surfaces.v2.errors import InvalidPage

DEFAULT_PAGELEN = 10
MAX_PAGELEN = 100
# Far beyond any list; the offset of its page still fits into a number of both databases.
MAX_PAGE = 10**9

PAGE = Parameter(
    "page",
    "the number of the page, from 1",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1},
)
PAGELEN = Parameter(
    "pagelen",
    "how many items a page has",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGELEN, "default": DEFAULT_PAGELEN},
)

_NUMBER = re.compile(r"[0-9]{1,10}")

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `number` counts from 1."""

    number: int = 1
    pagelen: int = DEFAULT_PAGELEN

    @property
    def offset(self) -> int:
        """The number of items before it."""
        return (self.number - 1) * self.pagelen

    @property
    def limit(self) -> int:
        """The number of items that it has at most."""
        return self.pagelen


class PageDocument(Struct, Generic[_Item], kw_only=True):
    """A page of a list: `size` counts the whole list, `next` and `previous` are the addresses of its neighbours."""

    size: int
    page: int
    pagelen: int
    next: str | UnsetType = UNSET
    previous: str | UnsetType = UNSET
    values: list[_Item]


@dataclass(frozen=True, slots=True)
class PagedList:
    """What a handler returns for a list: the items of one page, and the size of the whole list."""

    items: Sequence[Any]
    size: int
    page: Page

    def document(self, request: ApiRequest) -> PageDocument[Any]:
        """Make the document; the addresses in it keep the request's other parameters."""
        page = self.page
        document = PageDocument[Any](size=self.size, page=page.number, pagelen=page.pagelen, values=[*self.items])
        last = max(1, -(-self.size // page.pagelen))
        if page.number < last:
            document.next = request.url(page=str(page.number + 1))
        if page.number > 1:
            document.previous = request.url(page=str(min(page.number - 1, last)))
        return document


def page_of(request: ApiRequest) -> Page:
    """Read which page a request asks for. Raises InvalidPage."""
    return Page(
        number=_number(request, "page", 1, MAX_PAGE), pagelen=_number(request, "pagelen", DEFAULT_PAGELEN, MAX_PAGELEN)
    )


def _number(request: ApiRequest, name: str, default: int, greatest: int) -> int:
    text = request.query.get(name, [str(default)])[-1]
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= greatest:
        raise InvalidPage(name)
    return int(text)
