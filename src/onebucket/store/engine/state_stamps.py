"""Stamps: random values that identify one state of an account or the directory.

A counter isn't enough. It goes back when a backup is restored, or when a standby takes over that has missed the last
commits; then it grows again and gives a new state a number that an old one had. A stamp that comes back with a restored
state comes back with exactly that state, and what follows gets another one.
"""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class NewStamp(FunctionElement[str]):
    """An SQL expression: 128 random bits made by the database, new for each row."""

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
