"""Answers that are sent as they are made, until they end or the caller has gone."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor

from onebucket.http.execution.long_response import MAX_TRANSACTION_SECONDS, StreamingBody
from onebucket.http.request import Receive, Send


async def send_body(pieces: Iterable[bytes], receive: Receive, send: Send, readers: Executor) -> None:
    """Send a long answer as it is made, by one of the `readers`, until it ends or the caller has gone."""
    # The server makes `send` wait for a slow reader, but says nothing here of one who has hung up.
    gone = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        if isinstance(pieces, StreamingBody):
            await _send_streaming(pieces, gone, send)
        else:
            await _send_chunks(pieces, gone, send, readers)
    finally:
        gone.cancel()


async def _send_chunks(pieces: Iterable[bytes], gone: "asyncio.Future[bool]", send: Send, readers: Executor) -> None:
    loop, each = asyncio.get_running_loop(), iter(pieces)
    while piece := await loop.run_in_executor(readers, next, each, b""):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        # Nor must one that is made quickly keep the others waiting.
        await asyncio.sleep(0)
        if _has_disconnected(gone):
            return
    await send({"type": "http.response.body", "body": b""})


async def _send_streaming(pieces: StreamingBody, gone: "asyncio.Future[bool]", send: Send) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + MAX_TRANSACTION_SECONDS
    try:
        while piece := await pieces.next_chunk():
            sending = asyncio.ensure_future(send({"type": "http.response.body", "body": piece, "more_body": True}))
            await asyncio.wait((sending,), timeout=max(0, until - loop.time()) if not pieces.is_spooled else None)
            if not pieces.is_spooled and loop.time() >= until:
                await pieces.spool(lambda: _has_disconnected(gone))
            await sending
            await asyncio.sleep(0)
            if _has_disconnected(gone):
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        pieces.close()


def _has_disconnected(gone: "asyncio.Future[bool]") -> bool:
    return gone.done() and gone.result()


async def _wait_for_disconnect(receive: Receive) -> bool:
    message = await receive()
    if message["type"] == "http.request":
        message = await receive()
    return bool(message["type"] == "http.disconnect")
