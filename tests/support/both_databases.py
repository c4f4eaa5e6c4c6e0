"""The same server on SQLite and on PostgreSQL: both must send the same response to the same request, byte for byte."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, repeat
from pathlib import Path
from typing import Any, TypeVar

import httpx

import cast
import pg
from cast import Api
from onebucket import hashing
from onebucket.actions import journal, tokens
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.accounts import OPERATOR
from onebucket.http import request
from onebucket.store import schema
from onebucket.store.connect import connect
from onebucket.store.engine.database import Database
from onebucket.store.engine.transaction import Transaction
from pg import Postgres

_Result = TypeVar("_Result")


def operators(at: datetime) -> Callable[[Transaction], UnitOfWork]:
    """Return a `cast.operator` whose clock moves by a second per call, with the same times and ids in every run."""
    ids, seconds = _ids(0), count()
    return lambda tx: UnitOfWork(OPERATOR, tx, at + timedelta(seconds=next(seconds)), "test", ids.__next__)


def _ids(kind: int) -> Iterator[str]:
    return (f"{number * 2654435761 % 2**32:08x}-{kind:04x}-4000-8000-{number:012x}" for number in count(1))


class ApiOnBoth:
    """A server on each database, used as one `Api`: returns SQLite's response after comparing PostgreSQL's.

    Both have the same clock, which moves with each request, the same ids and the same secrets.
    """

    def __init__(self, sqlite: Api, postgres: Api, at: datetime) -> None:
        self.both = (sqlite, postgres)
        self.db = sqlite.db  # to look at one of them; a change made there shows up as a difference
        self._at = at
        self._turn = count(1)
        self._turns = count(1)
        for api in self.both:
            _synchronize(api, at)

    def __call__(self, who: str | tuple[str, str] | None, method: str, path: str, **how: Any) -> httpx.Response:
        """Send the request to both."""
        answers = self.in_turn(lambda api: api(who, method, path, **how))
        return self._same(answers, f"{method} {path} as {who}")

    def raw(self, method: str, address: bytes, *headers: tuple[str, bytes], **how: Any) -> httpx.Response:
        """Send exactly these bytes to both."""
        return self._same(self.in_turn(lambda api: api.raw(method, address, *headers, **how)), f"{method} {address!r}")

    def at_once(self, who: str | tuple[str, str], *asks: tuple[str, str]) -> list[httpx.Response]:
        """Send several requests to both concurrently; their order is up to chance, so only statuses are compared."""
        first, second = self.in_turn(lambda api: api.at_once(who, *asks))
        assert sorted(each.status_code for each in first) == sorted(each.status_code for each in second)
        return first

    def operate(self, action: Callable[[UnitOfWork], _Result]) -> _Result:
        """Run an action as the operator on both."""
        turn = next(self._turn)
        done = []
        for api in self.both:
            with api.db.writing() as tx:
                ids = _ids(turn + 1)
                work = UnitOfWork(OPERATOR, tx, self._at + timedelta(seconds=turn), "test", ids.__next__)
                done.append(action(work))
        return done[0]

    def add_token(self, name: str, kind: str, scopes: Iterable[str]) -> Any:
        """Give a user another app password on both."""
        hash = hashing.secret_hash(cast.token(name, kind))
        return self.operate(lambda work: tokens.add(work, name, secret_hash=hash, scopes=frozenset(scopes), label=kind))

    def members(self, group: str, account: str = "acme") -> list[str]:
        """Return the usernames in a group, as root sees them."""
        return [user["username"] for user in self("root", "GET", f"/groups/{account}/{group}/members").json()]

    def journal(self) -> list[tuple[str, str, str, str]]:
        """Return the journal's entries on both since the cast was created."""
        first, second = (api.journal() for api in self.both)
        assert first == second
        return first

    def compare(self) -> None:
        """Check that both databases hold the same."""
        first, second = (_everything(api) for api in self.both)
        assert first == second, sorted({*first} ^ {*second})

    def everything(self) -> str:
        """Return the database as text, after comparing both; entries about failed attempts are left out."""
        self.compare()
        return self.both[0].everything()

    def check_journal(self) -> None:
        """Verify SQLite's journal; PostgreSQL's is the same, byte for byte, if `compare` has found no difference."""
        with self.db.reading() as tx:
            assert [chain.faults for chain in journal.verify(cast.operator(tx)) if chain.faults] == []

    def close(self) -> None:
        """Stop both."""
        for api in self.both:
            api.close()

    def in_turn(self, ask: Callable[[Api], _Result]) -> list[_Result]:
        """Send a request to both with the same request id."""
        turn, answers = next(self._turns), []
        before, request._serial = request._serial, repeat(turn)  # type: ignore[assignment]
        try:
            for api in self.both:
                answers.append(ask(api))
                # Finish background writes too, because they read the clock.
                api.run(api.server.services.write_queue.submit(lambda tx: None))
        finally:
            request._serial = before
        return answers

    @staticmethod
    def _same(answers: list[httpx.Response], what: str) -> httpx.Response:
        # Only the server on PostgreSQL, which may have replicas, sends the position of a change.
        # Turning pipelines off is accepted and stored nowhere.
        asks_only = what.startswith(("GET ", "HEAD ", "OPTIONS ", "POST /api/access")) or "/pipelines_config" in what
        told = answers[1].headers.get("x-onebucket-revision")
        assert (told is not None) == (not asks_only and answers[1].is_success), what
        first, second = ((answer.status_code, _headers(answer), answer.content) for answer in answers)
        assert first == second, what
        return answers[0]


def _headers(answer: httpx.Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in answer.headers.raw if name != b"x-onebucket-revision"]


def _synchronize(api: Api, at: datetime) -> None:
    seconds, ids = count(1), _ids(1)
    secrets = (f"obk_secret-number-{number}-is-long-enough" for number in count(1))
    api.clock = lambda: at + timedelta(milliseconds=next(seconds))
    # How often a database asks whether access has ended depends on which one it is.
    assert api.db.ends is not None
    api.db.ends = replace(api.db.ends, clock=lambda: at)
    api.new_id = lambda: next(ids)
    api.new_secret = lambda: next(secrets)


def _everything(api: Api) -> list[str]:
    """Return every row as text, comparable: booleans as integers, password hashes without salt, no stamps."""
    found = []
    tables = sorted(api.db.tables())
    with api.db.reading() as tx:
        for table in tables:
            cursor = tx.connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                shown = {name: _alike(value) for name, value in zip(names, row, strict=True) if name != "stamp"}
                if shown.get("name") == "directory":
                    del shown["value"]
                found.append(f"{table} {sorted(shown.items())}")
    return sorted(found)


def _alike(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("$argon2id$"):
        return "the hash of a password"
    return int(value) if isinstance(value, bool) else value


# -- the same data in both -------------------------------------------------------------------------


@dataclass(frozen=True)
class NewDatabase:
    """A database that no server uses yet."""

    db: Database
    operator: Callable[[Transaction], UnitOfWork]

    def operate(self, action: Callable[[UnitOfWork], Any]) -> Any:
        """Run an action as the operator."""
        with self.db.writing() as tx:
            return action(self.operator(tx))


@dataclass(frozen=True)
class SameData:
    """A SQLite file and a PostgreSQL database with the same data from the same moment; both can be reset to it."""

    file: Path
    postgres: pg.ResettableDatabase
    at: datetime

    @contextmanager
    def serving(self, folder: Path) -> Iterator[ApiOnBoth]:
        """Run a server on each, with the original data; at the end both must hold the same."""
        self.postgres.reset()
        api = ApiOnBoth(Api(cast.copy(self.file, folder)), Api(self.postgres.database), self.at)
        try:
            yield api
            api.compare()
            api.check_journal()
        finally:
            api.close()

    def reset(self, api: ApiOnBoth) -> None:
        """Reset both to the original data while their servers run."""
        api.both[0].restore(self.file)
        self.postgres.reset()


@contextmanager
def same_data(
    postgres: Postgres, folder: Path, prepare: Callable[[NewDatabase], object] = lambda _: None
) -> Iterator[SameData]:
    """Create the cast in both databases, then run `prepare` on each."""
    at = datetime.now(UTC).replace(microsecond=0)
    file, url = folder / "same.db", postgres.url(postgres.create())
    for each in (f"sqlite:///{file}", url):
        new = NewDatabase(connect(each), operators(at))
        schema.bring_up_to_date(new.db)
        cast.fill(new.db, new.operator)
        prepare(new)
        new.db.close()
    resettable = pg.ResettableDatabase(url)
    yield SameData(file, resettable, at + timedelta(minutes=1))
    resettable.close()
