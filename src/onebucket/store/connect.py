"""Open the database that a URL names."""

from collections.abc import Sequence

from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import DatabaseUnusable


def connect(url: str, *, make: bool = True, replicas: Sequence[str] = (), sqlite_wal_index: bool = True) -> Database:
    """Return the database of `url`: `sqlite:///PATH` or `postgresql://…`; it isn't connected to yet.

    `make` creates the folder and file of an SQLite database; with `sqlite_wal_index`, its version is read from memory
    that connections share. `replicas` are URLs too, for PostgreSQL only.
    Raises DatabaseUnusable.
    """
    kind = url.partition(":")[0]
    if kind in ("postgresql", "postgres"):
        from onebucket.store.postgres.database import connect as connect_postgres

        opened = connect_postgres(url)
        if replicas:
            from onebucket.store.postgres.replica import connect as connect_replica

            opened.replicas = [connect_replica(replica) for replica in replicas]
        return opened
    if url.startswith("sqlite:///"):
        from onebucket.store.sqlite.database import connect as connect_sqlite

        return connect_sqlite(url, make=make, reads_wal_index=sqlite_wal_index)
    raise DatabaseUnusable(
        f"{kind!r} databases are not supported: use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
    )
