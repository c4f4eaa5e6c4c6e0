"""What PostgreSQL's client library is told, tells and asks: addresses, troubles of ours, how a server does."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from onebucket import bounds
from onebucket.store.engine.database import DatabaseUnavailable, DatabaseUnusable, TransactionInterrupted

Address = dict[str, Any]

_OURS: Address = {
    "application_name": "onebucket",
    "client_encoding": "utf8",
    **bounds.POSTGRES,
}

# Somebody who doesn't wait for our lock, with psql, has changed the same rows.
CROSSED = ("40001", "40P01")
NOT_LET_IN = ("28", "3D")
# Resources, locks, an operator's doing, a standby, the system: troubles that may be over when the same is tried again.
PASSING = ("08", "25006", "53", "55", "57", "58")


def address(url: str) -> Address:
    """What a URL of libpq's says, over what we'd choose. Raises DatabaseUnusable."""
    try:
        return _OURS | conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # What libpq says of it repeats the address, with its password.
        raise DatabaseUnusable(
            "the address of the database must be like postgresql://USER:PASSWORD@HOST/NAME"
        ) from None


def address_of_replica(url: str) -> Address:
    """What a URL of a replica says, over what we'd choose. Raises DatabaseUnusable."""
    try:
        return _OURS | bounds.REPLICA | conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseUnusable("the address of a replica must be like postgresql://USER:PASSWORD@HOST/NAME") from None


def without_password(there: Address) -> str:
    """An address as it may be shown."""
    user, host, port = (there.get(name) or "" for name in ("user", "host", "port"))
    before = f"{user}@" if user else ""
    behind = f":{port}" if port else ""
    return f"postgresql://{before}{host}{behind}/{there.get('dbname') or ''}"


def to_exception(error: psycopg.Error, *, lost: bool) -> Exception:
    """An error as Unavailable, or Interrupted; what is no trouble of the machine's is a mistake of ours, and stays.

    `lost` is whether the connection is.
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
    """The five characters by which PostgreSQL tells errors apart; empty where it wasn't asked."""
    return getattr(error, "sqlstate", None) or ""


def sentence(error: psycopg.Error) -> str:
    """What PostgreSQL said, in one line."""
    said = error.diag.message_primary or str(error).strip().splitlines()[-1]
    return said.removeprefix("FATAL:").strip()
