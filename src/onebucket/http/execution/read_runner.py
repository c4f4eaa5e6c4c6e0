"""Runs reads: in the event loop when they are short, otherwise in a thread."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from onebucket.store.engine.database import Database
from onebucket.store.engine.errors import TransactionInterrupted
from onebucket.store.engine.transaction import Transaction
from onebucket.store.engine.work_budget import BudgetExceeded

_Result = TypeVar("_Result")


async def read(database: Database, job: Callable[[], _Result]) -> _Result:
    """Run `job`, which must not write, and return its result; retry once when the connection is lost.

    On SQLite it runs in the event loop within a small work budget. When it exceeds the budget it starts again in a
    thread. On PostgreSQL it runs in a thread.
    """
    if database.read_pool is None:
        try:
            with database.hurried():
                return job()
        except BudgetExceeded:
            pass
    return await aside(database, job)


async def read_in_transaction(database: Database, job: Callable[[Transaction], _Result]) -> _Result:
    """Run `job` in a read transaction, as `read` does."""

    def run() -> _Result:
        with database.reading() as tx:
            return job(tx)

    return await read(database, run)


async def aside(database: Database, job: Callable[[], _Result]) -> _Result:
    """Run `job` in a thread, for reads known to be long; retry once when the connection is lost."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(database.aside, job)
    except TransactionInterrupted:
        return await loop.run_in_executor(database.aside, job)
