"""How a table of a page is searched, filtered, sorted and cut into pages, as its address says.

What an address has of this and can't be is as if it weren't there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from onebucket.domain import filters
from onebucket.domain.filters import AllOf, Comparison, Filter, ListQuery, Operator, Order, Readers, Value
from onebucket.domain.privileges import Level
from onebucket.domain.projects import ProjectLevel
from onebucket.surfaces.web.core import toasts
from onebucket.surfaces.web.core.page_request import PageRequest
from onebucket.surfaces.web.core.pagination import PAGE_SIZE, ListPage, offset_of

_Item = TypeVar("_Item")

PAGE_SIZES = (25, 50, 100)


class Choice(NamedTuple):
    """One choice of a filter: the text that people read, the field that it is about, and its value there."""

    text: str
    field: str
    value: Value


class TableFilter(NamedTuple):
    """A filter of a table: its query parameter, its label, and its choices by their words in an address."""

    name: str
    label: str
    choices: Mapping[str, Choice]


def by_level(
    label: str = "Level", *, levels: Iterable[Level | ProjectLevel] = Level, none: bool = False
) -> TableFilter:
    """Return the filter by the field `level`, a number; `none` also offers no access."""
    levels = sorted((level for level in levels if level or none), reverse=True)
    texts = {level: level.word if level else "no access" for level in levels}
    return TableFilter("level", label, {level.word: Choice(texts[level], "level", int(level)) for level in levels})


BY_VISIBILITY = TableFilter(
    "visibility",
    "Visibility",
    {"public": Choice("public", "is_private", False), "private": Choice("private", "is_private", True)},
)


@dataclass(frozen=True, slots=True)
class Table:
    """What a table can be searched, filtered and sorted by, and how many rows a page has unless the address says.

    `columns` are the fields that it is sorted by, by their names in an address. The order of the list itself is
    `unsorted`, by default that of the first. Those that are `falling` begin with the highest when they are chosen.
    `find` and `start` are the query parameters of the search and the offset, `prefix` begins the others where a page
    has several tables.
    """

    columns: Mapping[str, str]
    searched: Sequence[str]
    filter: TableFilter | None = None
    falling: frozenset[str] = frozenset()
    unsorted: str = ""
    usual: int = PAGE_SIZE
    sizes: Sequence[int] = PAGE_SIZES
    find: str = "find"
    start: str = "from"
    prefix: str = ""

    @property
    def own_order(self) -> str:
        """The order of the list itself, as an address has it."""
        return self.unsorted or next(iter(self.columns))

    def parameter(self, name: str) -> str:
        """Return the query parameter for `sort`, `per_page` or the filter."""
        return f"{self.prefix}{name}"


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What an address wants of a table: words, a choice of its filter, a column to sort by, rows and an offset."""

    table: Table
    find: str
    chosen: str
    column: str
    is_descending: bool
    most: int
    start: int

    @property
    def filter(self) -> Filter | None:
        """The condition; None if everything is wanted."""
        found = filters.containing(self.find, *self.table.searched)
        if not (self.table.filter and self.chosen):
            return found
        choice = self.table.filter.choices[self.chosen]
        chosen = Comparison(choice.field, Operator.EQUAL, choice.value)
        return AllOf((found, chosen)) if found else chosen

    @property
    def order(self) -> Order | None:
        """The order; None for that of the list itself."""
        return None if self.sort == self.table.own_order else Order(self.table.columns[self.column], self.is_descending)

    @property
    def sort(self) -> str:
        """The order as an address has it."""
        return f"{'-' if self.is_descending else ''}{self.column}"

    def next_sort(self, column: str) -> str:
        """Return the order that a click on the head of a column leads to."""
        is_descending = not self.is_descending if column == self.column else column in self.table.falling
        return f"{'-' if is_descending else ''}{column}"

    @property
    def without(self) -> dict[str, str]:
        """The query parameters that narrow it, each empty."""
        filtered = [self.table.parameter(self.table.filter.name)] if self.table.filter else []
        return dict.fromkeys((self.table.find, self.table.start, *filtered), "")

    def others(self, request: PageRequest) -> list[tuple[str, str]]:
        """Return the query parameters that are about something else; a confirmation message is left out."""
        left_out = {*self.without, *map(self.table.parameter, ("sort", "per_page")), "done", toasts.PARAMETER}
        return [(name, text) for name, text in request.request.query_params.items() if name not in left_out]


@dataclass(frozen=True, slots=True)
class TablePage(ListPage[_Item]):
    """One page of a table, and what its address wants."""

    query: TableQuery

    @property
    def is_narrowed(self) -> bool:
        """Whether the address asks for less than everything."""
        return bool(self.find or self.query.chosen)


def page_size(request: PageRequest, usual: int, sizes: Sequence[int] = PAGE_SIZES, name: str = "per_page") -> int:
    """Return how many rows the address wants."""
    size = request.query(name)
    return int(size) if size in map(str, sizes) else usual


def parse(request: PageRequest, table: Table) -> TableQuery:
    """Read what the address wants of a table."""
    sort = request.query(table.parameter("sort"))
    sort = sort if sort.removeprefix("-") in table.columns else table.own_order
    chosen = request.query(table.parameter(table.filter.name)) if table.filter else ""
    return TableQuery(
        table,
        find=request.query(table.find)[: filters.LONGEST_SEARCH].strip(),
        chosen=chosen if table.filter and chosen in table.filter.choices else "",
        column=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
        most=page_size(request, table.usual, table.sizes, table.parameter("per_page")),
        start=offset_of(request, table.start),
    )


def read(
    request: PageRequest, table: Table, find: Callable[[ListQuery], tuple[Sequence[_Item], int]]
) -> TablePage[_Item]:
    """Return the page of a table that the address wants; the first one if it has fewer.

    `find` returns the part of a list that a query wants, and how many pass its filter.
    """
    query = parse(request, table)
    start, wanted, order = query.start, query.filter, query.order
    items, found = find(ListQuery(query.most, start, wanted, order))
    if start and not items:
        start, (items, found) = 0, find(ListQuery(query.most, 0, wanted, order))
    total = found if wanted is None else find(ListQuery(0))[1]
    return TablePage(items, start, found, total, query.find, query.most, query)


def arrange(request: PageRequest, table: Table, items: Sequence[_Item], readers: Readers) -> TablePage[_Item]:
    """Return the page that the address wants of a list that was worked out; `readers` read the fields of an item."""
    return read(request, table, lambda query: filters.evaluate(items, query, readers))
