"""Fixtures: databases, servers in this process and in their own, PostgreSQL, and the command line."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

import both_databases
import cast
import commands
import live
import memory_folder
import partitions
import pg
import sizes
from both_databases import ApiOnBoth, NewDatabase, SameData
from onebucket import hashing
from onebucket.http.auth import authentication
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine import bounded_reads
from onebucket.store.engine.database import Database
from onebucket.store.postgres.database import PostgresDatabase

_ARGON2ID, _DUMMY_HASH = hashing.ARGON2ID, authentication.DUMMY_HASH


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


@pytest.fixture(scope="session", autouse=True)
def cheap_argon2id() -> Iterator[None]:
    """Hash passwords in this process with the cheapest parameters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "ARGON2ID", cast.CHEAP_ARGON2ID)
        patch.setattr(authentication, "DUMMY_HASH", cast.cheap_hash("nobody's password"))
        yield


@pytest.fixture
def real_argon2id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as a server does."""
    monkeypatch.setattr(hashing, "ARGON2ID", _ARGON2ID)
    monkeypatch.setattr(authentication, "DUMMY_HASH", _DUMMY_HASH)


@pytest.fixture
def db(empty_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the current schema."""
    opened = cast.copy(empty_template, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def tofu(request: pytest.FixtureRequest) -> None:
    """OpenTofu; the test is skipped where it would have to be built first and nobody has asked for that."""
    import opentofu

    opentofu.skip_unless_built(request.config.getoption("keyword") or "")


# -- what a test needs -----------------------------------------------------------------------------

# Fixtures that set a mark.
_NEEDS = {"postgres": "postgresql", "browser": "browser", "served": "subprocess", "api": "server"}
_STARTING_A_PROCESS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty"})

_running: pytest.Item | None = None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collected tests out of every garbage collection: they stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures that they use; PostgreSQL and browsers are other processes."""
    for item in items:
        for name in _NEEDS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(_NEEDS[name])
        if item.get_closest_marker("postgresql") or item.get_closest_marker("browser"):
            item.add_marker("subprocess")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Remember which test is running, for the audit hook."""
    global _running
    _running = item
    try:
        return (yield)
    finally:
        _running = None


def pytest_configure() -> None:
    """Set how much Hypothesis tries and where files go; refuse to start a process without the mark that says so."""
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory_folder.parent()))
    hypothesis.settings.register_profile("onebucket", max_examples=sizes.examples(100), deadline=None)
    hypothesis.settings.load_profile("onebucket")
    sys.addaudithook(_check_process)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests that need schemathesis when its plugin is off, because it takes long to load."""
    is_off = not config.pluginmanager.has_plugin("schemathesis")
    return True if is_off and collection_path.name in ("test_openapi_requests.py", "test_v2_fuzz.py") else None


def _check_process(event: str, _: object) -> None:
    # Nothing runs while the interpreter ends, when the other global names are gone.
    if _running and event in _STARTING_A_PROCESS and not _running.get_closest_marker("subprocess"):
        pytest.fail("this test starts a process: mark it with `subprocess`")


# -- databases and servers -------------------------------------------------------------------------

# What the fixture `api` may run on; `runs_on` names them.
_DATABASES = {
    "SQLite": (),
    # SQLite, with every list read from the database while it is sent, however short.
    "streamed": (),
    "PostgreSQL": (pytest.mark.postgresql,),
    # A server on each: their responses and what they store are compared.
    "both": (pytest.mark.postgresql,),
    # The same, with PostgreSQL's tables partitioned by account.
    "split": (pytest.mark.postgresql,),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked with `runs_on` once for each name in it; the test's own mark comes before the module's."""
    mark = metafunc.definition.get_closest_marker("runs_on")
    if mark and "api" in metafunc.fixturenames:
        names = [pytest.param(name, marks=_DATABASES[name]) for name in mark.args]
        metafunc.parametrize("api", names, indirect=True)


@pytest.fixture
def api(
    request: pytest.FixtureRequest, cast_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[cast.Api | ApiOnBoth]:
    """A server in this process with the cast; on SQLite, unless the test is marked with `runs_on`."""
    on: str = getattr(request, "param", "SQLite")
    if on in ("both", "split"):
        data: SameData = request.getfixturevalue(f"{on}_data")
        with data.serving(tmp_path) as both:
            yield both
        return
    if on == "streamed":
        monkeypatch.setattr(bounded_reads, "MAX_BUFFERED_ROWS", -1)
    if on == "PostgreSQL":
        resettable: pg.ResettableDatabase = request.getfixturevalue("resettable_postgres")
        resettable.reset()
        db = resettable.database
    else:
        db = cast.copy(cast_template, tmp_path)
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
def resettable_postgres(postgres: pg.Postgres, cast_on_postgres: str) -> Iterator[pg.ResettableDatabase]:
    """A PostgreSQL database with the cast that can be reset to this state."""
    resettable = pg.ResettableDatabase(postgres.url(postgres.create(cast_on_postgres)))
    yield resettable
    resettable.close()


@pytest.fixture(scope="session")
def both_data(postgres: pg.Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SameData]:
    """The cast on SQLite and on PostgreSQL."""
    with both_databases.same_data(postgres, tmp_path_factory.mktemp("both")) as data:
        yield data


@pytest.fixture(scope="session")
def split_data(postgres: pg.Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SameData]:
    """The cast on SQLite and on PostgreSQL with tables partitioned by account."""

    def split(new: NewDatabase) -> None:
        if isinstance(new.db, PostgresDatabase):
            partitions.split(new.db.url)

    with both_databases.same_data(postgres, tmp_path_factory.mktemp("split"), split) as data:
        yield data


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
