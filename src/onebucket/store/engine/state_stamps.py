"""Stamps: what tells one state of something from every other, those of another history included.

A counter goes back when a backup is put in its place, when pg_restore does, when a standby takes over that has not
heard of the last commits; then it grows again, and names another state with a number that it had before. A stamp is
random. One that comes back with a restored state comes back with that very state, and what follows has another.
"""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class NewStamp(FunctionElement[str]):
    """128 bits that the database makes up, for each row anew."""

    name = "new_stamp"
    type = Text()
    inherit_cache = True


@compiles(NewStamp, "sqlite")
def _on_sqlite(element: NewStamp, compiler: Any, **_: Any) -> str:
    return "lower(hex(randomblob(16)))"


@compiles(NewStamp, "postgresql")
def _on_postgres(element: NewStamp, compiler: Any, **_: Any) -> str:
    # Cryptographically strong, unlike random().
    return "gen_random_uuid()::text"
