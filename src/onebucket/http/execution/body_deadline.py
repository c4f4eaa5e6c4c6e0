"""Puts a deadline on the arrival of a request body."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from onebucket import bounds
from onebucket.http.request import Receive


class BodyTooSlow(Exception):
    """The body did not arrive within `bounds.BODY_SECONDS`."""

    def __init__(self) -> None:
        super().__init__(f"the body must be here within {bounds.BODY_SECONDS:g} seconds")


class ArrivingBody:
    """Wraps an ASGI `receive` with a deadline that starts at its first call.

    Calls after the last part of the body have no deadline: they wait for the client to disconnect.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._deadline: float | None = None
        self._is_complete = False

    async def __call__(self) -> MutableMapping[str, Any]:
        """Return the next message. Raises BodyTooSlow."""
        if self._is_complete:
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + bounds.BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow from None
        self._is_complete = not message.get("more_body", False)
        return message
