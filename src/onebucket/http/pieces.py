"""Answers that are sent as they are made, until they end or the caller has gone."""

import asyncio
from collections.abc import Iterator

from onebucket.http.requests import Receive, Send


async def send_all(pieces: Iterator[bytes], receive: Receive, send: Send) -> None:
    """Send a long list as it is made, until it ends or the caller has gone."""
    # The server makes `send` wait for a slow reader, but says nothing here of one who has hung up.
    gone = asyncio.ensure_future(_hung_up(receive))
    try:
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            # A long answer must not keep the others waiting.
            await asyncio.sleep(0)
            if gone.done() and gone.result():
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _hung_up(receive: Receive) -> bool:
    message = await receive()
    if message["type"] == "http.request":
        message = await receive()
    return bool(message["type"] == "http.disconnect")
