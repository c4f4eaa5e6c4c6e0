"""Fixtures: databases, servers in this process and in their own, PostgreSQL, and the command line."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

import cast
import commands
import live
import pg
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database


@pytest.fixture(scope="session")
def empty_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema and no rows."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    db = connect(f"sqlite:///{path}")
    schema.bring_up_to_date(db)
    db.close()
    return path


@pytest.fixture(scope="session")
def cast_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the cast."""
    path = tmp_path_factory.mktemp("template") / "cast.db"
    cast.make(path)
    return path


@pytest.fixture
def db(empty_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the current schema."""
    opened = cast.copy(empty_template, tmp_path)
    yield opened
    opened.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of modules with `ON_BOTH_DATABASES` on both databases.

    Tests that need a SQLite file run on SQLite only; they are recognised by words in their source.
    """
    if not getattr(metafunc.module, "ON_BOTH_DATABASES", False) or "api" not in metafunc.fixturenames:
        return
    source = inspect.getsource(metafunc.function)
    needs_file = "cast_template" in inspect.signature(metafunc.function).parameters
    if needs_file or any(each in source for each in ("sqlite3", "IMMEDIATE", "more_queries", "_fail(")):
        return
    metafunc.parametrize("api", ["SQLite", "PostgreSQL"], indirect=True)


@pytest.fixture
def api(request: pytest.FixtureRequest, cast_template: Path, tmp_path: Path) -> Iterator[cast.Api]:
    """A server in this process with the cast."""
    if getattr(request, "param", "SQLite") == "SQLite":
        db = cast.copy(cast_template, tmp_path)
    else:
        kept: pg.Kept = request.getfixturevalue("kept_on_postgres")
        kept.restore()
        db = kept.database
    served = cast.Api(db)
    yield served
    served.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[pg.Postgres]:
    """A PostgreSQL server."""
    server = pg.started()
    yield server
    server.close()


@pytest.fixture(scope="session")
def cast_on_postgres(postgres: pg.Postgres) -> str:
    """The name of a PostgreSQL database with the cast, to be used as a template."""
    name = postgres.create()
    db = connect(postgres.url(name))
    schema.bring_up_to_date(db)
    cast.fill(db)
    db.close()
    return name


@pytest.fixture(scope="session")
def kept_on_postgres(postgres: pg.Postgres, cast_on_postgres: str) -> Iterator[pg.Kept]:
    """A PostgreSQL database with the cast that can be reset to this state."""
    kept = pg.Kept(postgres.url(postgres.create(cast_on_postgres)))
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def served(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A server in its own process with the cast; the tests of a module share it and must not leave changes behind."""
    with live.with_the_cast(cast_template, tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def command(
    cast_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[commands.Command]:
    """Runs commands in this process, in a folder with a database that has the cast."""
    cast.copy(cast_template, tmp_path).close()
    yield commands.runner(tmp_path, monkeypatch, capsys)
    structlog.reset_defaults()  # `serve` configures the log before it fails
