"""Several queries of one row each as one statement: one execution, and over a network one round trip."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from onebucket.store.engine.row_mapper import Row
from onebucket.store.engine.statement import AnyStatement

# A statement and the values of its parameters.
Query = tuple[AnyStatement, dict[str, Any]]

_PARAMETERS = {"sqlite": re.compile(r"(?<![:\w]):(\w+)"), "postgresql": re.compile(r"%\((\w+)\)s")}


@cache
def text(statements: tuple[AnyStatement, ...], dialect: str) -> str:
    """Return the statement that finds the first row of each of several queries, for `rows` to take apart.

    Parameters of the query number n have the suffix `_n`; see `values`.
    """
    parts = []
    for number, statement in enumerate(statements):
        renamed = r":\g<1>_%d" if dialect == "sqlite" else r"%%(\g<1>_%d)s"
        parts.append(_PARAMETERS[dialect].sub(renamed % number, statement.text({}, dialect)))
    return _as_union(statements, parts) if dialect == "sqlite" else _as_join(parts)


def _as_union(statements: Sequence[AnyStatement], parts: Sequence[str]) -> str:
    # A join would take as long as the queries one by one, a union takes two thirds of it.
    widths = [_width(statement) for statement in statements]
    padding = [", NULL" * (max(widths) - width) for width in widths]
    selects = (f"SELECT {number}, found.*{padding[number]} FROM" for number in range(len(parts)))
    return " UNION ALL ".join(
        f"{select} ({part} LIMIT 1) AS found" for select, part in zip(selects, parts, strict=True)
    )


def _as_join(parts: Sequence[str]) -> str:
    # In a union, each column would need one type in all queries.
    joins = "".join(
        f" LEFT JOIN (SELECT TRUE AS is_found, part.* FROM ({part} LIMIT 1) AS part) AS found_{number} ON TRUE"  # noqa: S608
        for number, part in enumerate(parts)
    )
    columns = ", ".join(f"found_{number}.*" for number in range(len(parts)))
    return f"SELECT {columns} FROM (SELECT 1) AS one{joins}"  # noqa: S608


def values(prepared: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the values of all parameters; `prepared` are those of each query, as `Statement.text` has left them."""
    return {f"{name}_{number}": value for number, each in enumerate(prepared) for name, value in each.items()}


def rows(found: Sequence[Row], statements: Sequence[AnyStatement], dialect: str) -> list[Row | None]:
    """Return the row that each query has found, or None."""
    widths = map(_width, statements)
    if dialect == "sqlite":
        by_number = {row[0]: row[1:] for row in found}
        return [by_number[n][:width] if n in by_number else None for n, width in enumerate(widths)]

    (row,) = found
    result: list[Row | None] = []
    start = 0
    for width in widths:
        result.append(row[start + 1 : start + 1 + width] if row[start] else None)
        start += 1 + width
    return result


def _width(statement: AnyStatement) -> int:
    assert statement.mapper is not None, "only rows with a mapper can be told apart"
    return len(statement.mapper.columns)
