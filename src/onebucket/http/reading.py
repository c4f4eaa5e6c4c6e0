"""What only reads: done at once where the database is a file, and by threads where it has to be waited for."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from onebucket.store.database import Database, Interrupted

_Result = TypeVar("_Result")


async def read(database: Database, job: Callable[[], _Result]) -> _Result:
    """What comes of `job`, which changes nothing; when its connection was lost, of trying it once more."""
    if database.readers is None:
        return job()

    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(database.readers, job)
    except Interrupted:
        return await loop.run_in_executor(database.readers, job)
