"""What tests are given: databases of their own, and a server with the fixed cast."""

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
    """A database with the schema and nothing in it."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    db = connect(f"sqlite:///{path}")
    schema.bring_up_to_date(db)
    db.close()
    return path


@pytest.fixture(scope="session")
def cast_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the cast on stage."""
    path = tmp_path_factory.mktemp("template") / "cast.db"
    cast.make(path)
    return path


@pytest.fixture
def db(empty_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database, up to date."""
    opened = cast.copy(empty_template, tmp_path)
    yield opened
    opened.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Where a module says that it is about both databases, its tests are run on both, but for what needs a file."""
    if not getattr(metafunc.module, "ON_BOTH_DATABASES", False) or "api" not in metafunc.fixturenames:
        return
    source = inspect.getsource(metafunc.function)
    needs_file = "cast_template" in inspect.signature(metafunc.function).parameters
    if needs_file or any(each in source for each in ("sqlite3", "IMMEDIATE", "more_queries", "_fail(")):
        return
    metafunc.parametrize("api", ["SQLite", "PostgreSQL"], indirect=True)


@pytest.fixture
def api(request: pytest.FixtureRequest, cast_template: Path, tmp_path: Path) -> Iterator[cast.Api]:
    """A server with the cast on stage."""
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
    """The name of a database of it with the cast on stage, to make others from."""
    name = postgres.create()
    db = connect(postgres.url(name))
    schema.bring_up_to_date(db)
    cast.fill(db)
    db.close()
    return name


@pytest.fixture(scope="session")
def kept_on_postgres(postgres: pg.Postgres, cast_on_postgres: str) -> Iterator[pg.Kept]:
    """A database of it with the cast on stage, that can be had again as it was."""
    kept = pg.Kept(postgres.url(postgres.create(cast_on_postgres)))
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def served(cast_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A real server in its own process with the cast on stage; its tests leave it as they found it."""
    with live.with_the_cast(cast_template, tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def command(
    cast_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[commands.Command]:
    """Runs commands in this process, in a folder that keeps a database with the cast on stage."""
    cast.copy(cast_template, tmp_path).close()
    yield commands.runner(tmp_path, monkeypatch, capsys)
    structlog.reset_defaults()  # `serve` sets up the log before it finds that it can't
