"""`AsyncDouble`: the same as `Double`, awaited."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from onebucket.testing.client import Double
from onebucket.testing.records import Letter, Requests

_Result = TypeVar("_Result")


class AsyncDouble:
    """A `Double` whose methods are awaited: `await bitbucket.team("acme")`, `await bitbucket.requests()`.

    Each runs in a thread, one at a time, so that the event loop goes on.
    """

    def __init__(self, double: Double | None = None, **how: Any) -> None:
        self._double = double
        self._how = how
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        if self._double is None:
            self._double = await asyncio.to_thread(lambda: Double(**self._how))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._double is not None:
            await asyncio.to_thread(self._double.close)

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._started.url

    async def requests(self) -> Requests:
        """Return the requests that were answered."""
        return await self._run(lambda: self._started.requests)

    async def letters(self) -> list[Letter]:
        """Return the letters that were sent."""
        return await self._run(lambda: self._started.letters)

    def __getattr__(self, name: str) -> Any:
        method = getattr(Double, name, None)
        if name.startswith("_") or not callable(method) or name == "unchanged":
            raise AttributeError(name)
        return lambda *args, **how: self._run(lambda: method(self._started, *args, **how))

    @property
    def _started(self) -> Double:
        if self._double is None:
            raise RuntimeError("enter it first: async with AsyncDouble() as bitbucket")
        return self._double

    async def _run(self, function: Callable[[], _Result]) -> _Result:
        async with self._lock:
            return await asyncio.to_thread(function)
