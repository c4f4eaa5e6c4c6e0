"""Puts a deadline on the arrival of a request body, and receives what no handler has read."""

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any

from onebucket import bounds
from onebucket.http.errors import BodyTooSlow
from onebucket.http.request import Receive


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

    async def discard_rest(self, headers: Mapping[bytes, bytes]) -> None:
        """Receive and drop what hasn't been read of a short body, before the response is sent.

        If bytes are still to come when a response ends, the HTTP server closes the connection without saying so, and
        a client that sends its body apart from the headers gets an error instead of the response. Not done for a long
        body, nor for a client that waits for `100 Continue`, which would be told to send it.
        """
        length = headers.get(b"content-length", b"0")
        if self._is_complete or b"expect" in headers or not length.isdigit():
            return
        # Twenty digits tell that it is long. Python refuses to read a number of thousands of them.
        if not 0 < int(length[:20]) <= bounds.MAX_DISCARDED_BYTES:
            return
        try:
            async with asyncio.timeout(bounds.DISCARD_SECONDS):
                while not self._is_complete and (await self())["type"] == "http.request":
                    pass
        except (TimeoutError, BodyTooSlow):
            return
