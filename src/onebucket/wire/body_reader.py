"""Read a request body of limited size from ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

# A body that is too long is read and dropped up to this size, so that a client that sends all of it first still reads
# the response.
MAX_DRAINED_BYTES = 16 << 20


class ClientDisconnected(Exception):
    """The client disconnected before the request was complete."""


class BodyTooLong(Exception):
    """The body is longer than the limit."""


async def read_limited(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], *, limit: int) -> bytes:
    """Read a whole body of at most `limit` bytes. Raises BodyTooLong and ClientDisconnected."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
        if not message.get("more_body") or size > MAX_DRAINED_BYTES:
            break
    if size > limit:
        raise BodyTooLong
    return b"".join(chunks)
