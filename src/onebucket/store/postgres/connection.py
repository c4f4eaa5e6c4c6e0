"""Addresses and errors of libpq: connection parameters, and which errors a retry may get over."""

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from onebucket import bounds
from onebucket.store.engine.errors import DatabaseUnavailable, DatabaseUnusable, TransactionInterrupted

Address = dict[str, Any]

_DEFAULTS: Address = {
    "application_name": "onebucket",
    "client_encoding": "utf8",
    **bounds.POSTGRES,
}

# Serialization failure, deadlock: someone with psql, who doesn't take our lock, has changed the same rows.
CROSSED = ("40001", "40P01")
# Refused login, unknown database.
NOT_LET_IN = ("28", "3D")
# Classes of errors that a retry may get over: connection, read-only standby, resources, locks, operator, system.
PASSING = ("08", "25006", "53", "55", "57", "58")


def address(url: str) -> Address:
    """Parse a libpq URL; what it doesn't set gets our defaults. Raises DatabaseUnusable."""
    try:
        return _DEFAULTS | conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own message repeats the address, with its password.
        raise DatabaseUnusable(
            "the address of the database must be like postgresql://USER:PASSWORD@HOST/NAME"
        ) from None


def address_of_replica(url: str) -> Address:
    """Parse the URL of a replica; what it doesn't set gets our defaults. Raises DatabaseUnusable."""
    try:
        return _DEFAULTS | bounds.REPLICA | conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseUnusable("the address of a replica must be like postgresql://USER:PASSWORD@HOST/NAME") from None


def without_password(conninfo: Address) -> str:
    """Format an address for display, without its password."""
    user, host, port = (conninfo.get(name) or "" for name in ("user", "host", "port"))
    user_part = f"{user}@" if user else ""
    port_part = f":{port}" if port else ""
    return f"postgresql://{user_part}{host}{port_part}/{conninfo.get('dbname') or ''}"


def to_exception(error: psycopg.Error, *, lost: bool) -> Exception:
    """Convert an error to DatabaseUnavailable or TransactionInterrupted; return it unchanged if it is a bug of ours.

    `lost`: the connection is lost.
    """
    state = code(error)
    if lost:
        return TransactionInterrupted("the connection to the database was lost")
    if state in CROSSED:
        return TransactionInterrupted("another change came in between")
    return (
        DatabaseUnavailable(f"the database can't do this now ({sentence(error)})")
        if state.startswith(PASSING)
        else error
    )


def code(error: Exception) -> str:
    """Return PostgreSQL's five-character error code (SQLSTATE); empty if the error didn't come from the server."""
    return getattr(error, "sqlstate", None) or ""


def sentence(error: psycopg.Error) -> str:
    """Return PostgreSQL's message in one line."""
    message = error.diag.message_primary or str(error).strip().splitlines()[-1]
    return message.removeprefix("FATAL:").strip()


def roll_back(connection: psycopg.Connection[Any]) -> None:
    """Roll back an open transaction; `connection.rollback()` would discard every prepared statement."""
    if not connection.closed and connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
