"""What only reads: done at once where that takes but a moment, and by threads where anybody would wait for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from onebucket.store.engine.database import Database, TransactionInterrupted
from onebucket.store.engine.work_budget import BudgetExceeded

_Result = TypeVar("_Result")


async def read(database: Database, job: Callable[[], _Result]) -> _Result:
    """What comes of `job`, which changes nothing; when its connection was lost, of trying it once more.

    Where the database is a file it is tried at once, and what takes longer than a moment is done once more aside.
    """
    if database.read_pool is None:
        try:
            with database.hurried():
                return job()
        except BudgetExceeded:
            pass
    return await aside(database, job)


async def aside(database: Database, job: Callable[[], _Result]) -> _Result:
    """The same of what is known to take longer."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(database.aside, job)
    except TransactionInterrupted:
        return await loop.run_in_executor(database.aside, job)
