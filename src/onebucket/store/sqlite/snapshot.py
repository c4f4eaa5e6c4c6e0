"""Copies of a whole SQLite database in memory, to put it back quickly."""

import sqlite3

from onebucket import bounds
from onebucket.store.sqlite.database import SqliteDatabase


class MemorySnapshots:
    """Snapshots of one database by name. They may be used by one thread at a time."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._connection = database.connect()
        self._copies: dict[str, sqlite3.Connection] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._copies

    def take(self, name: str) -> None:
        """Copy the database; a copy of that name is replaced."""
        self.drop(name)
        self._copies[name] = sqlite3.connect(
            ":memory:",
            check_same_thread=False,
            cached_statements=bounds.COMPILED_STATEMENTS,
            timeout=bounds.BUSY_SECONDS,
        )
        self._connection.backup(self._copies[name])

    def restore(self, name: str) -> None:
        """Put the content back, in one step for all connections."""
        self._copies[name].backup(self._connection)

    def drop(self, name: str) -> None:
        """Free the memory of a copy, if there is one."""
        if name in self._copies:
            self._copies.pop(name).close()

    def close(self) -> None:
        """Free the memory of all copies; the database closes its own connections."""
        for name in [*self._copies]:
            self.drop(name)
