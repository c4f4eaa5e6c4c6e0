"""What a database refuses, whichever it is."""


class DatabaseUnusable(Exception):
    """The database can't be opened, or isn't onebucket's; the message says how to fix it."""


class DatabaseMissing(DatabaseUnusable):
    """There is no database at the given path."""


class DatabaseUnavailable(Exception):
    """The database is busy or unreachable, or its disk is full; retry after `retry_after` seconds."""

    retry_after = 5


class TransactionInterrupted(DatabaseUnavailable):
    """The connection was lost, or another transaction conflicted: nothing was changed; retry at once."""

    retry_after = 1
