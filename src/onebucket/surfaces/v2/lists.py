"""Lists that can be asked for by page, `q` and `sort`.

A route's handler calls `read` with the table of the list's fields. It passes `query` to an action whose store filters
in SQL, or lets `of` filter a short list; both give a `PagedList` to return.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from onebucket.domain import filters
from onebucket.domain.filters import ListQuery, Order
from onebucket.domain.refusals import Invalid
from onebucket.safe_text import quote_text
from onebucket.surfaces.core.surface import ApiRequest, Parameter
from onebucket.surfaces.v2 import list_fields, pages
from onebucket.surfaces.v2.filters import MAX_LENGTH, parse
from onebucket.surfaces.v2.list_fields import FieldTable
from onebucket.surfaces.v2.pages import PAGE, PAGELEN, Page, PagedList


@dataclass(frozen=True, slots=True)
class Listing:
    """What a request asks of a list: a page, and the query of its items."""

    page: Page
    query: ListQuery
    table: FieldTable

    def paged(self, items: Sequence[Any], size: int) -> PagedList:
        """Return the page that has these items, of a list of that size."""
        return PagedList(items, size, self.page)

    def of(self, items: Iterable[Any]) -> PagedList:
        """Return the page of a list that is in memory, in the order that decides between equal items."""
        return self.paged(*filters.evaluate(items, self.query, list_fields.readers_of(self.table)))


def parameters(table: FieldTable) -> tuple[Parameter, ...]:
    """Describe the query parameters of a route that calls `read` with this table."""
    q = f"only items that match this condition, such as {next(iter(table))} != null; the fields are {', '.join(table)}"
    names = _sortable(table)
    return (
        PAGE,
        PAGELEN,
        Parameter("q", q, {"type": "string", "maxLength": MAX_LENGTH}),
        Parameter(
            "sort",
            "the field to sort by, in descending order with - before it",
            {"type": "string", "enum": [*names, *(f"-{name}" for name in names)]},
        ),
    )


def read(request: ApiRequest, table: FieldTable) -> Listing:
    """Read what a request asks of a list with these fields. Raises Invalid."""
    page = pages.page_of(request)
    condition, order = request.query.get("q"), request.query.get("sort")
    query = ListQuery(
        limit=page.limit,
        offset=page.offset,
        filter=parse(condition[-1], table) if condition else None,
        order=_order(order[-1], table) if order else None,
    )
    return Listing(page, query, table)


def _order(text: str, table: FieldTable) -> Order:
    name, names = text.removeprefix("-"), _sortable(table)
    if name not in names:
        raise Invalid(f"this list can't be sorted by {quote_text(name)}, only by {', '.join(names)}")
    return Order(list_fields.key_of(table, name), is_descending=text.startswith("-"))


def _sortable(table: FieldTable) -> list[str]:
    return [name for name, field in table.items() if field.is_sortable]
