"""The body of a request as it arrives: it has a deadline, whoever reads it."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from onebucket import bounds
from onebucket.http.request import Receive


class BodyTooSlow(Exception):
    """The body did not arrive in time."""

    def __init__(self) -> None:
        super().__init__(f"the body must be here within {bounds.BODY_SECONDS:g} seconds")


class ArrivingBody:
    """An ASGI `receive` that raises BodyTooSlow when the body is not there in time after it was first asked for.

    Whoever goes on asking afterwards, to hear of the caller's leaving, may wait for ever.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._until: float | None = None
        self._is_whole = False

    async def __call__(self) -> MutableMapping[str, Any]:
        """The next message."""
        if self._is_whole:
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + bounds.BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow from None
        self._is_whole = not message.get("more_body", False)
        return message
