"""Sends long response bodies chunk by chunk."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor

from onebucket.http.execution.long_response import MAX_TRANSACTION_SECONDS, StreamingBody
from onebucket.http.request import Receive, Send


async def send_body(chunks: Iterable[bytes], receive: Receive, send: Send, readers: Executor) -> None:
    """Send chunks as a thread of `readers` makes them, until the last one or until the client disconnects."""
    # The server makes `send` wait for a slow client, but `send` doesn't tell when the client has disconnected.
    disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        if isinstance(chunks, StreamingBody):
            await _send_streaming(chunks, disconnected, send)
        else:
            await _send_chunks(chunks, disconnected, send, readers)
    finally:
        disconnected.cancel()


async def _send_chunks(
    chunks: Iterable[bytes], disconnected: "asyncio.Future[bool]", send: Send, readers: Executor
) -> None:
    loop, iterator = asyncio.get_running_loop(), iter(chunks)
    while chunk := await loop.run_in_executor(readers, next, iterator, b""):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        # Yield, so that a response whose chunks are made quickly doesn't starve other requests.
        await asyncio.sleep(0)
        if _has_disconnected(disconnected):
            return
    await send({"type": "http.response.body", "body": b""})


async def _send_streaming(chunks: StreamingBody, disconnected: "asyncio.Future[bool]", send: Send) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + MAX_TRANSACTION_SECONDS
    try:
        while chunk := await chunks.next_chunk():
            sending = asyncio.ensure_future(send({"type": "http.response.body", "body": chunk, "more_body": True}))
            await asyncio.wait((sending,), timeout=max(0, deadline - loop.time()) if not chunks.is_spooled else None)
            if not chunks.is_spooled and loop.time() >= deadline:
                await chunks.spool(lambda: _has_disconnected(disconnected))
            await sending
            await asyncio.sleep(0)
            if _has_disconnected(disconnected):
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        chunks.close()


def _has_disconnected(disconnected: "asyncio.Future[bool]") -> bool:
    return disconnected.done() and disconnected.result()


async def _wait_for_disconnect(receive: Receive) -> bool:
    message = await receive()
    if message["type"] == "http.request":
        message = await receive()
    return bool(message["type"] == "http.disconnect")
