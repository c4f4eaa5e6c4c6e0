"""Rows are decoded by the mappers of their tables: a column more changes nothing but its own mapper."""

import ast
from pathlib import Path

import pytest
from bench import statements
from sqlalchemy import Select, literal_column, select

import onebucket
from onebucket.store.account_rows import ACCOUNT
from onebucket.store.engine.row_mapper import joined, mapped, scalar
from onebucket.store.repository_rows import REPOSITORY

ROOMS = Path(onebucket.__file__).parent
EVERY = dict(statements.every())

_WORD = scalar(literal_column("word"))
_PERSON = ("id", "alice", "Alice", None, None, 0, 1, 1, 0)
_PLACE = ("account", "repository", "rocket", "Rocket", "project", 1, "", "allow_forks", "", 0, 0, 1, 1, "main")


@pytest.mark.parametrize("name", [name for name, statement in EVERY.items() if statement.mapper is not None])
def test_a_query_selects_the_columns_of_its_mapper(name: str) -> None:
    query, mapper = statements.clause(EVERY[name]), EVERY[name].mapper
    assert isinstance(query, Select) and mapper is not None

    pairs = zip(query.selected_columns, select(*mapper.columns).selected_columns, strict=True)
    assert all(selected.compare(column) for selected, column in pairs)


def test_a_new_column_moves_nothing_that_stands_beside_it() -> None:
    wider = mapped(*ACCOUNT.columns, literal_column("new"), make=lambda *values: ACCOUNT.convert(values[:-1]))
    before, after = joined(REPOSITORY, ACCOUNT, _WORD), joined(REPOSITORY, wider, _WORD)

    assert after.convert((*_PLACE, *_PERSON, "new", "word")) == before.convert((*_PLACE, *_PERSON, "word"))
    assert len(after.columns) == len(before.columns) + 1


def test_what_an_outer_join_lacks_is_none() -> None:
    mapper = joined(ACCOUNT, REPOSITORY.optional, _WORD)

    account, repository, word = mapper.convert((*_PERSON, *[None] * len(_PLACE), "word"))

    assert (account, repository, word) == (ACCOUNT.convert(_PERSON), None, "word")


# Whatever puts a row's columns into a mapper's hands.
_MAPPING = "store/engine/"


def taken_by_place(name: str, module: ast.AST) -> list[str]:
    """Parts of a row that are taken by where they stand: `row[6:]`, `row[2]`, `tx.row(_ONE)[0]`, `fetchone()[0]`."""
    return [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(module)
        if isinstance(node, ast.Subscript) and _is_row(node.value) and _is_place(node.slice)
        if not name.startswith(_MAPPING)
    ]


def _is_row(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in ("row", "fetchone")
    return isinstance(node, ast.Name) and node.id in ("row", "columns")


def _is_place(node: ast.expr) -> bool:
    return isinstance(node, ast.Slice) or (isinstance(node, ast.Constant) and isinstance(node.value, int))


def test_no_part_of_a_row_is_taken_by_its_place() -> None:
    found = []
    for path in ROOMS.rglob("*.py"):
        name = path.relative_to(ROOMS).as_posix()
        found += taken_by_place(name, ast.parse(path.read_text()))

    assert found == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("store/x_rows.py", "account(row[6:])"),
        ("store/x_rows.py", "return row[0] if row else None"),
        ("store/sqlite/x.py", "connection.execute('SELECT 1').fetchone()[0]"),
        ("actions/x.py", "names = [row[2] for row in rows]"),
    ],
)
def test_a_part_taken_by_its_place_is_noticed(name: str, source: str) -> None:
    assert taken_by_place(name, ast.parse(source))
