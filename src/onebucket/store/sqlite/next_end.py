"""The next end of access in a database on SQLite, asked again only when somebody has committed."""

import sqlite3

from onebucket.store.engine.ends import NEXT_END


class NextEnd:
    """What this process knows, by the version of the file; what it commits itself it knows without asking."""

    def __init__(self) -> None:
        self._of_version: tuple[bytes, int | None] | None = None
        # What the connection for changes last saw of others' commits, and the next end after its own last commit.
        self._of_writer: tuple[int, int | None] | None = None

    def before_read(self, connection: sqlite3.Connection, version: bytes | None) -> int | None:
        """Return the next end, in a transaction that begins; `version` was read before, None if it isn't known."""
        known = self._of_version
        if version is not None and known is not None and known[0] == version:
            return known[1]
        next_end: int | None
        try:
            (next_end,) = connection.execute(NEXT_END).fetchone()
        except sqlite3.OperationalError as error:
            # In a schema of an older release, which is being migrated, nothing ends.
            if not str(error).startswith("no such"):
                raise
            return None
        if version is not None:
            self._of_version = version, next_end
        return next_end

    def before_change(self, connection: sqlite3.Connection, version: bytes | None) -> tuple[int | None, int]:
        """Return the next end, and a number that changes when another connection commits, for `committed`."""
        others: int
        (others,) = connection.execute("PRAGMA data_version").fetchone()
        known, self._of_writer = self._of_writer, None
        if known is not None and known[0] == others:
            return known[1], others
        return self.before_read(connection, version), others

    def committed(self, others: int, next_end: int | None) -> None:
        """Take note of the next end after a commit."""
        self._of_writer = others, next_end
