"""Pagination and search of long lists on pages."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from onebucket.surfaces.web.core.page_request import PageRequest

_Item = TypeVar("_Item")

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class ListPage(Generic[_Item]):
    """One page of a list.

    `items` are those from offset `start` on, of `found` that match the search `find`, of `total`; `most` is the page
    size.
    """

    items: Sequence[_Item]
    start: int
    found: int
    total: int
    find: str
    most: int

    @property
    def end(self) -> int:
        """The offset after the last item shown."""
        return self.start + len(self.items)

    @property
    def before(self) -> int | None:
        """The offset of the previous page, None on the first."""
        return max(self.start - self.most, 0) if self.start else None

    @property
    def after(self) -> int | None:
        """The offset of the next page, None on the last."""
        return self.end if self.end < self.found else None


def paginate(
    request: PageRequest,
    items: Iterable[_Item],
    words: Callable[[_Item], str],
    *,
    find: str = "find",
    start: str = "from",
    most: int = PAGE_SIZE,
) -> ListPage[_Item]:
    """Return the page that the query asks for: items whose `words` contain every word of the search.

    `find` and `start` name the query parameters of the search and the offset; `most` is the page size.
    """
    all_items = list(items)
    search = request.query(find)[:200]
    search_words = search.casefold().split()
    matching = [item for item in all_items if matches(words(item), search_words)] if search_words else all_items
    first = offset_of(request, start)
    if first >= len(matching):
        first = 0
    return ListPage(matching[first : first + most], first, len(matching), len(all_items), search, most)


def offset_of(request: PageRequest, start: str) -> int:
    """Return the offset in the query parameter `start`, 0 if there is none."""
    offset = request.query(start)
    return int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 9 else 0


def matches(text: str, search_words: Sequence[str]) -> bool:
    """True if the text contains every one of these case-folded words, in any case.

    >>> matches("Night Crew", ["crew", "ni"])
    True
    """
    folded = text.casefold()
    return all(word in folded for word in search_words)
