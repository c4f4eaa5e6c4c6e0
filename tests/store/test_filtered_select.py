"""Filters and orders of lists find the same in SQL, on both databases, as in memory."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from bench import statements
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    MetaData,
    SmallInteger,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.schema import CreateTable

import sizes
from onebucket.domain import filters
from onebucket.domain.filters import AllOf, AnyOf, Comparison, ListQuery, Operator, Order, Readers
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine import filtered_select, timestamps
from onebucket.store.engine.database import Database
from onebucket.store.engine.filtered_select import FilteredSelect
from onebucket.store.engine.row_mapper import mapped, scalar
from onebucket.store.engine.statement import Statement
from onebucket.store.tables import Id, groups, memberships
from pg import Postgres

things = Table(
    "things",
    MetaData(),
    Column("number", SmallInteger, primary_key=True),
    Column("id", Id),
    Column("name", Text, nullable=False),
    Column("nickname", Text),
    Column("is_private", Boolean, nullable=False),
    Column("created_at", BigInteger),
)


class Thing(NamedTuple):
    """A row of the table, as the domain would have it."""

    number: int
    id: str | None
    name: str
    nickname: str | None
    is_private: bool
    created_at: datetime | None


def _thing(number: int, id: str | None, name: str, nickname: str | None, is_private: Any, at: int | None) -> Thing:
    return Thing(number, id, name, nickname, bool(is_private), None if at is None else timestamps.from_number(at))


COLUMNS = {**things.c, "full_name": things.c.name + "/" + things.c.nickname}
READERS: Readers = {
    **{name: lambda thing, at=place: thing[at] for place, name in enumerate(Thing._fields)},
    "full_name": lambda thing: None if thing.nickname is None else f"{thing.name}/{thing.nickname}",
}
THINGS = FilteredSelect(select(*things.c), mapped(*things.c, make=_thing), COLUMNS, unique=(things.c.number,))
ADD, CLEAR = Statement(insert(things)), Statement(delete(things))


_sql = str(CreateTable(things).compile())
TABLE = {"SQLite": _sql, "PostgreSQL": _sql.replace("TEXT", 'TEXT COLLATE "C"').replace("id CHAR(32)", "id UUID")}


@pytest.fixture(scope="module", params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An empty table of things."""
    if request.param == "SQLite":
        url = f"sqlite:///{tmp_path_factory.mktemp('things') / 'things.db'}"
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create())
    opened = connect(url)
    schema.bring_up_to_date(opened)
    with opened.writing() as tx:
        tx.connection.execute(TABLE[request.param])
    yield opened
    opened.close()


def both(database: Database, rows: list[Thing], query: ListQuery) -> tuple[tuple[list[Thing], int], ...]:
    """Return what a query finds in the database and in memory."""
    with database.writing() as tx:
        tx.run(CLEAR)
        stored = [thing._asdict() for thing in rows]
        for thing in stored:
            thing["created_at"] = thing["created_at"] and timestamps.to_number(thing["created_at"])
        tx.run_many(ADD, stored)
        found = THINGS.read(tx, query)
    return found, filters.evaluate(sorted(rows), query, READERS)


# Whatever a pattern, a quoting or a change of case could stumble over.
_letters = st.sampled_from([*"aAbkKsSiI%_!*?[]^\\-.,\"'(){}|+$/& ", *"äÄßẞſKıİüÜΣσςǅдД", "\u0301", "😀", "ﬁ"])
_texts = st.text(_letters, max_size=4) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
_ids = st.integers(0, 3).map(lambda number: f"{number:08x}-2222-4333-8444-abcdefabcdef")
_moments = st.integers(0, 5).map(lambda hours: datetime(2026, 3, 4, tzinfo=UTC) + timedelta(hours=hours))
_rows = st.lists(
    st.tuples(st.none() | _ids, _texts, st.none() | _texts, st.booleans(), st.none() | _moments), max_size=6
).map(lambda rows: [Thing(number, *row) for number, row in enumerate(rows)])

_ORDERED = [each for each in Operator if each.value in (">", ">=", "<", "<=")]
_NULL = st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL])


def _comparisons(
    field: str, values: st.SearchStrategy[Any], *, is_ordered: bool = True
) -> st.SearchStrategy[Comparison]:
    one = st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL, *(_ORDERED if is_ordered else ())])
    several = st.sampled_from([Operator.IN, Operator.NOT_IN])
    return st.one_of(
        st.builds(Comparison, st.just(field), one, values),
        st.builds(Comparison, st.just(field), several, st.lists(values, min_size=1, max_size=3).map(tuple)),
        st.builds(Comparison, st.just(field), _NULL, st.none()),
    )


def _searches(field: str) -> st.SearchStrategy[Comparison]:
    return st.builds(Comparison, st.just(field), st.sampled_from([*filters.SEARCHES]), _texts)


_conditions = st.recursive(
    st.one_of(
        _comparisons("number", st.integers(-2, 6) | st.sampled_from([2**31, 10**18 - 1])),
        _comparisons("id", _ids, is_ordered=False),
        *(_comparisons(name, _texts) for name in ("name", "nickname", "full_name")),
        *(_searches(name) for name in ("name", "nickname", "full_name")),
        st.builds(Comparison, st.just("is_private"), _NULL, st.booleans()),
        _comparisons("created_at", _moments),
    ),
    lambda inner: st.builds(
        lambda join, parts: join(tuple(parts)),
        st.sampled_from([AllOf, AnyOf]),
        st.lists(inner, min_size=2, max_size=3),
    ),
    max_leaves=6,
)
_queries = st.builds(
    ListQuery,
    limit=st.integers(1, 4),
    offset=st.integers(0, 4),
    filter=st.none() | _conditions,
    order=st.none() | st.builds(Order, st.sampled_from([*COLUMNS]), st.booleans()),
)


def _named(*names: str) -> list[Thing]:
    return [Thing(number, None, name, None, False, None) for number, name in enumerate(names)]


def _contains(text: str) -> ListQuery:
    return ListQuery(10, filter=Comparison("name", Operator.CONTAINS, text))


@settings(max_examples=sizes.examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_rows, _queries)
@example(_named("50%", "500"), _contains("0%"))
@example(_named("a_b", "aXb"), _contains("A_B"))
@example(_named("ä^", "x^", "^ä\\"), _contains("ä^"))
@example(_named("ä\\", "\\Ä", "ä/"), _contains("ä\\"))
@example(_named("Ä]", "ä[", "ä-"), _contains("Ä]"))
@example(_named("k", "K", "K"), _contains("K"))
@example(_named("K", "k", "x"), _contains("k"))
@example(_named("İ", "i", "ı"), _contains("İ"))
@example(_named("x"), _contains(""))
def test_a_database_finds_what_is_found_in_memory(database: Database, rows: list[Thing], query: ListQuery) -> None:
    stored, in_memory = both(database, rows, query)

    assert stored == in_memory


@pytest.mark.parametrize(
    ("made", "numbers"),
    [
        (Comparison("name", Operator.CONTAINS, "BER"), [1, 2]),
        (Comparison("name", Operator.CONTAINS, "über"), [2]),
        (Comparison("name", Operator.CONTAINS, "ИВАН"), [3]),
        (Comparison("name", Operator.NOT_CONTAINS, "b"), [0, 3]),
        (Comparison("name", Operator.STARTS, "ÜB"), [2]),
        (Comparison("name", Operator.ENDS, "ВАН"), [3]),
        (Comparison("name", Operator.NOT_ENDS, "er"), [0, 3]),
        (Comparison("nickname", Operator.NOT_EQUAL, "n"), [1, 2, 3]),
        (Comparison("nickname", Operator.NOT_CONTAINS, "n"), [1, 2, 3]),
        (Comparison("nickname", Operator.NOT_IN, ("n",)), [1, 2, 3]),
        (Comparison("nickname", Operator.LESS, "x"), [0]),
        (Comparison("nickname", Operator.NOT_EQUAL, None), [0]),
        (Comparison("number", Operator.IN, (1, 3, 10**17)), [1, 3]),
        (Comparison("created_at", Operator.GREATER, datetime(2026, 1, 1, tzinfo=UTC)), [0]),
    ],
)
def test_a_condition_finds_these(database: Database, made: filters.Filter, numbers: list[int]) -> None:
    rows = [
        Thing(0, None, "Zoë", "n", True, datetime(2026, 3, 4, tzinfo=UTC)),
        Thing(1, None, "Amber", None, True, None),
        Thing(2, None, "ÜBER", None, False, None),
        Thing(3, None, "Иван", None, False, None),
    ]

    for found, size in both(database, rows, ListQuery(10, filter=made)):
        assert ([thing.number for thing in found], size) == (numbers, len(numbers))


def test_what_a_filter_says_is_never_sql(database: Database) -> None:
    text = "x' OR 1=1 --%(name)s :name ? $1"

    found, size = both(database, _named("a", text), ListQuery(10, filter=Comparison("name", Operator.EQUAL, text)))[0]

    assert ([thing.number for thing in found], size) == ([1], 1)


def test_a_statement_is_compiled_once_for_each_shape(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    compile: Callable[..., Any] = Statement._compiled
    monkeypatch.setattr(Statement, "_compiled", lambda self, dialect: compiled.append(self) or compile(self, dialect))
    listed = FilteredSelect(select(*things.c), mapped(*things.c, make=_thing), COLUMNS, unique=(things.c.number,))

    with database.reading() as tx:
        for values in (("a",), ("b", "c"), tuple(map(str, range(1000)))):
            listed.read(tx, ListQuery(10, filter=Comparison("name", Operator.IN, values)))
        assert len(compiled) == 1
        for number in range(2 * filtered_select.KEPT_SHAPES):
            listed.read(
                tx, ListQuery(10, filter=AllOf((Comparison("number", Operator.EQUAL, 1),) * (number % 150 + 1)))
            )
        assert listed._page.cache_info().currsize == filtered_select.KEPT_SHAPES


def test_a_field_that_forgets_the_account_is_noticed() -> None:
    members = select(func.count()).select_from(memberships).scalar_subquery()
    in_account = select(groups.c.name).where(groups.c.account_id == bindparam("account_id"))
    columns = {"name": groups.c.name, "members": members}

    def stays(*fields: str) -> dict[str, bool]:
        chosen = {name: columns[name] for name in fields}
        listed = FilteredSelect(in_account, scalar(groups.c.name), chosen, unique=(groups.c.slug,)).statements()
        return {name: statements.reach(statements.clause(statement)).stays for name, statement in listed}

    assert stays("name") == {"page": True, "count": True}
    assert stays("name", "members") == {"page": False, "count": False}


def test_a_page_within_the_list_counts_it_and_the_last_one_need_not(database: Database) -> None:
    rows = _named(*"abcde")

    pages = [both(database, rows, ListQuery(2, offset))[0] for offset in (0, 2, 4, 6)]

    assert [[thing.name for thing in found] for found, _ in pages] == [["a", "b"], ["c", "d"], ["e"], []]
    assert {size for _, size in pages} == {5}
