"""Reads lists that come in pages, as API 2.0 has them."""

from collections.abc import Awaitable, Callable
from typing import Any

from onebucket.remote.errors import UnexpectedResponse

PAGE_LENGTH = "100"
# A list with more pages than this doesn't end: its `next` leads in a circle.
MAX_PAGES = 10_000


async def read_pages(get: Callable[[str], Awaitable[Any]], address: str) -> list[Any]:
    """Return the values of all pages; `get` returns the decoded response of an address. Raises RemoteError."""
    separator = "&" if "?" in address else "?"
    following: str | None = f"{address}{separator}pagelen={PAGE_LENGTH}"
    values: list[Any] = []
    for _ in range(MAX_PAGES):
        if following is None:
            return values
        page = await get(following)
        if not isinstance(page, dict) or not isinstance(page.get("values"), list):
            raise UnexpectedResponse(f"{address} answers no page of a list")
        values += page["values"]
        following = page.get("next")
    raise UnexpectedResponse(f"{address} has more than {MAX_PAGES:,} pages")
