"""Finds which accounts' rows each statement of the store touches: could it run on a database split by account?

A table is bound to an account if its `account_id` (the `id` of `accounts`) must equal one value, directly or through
joined columns. Conditions under an OR or a NOT don't count, nor does an account id inside an expression or a list: a
database split by account couldn't route by those.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Alias, BindParameter, Column, ColumnElement, Delete, Insert, Join, Select, Table, Update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, ClauseElement
from sqlalchemy.sql.selectable import FromClause, SelectBase, TableValuedAlias

from onebucket import store
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.index_hints import WithoutIndex
from onebucket.store.engine.statement import Statement

# A column of one table in a statement (a table may occur twice), or the name of a bind parameter.
_Node = tuple[Any, str] | str
_Values = frozenset[str]


@dataclass(frozen=True, slots=True)
class Use:
    """One table in a statement: the parameters its account id equals, and the columns its account id is joined to."""

    table: str
    values: frozenset[str]
    looked_up_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reach:
    """All tables that a statement uses."""

    uses: frozenset[Use]

    @property
    def looks_people_up(self) -> bool:
        """True if it reads rows of `accounts` by ids found in the rows of one account."""
        return any(_is_looked_up(use) for use in self.uses)

    @property
    def stays(self) -> bool:
        """True if everything else in it is bound to one and the same account."""
        values = [use.values for use in self.uses if not _is_looked_up(use)]
        return bool(values) and bool(frozenset.intersection(*values))


def _is_looked_up(use: Use) -> bool:
    return use.table == "accounts" and not use.values and bool(use.looked_up_by)


def every() -> Iterator[tuple[str, Statement]]:
    """Yield each statement of the store with its name, such as `groups._BY_SLUG` or `accounts._BY[email]`."""
    for module in pkgutil.iter_modules(store.__path__):
        if module.name == "migrations":
            continue
        for name, value in vars(importlib.import_module(f"{store.__name__}.{module.name}")).items():
            yield from _within_variable(f"{module.name}.{name}", value)


def _within_variable(name: str, value: Any) -> Iterator[tuple[str, Statement]]:
    if isinstance(value, Statement):
        yield name, value
    elif isinstance(value, FilteredSelect):
        yield from ((f"{name}[{part}]", each) for part, each in value.statements())
    elif isinstance(value, dict | tuple):
        several = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in several:
            if isinstance(each, Statement | FilteredSelect):
                yield from _within_variable(f"{name}[{key}]", each)


def clause(statement: Statement) -> ClauseElement:
    """Return the SQLAlchemy clause of a statement."""
    made: Any = statement._clause
    return made if isinstance(made, ClauseElement) else made(insert)


def reach(made: Any) -> Reach:
    """Return the tables that a clause uses, and what each is bound to."""
    if isinstance(made, Insert):
        account = _account_column(made.table)
        named = {str(getattr(column, "key", column)) for column in made.compile().params}
        return Reach(frozenset({Use(made.table.name, frozenset({account} if account in named else ()))}))
    return Reach(frozenset(_uses(made, {})))


@cache
def reach_of(statement: Statement) -> Reach:
    """Return the reach of a statement, worked out once."""
    return reach(clause(statement))


def _uses(made: Any, outside: Mapping[_Node, _Values]) -> Iterator[Use]:
    """Yield the tables of one query level, then those of its subqueries, which may be bound to tables `outside`."""
    if isinstance(made, Update | Delete):
        sources: list[FromClause] = [made.table]
        conditions = list(made._where_criteria)
    elif isinstance(made, Select):
        sources = [each for each in made.get_final_froms() if not _is_of(each, outside)]
        conditions = list(made._where_criteria)
    else:
        sources, conditions = [], []
    tables = [each for source in sources for each in _flat(source, conditions)]

    classes = _classes(_equalities(conditions))
    known = dict(outside)
    for table in tables:
        for column in table.c:
            nodes = _class_of(classes, (table, column.name))
            values = [outside.get(node, frozenset()) for node in nodes if not isinstance(node, str)]
            known[table, column.name] = frozenset(each for each in nodes if isinstance(each, str)).union(*values)

    for table in tables:
        if isinstance(table, Table) or (isinstance(table, Alias) and isinstance(table.element, Table)):
            yield _use(table, known, classes)
    for inner in _within(made, first=True):
        yield from _uses(inner, known)


def _use(table: FromClause, known: Mapping[_Node, _Values], classes: list[set[_Node]]) -> Use:
    name = str(table.element.name if isinstance(table, Alias) else getattr(table, "name", ""))
    account = _account_column(table)
    nodes = _class_of(classes, (table, account))
    by = frozenset(node[1] for node in nodes if not isinstance(node, str) and node[0] is not table)
    return Use(name, known.get((table, account), frozenset()), by)


def _is_of(source: FromClause, outside: Mapping[_Node, _Values]) -> bool:
    """True if `source` is a table of an enclosing statement."""
    return not isinstance(source, Join) and any(not isinstance(node, str) and node[0] is source for node in outside)


def _account_column(table: Any) -> str:
    return "account_id" if "account_id" in table.c else "id"


def _flat(source: FromClause, conditions: list[Any]) -> Iterator[FromClause]:
    """Yield the tables of a join; add the join's conditions to `conditions`."""
    if isinstance(source, Join):
        conditions.append(source.onclause)
        yield from _flat(source.left, conditions)
        yield from _flat(source.right, conditions)
    elif not isinstance(source, TableValuedAlias):
        yield source


def _equalities(conditions: Iterable[Any]) -> Iterator[tuple[_Node, _Node]]:
    """Yield pairs that must be equal for a row to match: from all sides of an AND, from no side of an OR."""
    for condition in conditions:
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
            yield from _equalities(condition.clauses)
        elif isinstance(condition, BinaryExpression) and condition.operator is operators.eq:
            left, right = _node(condition.left), _node(condition.right)
            if left is not None and right is not None:
                yield left, right
        elif isinstance(condition, BinaryExpression) and condition.operator is operators.in_op:
            # Not bound to a known value, but looked up by the result of a subquery.
            left = _node(condition.left)
            if left is not None and [*_within(condition.right)]:
                yield left, (condition.right, "in a list")


def _node(side: ColumnElement[Any]) -> _Node | None:
    if isinstance(side, BindParameter):
        return str(side.key)
    if isinstance(side, WithoutIndex):
        return _node(next(iter(side.clauses)))
    return (side.table, side.name) if isinstance(side, Column) else None


def _classes(pairs: Iterable[tuple[_Node, _Node]]) -> list[set[_Node]]:
    classes: list[set[_Node]] = []
    for left, right in pairs:
        joined = {left, right}.union(*(each for each in classes if left in each or right in each))
        classes = [each for each in classes if not each & joined] + [joined]
    return classes


def _class_of(classes: list[set[_Node]], node: _Node) -> set[_Node]:
    return next((each for each in classes if node in each), {node})


def _within(element: Any, *, first: bool = False) -> Iterator[Any]:
    """Yield the statements directly inside an element."""
    if isinstance(element, SelectBase) and not first:
        # Some statements wrap others: scalar subqueries, unions.
        yield element
    elif not isinstance(element, Table):
        for child in element.get_children():
            yield from _within(child)
