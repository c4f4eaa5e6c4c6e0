"""SQLite and PostgreSQL answer alike, byte for byte, and keep the same: the contract's tests again, on both at once."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cast
import pg
import test_access
import test_bad_input
import test_headers
import test_http_rules
import test_joining
import test_journal_api
import test_permissions
import test_tokens
import test_v1_group_changes
import test_v1_groups
import test_v1_invitations
import test_v1_members
import test_v1_privileges
import test_web_permissions
from browsing import Visitor
from cast import Api
from onebucket.actions import accounts, journal
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database, Transaction
from pg import Postgres
from test_journal_chain import at_step
from test_permissions import PEOPLE, ROWS
from twins import Twins, operators

_MODULES = (
    test_access,
    test_bad_input,
    test_headers,
    test_http_rules,
    test_joining,
    test_journal_api,
    test_tokens,
    test_v1_group_changes,
    test_v1_groups,
    test_v1_invitations,
    test_v1_members,
    test_v1_privileges,
)
# What a test that looks behind the server's answers has in it: it is about one database, or about one process.
_BEHIND = (
    *("api.db", "api.server", ".connection", "elsewhere=", "restore(", "everything()", "operate(api"),
    *("outbox", "letter", "death"),
)


def _again(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The tests of a module that do nothing but ask."""
    found = {}
    for name, test in vars(module).items():
        if not name.startswith("test_") or not callable(test) or test.__module__ != module.__name__:
            continue
        given = {
            argument
            for mark in getattr(test, "pytestmark", ())
            if mark.name == "parametrize"
            for argument in (mark.args[0].split(", ") if isinstance(mark.args[0], str) else mark.args[0])
        }
        asks_only = set(inspect.signature(test).parameters) - given == {"api"}
        if asks_only and not any(each in inspect.getsource(test) for each in _BEHIND):
            found[name] = test
    return found


for _module in _MODULES:
    globals().update(_again(_module))


@dataclass(frozen=True)
class Stage:
    """The cast, put on stage in the same moment on both, and how to have it again as it was."""

    file: Path
    kept: pg.Kept
    at: datetime

    def twins(self, folder: Path) -> Twins:
        """Two servers on it."""
        self.kept.restore()
        return Twins(Api(cast.copy(self.file, folder)), Api(self.kept.database), self.at)

    def restore(self, twins: Twins) -> None:
        """Let everything be again as it was on both."""
        twins.both[0].restore(self.file)
        self.kept.restore()


@dataclass(frozen=True)
class Behind:
    """A database before anybody serves it, and what is done there as the operator."""

    db: Database
    operator: Callable[[Transaction], UnitOfWork]

    def operate(self, action: Callable[[UnitOfWork], Any]) -> Any:
        """Do something as the operator."""
        with self.db.writing() as tx:
            return action(self.operator(tx))


@contextmanager
def _put_on_stage(postgres: Postgres, folder: Path, then: Callable[[Any], None] = lambda _: None) -> Iterator[Stage]:
    at = datetime.now(UTC).replace(microsecond=0)
    file, there = folder / "stage.db", postgres.url(postgres.create())
    for url in (f"sqlite:///{file}", there):
        behind = Behind(connect(url), operators(at))
        schema.bring_up_to_date(behind.db)
        cast.fill(behind.db, behind.operator)
        then(behind)
        behind.db.close()
    kept = pg.Kept(there)
    yield Stage(file, kept, at + timedelta(minutes=1))
    kept.close()


@pytest.fixture(scope="module")
def stage(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with _put_on_stage(postgres, tmp_path_factory.mktemp("twins")) as stage:
        yield stage


@pytest.fixture
def api(stage: Stage, tmp_path: Path) -> Iterator[Twins]:
    """The server that the tests ask: both of them; what they keep is compared at the end."""
    twins = stage.twins(tmp_path)
    yield twins
    twins.everything()
    twins.close()


# -- the matrix of permissions, in every format ------------------------------------------------------


@pytest.fixture(scope="module")
def matrix_stage(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    def then(behind: Behind) -> None:
        behind.operate(test_permissions._set)

    with _put_on_stage(postgres, tmp_path_factory.mktemp("matrix"), then) as stage:
        yield stage


@pytest.mark.parametrize("who", PEOPLE)
def test_every_address_answers_everybody_alike_in_every_format(matrix_stage: Stage, tmp_path: Path, who: str) -> None:
    twins = matrix_stage.twins(tmp_path)
    before = twins.everything()
    for row in ROWS:
        for format in ("json", "yaml", "xml") if row.method == "GET" else ("json",):
            mark = "&" if "?" in row.address else "?"
            status = twins(who, row.method, f"{row.address}{mark}format={format}", content=row.body).status_code
            if row.changes and status < 300:
                assert twins.everything() != before
                matrix_stage.restore(twins)
    twins.close()


# -- every page --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages_stage(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, dict[str, str]]]:
    names: list[dict[str, str]] = []

    def then(behind: Behind) -> None:
        names.append(test_web_permissions._links(behind))

    with _put_on_stage(postgres, tmp_path_factory.mktemp("pages"), then) as stage:
        assert names[0] == names[1]
        yield stage, names[0]


@pytest.mark.parametrize("who", test_web_permissions.PEOPLE)
def test_every_page_answers_everybody_alike(
    pages_stage: tuple[Stage, dict[str, str]], tmp_path: Path, who: str
) -> None:
    stage, names = pages_stage
    twins = stage.twins(tmp_path)
    for row in test_web_permissions.ROWS:
        # The secrets of consumers, and what they ask for, come from elsewhere than the server's other secrets.
        if any(each in row.address for each in ("/demo/", "oauth", "/consumers")):
            continue

        def page(api: Api, row: Any = row) -> tuple[int, Any, bytes]:
            with Visitor(api, None if who == "nobody" else who) as visitor:
                given = test_web_permissions.answered(visitor, row, names)
                return given.status_code, given.headers.raw, given.content

        first, second = twins.in_turn(page)
        assert first == second
        if row.method == "POST":
            twins.everything()
            stage.restore(twins)
    twins.close()


# -- the steps of the schema -------------------------------------------------------------------------


def test_a_journal_from_before_the_chain_becomes_the_same_chain(postgres: Postgres, tmp_path: Path) -> None:
    ids = [f"{letter * 8}-0000-4000-8000-000000000001" for letter in "ba"]
    rows = [
        f"('{id}', {number}, 'acmé “x”', {number}, NULL, 'operator', 'operator', NULL, 'team.added', 's', NULL,"
        f""" '{{"é": {number}}}', 'r')"""
        for id in ids
        for number in range(1, 1200)
    ]
    heads, faults = [], []
    for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres.url(postgres.create())):
        db = at_step(url, "0002")
        with db.writing() as tx:
            tx.connection.execute(f"INSERT INTO journal VALUES {', '.join(rows)}")
        schema.bring_up_to_date(db)
        with db.reading() as tx:
            chains = list(journal.verify(cast.operator(tx)))
        heads.append([(each.account_id, each.head) for each in chains])
        faults += [each.faults for each in chains]
        assert db.check() == ""
        db.close()

    assert faults == [[]] * 4
    assert heads[0] == heads[1] and [head.number for _, head in heads[0]] == [1199, 1199]


def test_accounts_from_before_there_were_stamps_have_one_each(postgres: Postgres, tmp_path: Path) -> None:
    stamps = []
    for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres.url(postgres.create())):
        db = at_step(url, "0005")
        with db.writing() as tx:
            for number in range(3):
                id = f"aaaaaaaa-0000-4000-8000-00000000000{number}"
                tx.connection.execute(
                    "INSERT INTO accounts (id, username, username_key, display_name, is_team, is_active, site_admin,"
                    f" created_at, revision) VALUES ('{id}', 'a{number}', 'a{number}', '', false, true, false, 0, 7)"
                )
            tx.connection.execute("INSERT INTO site (name, value) VALUES ('directory', '12')")
        schema.bring_up_to_date(db)
        with db.writing() as tx:
            stamps += [row[0] for row in tx.connection.execute("SELECT stamp FROM accounts")]
            stamps += [row[0] for row in tx.connection.execute("SELECT value FROM site WHERE name = 'directory'")]
            accounts.set_active(cast.operator(tx), "a1", False)
        with db.reading() as tx:
            [revision] = [*tx.connection.execute("SELECT revision FROM accounts WHERE username = 'a1'")]
        assert revision[0] > 7
        db.close()

    assert len({*stamps}) == len(stamps) == 8
    assert None not in stamps and "12" not in stamps
