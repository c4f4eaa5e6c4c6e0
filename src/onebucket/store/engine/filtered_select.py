"""Lists whose condition and order a request chooses, read page by page."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.types import TypeEngine

from onebucket.domain.filters import SEARCHES, AllOf, AnyOf, Filter, ListQuery, Operator, Order, Value
from onebucket.store.engine import text_search, timestamps
from onebucket.store.engine.list_parameters import values_of
from onebucket.store.engine.row_mapper import Row, RowMapper
from onebucket.store.engine.statement import Statement
from onebucket.store.engine.transaction import Transaction

_Found = TypeVar("_Found")

# Compiled statements that are kept for each list, the least recently used dropped first.
KEPT_SHAPES = 100

# A filter without its values: ("AND", shape, …), ("OR", shape, …) or (test, field, bind parameter).
_Shape: TypeAlias = tuple[Any, ...]
_LIMIT, _OFFSET = (bindparam(name, type_=BigInteger) for name in ("page_limit", "page_offset"))


class Keys(NamedTuple):
    """How the rows of a list are found and counted, before those of one page are read in full.

    `query` selects a key for each row, each once; `filtered` selects the same from tables with everything that the list
    is filtered by. Pages are in the order of `unique`, which are columns of both, unless they are sorted. `columns`
    hold the key in the list's own query.
    """

    query: Select[Any]
    filtered: Select[Any]
    unique: Sequence[ColumnElement[Any]]
    columns: Sequence[ColumnElement[Any]]

    def among(self, keys: Select[Any]) -> ColumnElement[bool]:
        """Make the condition that the key is one of these."""
        return (tuple_(*self.columns) if len(self.columns) > 1 else self.columns[0]).in_(keys)


class Several(NamedTuple):
    """A field that has several values: `query` selects those of a row, each as `value`.

    A list can be filtered by whether one of them is equal to a value, and by whether there is any; not sorted.
    """

    query: Select[Any]
    value: ColumnElement[Any]

    def clause(self, test: str, name: str) -> ColumnElement[bool]:
        """Make the condition that a test makes of these values and the name of a bind parameter."""
        query = self.query.where(self.value == _bound(self.value, name)) if name else self.query
        is_any = test == (Operator.EQUAL.value if name else f"{Operator.NOT_EQUAL} null")
        return query.exists() if is_any else not_(query.exists())


class FilteredSelect(Generic[_Found]):
    """A query of a list, to be narrowed by a filter, sorted and cut into pages.

    `query` selects the mapper's columns of the whole list; it has no order, limit or grouping. `columns` are what it
    can be filtered and sorted by, `unique` the columns that decide between equal rows. Where reading a row takes much
    more than finding it, `keys` find the rows, or `counted` selects as many of them without what only reading needs.
    Statements are compiled once for each shape of a filter: values are bound, and a list of values is one parameter.
    """

    def __init__(
        self,
        query: Select[Any],
        mapper: RowMapper[_Found],
        columns: Mapping[str, "ColumnElement[Any] | Several"],
        *,
        unique: Sequence[ColumnElement[Any]],
        keys: Keys | None = None,
        counted: Select[Any] | None = None,
    ) -> None:
        self._query = query
        self._keys = keys
        self._counted = query if counted is None else counted
        self._mapper = mapper
        self._columns = columns
        self._unique = tuple(unique)
        self._page = lru_cache(maxsize=KEPT_SHAPES)(self._make_page)
        self._count = lru_cache(maxsize=KEPT_SHAPES)(self._make_count)

    def read(self, tx: Transaction, query: ListQuery, **values: Any) -> tuple[list[_Found], int]:
        """Return the part of the list that a query wants, and how many rows pass its filter.

        `values` are those of the list's own parameters. With a limit of 0, rows are only counted.
        """
        shape: _Shape | None = None
        if query.filter is not None:
            bound: dict[str, Any] = {}
            shape = _shape(query.filter, bound)
            values |= bound
        found: list[_Found] = []
        if query.limit:
            found = tx.rows(self._page(shape, query.order), page_limit=query.limit, page_offset=query.offset, **values)
        if not query.is_counted or (len(found) < query.limit and (found or not query.offset)):
            # The list ends on this page, or nobody asks where it does.
            return found, query.offset + len(found)
        counted = tx.row(self._count(shape), **values)
        return found, counted[0] if counted else 0

    def statements(self) -> Iterator[tuple[str, Statement[Any]]]:
        """Yield a statement for the rows and one for their number, with every column in the filter."""
        test = Operator.NOT_EQUAL.value
        every = ("AND", *((test, name, f"filter_{number}") for number, name in enumerate(self._columns)))
        yield "page", self._page(every, None)
        yield "count", self._count(every)

    def _make_page(self, shape: _Shape | None, order: Order | None) -> Statement[_Found]:
        query, keys = self._query, self._keys
        if keys is not None and order is None:
            found = _page(self._found(keys, shape), keys.unique)
            return Statement(query.where(keys.among(found)).order_by(*self._unique), self._mapper)
        if keys is not None:
            query = query.where(keys.among(keys.query))
        chosen = [] if order is None else [self._sorted(order)]
        return Statement(_page(self._narrowed(query, shape), [*chosen, *self._unique]), self._mapper)

    def _make_count(self, shape: _Shape | None) -> Statement[Row]:
        if self._keys is not None:
            return Statement(select(func.count()).select_from(self._found(self._keys, shape).subquery("found")))
        counted = self._narrowed(self._counted, shape)
        return Statement(counted.with_only_columns(func.count(), maintain_column_froms=True))

    def _found(self, keys: Keys, shape: _Shape | None) -> Select[Any]:
        return keys.query if shape is None else self._narrowed(keys.filtered, shape)

    def _sorted(self, order: Order) -> ColumnElement[Any]:
        """Sort missing values first, as SQLite does by itself. Unique columns have none, and may be read in order."""
        column = self._columns[order.field]
        assert not isinstance(column, Several)
        has_missing = not any(column is each for each in self._unique)
        if order.is_descending:
            return column.desc().nulls_last() if has_missing else column.desc()
        return column.asc().nulls_first() if has_missing else column.asc()

    def _narrowed(self, query: Select[Any], shape: _Shape | None) -> Select[Any]:
        return query if shape is None else query.where(self._clause(shape))

    def _clause(self, shape: _Shape) -> ColumnElement[bool]:
        test, *parts = shape
        if test in _JOINED:
            return _JOINED[test](*map(self._clause, parts))
        field, name = parts
        column = self._columns[field]
        if isinstance(column, Several):
            return column.clause(test, name)
        return _TESTS[test](column, name) if test in _TESTS else _searched(test, column, name)


def _page(query: Select[Any], order: Iterable[ColumnElement[Any]]) -> Select[Any]:
    return query.order_by(*order).limit(_LIMIT).offset(_OFFSET)


def _shape(filter: Filter, values: dict[str, Any]) -> _Shape:
    """Return the shape of a filter; its values are added to `values`, each with the name of its parameter."""
    if isinstance(filter, AllOf):
        return ("AND", *(_shape(part, values) for part in filter.parts))
    if isinstance(filter, AnyOf):
        return ("OR", *(_shape(part, values) for part in filter.parts))
    test: str = filter.operator.value
    name = f"filter_{len(values)}"
    if filter.value is None:
        return (f"{test} null", filter.field, "")
    if filter.operator in SEARCHES:
        text = str(filter.value)
        if not text.isascii():
            test += _IN_ANY_CASE
        values[name] = text_search.pattern(text, SEARCHES[filter.operator])
    elif isinstance(filter.value, tuple):
        values[name] = [str(_stored(each)) for each in filter.value]
    else:
        values[name] = _stored(filter.value)
    return (test, filter.field, name)


def _stored(value: Value) -> Value:
    """Return a value as tables hold it."""
    return timestamps.to_number(value) if isinstance(value, datetime) else value


def _kind(column: ColumnElement[Any]) -> TypeEngine[Any]:
    # A number may be too large for the column.
    return BigInteger() if isinstance(column.type, Integer) else column.type


def _bound(column: ColumnElement[Any], name: str) -> BindParameter[Any]:
    return bindparam(name, type_=_kind(column))


def _searched(test: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Test whether a text is in a column or, where the test begins with an exclamation mark, is not."""
    operator = Operator(test.removesuffix(_IN_ANY_CASE))
    if test.endswith(_IN_ANY_CASE):
        found = text_search.found_in_any_case(column, name, SEARCHES[operator])
    else:
        found = text_search.found(column, name)
    return or_(column.is_(None), not_(found)) if test.startswith("!") else found


_IN_ANY_CASE = " in any case"
_JOINED: Mapping[str, Callable[..., ColumnElement[bool]]] = {"AND": and_, "OR": or_}

# The condition that each test makes of a column and the name of a bind parameter. A comparison with a missing value is
# NULL in SQL, which counts as false; where it has to be true, that is said.
_TESTS: Mapping[str, Callable[[ColumnElement[Any], str], ColumnElement[bool]]] = {
    "=": lambda column, name: column == _bound(column, name),
    "!=": lambda column, name: column.is_distinct_from(_bound(column, name)),
    ">": lambda column, name: column > _bound(column, name),
    ">=": lambda column, name: column >= _bound(column, name),
    "<": lambda column, name: column < _bound(column, name),
    "<=": lambda column, name: column <= _bound(column, name),
    "IN": lambda column, name: column.in_(values_of(name, _kind(column))),
    "NOT IN": lambda column, name: or_(column.is_(None), column.not_in(values_of(name, _kind(column)))),
    "= null": lambda column, name: column.is_(None),
    "!= null": lambda column, name: column.is_not(None),
}
